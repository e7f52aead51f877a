#!/usr/bin/env bash
# Starts the member of testdata/one.yaml as its files say, in namespaces of its own:
# kubeadm makes certificates and static pods, whose commands are run as processes.
# $1 holds the rendered files, $2 programs, $3 is a folder to work in. Prints one line for each thing that holds.
set -euo pipefail
files=$1
programs=$2
work=$3
cd "$work"
ok() { echo "ok: $*"; }
die() {
	echo "FAILED: $*"
	tail -n 8 "$work"/*.log
	exit 1
}
within() { # SECONDS WHAT COMMAND...
	local end=$((SECONDS + $1)) what=$2
	shift 2
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || die "$what"
		sleep 0.2
	done
	ok "$what"
}

# Nothing outside changes: these folders are ours until the namespace ends.
mount --make-rprivate /
mkdir etc
cp -a /etc/. etc/
mount --bind etc /etc
for folder in /run /usr/local /var/lib /srv; do mount -t tmpfs none $folder; done
mount -t proc proc /proc
ip link set lo up
ip link add eth0 type veth peer name peer0
ip link set eth0 up
ip link set peer0 up
ip address add 10.90.0.2/24 dev eth0

# The machine's files go where install.sh puts them; there is no systemd here.
mkdir -p /var/lib/bulkhead /usr/local/bin /run/haproxy /run/lock
cp -a "$files" /var/lib/bulkhead/files
printf '#!/bin/sh\nexit 0\n' >/usr/local/bin/systemctl
chmod +x /usr/local/bin/systemctl
for name in kubeadm kubectl; do ln -s "$programs/$name" /usr/local/bin/$name; done
export PATH=/usr/local/bin:$PATH:/usr/sbin:/sbin
bash /var/lib/bulkhead/files/host/one-1/install.sh
ok "install.sh puts every file in place"

# In the README's order: authorities, load balancer, then the cluster.
config=/etc/kubernetes/bulkhead/kubeadm.yaml
for phase in "certs ca" "certs front-proxy-ca" "certs sa" "certs etcd-ca"; do
	# shellcheck disable=SC2086 # two words
	kubeadm init phase $phase --config $config >>kubeadm.log 2>&1 || die "kubeadm init phase $phase"
done
install -D -m 0644 /etc/kubernetes/pki/ca.crt /etc/haproxy/kubernetes-ca.crt
haproxy -db -f /etc/haproxy/haproxy.cfg >haproxy.log 2>&1 &
keepalived --dont-fork --log-console --use-file /etc/keepalived/keepalived.conf >keepalived.log 2>&1 &
sleep 3
[ -z "$(ip -brief address show to 10.90.0.254)" ] || die "the virtual IP is there before an API server is ready"
ok "no virtual IP before an API server is ready"
for phase in "certs all" "kubeconfig all" "control-plane all" "etcd local"; do
	# shellcheck disable=SC2086 # two words
	kubeadm init phase $phase --config $config >>kubeadm.log 2>&1 || die "kubeadm init phase $phase"
done
ok "kubeadm's phases take the file"

# command prints a static pod's command, a word a line.
command_of() { awk '/^    image:/ {exit} on && /^    - / {sub(/^    - /, ""); print} /^  - command:/ {on = 1}' "/etc/kubernetes/manifests/$1.yaml"; }
launch() {
	local words
	mapfile -t words < <(command_of "$1")
	[ ${#words[@]} -gt 5 ] || die "no command in the manifest of $1"
	"$programs/${words[0]}" "${words[@]:1}" >"$1.log" 2>&1 &
	echo $! >"$1.pid"
}
launch etcd
launch kube-apiserver
ca=/etc/kubernetes/pki/ca.crt
within 90 "the API answers /readyz without credentials at the virtual IP" curl -sf --max-time 2 --cacert $ca https://10.90.0.254:8443/readyz
[ "$(curl -s -o /dev/null -w '%{http_code}' --cacert $ca https://10.90.0.254:8443/version)" = 401 ] || die "/version is answered without credentials"
ok "and nothing else without credentials"
curl -sf --max-time 2 http://10.90.0.2:2381/metrics | grep etcd_server_has_leader >/dev/null || die "no metrics of etcd"
curl -sf --max-time 2 http://10.90.0.2:8405/metrics | grep haproxy_server_status >/dev/null || die "no metrics of HAProxy"
ok "metrics of etcd and HAProxy on the machine's address"
export KUBECONFIG=/etc/kubernetes/admin.conf
# kubeadm init does this itself, between the phases that it shows.
kubectl --kubeconfig /etc/kubernetes/super-admin.conf create clusterrolebinding kubeadm:cluster-admins \
	--clusterrole=cluster-admin --group=kubeadm:cluster-admins >/dev/null || die "the administrators' binding"
kubeadm init phase upload-config kubeadm --config $config >>kubeadm.log 2>&1 || die "upload-config"
kubeadm init phase bootstrap-token --config $config >>kubeadm.log 2>&1 || die "bootstrap-token"

# A machine joins with what discovery.sh prints: preflight and discovery, then the
# kubelet's request for a certificate, which needs no kubelet.
bash /var/lib/bulkhead/files/host/discovery.sh >/etc/kubernetes/bulkhead/discovery.conf
kubectl --kubeconfig /etc/kubernetes/bulkhead/discovery.conf --server https://10.90.0.254:8443 auth can-i create certificatesigningrequests 2>/dev/null | grep -q yes || die "the discovery file cannot ask for a certificate"
ok "discovery.sh makes a kubeconfig that may ask for a certificate"

# etcd-backup.sh and etcd-restore.sh: a container runtime that runs the same
# programs as processes stands in for containerd.
cat >/usr/local/bin/crictl <<SHIM
#!/usr/bin/env bash
case \$1 in
ps) [ ! -e $work/etcd.pid ] || ! kill -0 \$(cat $work/etcd.pid) 2>/dev/null || echo etcd-id ;;
exec) shift 2; exec $programs/"\$@" ;;
esac
SHIM
cat >/usr/local/bin/ctr <<SHIM
#!/usr/bin/env bash
source=
while [ "\$1" != etcdutl ]; do
	case \$1 in *dst=/snapshot,*) source=\${1#*src=}; source=\${source%%,*} ;; esac
	shift
done
exec $programs/"\${@//\/snapshot\//\$source/}"
SHIM
chmod +x /usr/local/bin/crictl /usr/local/bin/ctr
kubectl create configmap kept --from-literal=a=1 >/dev/null
for _ in 1 2 3; do
	bash /usr/local/lib/bulkhead/etcd-backup.sh >backup.log 2>&1 || die "etcd-backup.sh"
	sleep 1
done
[ "$(find /srv/etcd/one-1 -name '*.db' | wc -l)" = 2 ] || die "$(ls /srv/etcd/one-1)"
[ -z "$(find /srv/etcd -type f ! -perm 600)" ] || die "a snapshot may be read by others"
ok "etcd-backup.sh keeps the newest two snapshots"
grep -q '^bulkhead_etcd_backup_last_success_timestamp_seconds{cluster="one",member="one-1",zone="a"} [0-9]' /var/lib/prometheus/node-exporter/bulkhead-etcd-backup.prom || die "no metric"
[ ! -e /var/lib/etcd/bulkhead-snapshot.db ] || die "a snapshot is left in etcd's folder"
bash /usr/local/lib/bulkhead/certificates.sh report
[ "$(grep -c '^bulkhead_certificate_expiry_timestamp_seconds{' /var/lib/prometheus/node-exporter/bulkhead-certificates.prom)" -ge 15 ] || die "$(cat /var/lib/prometheus/node-exporter/*.prom)"
ok "metrics of backup and certificates"
promtool=$(command -v promtool) && cat /var/lib/prometheus/node-exporter/*.prom | "$promtool" check metrics && ok "promtool takes them"

# A certificate renewed by the script's command for this machine.
before=$(openssl x509 -serial -noout -in /etc/kubernetes/pki/apiserver.crt)
kubeadm certs renew all >>kubeadm.log 2>&1 || die "kubeadm certs renew all"
[ "$before" != "$(openssl x509 -serial -noout -in /etc/kubernetes/pki/apiserver.crt)" ] || die "not renewed"
ok "kubeadm renews the certificates"

# The API server goes: HAProxy finds out, keepalived lets the address go.
kubectl create configmap lost --from-literal=a=1 >/dev/null
kill "$(cat kube-apiserver.pid)"
gone() { [ -z "$(ip -brief address show to 10.90.0.254)" ]; }
within 30 "the virtual IP leaves when no API server is ready" gone

# Restore: what was written before the snapshot is there, what came later is not.
cp "$(find /srv/etcd/one-1 -name '*.db' | sort | tail -n 1)" /srv/snapshot.db
if bash /usr/local/lib/bulkhead/etcd-restore.sh restore /srv/snapshot.db >restore.log 2>&1; then die "restored while etcd runs"; fi
ok "etcd-restore.sh refuses while etcd runs"
kill "$(cat etcd.pid)"
wait "$(cat etcd.pid)" "$(cat kube-apiserver.pid)" || true
rm etcd.pid
{
	bash /usr/local/lib/bulkhead/etcd-restore.sh stop &&
		bash /usr/local/lib/bulkhead/etcd-restore.sh restore /srv/snapshot.db &&
		bash /usr/local/lib/bulkhead/etcd-restore.sh start
} >restore.log 2>&1 || die "etcd-restore.sh"
launch etcd
launch kube-apiserver
within 90 "the API answers after the restore" curl -sf --max-time 2 --cacert $ca https://10.90.0.254:8443/readyz
kubectl get configmap kept >/dev/null || die "what was in the snapshot is not there"
if kubectl get configmap lost >/dev/null 2>&1; then die "what came after the snapshot is there"; fi
ok "the snapshot's objects are back, later ones are not"
[ -d "$(echo /var/lib/etcd-before-*)" ] || die "the old data was not kept"
ok "the old data is kept"
