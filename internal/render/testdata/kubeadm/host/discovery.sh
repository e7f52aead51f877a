#!/usr/bin/env bash
# Prints the kubeconfig that a machine joins cluster shop with: the API's
# address, its CA and a new token of two hours. Runs as root on a control plane
# machine. It is a secret: send it on, keep no copy.
set -euo pipefail
export KUBECONFIG=/etc/kubernetes/admin.conf

umask 077
token=$(kubeadm token create --ttl 2h --description "bulkhead: joining machines")
out=$(mktemp)
trap 'rm -f "$out"' EXIT
kubectl config --kubeconfig="$out" set-cluster shop \
	--server='https://api.shop.example:8443' \
	--certificate-authority=/etc/kubernetes/pki/ca.crt --embed-certs=true >/dev/null
kubectl config --kubeconfig="$out" set-credentials bootstrap --token="$token" >/dev/null
kubectl config --kubeconfig="$out" set-context join --cluster=shop --user=bootstrap >/dev/null
kubectl config --kubeconfig="$out" use-context join >/dev/null
cat "$out"
