#!/usr/bin/env bash
# Runs etcdctl against this machine's member of etcd, in the member's own container:
# the version is right and nothing need be installed. Arguments are etcdctl's.
set -euo pipefail
export CONTAINER_RUNTIME_ENDPOINT=unix:///run/containerd/containerd.sock

container=$(crictl ps --quiet --state Running --name '^etcd$' | head -n 1)
if [ -z "$container" ]; then
	echo "etcdctl: no container of etcd is running here" >&2
	exit 1
fi
pki=${BULKHEAD_ETCD_PKI:-/etc/kubernetes/pki/etcd}
exec crictl exec "$container" etcdctl --endpoints=https://127.0.0.1:2379 \
	--cacert="$pki/ca.crt" --cert="$pki/healthcheck-client.crt" --key="$pki/healthcheck-client.key" "$@"
