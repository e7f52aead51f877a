package snapshot_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/resource"
	"pgregory.net/rapid"

	"bulkhead.dev/bulkhead/internal/kubesched"
	"bulkhead.dev/bulkhead/internal/kubesched/apiserver"
	"bulkhead.dev/bulkhead/internal/model"
	"bulkhead.dev/bulkhead/internal/simulate"
	"bulkhead.dev/bulkhead/internal/snapshot"
)

const head = "apiVersion: bulkhead.dev/v1alpha1\nkind: ClusterSnapshot\ntakenAt: \"2026-11-20T18:04:11Z\"\n---\n"

// fileOf loads documents as a snapshot file.
func fileOf(t rapid.TB, dir, text string) *snapshot.Cluster {
	t.Helper()
	path := filepath.Join(dir, "s.yaml")
	if err := os.WriteFile(path, []byte(head+text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := snapshot.Load(context.Background(), path, apiserver.New(apiserver.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// answers writes what becomes of each workload and Service in each scenario, under
// other names.
func answers(t rapid.TB, c *snapshot.Cluster, namespace, name, value func(string) string) []string {
	t.Helper()
	server := apiserver.New(apiserver.Options{})
	s, err := snapshot.Read(context.Background(), snapshot.Options{Base: c}, server)
	if err != nil {
		t.Fatal(err)
	}
	scheduler, err := kubesched.New(kubesched.Options{Engine: kubesched.Exact})
	if err != nil {
		t.Fatal(err)
	}
	r, err := simulate.Run(context.Background(), s, scheduler, kubesched.Admission{}, simulate.Options{
		Failures: []model.FailureSpec{{Each: "zones"}}, RecoveryTime: 600, Timings: simulate.DefaultTimings(), Parallel: 2,
		Virtual: model.VirtualCluster{Zones: []string{"a", "b", "c"}, CPU: quantity("4"), Memory: quantity("16Gi"), Pods: 110},
	})
	if err != nil {
		t.Fatal(err)
	}
	zones := func(m map[string]int) string {
		var all []string
		for zone, n := range m {
			all = append(all, fmt.Sprintf("%s%d", value(zone), n))
		}
		slices.Sort(all)
		return strings.Join(all, " ")
	}
	when := func(s *float64) string {
		if s == nil {
			return "never"
		}
		return fmt.Sprint(*s)
	}
	var out []string
	for i, s := range r.Scenarios {
		out = append(out, fmt.Sprintf("%d %s", i, s.Verdict))
		var these []string
		for _, w := range s.Workloads {
			var codes []string
			for _, reason := range w.Reasons {
				codes = append(codes, fmt.Sprintf("%s %d %d", reason.Code, reason.Pods, reason.Nodes))
			}
			these = append(these, fmt.Sprintf("%d %s %s/%s %s: %s > %s lost %d lowest %d pending %d preempted %d out %s back %s %d lost %v", i, w.Kind, namespace(w.Namespace), name(w.Name), w.Verdict,
				zones(w.Before), zones(w.After), w.Lost, w.Lowest, w.Pending, w.Preempted, when(w.OutageSeconds), when(w.RecoverySeconds), len(w.DataLost), codes))
		}
		for _, v := range s.Services {
			these = append(these, fmt.Sprintf("%d Service %s/%s %d %d %d %g", i, namespace(v.Namespace), name(v.Name), v.ReadyBefore, v.ReadyLowest, v.ReadyAfter, v.Overload))
		}
		slices.Sort(these)
		out = append(out, these...)
	}
	return out
}

// same checks that nothing but names differs, and that no name is left.
func same(t rapid.TB, c *snapshot.Cluster) {
	t.Helper()
	hidden, names, err := c.Anonymize(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	again, _, err := c.Anonymize(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	text := written(t, hidden)
	if text != written(t, again) {
		t.Errorf("a second time, the pseudonyms differ")
	}
	by := func(m map[string]string) func(string) string {
		return func(s string) string {
			if p, ok := m[s]; ok {
				return p
			}
			return s
		}
	}
	itself := func(s string) string { return s }
	want := answers(t, c, by(names.Namespaces), by(names.Names), by(names.LabelValues))
	if diff := cmp.Diff(want, answers(t, hidden, itself, itself, itself)); diff != "" {
		t.Errorf("(-plain +anonymized)\n%s", diff)
	}
	noneLeft(t, text, names)
}

// noneLeft looks for every original in every string of the file.
func noneLeft(t rapid.TB, text string, names *snapshot.Pseudonyms) {
	t.Helper()
	found := map[string]bool{}
	var walk func(v any, keys bool)
	walk = func(v any, keys bool) {
		switch x := v.(type) {
		case string:
			found[x] = true
		case []any:
			for _, e := range x {
				walk(e, false)
			}
		case map[string]any:
			for k, e := range x {
				if keys {
					found[k] = true
				}
				walk(e, k == "labels" || k == "matchLabels" || k == "selector" || k == "nodeSelector" || k == "annotations")
			}
		}
	}
	for line := range strings.SplitSeq(text, "\n") {
		if strings.HasPrefix(line, "{") {
			var v any
			if err := json.Unmarshal([]byte(line), &v); err != nil {
				t.Fatal(err)
			}
			walk(v, false)
		}
	}
	inText := strings.Join(slices.Sorted(maps.Keys(found)), "\n")
	for _, pool := range []map[string]string{names.Names, names.Namespaces, names.LabelKeys, names.LabelValues, names.Images, names.UIDs} {
		for original, pseudonym := range pool {
			if original == pseudonym || len(original) < 4 {
				continue
			}
			if found[original] || len(original) > 7 && strings.Contains(inText, original) {
				t.Errorf("%q is left (its pseudonym is %q)", original, pseudonym)
			}
		}
	}
}

// Real and written manifests give the same answers without their names.
func TestAnonymizeManifests(t *testing.T) {
	for _, pattern := range []string{"../../examples/shop/naive/*.yaml", "../../examples/shop/hardened/*.yaml",
		"../../../shared/inputs/argo-cd-ha.yaml", "../../../shared/inputs/cassandra.yaml", "../../../shared/inputs/online-boutique.yaml"} {
		t.Run(filepath.Base(filepath.Dir(pattern))+"-"+strings.TrimSuffix(filepath.Base(pattern), ".yaml"), func(t *testing.T) {
			paths, err := filepath.Glob(pattern)
			if err != nil {
				t.Fatal(err)
			}
			if len(paths) == 0 {
				t.Skip("not here")
			}
			var all []string
			for _, path := range paths {
				text, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, string(text))
			}
			// Where an Immediate volume is made hangs on a hash of its claim's name; in a
			// live cluster it has been made.
			text := strings.ReplaceAll(strings.Join(all, "\n---\n"), "volumeBindingMode: Immediate", "volumeBindingMode: WaitForFirstConsumer")
			same(t, fileOf(t, t.TempDir(), text))
		})
	}
}

// Live clusters of any kind give the same answers without their names.
func TestAnonymizeLive(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		same(t, fileOf(t, dir, drawCluster(t)))
	})
}

// drawCluster writes the objects of a random live cluster: nodes with labels and
// taints, workloads with running pods, claims with volumes, and rules that select
// them in every way.
func drawCluster(t *rapid.T) string {
	var docs []string
	add := func(format string, args ...any) { docs = append(docs, fmt.Sprintf(format, args...)) }
	zones := []string{"eu-east", "eu-west", "us-north"}
	perZone := rapid.IntRange(1, 3).Draw(t, "nodes")
	var nodes []string
	for z, zone := range zones {
		for i := range perZone {
			name := fmt.Sprintf("machine-%s-%d", []string{"x", "a", "m"}[z], i)
			nodes = append(nodes, name)
			taint := rapid.SampledFrom([]string{"", "", `, "spec": {"taints": [{"key": "acme.example/reserved", "value": "payments", "effect": "NoSchedule"}]}`}).Draw(t, "taint")
			add(`{"apiVersion": "v1", "kind": "Node", "metadata": {"name": %q, "uid": "nodeuid-%s", "labels": {"kubernetes.io/hostname": %q, "topology.kubernetes.io/zone": %q, "acme.example/disk": %q, "acme.example/generation": "%d", "topology.ebs.csi.aws.com/zone": %q}}%s, "status": {"allocatable": {"cpu": "2", "memory": "8Gi", "pods": "20"}, "images": [{"names": ["registry.acme.example/%d/app:1"], "sizeBytes": 500000000}], "conditions": [{"type": "Ready", "status": "True"}]}}`,
				name, name, name, zone, []string{"flash", "spinning"}[i%2], 7+i*5, zone, taint, i)
		}
	}
	add(`{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "aardvark", "uid": "ns1", "labels": {"kubernetes.io/metadata.name": "aardvark", "acme.example/team": "checkout"}}}`)
	add(`{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "webshop", "uid": "ns2", "labels": {"kubernetes.io/metadata.name": "webshop", "acme.example/team": "payments"}}}`)
	add(`{"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "urgent-things", "uid": "pc"}, "value": 1000}`)
	add(`{"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "golden-disk", "uid": "sc"}, "provisioner": "ebs.csi.aws.com", "volumeBindingMode": "WaitForFirstConsumer"}`)
	for w := range rapid.IntRange(1, 5).Draw(t, "workloads") {
		name := fmt.Sprintf("%s-%d", rapid.SampledFrom([]string{"backend", "frontend", "ledger"}).Draw(t, "name"), w)
		namespace := rapid.SampledFrom([]string{"webshop", "aardvark", "default"}).Draw(t, "namespace")
		replicas := rapid.IntRange(1, 5).Draw(t, "replicas")
		selector := fmt.Sprintf(`{"app": %q, "acme.example/part": "core-%d"}`, name, w%2)
		spec := drawSpec(t, name)
		kind := rapid.SampledFrom([]string{"Deployment", "StatefulSet"}).Draw(t, "kind")
		owner, hash := name, ""
		if kind == "Deployment" {
			owner, hash = name+"-6b9f", `, "pod-template-hash": "6b9f"`
		}
		labels := strings.TrimSuffix(selector, "}") + hash
		template := func(labels string) string {
			return fmt.Sprintf(`"replicas": %d, "selector": {"matchLabels": %s}, "template": {"metadata": {"labels": %s}, "spec": {%s}}`, replicas, selector, labels, spec)
		}
		switch kind {
		case "Deployment":
			add(`{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": %q, "namespace": %q, "uid": "dep-%d"}, "spec": {%s}}`, name, namespace, w, template(selector))
			if rapid.Bool().Draw(t, "replicaset") {
				add(`{"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": %q, "namespace": %q, "uid": "own-%d", "labels": %s, "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": %q, "uid": "dep-%d", "controller": true}]}, "spec": {%s}}`, owner, namespace, w, labels+"}", name, w, template(labels+"}"))
			}
		case "StatefulSet":
			add(`{"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": %q, "namespace": %q, "uid": "own-%d"}, "spec": {"serviceName": %q, "volumeClaimTemplates": [{"metadata": {"name": "records"}, "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "golden-disk", "resources": {"requests": {"storage": "1Gi"}}}}], %s}}`, name, namespace, w, name, template(selector))
		}
		for i := range rapid.IntRange(0, replicas).Draw(t, "running") {
			node := rapid.SampledFrom(nodes).Draw(t, "node")
			pod, more, volumes := fmt.Sprintf("%s-%c%dz", owner, 'k'+rune(i), i), "", ""
			if kind == "StatefulSet" {
				pod = fmt.Sprintf("%s-%d", name, i)
				more = fmt.Sprintf(`, "statefulset.kubernetes.io/pod-name": %q, "apps.kubernetes.io/pod-index": "%d"`, pod, i)
				volumes = fmt.Sprintf(`"volumes": [{"name": "records", "persistentVolumeClaim": {"claimName": "records-%s"}}], `, pod)
				zone := zones[slices.Index(nodes, node)/perZone]
				add(`{"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "records-%s", "namespace": %q, "uid": "claim-%s", "annotations": {"volume.kubernetes.io/selected-node": %q, "pv.kubernetes.io/bind-completed": "yes"}}, "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "golden-disk", "volumeName": "disk-%s", "resources": {"requests": {"storage": "1Gi"}}}, "status": {"phase": "Bound"}}`, pod, namespace, pod, node, pod)
				add(`{"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "disk-%s", "uid": "volume-%s"}, "spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": "golden-disk", "claimRef": {"namespace": %q, "name": "records-%s", "uid": "claim-%s"}, "csi": {"driver": "ebs.csi.aws.com", "volumeHandle": "handle-%s"}, "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [{"key": "topology.ebs.csi.aws.com/zone", "operator": "In", "values": [%q]}]}]}}}, "status": {"phase": "Bound"}}`, pod, pod, namespace, pod, pod, pod, zone)
			}
			add(`{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": %q, "namespace": %q, "uid": "pod-%s-%s", "labels": %s, "ownerReferences": [{"apiVersion": "apps/v1", "kind": %q, "name": %q, "uid": "own-%d", "controller": true}]}, "spec": {"nodeName": %q, %s%s}, "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}`,
				pod, namespace, namespace, pod, labels+more+"}", map[string]string{"Deployment": "ReplicaSet", "StatefulSet": "StatefulSet"}[kind], owner, w, node, volumes, spec)
		}
		if rapid.Bool().Draw(t, "rules") {
			add(`{"apiVersion": "v1", "kind": "Service", "metadata": {"name": %q, "namespace": %q, "uid": "svc-%d"}, "spec": {"selector": {"app": %q}, "ports": [{"port": 80}]}}`, name, namespace, w, name)
			add(`{"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "%s-budget", "namespace": %q, "uid": "pdb-%d"}, "spec": {"minAvailable": %s, "selector": {"matchExpressions": [{"key": "app", "operator": "In", "values": [%q]}]}}}`, name, namespace, w, rapid.SampledFrom([]string{"1", `"50%"`}).Draw(t, "minimum"), name)
		}
	}
	return strings.Join(docs, "\n---\n")
}

// drawSpec writes what a pod asks for, with rules that name labels, zones, other
// workloads and namespaces.
func drawSpec(t *rapid.T, name string) string {
	parts := []string{
		fmt.Sprintf(`"containers": [{"name": "main-process", "image": "registry.acme.example/%d/app:1", "resources": {"requests": {"cpu": "%dm", "memory": "512Mi"}}}]`,
			rapid.IntRange(0, 2).Draw(t, "image"), rapid.IntRange(1, 6).Draw(t, "cpu")*200),
		`"schedulerName": "default-scheduler"`,
	}
	own := fmt.Sprintf(`"labelSelector": {"matchLabels": {"app": %q}}`, name)
	affinity := rapid.SampledFrom([]string{"",
		`"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": [{"key": "acme.example/generation", "operator": "Gt", "values": ["8"]}]}]}}`,
		`"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 50, "preference": {"matchExpressions": [{"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["eu-west"]}]}}]}`,
		`"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{` + own + `, "topologyKey": "kubernetes.io/hostname"}]}`,
		`"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"labelSelector": {"matchExpressions": [{"key": "acme.example/part", "operator": "In", "values": ["core-0"]}]}, "namespaceSelector": {"matchLabels": {"acme.example/team": "checkout"}}, "topologyKey": "topology.kubernetes.io/zone"}]}`,
		`"podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100, "podAffinityTerm": {"labelSelector": {"matchLabels": {"acme.example/part": "core-1"}}, "namespaces": ["webshop"], "topologyKey": "topology.kubernetes.io/zone"}}]}`,
	}).Draw(t, "affinity")
	if affinity != "" {
		parts = append(parts, `"affinity": {`+affinity+"}")
	}
	parts = append(parts, rapid.SampledFrom([]string{`"restartPolicy": "Always"`,
		`"nodeSelector": {"acme.example/disk": "flash"}`,
		`"tolerations": [{"key": "acme.example/reserved", "operator": "Equal", "value": "payments", "effect": "NoSchedule"}]`,
		`"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "DoNotSchedule", ` + own + "}]",
		`"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "acme.example/disk", "whenUnsatisfiable": "ScheduleAnyway", "matchLabelKeys": ["acme.example/part"], ` + own + "}]",
	}).Draw(t, "rule"))
	if rapid.IntRange(0, 3).Draw(t, "urgent") == 0 {
		parts = append(parts, `"priorityClassName": "urgent-things", "priority": 1000`)
	}
	return strings.Join(parts, ", ")
}

func quantity(s string) resource.Quantity { return resource.MustParse(s) }
