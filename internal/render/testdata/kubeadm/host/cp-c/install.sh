#!/usr/bin/env bash
# Puts the files of cp-c (control-plane, room-c) in place, from the copy of the
# output that this script lies in. With --prepare it sets the machine up first.
# Running it again changes nothing that is right already.
set -euo pipefail
cd "$(dirname "$0")/../.."

if [ "${1:-}" = --prepare ]; then
	bash host/prepare.sh kubernetes load-balancer s3 --ports 2379 2380 2381 6443 8404 8405 8443 10250 10257 10259
fi
install -D -m 0644 'host/cp-c/host.env' '/etc/bulkhead/host.env'
install -D -m 0600 'kubeadm/cp-c/kubeadm.yaml' '/etc/kubernetes/bulkhead/kubeadm.yaml'
install -D -m 0644 'kubeadm/authentication.yaml' '/etc/kubernetes/bulkhead/authentication.yaml'
install -D -m 0755 'host/discovery.sh' '/usr/local/lib/bulkhead/discovery.sh'
install -D -m 0644 'haproxy/cp-c/haproxy.cfg' '/etc/haproxy/haproxy.cfg'
install -D -m 0644 'keepalived/cp-c/keepalived.conf' '/etc/keepalived/keepalived.conf'
install -D -m 0755 'keepalived/check-haproxy.sh' '/usr/local/lib/bulkhead/check-haproxy.sh'
install -D -m 0644 'systemd/bulkhead-failed@.service' '/etc/systemd/system/bulkhead-failed@.service'
install -D -m 0755 'host/certificates.sh' '/usr/local/lib/bulkhead/certificates.sh'
install -D -m 0755 'host/etcdctl.sh' '/usr/local/lib/bulkhead/etcdctl.sh'
install -D -m 0755 'host/etcd-restore.sh' '/usr/local/lib/bulkhead/etcd-restore.sh'
install -D -m 0755 'host/etcd-backup.sh' '/usr/local/lib/bulkhead/etcd-backup.sh'
install -D -m 0644 'systemd/cp-c/bulkhead-certificates.service' '/etc/systemd/system/bulkhead-certificates.service'
install -D -m 0644 'systemd/cp-c/bulkhead-certificates.timer' '/etc/systemd/system/bulkhead-certificates.timer'
install -D -m 0644 'systemd/cp-c/bulkhead-certificate-report.service' '/etc/systemd/system/bulkhead-certificate-report.service'
install -D -m 0644 'systemd/cp-c/bulkhead-certificate-report.timer' '/etc/systemd/system/bulkhead-certificate-report.timer'
install -D -m 0644 'systemd/cp-c/bulkhead-etcd-backup.service' '/etc/systemd/system/bulkhead-etcd-backup.service'
install -D -m 0644 'systemd/cp-c/bulkhead-etcd-backup.timer' '/etc/systemd/system/bulkhead-etcd-backup.timer'

systemctl daemon-reload
# They wait until the cluster is there (ConditionPathExists).
systemctl enable --now bulkhead-certificates.timer bulkhead-certificate-report.timer bulkhead-etcd-backup.timer
