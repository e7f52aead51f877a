#!/usr/bin/env bash
# Checks for the programs that a target needs: Go and git, and those named as
# arguments. Says in one line what is missing or too old.
set -euo pipefail
cd "$(dirname "$0")/.."

die() { printf 'make: %s\n' "$*" >&2; exit 1; }

wanted=$(sed -n 's/^go //p' go.mod)
command -v go >/dev/null || die "go is missing: install Go $wanted or newer, https://go.dev/dl"
command -v git >/dev/null || die "git is missing: install it, for example with apt-get install git"
for program in "$@"; do
	command -v "$program" >/dev/null || die "$program is missing: install it, for example with apt-get install build-essential"
done

# From 1.21 on, Go downloads the toolchain that go.mod names, unless
# GOTOOLCHAIN=local forbids it; then it fails here.
have=$(go env GOVERSION 2>/dev/null | sed 's/^go//; s/[^0-9.].*//') || true
[ -n "$have" ] || die "$(GOTOOLCHAIN=local go version 2>/dev/null | cut -d' ' -f3) is too old, and the newer one that go.mod asks for is not to be had: install Go $wanted or newer"
oldest=$(printf '%s\n%s\n' "$wanted" "$have" | sort -V | head -n 1)
[ "$oldest" = "$wanted" ] || [ "$have.0" = "$wanted" ] || die "Go $have is too old: install Go $wanted or newer, https://go.dev/dl"
