#!/usr/bin/env bash
# Puts the files of lb-3 (load-balancer, hall-3) in place, from the copy of the
# output that this script lies in. With --prepare it sets the machine up first.
# Running it again changes nothing that is right already.
set -euo pipefail
cd "$(dirname "$0")/../.."

if [ "${1:-}" = --prepare ]; then
	bash host/prepare.sh load-balancer --ports 6443 8404 8405
fi
install -D -m 0644 'host/lb-3/host.env' '/etc/bulkhead/host.env'
install -D -m 0644 'haproxy/lb-3/haproxy.cfg' '/etc/haproxy/haproxy.cfg'
install -D -m 0644 'keepalived/lb-3/keepalived.conf' '/etc/keepalived/keepalived.conf'
install -D -m 0755 'keepalived/check-haproxy.sh' '/usr/local/lib/bulkhead/check-haproxy.sh'
