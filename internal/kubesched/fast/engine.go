package fast

import (
	"maps"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/sets"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/backend/cache"
)

// Engine is what one scheduler session remembers about its cluster. It is told
// of every change, and of the moment at which a cycle begins.
type Engine struct {
	snapshot *cache.Snapshot
	// stale: everything must be learnt again, since nodes came or went or an
	// object changed that selectors are made from.
	stale bool
	cycle uint32

	nodes []fwk.NodeInfo // in the scheduler's order
	names []string
	index map[string]int32
	all   []int32 // 0, 1, 2 …
	// start is where the next search begins (nextStartNodeIndex).
	start int
	// version counts the changes of a node's object, room those of the object or
	// of the pods on it. They start at 1.
	version, room []uint32
	// relabels counts the changes of a node's labels.
	relabels int
	// anyImages: some node lists an image. ImageLocality's score uses how many
	// nodes had the image when the node last changed in any way; as long as no
	// node's images changed (imagesMoved), that is how many have it.
	anyImages, imagesMoved bool

	groups    *groups
	groupings map[string]*grouping
	families  map[Identity]*family
	facets    map[string]*facet
	// nominated are the pods for which a node is nominated, by namespace/name.
	nominated sets.Set[string]

	// Checks counts the cycles that were checked against the scheduler's own
	// framework, and Divergences those in which an answer differed.
	Checks, Divergences int
	// CheckEvery is the size of the sample: one cycle in so many is checked. 0
	// chooses by the size of the cluster.
	CheckEvery int
}

// NewEngine returns an Engine for a session whose profiles share the snapshot.
func NewEngine(snapshot *cache.Snapshot) *Engine {
	return &Engine{snapshot: snapshot, stale: true, nominated: sets.New[string]()}
}

// Changed tells of an object that was added (old is nil), updated, or removed
// (obj is nil). The scheduler's cache knows of it already. A nil Engine takes no
// notice.
func (e *Engine) Changed(old, obj runtime.Object) {
	if e == nil {
		return
	}
	some := obj
	if some == nil {
		some = old
	}
	switch some.(type) {
	case *corev1.Pod:
		was, _ := old.(*corev1.Pod)
		is, _ := obj.(*corev1.Pod)
		e.podChanged(was, is)
	case *corev1.Node:
		was, _ := old.(*corev1.Node)
		is, _ := obj.(*corev1.Node)
		e.nodeChanged(was, is)
	default:
		if !irrelevant(some) {
			e.stale = true
		}
	}
}

func (e *Engine) podChanged(old, pod *corev1.Pod) {
	switch {
	case pod == nil:
		e.nominated.Delete(old.Namespace + "/" + old.Name)
	case pod.Spec.NodeName == "" && pod.Status.NominatedNodeName != "":
		e.nominated.Insert(pod.Namespace + "/" + pod.Name)
	case len(e.nominated) > 0:
		e.nominated.Delete(pod.Namespace + "/" + pod.Name)
	}
	if e.stale {
		return
	}
	if old != nil {
		if i, ok := e.index[old.Spec.NodeName]; ok {
			e.room[i]++
			e.groups.add(old, i, -1)
		}
	}
	if pod != nil {
		if i, ok := e.index[pod.Spec.NodeName]; ok {
			e.room[i]++
			e.groups.add(pod, i, 1)
		}
	}
}

func (e *Engine) nodeChanged(old, node *corev1.Node) {
	if e.stale {
		return
	}
	if old == nil || node == nil || !sameTreePlace(old, node) ||
		!equality.Semantic.DeepEqual(old.Status.Images, node.Status.Images) {
		e.stale, e.imagesMoved = true, true
		return
	}
	i, ok := e.index[node.Name]
	if !ok {
		e.stale = true
		return
	}
	e.version[i]++
	e.room[i]++
	if !maps.Equal(old.Labels, node.Labels) {
		e.relabels++
	}
	for _, g := range e.groupings {
		g.update(i, node)
	}
}

// sameTreePlace reports whether the scheduler's node order keeps the node's
// place: it goes by region and zone.
func sameTreePlace(a, b *corev1.Node) bool {
	for _, key := range []string{
		corev1.LabelTopologyZone, corev1.LabelTopologyRegion,
		corev1.LabelFailureDomainBetaZone, corev1.LabelFailureDomainBetaRegion,
	} {
		if a.Labels[key] != b.Labels[key] {
			return false
		}
	}
	return true
}

// begin prepares for a cycle on the snapshot as it is now.
func (e *Engine) begin() error {
	e.cycle++
	if !e.stale {
		return nil
	}
	nodes, err := e.snapshot.List()
	if err != nil {
		return err
	}
	*e = Engine{
		snapshot: e.snapshot, cycle: e.cycle, start: e.start, nominated: e.nominated, imagesMoved: e.imagesMoved,
		Checks: e.Checks, Divergences: e.Divergences, CheckEvery: e.CheckEvery,
		nodes:     nodes,
		index:     make(map[string]int32, len(nodes)),
		version:   make([]uint32, len(nodes)),
		room:      make([]uint32, len(nodes)),
		groups:    newGroups(),
		groupings: map[string]*grouping{},
		families:  map[Identity]*family{},
		facets:    map[string]*facet{},
	}
	for i, n := range nodes {
		e.index[n.Node().Name] = int32(i)
		e.names = append(e.names, n.Node().Name)
		e.all = append(e.all, int32(i))
		e.version[i], e.room[i] = 1, 1
		e.anyImages = e.anyImages || len(n.GetImageStates()) > 0
		for _, p := range n.GetPods() {
			e.groups.add(p.GetPod(), int32(i), 1)
		}
	}
	return nil
}

// irrelevant holds for objects that none of the answers kept here depends on.
func irrelevant(obj runtime.Object) bool {
	switch obj.(type) {
	case *corev1.Service, *corev1.ReplicationController, *appsv1.ReplicaSet, *appsv1.StatefulSet:
		return false // default spread constraints take their selectors
	case *corev1.Namespace:
		return false // affinity terms select namespaces by label
	}
	return true // budgets; volumes and claims: their plugins are asked each time
}
