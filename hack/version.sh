#!/usr/bin/env bash
# Prints the version of this tree: the nearest tag and the commit, with -dirty
# when files differ from it; v0.0.0-unknown outside a git repository.
set -euo pipefail
cd "$(dirname "$0")/.."
git describe --tags --always --dirty 2>/dev/null || echo v0.0.0-unknown
