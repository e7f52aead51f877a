#!/usr/bin/env bash
# The certificates of a machine of cluster shop (kubeadm's last a year).
#
#   certificates.sh renew    renews them and starts the static pods again, one after
#                            the other, if every member of etcd is healthy
#   certificates.sh report   writes when they expire, for Prometheus
set -euo pipefail
# shellcheck source=/dev/null
. "${BULKHEAD_ENV:-/etc/bulkhead/host.env}"
export CONTAINER_RUNTIME_ENDPOINT=unix:///run/containerd/containerd.sock

kubernetes=${BULKHEAD_KUBERNETES:-/etc/kubernetes}
metrics=${BULKHEAD_METRICS:-/var/lib/prometheus/node-exporter}

die() {
	echo "certificates: $*" >&2
	exit 1
}
container() { crictl ps --quiet --state Running --name "^$1\$" | head -n 1; }

# etcd_healthy asks this member, or with --cluster all of them.
etcd_healthy() { "${BULKHEAD_ETCDCTL:-/usr/local/lib/bulkhead/etcdctl.sh}" endpoint health "$@" >/dev/null; }
ready() {
	local host=$BULKHEAD_ADDRESS
	case $host in *:*) host="[$host]" ;; esac
	case $1 in
	etcd) etcd_healthy ;;
	kube-apiserver) curl --silent --fail --output /dev/null --max-time 5 --cacert "$kubernetes/pki/ca.crt" "https://$host:6443/readyz" ;;
	*) [ -n "$(container "$1")" ] ;;
	esac
}

# restart has the kubelet start a static pod's container again; it reads its
# certificates when it starts.
restart() {
	local old
	[ -e "$kubernetes/manifests/$1.yaml" ] || return 0
	old=$(container "$1")
	[ -z "$old" ] || crictl stop --timeout 30 "$old" >/dev/null
	for _ in $(seq 90); do
		if [ "$(container "$1")" != "$old" ] && ready "$1"; then
			echo "certificates: $1 runs with its new certificates"
			return 0
		fi
		sleep 2
	done
	die "$1 is not ready three minutes after it was stopped: look at it before the next machine's turn"
}

renew() {
	# A member that is down already and this one's restart could cost the quorum.
	if [ -e "$kubernetes/manifests/etcd.yaml" ]; then
		etcd_healthy --cluster || die "not every member of etcd is healthy: nothing was renewed; tried again next month, or now by hand"
	fi
	if [ "$BULKHEAD_ROLE" = etcd ]; then
		local name
		for name in etcd-server etcd-peer etcd-healthcheck-client; do
			kubeadm certs renew "$name" --config /etc/kubernetes/bulkhead/kubeadm.yaml
		done
	else
		kubeadm certs renew all
	fi
	local component
	for component in etcd kube-apiserver kube-controller-manager kube-scheduler; do
		restart "$component"
	done
	report
}

expiry() { date --date="$(openssl x509 -noout -enddate | cut -d= -f2)" +%s; }

report() {
	local path out
	install -d "$metrics"
	out=$metrics/bulkhead-certificates.prom
	{
		echo "# HELP bulkhead_certificate_expiry_timestamp_seconds When a certificate of this machine expires."
		echo "# TYPE bulkhead_certificate_expiry_timestamp_seconds gauge"
		for path in "$kubernetes"/pki/*.crt "$kubernetes"/pki/etcd/*.crt /var/lib/kubelet/pki/kubelet-client-current.pem; do
			[ -e "$path" ] || continue
			line "$path" "$(expiry <"$path")"
		done
		for path in "$kubernetes"/*.conf; do
			grep -q client-certificate-data: "$path" 2>/dev/null || continue
			line "$path" "$(awk '$1 == "client-certificate-data:" {print $2; exit}' "$path" | base64 -d | expiry)"
		done
	} >"$out.$$"
	chmod 644 "$out.$$"
	mv "$out.$$" "$out"
}
line() {
	printf 'bulkhead_certificate_expiry_timestamp_seconds{cluster="%s",host="%s",zone="%s",path="%s"} %s\n' \
		"$BULKHEAD_CLUSTER" "$BULKHEAD_HOST" "$BULKHEAD_ZONE" "$1" "$2"
}

case ${1:-} in
renew) renew ;;
report) report ;;
*) die "say renew or report" ;;
esac
