#!/usr/bin/env bash
# Puts the files of cp-2 (control-plane, hall-2) in place, from the copy of the
# output that this script lies in. With --prepare it sets the machine up first.
# Running it again changes nothing that is right already.
set -euo pipefail
cd "$(dirname "$0")/../.."

if [ "${1:-}" = --prepare ]; then
	bash host/prepare.sh kubernetes --ports 6443 10250 10257 10259
fi
install -D -m 0644 'host/cp-2/host.env' '/etc/bulkhead/host.env'
install -D -m 0600 'kubeadm/cp-2/kubeadm.yaml' '/etc/kubernetes/bulkhead/kubeadm.yaml'
install -D -m 0644 'kubeadm/authentication.yaml' '/etc/kubernetes/bulkhead/authentication.yaml'
install -D -m 0755 'host/discovery.sh' '/usr/local/lib/bulkhead/discovery.sh'
install -D -m 0644 'systemd/bulkhead-failed@.service' '/etc/systemd/system/bulkhead-failed@.service'
install -D -m 0755 'host/certificates.sh' '/usr/local/lib/bulkhead/certificates.sh'
install -D -m 0644 'systemd/cp-2/bulkhead-certificates.service' '/etc/systemd/system/bulkhead-certificates.service'
install -D -m 0644 'systemd/cp-2/bulkhead-certificates.timer' '/etc/systemd/system/bulkhead-certificates.timer'
install -D -m 0644 'systemd/cp-2/bulkhead-certificate-report.service' '/etc/systemd/system/bulkhead-certificate-report.service'
install -D -m 0644 'systemd/cp-2/bulkhead-certificate-report.timer' '/etc/systemd/system/bulkhead-certificate-report.timer'

systemctl daemon-reload
# They wait until the cluster is there (ConditionPathExists).
systemctl enable --now bulkhead-certificates.timer bulkhead-certificate-report.timer
