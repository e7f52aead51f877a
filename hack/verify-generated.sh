#!/usr/bin/env bash
# Generated and golden files are what the code of this tree makes: does it all
# again in a copy and compares.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mkdir "$tmp/before" "$tmp/after"
copy_tree "$tmp/before"
copy_tree "$tmp/after"
cd "$tmp/after"
go generate ./...
# Nothing that is only looked at is needed here (see make test).
env -u BULKHEAD_REQUIRE_ALL "$root/hack/update-golden.sh" "$tmp/after" >"$tmp/log" 2>&1 || { cat "$tmp/log" >&2; die "the golden files could not be written"; }
diff -ru "$tmp/before" "$tmp/after" || die "run: make generate golden"
say ok
