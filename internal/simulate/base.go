package simulate

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"bulkhead.dev/bulkhead/internal/model"
)

// buildBase returns the cluster before the failure: on the snapshot's nodes, or
// on virtual ones.
func buildBase(ctx context.Context, sim *simulation) (*cluster, error) {
	if len(sim.Snapshot.Nodes) > 0 {
		return place(ctx, sim, sim.Snapshot.Nodes)
	}
	v := sim.Virtual
	if v.NodesPerZone > 0 {
		return place(ctx, sim, virtualNodes(v, v.NodesPerZone))
	}
	return buildSmallest(ctx, sim)
}

// maxVirtualNodes bounds the search for a virtual cluster, in nodes a zone:
// with three zones it is where Kubernetes ends (5,000 nodes,
// kubernetes.io/docs/setup/best-practices/cluster-large).
const maxVirtualNodes = 1666

// buildSmallest finds the fewest nodes in each zone on which as many pods fit
// as fit at all, and adds one to each zone.
func buildSmallest(ctx context.Context, sim *simulation) (*cluster, error) {
	pendingAt := map[int]int{}
	try := func(n int) (int, error) {
		if p, ok := pendingAt[n]; ok {
			return p, nil
		}
		sim.progress("sizing the virtual cluster", len(pendingAt), 0)
		c, err := place(ctx, sim, virtualNodes(sim.Virtual, n))
		if err != nil {
			return 0, err
		}
		pendingAt[n] = c.pendingCount()
		return pendingAt[n], nil
	}
	low := leastNodes(sim)
	best, err := try(low)
	if err != nil {
		return nil, err
	}
	// Grow until everything fits, or until two doublings bring nothing.
	n, high, idle := low, low, 0
	for step := 1; best > 0 && idle < 3 && n < maxVirtualNodes; step *= 2 {
		n = min(low+step, maxVirtualNodes)
		p, err := try(n)
		if err != nil {
			return nil, err
		}
		if p < best {
			best, high, idle = p, n, 0
		} else {
			idle++
		}
	}
	for lo, hi := low, high; lo < hi; {
		mid := (lo + hi) / 2
		p, err := try(mid)
		if err != nil {
			return nil, err
		}
		if p <= best {
			hi, high = mid, mid
		} else {
			lo = mid + 1
		}
	}
	return place(ctx, sim, virtualNodes(sim.Virtual, min(high+1, maxVirtualNodes)))
}

// leastNodes is a lower bound for the nodes a zone, from the sum of requests.
func leastNodes(sim *simulation) int {
	var cpu, memory, pods int64
	for _, w := range sim.Snapshot.Workloads {
		if w.Daemon != nil {
			continue
		}
		r := requests(&w.Template.Spec)
		cpu += int64(w.Replicas) * r.cpu
		memory += int64(w.Replicas) * r.memory
		pods += int64(w.Replicas)
	}
	v := sim.Virtual
	zones := int64(len(v.Zones))
	need := int64(1)
	for _, x := range [][2]int64{{cpu, v.CPU.MilliValue()}, {memory, v.Memory.Value()}, {pods, v.Pods}} {
		if room := x[1] * zones; room > 0 {
			need = max(need, (x[0]+room-1)/room)
		}
	}
	return int(min(need, maxVirtualNodes))
}

// virtualNodes makes n nodes in each zone, zone by zone in turn.
func virtualNodes(v model.VirtualCluster, n int) []*corev1.Node {
	var out []*corev1.Node
	for i := range n {
		for _, zone := range v.Zones {
			name := zone + "-" + strconv.Itoa(i+1)
			room := corev1.ResourceList{
				corev1.ResourceCPU:              v.CPU,
				corev1.ResourceMemory:           v.Memory,
				corev1.ResourcePods:             *resource.NewQuantity(v.Pods, resource.DecimalSI),
				corev1.ResourceEphemeralStorage: resource.MustParse("100Gi"),
			}
			out = append(out, &corev1.Node{
				ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID("node-" + name), Labels: map[string]string{
					corev1.LabelHostname:           name,
					corev1.LabelTopologyZone:       zone,
					corev1.LabelTopologyRegion:     "virtual",
					corev1.LabelOSStable:           "linux",
					corev1.LabelArchStable:         "amd64",
					corev1.LabelInstanceTypeStable: "virtual",
				}},
				Status: corev1.NodeStatus{
					Capacity: room, Allocatable: room,
					Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}},
				},
			})
		}
	}
	return out
}

// place returns a cluster on the nodes with every pod of the snapshot: those
// that have a node stay there, the others are created in the order of the input
// and placed by the scheduler. The cluster is there to be cloned: its session is
// closed, and where no pod waits there was none.
func place(ctx context.Context, sim *simulation, nodes []*corev1.Node) (*cluster, error) {
	for _, n := range nodes {
		sim.addNode(n)
	}
	c := emptyCluster(sim)
	if err := c.populate(nodes); err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(c.pods, func(p *pod) bool { return p.node() == "" }) {
		return c, nil
	}
	c, err := newCluster(ctx, sim)
	if err != nil {
		return nil, err
	}
	defer c.close()
	if err := c.populate(nodes); err != nil {
		return nil, err
	}
	if err := c.settle(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// populate adds the nodes and the snapshot's objects, and the pods that
// controllers would create.
func (c *cluster) populate(nodes []*corev1.Node) error {
	for _, n := range nodes {
		if err := c.setNode(n); err != nil {
			return err
		}
	}
	for _, v := range c.sim.Snapshot.Volumes {
		if err := c.setVolume(available(v)); err != nil {
			return err
		}
	}
	for _, claim := range c.sim.Snapshot.Claims {
		if err := c.addClaim(claim); err != nil {
			return err
		}
	}
	if err := c.addExisting(); err != nil {
		return err
	}
	for i := range c.sim.Snapshot.Workloads {
		missing := c.missing(i)
		for n, p := range missing {
			if quota := c.quotaRefusing(p, func(*pod) bool { return true }); quota != "" {
				c.refused[i] = refusal{quota, len(missing) - n}
				break // controllers stop at the first refusal (slowStartBatch)
			}
			if err := c.ensureClaims(p); err != nil {
				return err
			}
			if err := c.add(p); err != nil {
				return err
			}
		}
	}
	return nil
}

// settle lets the scheduler place the pods that wait.
func (c *cluster) settle(ctx context.Context) error {
	total, done := len(c.pods), 0
	placed := func(p *pod) error {
		if done++; done%500 == 0 {
			c.sim.progress("placing pods", done, total)
		}
		p.ready = c.serves(p)
		return nil
	}
	for {
		if err := c.drain(ctx, placed, c.preemptNow); err != nil {
			return err
		}
		if n, err := c.withdraw(); n == 0 || err != nil {
			return err
		}
	}
}

// withdraw takes back pods that are not in the input and whose StatefulSet would
// not have created them: one with a lower ordinal does not run
// (pkg/controller/statefulset/stateful_set_control.go, processReplica). It returns
// how many.
func (c *cluster) withdraw() (int, error) {
	n := 0
	for i, w := range c.sim.Snapshot.Workloads {
		if w.Kind != model.KindStatefulSet || w.Parallel {
			continue
		}
		given, bySlot := map[int]bool{}, map[int]*pod{}
		for n, obj := range w.Pods {
			given[slotOf(w, obj, n)] = true
		}
		for _, p := range c.byOwner[i] {
			if !p.gone {
				bySlot[p.slot] = p
			}
		}
		waits := false
		for slot := w.FirstOrdinal; slot < w.FirstOrdinal+w.Replicas; slot++ {
			p := bySlot[slot]
			if waits && p != nil && !given[slot] {
				if err := c.remove(p); err != nil {
					return n, err
				}
				n++
			}
			waits = waits || p == nil || !p.ready
		}
	}
	return n, nil
}

// quotaRefusing returns the ResourceQuota that refuses the pod, given which pods
// are charged, or "".
func (c *cluster) quotaRefusing(p *pod, charged func(*pod) bool) string {
	quotas := c.sim.quotas[p.obj.Namespace]
	if len(quotas) == 0 {
		return ""
	}
	var pods []*corev1.Pod
	for _, q := range c.pods {
		if q.obj.Namespace == p.obj.Namespace && !q.gone && charged(q) {
			pods = append(pods, q.obj)
		}
	}
	return c.sim.Admission.Refuse(quotas, pods, p.obj)
}

// addExisting adds the pods of the input that have a node or wait for one.
func (c *cluster) addExisting() error {
	serial := 0
	for i, w := range c.sim.Snapshot.Workloads {
		for n, obj := range w.Pods {
			serial++
			p := &pod{obj: distinct(obj, serial), workload: i, slot: slotOf(w, obj, n)}
			if n > 0 && maps.Equal(obj.Labels, w.Pods[n-1].Labels) {
				p.obj.Labels = c.pods[len(c.pods)-1].obj.Labels // shared, they are told to be equal at once
			}
			p.terminating = obj.DeletionTimestamp != nil
			if w.Daemon != nil {
				p.target = obj.Spec.NodeName
			}
			p.ready = c.serves(p)
			if err := c.add(p); err != nil {
				return fmt.Errorf("%s: %w", w.Source, err)
			}
		}
	}
	return nil
}

// distinct returns the pod with a UID and, if it has a node, a start time that no
// other pod has: preemption breaks ties by it. Times keep their second.
func distinct(obj *corev1.Pod, serial int) *corev1.Pod {
	p := *obj
	if p.UID == "" {
		p.UID = types.UID("pod-" + p.Namespace + "-" + p.Name)
	}
	if p.Spec.NodeName != "" {
		start := time.Unix(0, 0)
		if p.Status.StartTime != nil {
			start = p.Status.StartTime.Truncate(time.Second)
		}
		start = start.Add(time.Duration(serial%int(time.Second/time.Microsecond)) * time.Microsecond)
		p.Status.StartTime = &metav1.Time{Time: start}
	}
	return &p
}

// slotOf returns the ordinal of a StatefulSet's pod, else n.
func slotOf(w *model.Workload, obj *corev1.Pod, n int) int {
	if w.Kind == model.KindStatefulSet && len(obj.Name) > len(w.Name)+1 {
		if ordinal, err := strconv.Atoi(obj.Name[len(w.Name)+1:]); err == nil {
			return ordinal
		}
	}
	return n
}

// serves reports whether a placed pod serves: it is not being deleted, its node
// is there and ready, and nothing says that the pod is not.
func (c *cluster) serves(p *pod) bool {
	n, ok := c.nodes[p.node()]
	if !ok || !p.alive() {
		return false
	}
	for _, cond := range n.Status.Conditions {
		if cond.Type == corev1.NodeReady && cond.Status != corev1.ConditionTrue {
			return false
		}
	}
	for _, cond := range p.obj.Status.Conditions {
		if cond.Type == corev1.PodReady && cond.Status != corev1.ConditionTrue {
			return false
		}
	}
	return true
}

// missing returns the pods that the workload's controller would create now.
func (c *cluster) missing(index int) []*pod {
	w := c.sim.Snapshot.Workloads[index]
	if w.Daemon == nil && w.Kind == model.KindPod && len(c.byOwner[index]) > 0 {
		return nil // nobody creates a bare pod again
	}
	taken := make([]bool, w.FirstOrdinal+w.Replicas)
	alive := 0
	for _, p := range c.byOwner[index] {
		if p.gone {
			continue
		}
		if p.alive() {
			alive++
		}
		for p.slot >= len(taken) {
			taken = append(taken, false)
		}
		taken[p.slot] = true
	}
	var out []*pod
	switch {
	case w.Daemon != nil:
		onNode := map[string]bool{}
		for _, p := range c.byOwner[index] {
			if p.alive() {
				onNode[p.target] = true
			}
		}
		for _, node := range c.nodeNames {
			if onNode[node] {
				continue
			}
			if p := c.newPod(index, len(c.byOwner[index])+len(out), node); p != nil {
				out = append(out, p)
			}
		}
	case w.Kind == model.KindStatefulSet:
		for slot := w.FirstOrdinal; slot < w.FirstOrdinal+w.Replicas; slot++ {
			if !taken[slot] {
				out = append(out, c.newPod(index, slot, ""))
			}
		}
	default:
		for slot := 0; alive < w.Replicas; slot++ {
			if slot < len(taken) && taken[slot] {
				continue
			}
			out = append(out, c.newPod(index, slot, ""))
			alive++
		}
	}
	return out
}

// preemptNow takes a victim away at once: before the failure time does not count.
// Its controller creates a replacement, which waits.
func (c *cluster) preemptNow(victim, _ *pod) error {
	if err := c.remove(victim); err != nil {
		return err
	}
	for _, p := range c.missing(victim.workload) {
		if err := c.add(p); err != nil {
			return err
		}
	}
	return nil
}

// pendingCount counts the pods without a node.
func (c *cluster) pendingCount() int {
	n := 0
	for _, p := range c.pods {
		if p.alive() && p.node() == "" {
			n++
		}
	}
	return n
}

// zones returns the names of the zones with nodes, sorted. Nodes without a zone
// label are in none.
func (c *cluster) zones() []string {
	var out []string
	for _, name := range c.nodeNames {
		if z := c.zone(name); z != "" && !slices.Contains(out, z) {
			out = append(out, z)
		}
	}
	slices.Sort(out)
	return out
}
