package plan

import (
	"fmt"
	"time"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// storage decides about volumes and backups.
func (m *maker) storage() {
	s := m.c.Spec.Storage
	mode := s.BindingMode
	if mode == "" {
		mode = "WaitForFirstConsumer"
	}
	reason := "the volume is made in the zone in which the scheduler found room for its pod"
	if !m.zonalVolumes() {
		reason = "the volume lives on one node: it is made where the scheduler found room for its pod, and is lost with the node"
	}
	if mode == "Immediate" {
		reason = "asked for"
		m.find(v1alpha1.PlanFinding{
			Code: CodeImmediateBinding, Subject: "storage",
			Message: fmt.Sprintf("StorageClass %s binds at once: a volume's zone is chosen before anybody looks where its pod fits, and the pod can then run in no other", s.ClassName),
			Remedy:  "spec.storage.bindingMode: WaitForFirstConsumer",
		})
	}
	m.decide(v1alpha1.Decision{Subject: "storage", Field: "spec.storage.bindingMode", Choice: s.ClassName + ", " + mode, Reason: reason})
	if m.zonalVolumes() {
		d := v1alpha1.Decision{
			Subject: "storage", Field: "spec.storage.sharedClassName", Choice: "volumes of " + s.ClassName + " live in one zone",
			Reason: "when the zone is lost a StatefulSet's pod waits for it: replicate the data in the application, with a pod in each zone",
		}
		if s.SharedClassName != "" {
			d.Choice = s.SharedClassName + " beside " + s.ClassName
			d.Reason = fmt.Sprintf("volumes of %s reach every zone, so that their pods move; those of %s wait for their zone", s.SharedClassName, s.ClassName)
			if m.provider(v1alpha1.ProviderACK) {
				d.Reason += "; a NAS file system is mounted from every zone but stands in one, whose loss takes it: put it where its loss is cheapest, or keep copies"
			}
		}
		m.decide(d)
	}
	m.backup()
}

func (m *maker) backup() {
	b := m.c.Spec.Backup
	switch {
	case b != nil:
		m.decide(v1alpha1.Decision{
			Subject: "backup", Field: "spec.backup", Choice: fmt.Sprintf("every %s, %d kept, to %s", short(m.backupEvery()), value(b.Keep, 28), list(b.Destinations)),
			Reason: "a majority of etcd that is lost for good comes back from a snapshot only; etcdutl restores it (etcdctl snapshot restore is gone)",
		})
	case m.managed():
		m.decide(v1alpha1.Decision{Subject: "backup", Field: "spec.backup", Choice: "none of etcd", Reason: "the provider keeps etcd; the objects are worth a copy of their own (GitOps or an export)"})
	default:
		m.find(v1alpha1.PlanFinding{
			Code: CodeNoBackup, Subject: "backup",
			Message: "no backup of etcd: a majority that is lost for good takes every object of the cluster with it",
			Remedy:  "spec.backup with a destination outside the cluster",
		})
	}
}

// backupEvery is the interval; 0 without a backup.
func (m *maker) backupEvery() time.Duration {
	b := m.c.Spec.Backup
	if b == nil {
		return 0
	}
	if b.Every == nil {
		return 6 * time.Hour
	}
	return b.Every.Duration
}
