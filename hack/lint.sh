#!/usr/bin/env bash
# Runs golangci-lint, as pinned in hack/tools/go.mod, with .golangci.yml.
# Arguments go to `golangci-lint run`.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

cd "$root"
bin=$(linter)
"$bin" config verify
exec "$bin" run "$@"
