package benchmark

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Size of a generated cluster.
type Size struct {
	// Nodes, dealt round robin over three zones; a multiple of 20, so that no
	// workload begins on the last nodes and ends on the first.
	Nodes int
	// PodsPerNode is how many pods stand on each node.
	PodsPerNode int
}

// Replicas of every workload.
const Replicas = 20

// podsPerFile keeps each file far below what the reader takes.
const podsPerFile = 10000

// Zones of a generated cluster.
func Zones() []string { return []string{"a", "b", "c"} }

// NodeName returns the name of node i. Node i stands in zone i modulo 3.
func NodeName(i int) string { return fmt.Sprintf("node-%04d", i) }

// Write makes the cluster as JSON files in dir: nodes.json, workloads.json and
// pods-N.json. Pod k stands on node k modulo Nodes, so every workload's pods
// stand on different nodes and are spread evenly over the zones. Of the
// workloads, a third have a hard spread over zones that ignores dead nodes'
// zones (nodeTaintsPolicy: Honor), one in twenty keeps its pods on different
// nodes, and every second one has a Service. A node holds twice its pods, so
// that two zones hold what three did.
func (s Size) Write(dir string) error {
	if s.Nodes%Replicas != 0 || s.Nodes < Replicas || s.PodsPerNode < 1 {
		return fmt.Errorf("generating a cluster: %d nodes with %d pods: want a multiple of %d nodes and at least 1 pod", s.Nodes, s.PodsPerNode, Replicas)
	}
	var nodes []any
	for i := range s.Nodes {
		nodes = append(nodes, s.node(i))
	}
	if err := writeList(dir, "nodes.json", nodes); err != nil {
		return err
	}
	var workloads, pods []any
	files := 0
	for w := range s.Nodes * s.PodsPerNode / Replicas {
		d, rs := deployment(w)
		workloads = append(workloads, d, rs)
		if w%2 == 0 {
			workloads = append(workloads, service(w))
		}
		for j := range Replicas {
			pods = append(pods, pod(rs, j, NodeName((w*Replicas+j)%s.Nodes)))
		}
		if len(pods) >= podsPerFile {
			if err := writeList(dir, fmt.Sprintf("pods-%d.json", files), pods); err != nil {
				return err
			}
			files, pods = files+1, nil
		}
	}
	if len(pods) > 0 {
		if err := writeList(dir, fmt.Sprintf("pods-%d.json", files), pods); err != nil {
			return err
		}
	}
	return writeList(dir, "workloads.json", workloads)
}

func (s Size) node(i int) *corev1.Node {
	name := NodeName(i)
	room := corev1.ResourceList{
		corev1.ResourceCPU:    *resource.NewMilliQuantity(int64(2*100*s.PodsPerNode), resource.DecimalSI),
		corev1.ResourceMemory: *resource.NewQuantity(int64(2*s.PodsPerNode)<<28, resource.BinarySI),
		corev1.ResourcePods:   *resource.NewQuantity(110, resource.DecimalSI),
	}
	return &corev1.Node{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Node"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
			corev1.LabelHostname:     name,
			corev1.LabelTopologyZone: Zones()[i%len(Zones())],
		}},
		Status: corev1.NodeStatus{
			Capacity: room, Allocatable: room,
			Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}},
		},
	}
}

// deployment returns workload w and its ReplicaSet.
func deployment(w int) (*appsv1.Deployment, *appsv1.ReplicaSet) {
	name := fmt.Sprintf("app-%05d", w)
	hash := strconv.FormatInt(int64(1<<30+w), 36)
	replicas := int32(Replicas)
	app := map[string]string{"app": name}
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: app}, Spec: podSpec(w, app)}
	d := &appsv1.Deployment{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "bench", Name: name, UID: types.UID("d-" + name)},
		Spec:       appsv1.DeploymentSpec{Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: app}, Template: template},
	}
	hashed := map[string]string{"app": name, appsv1.DefaultDeploymentUniqueLabelKey: hash}
	template.Labels = hashed
	yes := true
	rs := &appsv1.ReplicaSet{
		TypeMeta: metav1.TypeMeta{APIVersion: "apps/v1", Kind: "ReplicaSet"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: d.Namespace, Name: name + "-" + hash, UID: types.UID("rs-" + name), Labels: hashed,
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "Deployment", Name: name, UID: d.UID, Controller: &yes}},
		},
		Spec: appsv1.ReplicaSetSpec{Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: hashed}, Template: template},
	}
	return d, rs
}

func podSpec(w int, app map[string]string) corev1.PodSpec {
	spec := corev1.PodSpec{Containers: []corev1.Container{{
		Name: "app", Image: "registry.example/app:1",
		Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
			corev1.ResourceCPU:    resource.MustParse("100m"),
			corev1.ResourceMemory: resource.MustParse("256Mi"),
		}},
	}}}
	if w%3 == 0 {
		honor := corev1.NodeInclusionPolicyHonor
		spec.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{{
			MaxSkew: 1, TopologyKey: corev1.LabelTopologyZone, WhenUnsatisfiable: corev1.DoNotSchedule,
			NodeTaintsPolicy: &honor, LabelSelector: &metav1.LabelSelector{MatchLabels: app},
		}}
	}
	if w%20 == 1 {
		spec.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{
			RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{{
				TopologyKey: corev1.LabelHostname, LabelSelector: &metav1.LabelSelector{MatchLabels: app},
			}},
		}}
	}
	return spec
}

func service(w int) *corev1.Service {
	name := fmt.Sprintf("app-%05d", w)
	return &corev1.Service{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "bench", Name: name},
		Spec:       corev1.ServiceSpec{Selector: map[string]string{"app": name}, Ports: []corev1.ServicePort{{Port: 80}}},
	}
}

// pod returns running pod j of a ReplicaSet.
func pod(rs *appsv1.ReplicaSet, j int, node string) *corev1.Pod {
	yes := true
	name := fmt.Sprintf("%s-%02d", rs.Name, j)
	p := &corev1.Pod{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: rs.Namespace, Name: name, UID: types.UID(name), Labels: rs.Labels,
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: rs.Name, UID: rs.UID, Controller: &yes}},
		},
		Spec: *rs.Spec.Template.Spec.DeepCopy(),
		Status: corev1.PodStatus{
			Phase:      corev1.PodRunning,
			Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
		},
	}
	p.Spec.NodeName = node
	seconds := int64(300)
	for _, key := range []string{corev1.TaintNodeNotReady, corev1.TaintNodeUnreachable} {
		p.Spec.Tolerations = append(p.Spec.Tolerations, corev1.Toleration{
			Key: key, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: &seconds,
		})
	}
	return p
}

func writeList(dir, name string, items []any) error {
	text, err := json.Marshal(map[string]any{"apiVersion": "v1", "kind": "List", "items": items})
	if err != nil {
		return fmt.Errorf("generating %s: %w", name, err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
		return fmt.Errorf("generating %s: %w", name, err)
	}
	return nil
}
