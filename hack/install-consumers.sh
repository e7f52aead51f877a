#!/usr/bin/env bash
# What render writes is given to the programs that will read it: haproxy,
# keepalived, promtool, cloud-init, shellcheck and systemd-analyze. Installs
# Debian's packages of those that are missing when this is root; otherwise says in
# one line what to install. Fails only when BULKHEAD_REQUIRE_ALL=1 and one is
# missing in the end.
set -euo pipefail

# program:package
consumers="haproxy:haproxy keepalived:keepalived nft:nftables curl:curl ip:iproute2 unshare:util-linux promtool:prometheus cloud-init:cloud-init shellcheck:shellcheck systemd-analyze:systemd"

# Debian keeps haproxy and keepalived in /usr/sbin, which a user's PATH may lack.
PATH=$PATH:/usr/sbin:/sbin

missing_packages() {
	local pair
	for pair in $consumers; do
		command -v "${pair%%:*}" >/dev/null || printf '%s ' "${pair#*:}"
	done
}
missing() {
	printf 'make test: no %s: %s; the tests that ask them will be skipped\n' "$(missing_packages | sed 's/ $//; s/ /, /g')" "$1" >&2
	[ "${BULKHEAD_REQUIRE_ALL:-}" != 1 ]
	exit
}

packages=$(missing_packages)
[ -n "$packages" ] || exit 0
command -v apt-get >/dev/null || missing "install them"
[ "$(id -u)" = 0 ] || missing "install them with: sudo apt-get install --no-install-recommends $packages"

printf 'make test: installing %s\n' "$packages" >&2
log=$(mktemp)
policy=/usr/sbin/policy-rc.d
made_policy=
cleanup() {
	rm -f "$log"
	[ -z "$made_policy" ] || rm -f "$policy"
}
trap cleanup EXIT

# The packages start their services when they are installed; 101 is "not allowed"
# (invoke-rc.d(8)), and deb-systemd-invoke asks the same file. A policy that is
# already there is somebody's: it stays.
if [ ! -e "$policy" ]; then
	made_policy=1
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
# shellcheck disable=SC2086 # a list of package names
if ! { apt-get update -q && apt-get install -qy --no-install-recommends $packages; } >"$log" 2>&1; then
	tail -n 5 "$log" >&2
	missing "apt-get could not install them"
fi
# What the policy does not stop is that services start with the machine; cloud-init
# would even set it up again.
case " $packages" in
*" cloud-init"*) touch /etc/cloud/cloud-init.disabled ;;
esac
if [ -d /run/systemd/system ]; then
	for unit in haproxy keepalived prometheus; do
		case " $packages" in
		*" $unit "*) systemctl disable --quiet "$unit.service" >/dev/null 2>&1 || true ;;
		esac
	done
fi
[ -z "$(missing_packages)" ] || missing "apt-get installed no such program"
