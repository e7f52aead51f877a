package benchmark

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
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
	// Nodes, dealt round robin over three zones; at least 30.
	Nodes int
	// PodsPerNode is how many pods there are for each node.
	PodsPerNode int
	// Demanding adds what there is least to remember of: demand says what.
	Demanding bool
	// Preempting gives one workload in 15 a high priority and a hard spread that
	// counts dead nodes: its pods wait, and look for room to make in vain.
	Preempting bool
}

// podsPerFile keeps each file far below what the reader takes.
const podsPerFile = 10000

// workloadsPerNamespace is how many workloads share a namespace.
const workloadsPerNamespace = 10

// Zones of a generated cluster.
func Zones() []string { return []string{"a", "b", "c"} }

// NodeName returns the name of node i. Node i stands in zone i modulo 3.
func NodeName(i int) string { return fmt.Sprintf("node-%04d", i) }

// Write makes the cluster as JSON files in dir: cluster.json, and pods-N.json.
// Deployments have 10 to 300 replicas (half of them at most 40), spread evenly
// over the zones; a third have a hard spread over zones that ignores dead nodes'
// zones (nodeTaintsPolicy: Honor), one in twenty keeps its pods on different
// nodes, and every second one has a Service. Ten share a namespace. Two zones
// hold what three did. The same size gives the same bytes.
func (s Size) Write(dir string) error {
	if s.Nodes < 30 || s.PodsPerNode < 1 {
		return fmt.Errorf("generating a cluster: %d nodes with %d pods: want at least 30 nodes and 1 pod", s.Nodes, s.PodsPerNode)
	}
	g := &generator{Size: s, random: rand.New(rand.NewPCG(1, 2)), onNode: make([]int, s.Nodes)}
	for i := range s.Nodes {
		g.objects = append(g.objects, s.node(i))
	}
	if s.Demanding || s.Preempting {
		g.objects = append(g.objects, priorityClasses()...)
	}
	for w, left := 0, s.Nodes*s.PodsPerNode; left > 0; w++ {
		n := g.workload(w, left)
		left -= n
		if len(g.pods) >= podsPerFile {
			if err := g.writePods(dir); err != nil {
				return err
			}
		}
	}
	if err := g.writePods(dir); err != nil {
		return err
	}
	return writeList(dir, "cluster.json", g.objects)
}

// generator holds what is made so far.
type generator struct {
	Size
	random  *rand.Rand
	objects []any // but pods
	pods    []any
	files   int
	onNode  []int // pods of each node
}

func (g *generator) writePods(dir string) error {
	if len(g.pods) == 0 {
		return nil
	}
	name := fmt.Sprintf("pods-%02d.json", g.files)
	g.files++
	pods := g.pods
	g.pods = nil
	return writeList(dir, name, pods)
}

// workload makes workload w with its pods, at most left, and returns how many.
func (g *generator) workload(w, left int) int {
	replicas := 10 + g.random.IntN(291)
	if g.random.IntN(2) == 0 {
		replicas = 10 + g.random.IntN(30)
	}
	apart := w%20 == 7
	if apart {
		replicas = min(replicas, g.Nodes/3)
	}
	replicas = min(replicas, left)
	if w%workloadsPerNamespace == 0 {
		g.objects = append(g.objects, namespace(w))
	}
	d, rs := g.deployment(w, replicas)
	g.objects = append(g.objects, d, rs)
	if g.Demanding {
		g.objects = append(g.objects, g.demand(w, &d.Spec.Template.Spec)...)
		rs.Spec.Template.Spec = d.Spec.Template.Spec
	}
	if w%2 == 0 {
		g.objects = append(g.objects, service(w))
	}
	for k := range replicas {
		g.pods = append(g.pods, pod(rs, k, NodeName(g.nodeFor(w, k, apart))))
	}
	return replicas
}

// nodeFor chooses a node of the zone whose turn it is: at random among those
// that are not full, or for pods that stay apart one after the other.
func (g *generator) nodeFor(w, k int, apart bool) int {
	zone := (w + k) % 3
	inZone := (g.Nodes - zone + 2) / 3
	at := func(i int) int { return zone + 3*(i%inZone) }
	if apart {
		i := at(w*7 + k/3)
		g.onNode[i]++
		return i
	}
	i := at(g.random.IntN(inZone))
	for range 50 {
		if g.onNode[i] < g.PodsPerNode+3 {
			break
		}
		i = at(g.random.IntN(inZone))
	}
	g.onNode[i]++
	return i
}

func (s Size) node(i int) *corev1.Node {
	name := NodeName(i)
	cpu := int64(32)
	if s.Demanding {
		cpu = 24 // less than what two zones need: the high priority preempts the low one
	}
	room := corev1.ResourceList{
		corev1.ResourceCPU:    *resource.NewQuantity(cpu, resource.DecimalSI),
		corev1.ResourceMemory: *resource.NewQuantity(128<<30, resource.BinarySI),
		corev1.ResourcePods:   *resource.NewQuantity(110, resource.DecimalSI),
	}
	return &corev1.Node{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Node"},
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name), Labels: map[string]string{
			corev1.LabelHostname:           name,
			corev1.LabelTopologyZone:       Zones()[i%len(Zones())],
			corev1.LabelTopologyRegion:     "r",
			corev1.LabelOSStable:           "linux",
			corev1.LabelArchStable:         "amd64",
			corev1.LabelInstanceTypeStable: "m5",
		}},
		Status: corev1.NodeStatus{
			Capacity: room, Allocatable: room,
			Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}},
		},
	}
}

// deployment returns workload w and its ReplicaSet.
func (g *generator) deployment(w, count int) (*appsv1.Deployment, *appsv1.ReplicaSet) {
	name := fmt.Sprintf("app-%05d", w)
	hash := strconv.FormatInt(int64(1<<30+w), 36)
	replicas := int32(count)
	app := map[string]string{"app": name}
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: app}, Spec: g.podSpec(w, app)}
	d := &appsv1.Deployment{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"},
		ObjectMeta: metav1.ObjectMeta{Namespace: namespaceName(w), Name: name, UID: types.UID("d-" + name)},
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

func (g *generator) podSpec(w int, app map[string]string) corev1.PodSpec {
	spec := corev1.PodSpec{Containers: []corev1.Container{{
		Name: "app", Image: "registry.example/" + app["app"] + ":1",
		Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
			corev1.ResourceCPU:    *resource.NewMilliQuantity(int64(200+100*g.random.IntN(12)), resource.DecimalSI),
			corev1.ResourceMemory: *resource.NewQuantity(int64(1+g.random.IntN(4))<<30, resource.BinarySI),
		}},
	}}}
	if w%3 == 0 {
		honor := corev1.NodeInclusionPolicyHonor
		spec.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{{
			MaxSkew: 1, TopologyKey: corev1.LabelTopologyZone, WhenUnsatisfiable: corev1.DoNotSchedule,
			NodeTaintsPolicy: &honor, LabelSelector: &metav1.LabelSelector{MatchLabels: app},
		}}
	}
	if g.Preempting && w%15 == 0 {
		spec.PriorityClassName = "high"
		spec.TopologySpreadConstraints[0].NodeTaintsPolicy = nil
	}
	if w%20 == 7 {
		spec.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{
			RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{{
				TopologyKey: corev1.LabelHostname, LabelSelector: &metav1.LabelSelector{MatchLabels: app},
			}},
		}}
	}
	return spec
}

func namespaceName(w int) string { return fmt.Sprintf("ns-%03d", w/workloadsPerNamespace) }

func namespace(w int) *corev1.Namespace {
	name := namespaceName(w)
	return &corev1.Namespace{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelMetadataName: name, "team": teamOf(w)}},
	}
}

func teamOf(w int) string { return fmt.Sprintf("team-%d", w/workloadsPerNamespace%8) }

func service(w int) *corev1.Service {
	name := fmt.Sprintf("app-%05d", w)
	return &corev1.Service{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: metav1.ObjectMeta{Namespace: namespaceName(w), Name: name},
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
