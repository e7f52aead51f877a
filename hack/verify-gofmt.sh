#!/usr/bin/env bash
# Every Go file is as gofmt -s would write it, and every script parses.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
cd "$root"

mapfile -t files < <(git ls-files --cached --others --exclude-standard '*.go')
mapfile -t bad < <(gofmt -s -l "${files[@]}")
[ ${#bad[@]} -eq 0 ] || die "run: gofmt -s -w ${bad[*]}"
for script in hack/*.sh .ci/run; do bash -n "$script"; done
say ok
