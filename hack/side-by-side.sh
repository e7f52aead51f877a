#!/usr/bin/env bash
# Loses a zone of the same cluster twice: in a real control plane with kwok, and in
# a simulation by bin/bulkhead. Says how far it is, and writes docs/side-by-side.md.
# With NODES other than 1000 it prints that text only; 100 take seven minutes, most
# of them waiting for Kubernetes' timeouts.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
cd "$root"

nodes=${NODES:-1000}
arguments=(-nodes "$nodes" -bulkhead "$root/bin/bulkhead")
[ "$nodes" != 1000 ] || arguments+=(-document "$root/docs/side-by-side.md")
[ -x bin/bulkhead ] || die "bin/bulkhead is missing: run: make build"
say "a cluster of $nodes nodes; the machine should have nothing else to do"
# Without the programs, the test would be skipped.
BULKHEAD_REQUIRE_ALL=1 go test ./internal/sidebyside -run '^TestSideBySide$' -count=1 -v -timeout 75m "${arguments[@]}"
