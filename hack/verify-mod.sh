#!/usr/bin/env bash
# go.mod and go.sum are what `go mod tidy` would write. (Not asked of hack/tools:
# it would download the test dependencies of a hundred linters.)
set -euo pipefail
. "$(dirname "$0")/lib.sh"

cd "$root"
go mod tidy -diff || die "run: go mod tidy"
say ok
