#!/usr/bin/env bash
# Prepares a machine (Debian or Ubuntu, as root) for cluster shop. What is
# right already is left alone, so that it may be run again.
#
#   prepare.sh [kubernetes] [load-balancer] [s3] [--ports PORT...]
#
# kubernetes: no swap, modules, sysctls, containerd with systemd's cgroups, kubelet,
# kubeadm and kubectl 1.36.3. load-balancer: HAProxy and keepalived. s3: the
# aws command. The ports must be free until the machine is part of the cluster.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive

die() {
	echo "prepare: $*" >&2
	exit 1
}
# put writes a file from standard input, and tells whether that changed it.
put() {
	local new
	new=$(mktemp)
	cat >"$new"
	if [ -e "$1" ] && cmp -s "$new" "$1"; then
		rm -f "$new"
		return 1
	fi
	install -D -m 0644 "$new" "$1"
	rm -f "$new"
	echo "prepare: wrote $1"
}
install_packages() { apt-get install -qy --no-install-recommends -o Dpkg::Options::=--force-confold "$@"; }
# add_repository NAME KEY-URL LINE, with a key for this repository alone.
add_repository() {
	local key=/etc/apt/keyrings/$1.gpg
	if [ ! -s "$key" ]; then
		install -d -m 0755 /etc/apt/keyrings
		curl -fsSL "$2" | gpg --dearmor --yes -o "$key.part"
		mv "$key.part" "$key"
	fi
	if put "/etc/apt/sources.list.d/$1.list" <<<"deb [signed-by=$key] $3"; then
		apt-get update -q
	fi
}

ports() {
	# A member of a cluster uses them itself.
	[ ! -e /etc/kubernetes/manifests/etcd.yaml ] && [ ! -e /etc/kubernetes/kubelet.conf ] && [ ! -e /etc/bulkhead/host.env ] || return 0
	local port
	for port in "$@"; do
		[ -z "$(ss --no-header --listening --tcp --numeric "sport = :$port")" ] || die "port $port is taken: ss --listening --tcp --processes 'sport = :$port'"
	done
	if command -v ufw >/dev/null && ufw status | grep -q '^Status: active' ||
		command -v firewall-cmd >/dev/null && firewall-cmd --quiet --state; then
		echo "prepare: a firewall is active: the cluster's machines must reach TCP $* here, load balancers each other by VRRP (IP protocol 112)" >&2
	fi
}

swap() {
	swapoff --all
	sed -i -E '/^[^#].*[[:space:]]swap[[:space:]]/s/^/# bulkhead: /' /etc/fstab
	local unit
	systemctl list-unit-files --type swap --no-legend | awk '{print $1}' | while read -r unit; do
		systemctl mask --quiet "$unit"
	done
}

kernel() {
	local release
	release=$(uname -r)
	[ "$(printf '%s\n5.13\n' "$release" | sort -V | head -n 1)" = 5.13 ] || die "kernel $release is older than 5.13, which kube-proxy's nftables mode needs"
	put /etc/modules-load.d/bulkhead.conf <<<$'overlay\nbr_netfilter' || true
	modprobe overlay
	modprobe br_netfilter
	put /etc/sysctl.d/90-bulkhead.conf <<'SYSCTL' || true
# Pods are routed, and their bridged traffic passes the rules of Services.
net.ipv4.ip_forward = 1
net.ipv6.conf.all.forwarding = 1
net.bridge.bridge-nf-call-iptables = 1
net.bridge.bridge-nf-call-ip6tables = 1
# A peer in a dead zone answers nothing. By default an idle connection is found
# dead after two hours and one with data under way after 15 minutes; with these
# after 2 minutes. They hold for the machine itself (kubelet, API server, etcd,
# HAProxy): a pod has its own network namespace and its own values.
net.ipv4.tcp_keepalive_time = 60
net.ipv4.tcp_keepalive_intvl = 10
net.ipv4.tcp_keepalive_probes = 6
net.ipv4.tcp_retries2 = 8
# Every kubelet, log shipper and proxy watches files.
fs.inotify.max_user_instances = 1024
fs.inotify.max_user_watches = 524288
SYSCTL
	sysctl --quiet --system
}

containerd() {
	local have
	have=$(command containerd --version 2>/dev/null | awk '{print $3}' | tr -d v || true)
	if [ -z "$have" ]; then
		# shellcheck source=/dev/null
		. /etc/os-release
		add_repository docker "https://download.docker.com/linux/$ID/gpg" "https://download.docker.com/linux/$ID $VERSION_CODENAME stable"
		install_packages containerd.io
	elif [ "${have%%.*}" -lt 2 ]; then
		die "containerd $have is installed: 2.0 or newer is needed (1.x is not maintained any more)"
	fi
	local changed=
	# What is not said here is containerd's default.
	if put /etc/containerd/config.toml <<'TOML'; then
version = 3

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = 'io.containerd.runc.v2'

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
  SystemdCgroup = true

[plugins.'io.containerd.cri.v1.images'.registry]
  config_path = '/etc/containerd/certs.d'
TOML
		changed=1
	fi
	put /etc/crictl.yaml <<<'runtime-endpoint: unix:///run/containerd/containerd.sock' || true
	systemctl enable --quiet --now containerd
	[ -z "$changed" ] || systemctl restart containerd
}

kubernetes() {
	swap
	kernel
	containerd
	add_repository kubernetes "https://pkgs.k8s.io/core:/stable:/v1.36/deb/Release.key" "https://pkgs.k8s.io/core:/stable:/v1.36/deb/ /"
	# A machine that runs another version is upgraded by runbooks/upgrade.md.
	if ! dpkg-query --show kubelet >/dev/null 2>&1; then
		install_packages 'kubelet=1.36.3-*' 'kubeadm=1.36.3-*' 'kubectl=1.36.3-*' cri-tools
	fi
	apt-mark hold kubelet kubeadm kubectl >/dev/null
	systemctl enable --quiet kubelet
}

load_balancer() {
	install_packages haproxy keepalived socat curl
}

parts=()
wanted=()
while [ $# -gt 0 ]; do
	case $1 in
	kubernetes | load-balancer | s3) parts+=("$1") ;;
	--ports)
		shift
		wanted=("$@")
		break
		;;
	*) die "$1 is not kubernetes, load-balancer, s3 or --ports" ;;
	esac
	shift
done
[ "$(id -u)" = 0 ] || die "only root can prepare a machine"
command -v apt-get >/dev/null || die "this is neither Debian nor Ubuntu: install containerd 2, kubeadm 1.36.3, HAProxy and keepalived yourself, then run install.sh without --prepare"
apt-get update -q
install_packages ca-certificates curl gpg openssl iproute2 kmod
[ ${#wanted[@]} = 0 ] || ports "${wanted[@]}"
for part in ${parts[@]+"${parts[@]}"}; do
	case $part in
	kubernetes) kubernetes ;;
	load-balancer) load_balancer ;;
	s3) install_packages awscli ;;
	esac
done
