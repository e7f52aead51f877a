#!/usr/bin/env bash
# Puts the files of etcd-1 (etcd, hall-1) in place, from the copy of the
# output that this script lies in. With --prepare it sets the machine up first.
# Running it again changes nothing that is right already.
set -euo pipefail
cd "$(dirname "$0")/../.."

if [ "${1:-}" = --prepare ]; then
	bash host/prepare.sh kubernetes --ports 2379 2380 2381 10250
fi
install -D -m 0644 'host/etcd-1/host.env' '/etc/bulkhead/host.env'
install -D -m 0600 'kubeadm/etcd-1/kubeadm.yaml' '/etc/kubernetes/bulkhead/kubeadm.yaml'
install -D -m 0644 'host/etcd-1/kubelet.yaml' '/etc/kubernetes/bulkhead/kubelet.yaml'
install -D -m 0644 'host/etcd-1/20-etcd.conf' '/etc/systemd/system/kubelet.service.d/20-etcd.conf'
install -D -m 0644 'systemd/bulkhead-failed@.service' '/etc/systemd/system/bulkhead-failed@.service'
install -D -m 0755 'host/certificates.sh' '/usr/local/lib/bulkhead/certificates.sh'
install -D -m 0755 'host/etcdctl.sh' '/usr/local/lib/bulkhead/etcdctl.sh'
install -D -m 0755 'host/etcd-restore.sh' '/usr/local/lib/bulkhead/etcd-restore.sh'
install -D -m 0755 'host/etcd-backup.sh' '/usr/local/lib/bulkhead/etcd-backup.sh'
install -D -m 0644 'systemd/etcd-1/bulkhead-certificates.service' '/etc/systemd/system/bulkhead-certificates.service'
install -D -m 0644 'systemd/etcd-1/bulkhead-certificates.timer' '/etc/systemd/system/bulkhead-certificates.timer'
install -D -m 0644 'systemd/etcd-1/bulkhead-certificate-report.service' '/etc/systemd/system/bulkhead-certificate-report.service'
install -D -m 0644 'systemd/etcd-1/bulkhead-certificate-report.timer' '/etc/systemd/system/bulkhead-certificate-report.timer'
install -D -m 0644 'systemd/etcd-1/bulkhead-etcd-backup.service' '/etc/systemd/system/bulkhead-etcd-backup.service'
install -D -m 0644 'systemd/etcd-1/bulkhead-etcd-backup.timer' '/etc/systemd/system/bulkhead-etcd-backup.timer'

systemctl daemon-reload
# They wait until the cluster is there (ConditionPathExists).
systemctl enable --now bulkhead-certificates.timer bulkhead-certificate-report.timer bulkhead-etcd-backup.timer
