package snapshot_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestClaimClasses(t *testing.T) {
	const claims = `
{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: none}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}
---
{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: named}, spec: {storageClassName: slow, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}
---
{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: noclass}, spec: {storageClassName: "", accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}
---
{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: beta, annotations: {volume.beta.kubernetes.io/storage-class: fast}}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}
---
{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: bound, uid: u}, spec: {volumeName: pv, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}, status: {phase: Bound}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  selector: {matchLabels: {app: db}}
  template: {metadata: {labels: {app: db}}, spec: {containers: [{name: c, image: i}]}}
  volumeClaimTemplates:
  - {metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}
  - {metadata: {name: log, annotations: {volume.beta.kubernetes.io/storage-class: fast}}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}
`
	class := func(name, provisioner, annotation string) string {
		return fmt.Sprintf("---\n{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: %s, annotations: {%s}}, provisioner: %s}\n", name, annotation, provisioner)
	}
	tests := []struct {
		name, classes string
		want          map[string]string
	}{
		{"no default", class("slow", "a", ""), map[string]string{
			"none": "<none>", "named": "slow", "noclass": "", "beta": "fast", "bound": "<none>", "data": "<none>", "log": "fast"}},
		{"a default", class("std", "a", "storageclass.kubernetes.io/is-default-class: 'true'"), map[string]string{
			"none": "std", "named": "slow", "noclass": "", "beta": "fast", "bound": "<none>", "data": "std", "log": "fast"}},
		{"two defaults of the same age: the first by name",
			class("b", "a", "storageclass.kubernetes.io/is-default-class: 'true'") + class("a", "a", "storageclass.beta.kubernetes.io/is-default-class: 'true'"), map[string]string{
				"none": "a", "named": "slow", "noclass": "", "beta": "fast", "bound": "<none>", "data": "a", "log": "fast"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := mustRead(t, claims+tt.classes)
			got := map[string]string{}
			for _, c := range append(s.Claims, s.Workloads[0].ClaimTemplates...) {
				got[c.Name] = "<none>"
				if c.Spec.StorageClassName != nil {
					got[c.Name] = *c.Spec.StorageClassName
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error("(-want +got)\n" + diff)
			}
		})
	}
}
