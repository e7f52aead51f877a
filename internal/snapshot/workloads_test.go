package snapshot_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bulkhead.dev/bulkhead/internal/model"
)

// describe renders what the tests look at, a line a workload: its name, the
// replicas, what creates its pods, its pods, and what else it says.
func describe(s *model.Snapshot) string {
	var out strings.Builder
	for _, w := range s.Workloads {
		fmt.Fprintf(&out, "%s ×%d", w.Ref, w.Replicas)
		if c := w.Controller; c.Kind != "" && (c.Kind != w.Kind || c.Name != w.Name) {
			fmt.Fprintf(&out, " by %s/%s", c.Kind, c.Name)
		}
		for i, p := range w.Pods {
			fmt.Fprintf(&out, "%s%s", map[bool]string{true: ": ", false: ", "}[i == 0], p.Name)
			if p.Spec.NodeName != "" {
				fmt.Fprintf(&out, "@%s", p.Spec.NodeName)
			}
		}
		if w.FirstOrdinal != 0 {
			fmt.Fprintf(&out, " from %d", w.FirstOrdinal)
		}
		for _, c := range w.ClaimTemplates {
			fmt.Fprintf(&out, " claim %s", c.Name)
		}
		if w.Autoscaler != nil {
			fmt.Fprintf(&out, " held by %s within %d to %d", w.Autoscaler.Name, w.Autoscaler.Min, w.Autoscaler.Max)
		}
		if w.MinAvailable != nil {
			fmt.Fprintf(&out, " min %d", *w.MinAvailable)
		}
		if w.RecoveryTime != nil {
			fmt.Fprintf(&out, " within %gs", w.RecoveryTime.Seconds)
			if w.RecoveryTime.WithZone {
				out.WriteString(" with zone")
			}
		}
		if w.Job != nil && w.Job.ReplaceOnlyFailed {
			out.WriteString(" replaces only failed")
		}
		out.WriteByte('\n')
	}
	for _, warning := range s.Warnings {
		fmt.Fprintf(&out, "warning: %s\n", warning)
	}
	return out.String()
}

// Manifests for short: one object a line, "Kind name key=value …".
type manifests struct {
	strings.Builder
}

const podSpec = `{containers: [{name: c, image: i}]}`

func (m *manifests) add(format string, args ...any) *manifests {
	m.WriteString(fmt.Sprintf("---\n"+format+"\n", args...))
	return m
}

// pod adds a live pod of a controller ("Kind/name", or "").
func (m *manifests) pod(name, owner, node, labels string) *manifests {
	owners := ""
	if kind, name, ok := strings.Cut(owner, "/"); ok {
		group := map[string]string{"Job": "batch/v1", "ReplicationController": "v1", "Node": "v1", "StrimziPodSet": "core.strimzi.io/v1beta2"}[kind]
		if group == "" {
			group = "apps/v1"
		}
		owners = fmt.Sprintf(", ownerReferences: [{apiVersion: %s, kind: %s, name: %s, uid: u-%s, controller: true}]", group, kind, name, name)
	}
	return m.add(`{apiVersion: v1, kind: Pod, metadata: {name: %s, namespace: shop, uid: u-%s, labels: {%s}%s}, spec: {nodeName: %s, containers: [{name: c, image: i}]}, status: {phase: Running}}`,
		name, name, labels, owners, node)
}

func (m *manifests) workload(apiVersion, kind, name, spec string) *manifests {
	return m.add(`{apiVersion: %s, kind: %s, metadata: {name: %s, namespace: shop, uid: u-%s}, spec: {%s}}`, apiVersion, kind, name, name, spec)
}

func TestWorkloads(t *testing.T) {
	const template = `selector: {matchLabels: {app: a}}, template: {metadata: {labels: {app: a}}, spec: ` + podSpec + `}`
	tests := []struct {
		name string
		m    *manifests
		want string
	}{
		{"manifests of every kind", new(manifests).
			add(`{apiVersion: apps/v1, kind: Deployment, metadata: {name: d, namespace: shop}, spec: {replicas: 3, %s}}`, template).
			add(`{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: s, namespace: shop}, spec: {replicas: 2, ordinals: {start: 5}, serviceName: s, %s, volumeClaimTemplates: [{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}]}}`, template).
			add(`{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: node, namespace: shop}, spec: {%s}}`, template).
			add(`{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: r, namespace: shop}, spec: {replicas: 2, %s}}`, template).
			add(`{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: r0, namespace: shop}, spec: {replicas: 0, %s}}`, template).
			add(`{apiVersion: v1, kind: ReplicationController, metadata: {name: c, namespace: shop}, spec: {replicas: 1, template: {metadata: {labels: {app: c}}, spec: %s}}}`, podSpec).
			add(`{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: shop}, spec: %s}`, podSpec),
			`
Deployment shop/d ×3 by ReplicaSet/d-868fcd64f9
StatefulSet shop/s ×2 from 5 claim data
DaemonSet shop/node ×0
ReplicaSet shop/r ×2
ReplicationController shop/c ×1
Pod shop/p ×1: p`},
		{"jobs", new(manifests).
			add(`{apiVersion: batch/v1, kind: Job, metadata: {name: one}, spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}}`).
			add(`{apiVersion: batch/v1, kind: Job, metadata: {name: wide}, spec: {parallelism: 5, completions: 3, podReplacementPolicy: Failed, template: {spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}}`).
			add(`{apiVersion: batch/v1, kind: Job, metadata: {name: queue}, spec: {parallelism: 5, template: {spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}}`).
			add(`{apiVersion: batch/v1, kind: Job, metadata: {name: asleep}, spec: {suspend: true, template: {spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}}`).
			add(`{apiVersion: batch/v1, kind: CronJob, metadata: {name: nightly}, spec: {schedule: "0 3 * * *", jobTemplate: {spec: {parallelism: 2, completions: 9, template: {spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}}}}`).
			add(`{apiVersion: batch/v1, kind: CronJob, metadata: {name: paused}, spec: {suspend: true, schedule: "0 3 * * *", jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}}}}`),
			`
Job default/one ×1
Job default/wide ×3 replaces only failed
Job default/queue ×5
Job default/asleep ×0
CronJob default/nightly ×2 by Job/nightly-0`},
		{"a live Deployment in a rollout", new(manifests).
			workload("apps/v1", "Deployment", "web", `replicas: 2, `+template).
			add(`{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: web-old, namespace: shop, uid: u-web-old, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: u-web, controller: true}]}, spec: {replicas: 1, selector: {matchLabels: {app: a}}, template: {metadata: {labels: {app: a, pod-template-hash: old}}, spec: {containers: [{name: c, image: before}]}}}}`).
			add(`{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: web-new, namespace: shop, uid: u-web-new, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: u-web, controller: true}]}, spec: {replicas: 2, selector: {matchLabels: {app: a}}, template: {metadata: {labels: {app: a, pod-template-hash: new}}, spec: %s}}}`, podSpec).
			pod("web-old-1", "ReplicaSet/web-old", "n1", "app: a, pod-template-hash: old").
			pod("web-new-1", "ReplicaSet/web-new", "n2", "app: a, pod-template-hash: new").
			pod("web-new-2", "ReplicaSet/web-new", "n3", "app: a, pod-template-hash: new"),
			`
Deployment shop/web ×2 by ReplicaSet/web-new: web-new-1@n2, web-new-2@n3
warning: -:2: Deployment shop/web: 3 pods exist but 2 replicas are wanted; the rest is left out`},
		{"a live Deployment with its pods but without its ReplicaSet", new(manifests).
			workload("apps/v1", "Deployment", "web", `replicas: 2, `+template).
			pod("web-abc-1", "ReplicaSet/web-abc", "n1", "app: a, pod-template-hash: abc").
			pod("web-tools-xyz-1", "ReplicaSet/web-tools-xyz", "n1", "app: t, pod-template-hash: xyz"),
			`
Deployment shop/web ×2 by ReplicaSet/web-abc: web-abc-1@n1
ReplicaSet shop/web-tools-xyz ×1: web-tools-xyz-1@n1`},
		{"live pods of other controllers", new(manifests).
			workload("apps/v1", "StatefulSet", "db", `replicas: 2, serviceName: db, `+template).
			pod("db-2", "StatefulSet/db", "n3", "app: a").
			pod("db-0", "StatefulSet/db", "n1", "app: a").
			pod("db-1", "StatefulSet/db", "n2", "app: a").
			workload("apps/v1", "DaemonSet", "agent", template).
			pod("agent-1", "DaemonSet/agent", "n1", "app: a").
			pod("agent-2", "DaemonSet/agent", "n2", "app: a"),
			`
StatefulSet shop/db ×2: db-0@n1, db-1@n2
DaemonSet shop/agent ×0: agent-1@n1, agent-2@n2
warning: -:2: StatefulSet shop/db: 3 pods exist but 2 replicas are wanted; the rest is left out`},
		{"live jobs", new(manifests).
			workload("batch/v1", "CronJob", "nightly", `schedule: "0 3 * * *", jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}}`).
			add(`{apiVersion: batch/v1, kind: Job, metadata: {name: nightly-77, namespace: shop, uid: u-nightly-77, ownerReferences: [{apiVersion: batch/v1, kind: CronJob, name: nightly, uid: u-nightly, controller: true}]}, spec: {parallelism: 2, completions: 3, template: {spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}, status: {succeeded: 1}}`).
			pod("nightly-77-a", "Job/nightly-77", "n1", "a: b").
			pod("nightly-77-b", "Job/nightly-77", "n2", "a: b").
			add(`{apiVersion: batch/v1, kind: Job, metadata: {name: done, namespace: shop, uid: u-done}, spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}, status: {conditions: [{type: Complete, status: "True"}]}}`),
			`CronJob shop/nightly ×2 by Job/nightly-77: nightly-77-a@n1, nightly-77-b@n2`},
		{"pods whose controllers are not in the input", new(manifests).
			pod("web-1", "ReplicaSet/web", "n1", "app: a").
			pod("db-4", "StatefulSet/db", "n1", "app: a, apps.kubernetes.io/pod-index: '4'").
			pod("web-2", "ReplicaSet/web", "n2", "app: a").
			pod("db-6", "StatefulSet/db", "n2", "app: a").
			pod("agent-1", "DaemonSet/agent", "n1", "app: a").
			pod("kafka-0", "StrimziPodSet/kafka", "n1", "app: a").
			pod("alone", "", "n1", "app: a"),
			`
ReplicaSet shop/web ×2: web-1@n1, web-2@n2
StatefulSet shop/db ×3: db-4@n1, db-6@n2 from 4
DaemonSet shop/agent ×0: agent-1@n1
Pod shop/kafka-0 ×1: kafka-0@n1
Pod shop/alone ×1: alone@n1
warning: -:12: Pod shop/kafka-0: 1 pods of StrimziPodSet shop/kafka are taken as bare pods, which nobody replaces`},
		{"pods that do not live", new(manifests).
			add(`{apiVersion: v1, kind: Pod, metadata: {name: ok, namespace: shop, uid: a}, spec: %s, status: {phase: Succeeded}}`, podSpec).
			add(`{apiVersion: v1, kind: Pod, metadata: {name: bad, namespace: shop, uid: b}, spec: %s, status: {phase: Failed}}`, podSpec).
			add(`{apiVersion: v1, kind: Pod, metadata: {name: going, namespace: shop, uid: c, deletionTimestamp: "2026-01-01T00:00:00Z"}, spec: %s, status: {phase: Running}}`, podSpec).
			add(`{apiVersion: v1, kind: Pod, metadata: {name: etcd-n1, namespace: kube-system, uid: d, annotations: {kubernetes.io/config.mirror: x}, ownerReferences: [{apiVersion: v1, kind: Node, name: n1, uid: u-n1, controller: true}]}, spec: %s, status: {phase: Running}}`, podSpec),
			`
Pod kube-system/etcd-n1 ×1: etcd-n1
warning: -:6: Pod shop/going: 1 pods that are being deleted are left out; this is the last`},
		{"static pods are a DaemonSet's", new(manifests).
			add(`{apiVersion: v1, kind: Pod, metadata: {name: etcd-n1, namespace: kube-system, uid: a, annotations: {kubernetes.io/config.mirror: x}, ownerReferences: [{apiVersion: v1, kind: Node, name: n1, uid: u-n1, controller: true}]}, spec: %s}`, strings.Replace(podSpec, "{", "{nodeName: n1, ", 1)).
			add(`{apiVersion: v1, kind: Pod, metadata: {name: etcd-n2, namespace: kube-system, uid: b, annotations: {kubernetes.io/config.mirror: x}}, spec: %s}`, strings.Replace(podSpec, "{", "{nodeName: n2, ", 1)),
			`
DaemonSet kube-system/etcd ×0: etcd-n1@n1, etcd-n2@n2`},
		{"a pod of an earlier controller of the same name", new(manifests).
			workload("apps/v1", "ReplicaSet", "web", `replicas: 1, `+template).
			add(`{apiVersion: v1, kind: Pod, metadata: {name: stray, namespace: shop, uid: p, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web, uid: other, controller: true}]}, spec: %s}`, podSpec),
			`
ReplicaSet shop/web ×1
ReplicaSet shop/web ×1: stray`},
		{"autoscalers", new(manifests).
			add(`{apiVersion: apps/v1, kind: Deployment, metadata: {name: unset}, spec: {%s}}`, template).
			add(`{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: h1}, spec: {minReplicas: 3, maxReplicas: 9, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: unset}}}`).
			add(`{apiVersion: apps/v1, kind: Deployment, metadata: {name: above}, spec: {replicas: 20, %s}}`, template).
			add(`{apiVersion: autoscaling/v1, kind: HorizontalPodAutoscaler, metadata: {name: h2}, spec: {maxReplicas: 9, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: above}}}`).
			add(`{apiVersion: apps/v1, kind: Deployment, metadata: {name: paused}, spec: {replicas: 0, %s}}`, template).
			add(`{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: h3}, spec: {minReplicas: 3, maxReplicas: 9, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: paused}}}`).
			workload("apps/v1", "ReplicaSet", "live", `replicas: 1, `+template).
			pod("live-1", "ReplicaSet/live", "n1", "app: a").
			add(`{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: h4, namespace: shop}, spec: {minReplicas: 3, maxReplicas: 9, scaleTargetRef: {apiVersion: apps/v1, kind: ReplicaSet, name: live}}}`),
			`
Deployment default/unset ×3 by ReplicaSet/unset-868fcd64f9 held by h1 within 3 to 9
Deployment default/above ×9 by ReplicaSet/above-868fcd64f9 held by h2 within 1 to 9
Deployment default/paused ×0 by ReplicaSet/paused-868fcd64f9 held by h3 within 3 to 9
ReplicaSet shop/live ×1: live-1@n1 held by h4 within 3 to 9`},
		{"objectives", new(manifests).
			add(`{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: a, annotations: {bulkhead.dev/min-available: "2", bulkhead.dev/recovery-time: 90s}}, spec: {replicas: 3, %s}}`, template).
			add(`{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: b, annotations: {bulkhead.dev/min-available: 50%%, bulkhead.dev/recovery-time: with-zone}}, spec: {replicas: 3, %s}}`, template).
			add(`{apiVersion: v1, kind: Pod, metadata: {name: c, annotations: {bulkhead.dev/min-available: 100%%}}, spec: %s}`, podSpec),
			`
ReplicaSet default/a ×3 min 2 within 90s
ReplicaSet default/b ×3 min 2 within 0s with zone
Pod default/c ×1: c min 1`},
		{"generated names are stable and differ", new(manifests).
			add(`{apiVersion: v1, kind: Pod, metadata: {generateName: p-}, spec: %s}`, podSpec).
			add(`{apiVersion: v1, kind: Pod, metadata: {generateName: p-}, spec: %s}`, podSpec),
			`
Pod default/p-msnzj ×1: p-msnzj
Pod default/p-cfl5d ×1: p-cfl5d`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := describe(mustRead(t, tt.m.String()))
			if diff := cmp.Diff(lines(tt.want), lines(got)); diff != "" {
				t.Error("(-want +got)\n" + diff)
			}
		})
	}
}

func TestWarnings(t *testing.T) {
	s := mustRead(t, `
apiVersion: policy/v1beta1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {minAvailable: 1, selector: {matchLabels: {app: web}}}
---
apiVersion: v1
kind: Pod
metadata: {name: a}
spec:
  nodeSelector: {failure-domain.beta.kubernetes.io/zone: a}
  priorityClassName: gold
  tolerance: []
  containers:
  - name: c
    image: i
    image: j
---
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
---
{"apiVersion": "v1", "kind": "Service",
 "metadata": {"name": "web"},
 "spec": {"ports": [{"port": 80}],
          "ports": [{"port": 81}]}}
---
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
---
apiVersion: batch.volcano.sh/v1alpha1
kind: Job
---
apiVersion: v1
kind: Secret
`)
	want := []string{
		`-:2: PodDisruptionBudget default/web: apiVersion: Kubernetes 1.36 no longer serves policy/v1beta1; read as policy/v1`,
		`-:11: Pod default/a: spec.nodeSelector[failure-domain.beta.kubernetes.io/zone]: deprecated since v1.17; use "topology.kubernetes.io/zone" instead`,
		`-:12: Pod default/a: spec.priorityClassName: no PriorityClass "gold" in the input; taken as priority 0`,
		`-:13: Pod default/a: unknown field "spec.tolerance"`,
		`-:17: Pod default/a: duplicate field "spec.containers[0].image"`,
		`-:19: KubeSchedulerConfiguration: not considered here; give it with --scheduler-config`,
		`-:25: Service default/web: duplicate field "spec.ports"`,
	}
	if diff := cmp.Diff(want, s.Warnings); diff != "" {
		t.Error("(-want +got)\n" + diff)
	}
	kinds := map[string]int{"KubeSchedulerConfiguration": 1, "ServiceMonitor": 1, "Job": 1, "Secret": 1}
	if diff := cmp.Diff(kinds, s.NotConsidered); diff != "" {
		t.Error("(-want +got)\n" + diff)
	}
	if got := s.Services[0].Spec.Ports[0].Port; got != 81 {
		t.Errorf("of duplicate fields the last counts: port %d", got)
	}
}

// What an API server has stored is not validated again; nothing may rely on it.
func TestStoredOddities(t *testing.T) {
	text, err := os.ReadFile("testdata/live.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := `
Deployment a/noselector ×1 by ReplicaSet/noselector-5fd7677855
DaemonSet a/nothing ×0
StatefulSet a/negative ×0
CronJob a/bare ×1 by Job/bare-0
Job a/j ×0
StatefulSet a/gone ×1: db-0 claim data
DaemonSet a/gone ×0: agent`
	if diff := cmp.Diff(lines(want), lines(describe(mustRead(t, string(text))))); diff != "" {
		t.Error("(-want +got)\n" + diff)
	}
}

func TestSharedInputs(t *testing.T) {
	tests := []struct {
		file      string
		workloads int
		services  int
		others    map[string]int
	}{
		{"online-boutique.yaml", 12, 12, map[string]int{"ServiceAccount": 11}},
		{"argo-cd-ha.yaml", 8, 12, map[string]int{"ConfigMap": 9, "NetworkPolicy": 8, "Role": 7, "RoleBinding": 7, "Secret": 2, "ServiceAccount": 8}},
		{"cassandra.yaml", 1, 1, map[string]int{}},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			text, err := os.ReadFile("../../../shared/inputs/" + tt.file)
			if err != nil {
				t.Skipf("needs the shared inputs beside the repository: %v", err)
			}
			s := mustRead(t, string(text))
			if len(s.Workloads) != tt.workloads || len(s.Services) != tt.services {
				t.Errorf("%d workloads and %d services, want %d and %d", len(s.Workloads), len(s.Services), tt.workloads, tt.services)
			}
			if diff := cmp.Diff(tt.others, s.NotConsidered); diff != "" {
				t.Error("not considered (-want +got)\n" + diff)
			}
		})
	}
}
