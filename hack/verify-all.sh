#!/usr/bin/env bash
# Runs every verify-*.sh beside this one, all of them even when one fails.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

failed=()
for script in "$root"/hack/verify-*.sh; do
	[ "$script" -ef "$0" ] && continue
	"$script" || failed+=("$(basename "$script")")
done
[ ${#failed[@]} -eq 0 ] || die "failed: ${failed[*]}"
say "all is as it should be"
