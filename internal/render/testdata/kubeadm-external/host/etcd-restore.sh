#!/usr/bin/env bash
# Makes this machine's member of etcd anew from a snapshot. Only for a cluster of
# etcd that is lost: run it on every member, with the same snapshot, before any of
# them is started again.
#
#   etcd-restore.sh stop               stops the API server and etcd here
#   etcd-restore.sh restore SNAPSHOT   puts the old data aside, makes new; with
#                   [--skip-hash-check]  from a file that was a member's snap/db
#   etcd-restore.sh start              starts both
set -euo pipefail
# shellcheck source=/dev/null
. "${BULKHEAD_ENV:-/etc/bulkhead/host.env}"
export CONTAINER_RUNTIME_ENDPOINT=unix:///run/containerd/containerd.sock

data=${BULKHEAD_ETCD_DATA:-/var/lib/etcd}
manifests=${BULKHEAD_MANIFESTS:-/etc/kubernetes/manifests}
aside=${BULKHEAD_ASIDE:-/etc/kubernetes/bulkhead/stopped}
members='etcd-1=https://10.20.1.11:2380,etcd-2=https://10.20.2.11:2380,etcd-3=https://10.20.3.11:2380'

die() {
	echo "etcd-restore: $*" >&2
	exit 1
}
running() { crictl ps --quiet --state Running --name '^(etcd|kube-apiserver)$'; }

stop() {
	install -d -m 700 "$aside"
	local name
	for name in kube-apiserver etcd; do
		[ ! -e "$manifests/$name.yaml" ] || mv "$manifests/$name.yaml" "$aside/$name.yaml"
	done
	for _ in $(seq 60); do
		[ -n "$(running)" ] || return 0
		sleep 2
	done
	die "etcd or kube-apiserver still runs two minutes after its manifest was taken away"
}

restore() {
	local snapshot image check=()
	case ${2:-} in
	'') ;;
	--skip-hash-check) check=("$2") ;;
	*) die "$2 is not --skip-hash-check" ;;
	esac
	snapshot=$(readlink -f "$1")
	[ -s "$snapshot" ] || die "there is no snapshot $1"
	[ -s "$aside/etcd.yaml" ] || die "etcd has not been stopped here: run stop first"
	[ -z "$(running)" ] || die "etcd or kube-apiserver runs: run stop first"
	image=$(awk '$1 == "image:" {print $2; exit}' "$aside/etcd.yaml")
	[ -n "$image" ] || die "$aside/etcd.yaml names no image"
	[ ! -e "$data-restored" ] || die "$data-restored is there from an earlier try: remove it"
	# Revisions go on far above any that was seen, and everything older is compacted:
	# watches and caches of the old life start again instead of missing events.
	ctr --namespace k8s.io run --rm \
		--mount "type=bind,src=$(dirname "$snapshot"),dst=/snapshot,options=rbind:ro" \
		--mount "type=bind,src=$(dirname "$data"),dst=$(dirname "$data"),options=rbind:rw" \
		"$image" "bulkhead-restore-$$" \
		etcdutl snapshot restore "/snapshot/$(basename "$snapshot")" \
		--name "$BULKHEAD_HOST" \
		--initial-cluster "$members" \
		--initial-cluster-token "$BULKHEAD_CLUSTER-restored" \
		--initial-advertise-peer-urls "$(own_url)" \
		--bump-revision 1000000000 --mark-compacted \
		--data-dir "$data-restored" ${check[@]+"${check[@]}"}
	if [ -e "$data/member" ]; then
		mv "$data" "$data-before-$(date -u +%Y%m%dT%H%M%SZ)"
	else
		rm -rf "$data"
	fi
	mv "$data-restored" "$data"
	chmod 700 "$data"
}

own_url() {
	local member
	for member in ${members//,/ }; do
		[ "${member%%=*}" != "$BULKHEAD_HOST" ] || printf '%s' "${member#*=}"
	done
}

start() {
	local name
	for name in etcd kube-apiserver; do
		[ ! -e "$aside/$name.yaml" ] || mv "$aside/$name.yaml" "$manifests/$name.yaml"
	done
}

[ -n "$(own_url)" ] || die "$BULKHEAD_HOST is no member of $members"
case ${1:-} in
stop) stop ;;
restore) restore "${2:?the path of a snapshot}" "${3:-}" ;;
start) start ;;
*) die "say stop, restore SNAPSHOT or start" ;;
esac
