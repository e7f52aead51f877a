#!/usr/bin/env bash
# The HTML report is looked at by a headless Chromium. Installs Debian's package
# when there is none and this is root; otherwise says in one line what to
# install. Fails only when BULKHEAD_REQUIRE_ALL=1 and there is none in the end.
set -euo pipefail

found() {
	for name in chromium chromium-browser google-chrome google-chrome-stable; do
		command -v "$name" >/dev/null && return 0
	done
	return 1
}
missing() {
	printf 'make test: no chromium: %s; the tests that look at the HTML report will be skipped\n' "$1" >&2
	[ "${BULKHEAD_REQUIRE_ALL:-}" != 1 ]
	exit
}

found && exit
command -v apt-get >/dev/null || missing "install chromium or google-chrome"
[ "$(id -u)" = 0 ] || missing "install it with: sudo apt-get install chromium"

printf 'make test: installing chromium\n' >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update -q && apt-get install -qy --no-install-recommends chromium fonts-dejavu-core; } >"$log" 2>&1; then
	tail -n 5 "$log" >&2
	missing "apt-get could not install it (on Ubuntu the package is a snap: install google-chrome)"
fi
found || missing "apt-get installed no chromium program"
