#!/usr/bin/env bash
# Puts the files of w-1 (worker, hall-1) in place, from the copy of the
# output that this script lies in. With --prepare it sets the machine up first.
# Running it again changes nothing that is right already.
set -euo pipefail
cd "$(dirname "$0")/../.."

if [ "${1:-}" = --prepare ]; then
	bash host/prepare.sh kubernetes --ports 10250
fi
install -D -m 0644 'host/w-1/host.env' '/etc/bulkhead/host.env'
install -D -m 0600 'kubeadm/w-1/kubeadm.yaml' '/etc/kubernetes/bulkhead/kubeadm.yaml'
