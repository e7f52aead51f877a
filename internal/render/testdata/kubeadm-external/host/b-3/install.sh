#!/usr/bin/env bash
# Puts the files of b-3 (worker, hall-3) in place, from the copy of the
# output that this script lies in. With --prepare it sets the machine up first.
# Running it again changes nothing that is right already.
set -euo pipefail
cd "$(dirname "$0")/../.."

if [ "${1:-}" = --prepare ]; then
	bash host/prepare.sh kubernetes --ports 10250
fi
install -D -m 0644 'host/b-3/host.env' '/etc/bulkhead/host.env'
install -D -m 0600 'kubeadm/b-3/kubeadm.yaml' '/etc/kubernetes/bulkhead/kubeadm.yaml'
