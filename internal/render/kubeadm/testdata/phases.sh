#!/usr/bin/env bash
# Runs kubeadm's phases for one machine, in namespaces of its own. $1 is kubeadm, $2
# the machine's configuration, $3 the API server's authentication.yaml, $4 a folder to
# work in; the others are phases of kubeadm init, or whole commands after "--".
# Prints the static pods.
set -euo pipefail
kubeadm=$1 configuration=$2 authentication=$3 work=$4
shift 4
mount --make-rprivate /
mkdir -p "$work/etc"
cp -a /etc/. "$work/etc/"
mount --bind "$work/etc" /etc
mount -t tmpfs none /var/lib
rm -rf /etc/kubernetes
install -D -m 0600 "$configuration" /etc/kubernetes/bulkhead/kubeadm.yaml
install -D -m 0644 "$authentication" /etc/kubernetes/bulkhead/authentication.yaml
while [ $# -gt 0 ] && [ "$1" != -- ]; do
	# shellcheck disable=SC2086 # a phase is several words
	"$kubeadm" init phase $1 --config /etc/kubernetes/bulkhead/kubeadm.yaml >&2
	shift
done
[ $# = 0 ] || shift
for command in "$@"; do
	# shellcheck disable=SC2086 # a command is several words
	"$kubeadm" $command --config /etc/kubernetes/bulkhead/kubeadm.yaml >&2
done
cat /etc/kubernetes/manifests/*.yaml
