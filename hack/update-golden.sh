#!/usr/bin/env bash
# Writes the golden files again: runs, with -update, the tests of every package
# that knows the flag, by itself or through internal/testkit. -short leaves out what
# only reads the files: real programs and control planes.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
cd "${1:-$root}"

mapfile -t packages < <(
	grep -rlE --include='*_test.go' '"update"|bulkhead/internal/testkit"' . |
		xargs -r -n 1 dirname | sort -u
)
known=()
for package in "${packages[@]}"; do
	# Imported somewhere in the package is not enough: ask the test itself.
	if go test -count=1 -run '^$' "$package" -update >/dev/null 2>&1; then known+=("$package"); fi
done
[ ${#known[@]} -gt 0 ] || { say "no package has golden files"; exit 0; }
go test -count=1 -short -timeout 40m "${known[@]}" -update
