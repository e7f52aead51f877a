package simulate

import (
	"context"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"bulkhead.dev/bulkhead/internal/model"
)

// pod is one pod and what the simulation knows of it.
type pod struct {
	obj      *corev1.Pod
	workload int    // index in the snapshot's workloads
	slot     int    // ordinal of a StatefulSet's pod; index of others
	target   string // node that a DaemonSet's pod is for

	ready       bool // it serves
	terminating bool // deleted, its object still there
	gone        bool // its object is gone
	onDeadNode  bool
	fresh       bool // created after the failure
	preempted   bool
	waitsFor    string // claim that is still attached to a dead node
	noImage     bool   // its node cannot pull its image
	preemptions int    // for its sake

	created, placed, deletedAt float64

	terms   []term // what its recovery was made of
	blocked *Decision
}

type term struct {
	name    string
	seconds float64
}

func (p *pod) key() string  { return p.obj.Namespace + "/" + p.obj.Name }
func (p *pod) node() string { return p.obj.Spec.NodeName }

// alive reports whether the pod counts as one of its controller's replicas.
func (p *pod) alive() bool { return !p.gone && !p.terminating }

// cluster is nodes, pods and volumes, and the scheduler session that knows them.
// It is changed by one goroutine at a time.
type cluster struct {
	sim     *simulation
	session Session

	nodes     map[string]*corev1.Node
	nodeNames []string // in the order in which they were added

	pods     []*pod // in the order in which they were created
	byKey    map[string]*pod
	byNode   map[string][]*pod
	byOwner  [][]*pod                                 // by workload
	claims   map[string]*corev1.PersistentVolumeClaim // by namespace/name
	volumes  map[string]*corev1.PersistentVolume
	claimSeq []string // keys of claims in the order in which they were added
	volSeq   []string

	assumed map[string]bool // assumptions made, for the report
	// refused counts the pods of a workload that a ResourceQuota keeps from being
	// created before the failure.
	refused map[int]refusal
	serial  int // of pods created
}

// refusal is a ResourceQuota and how many pods it refuses.
type refusal struct {
	quota string
	pods  int
}

// newCluster returns an empty cluster that knows the snapshot's services,
// controllers, classes and budgets.
func newCluster(ctx context.Context, sim *simulation) (*cluster, error) {
	session, err := sim.Scheduler.Open(ctx)
	if err != nil {
		return nil, fmt.Errorf("opening the scheduler: %w", err)
	}
	c := emptyCluster(sim)
	c.session = session
	for _, obj := range sim.fixed {
		if err := session.Set(obj); err != nil {
			session.Close()
			return nil, err
		}
	}
	return c, nil
}

// emptyCluster returns an empty cluster without a scheduler.
func emptyCluster(sim *simulation) *cluster {
	return &cluster{
		sim:     sim,
		session: idle{},
		nodes:   map[string]*corev1.Node{},
		byKey:   map[string]*pod{},
		byNode:  map[string][]*pod{},
		byOwner: make([][]*pod, len(sim.Snapshot.Workloads)),
		claims:  map[string]*corev1.PersistentVolumeClaim{},
		volumes: map[string]*corev1.PersistentVolume{},
		assumed: map[string]bool{},
		refused: map[int]refusal{},
	}
}

func (c *cluster) close() {
	c.session.Close()
	c.session = idle{}
}

// clone returns an independent cluster in the same state.
func (c *cluster) clone(ctx context.Context) (*cluster, error) {
	n, err := newCluster(ctx, c.sim)
	if err != nil {
		return nil, err
	}
	if err := n.copyFrom(c); err != nil {
		n.close()
		return nil, err
	}
	return n, nil
}

func (c *cluster) copyFrom(from *cluster) error {
	c.serial = from.serial
	maps.Copy(c.refused, from.refused)
	for k := range from.assumed {
		c.assumed[k] = true
	}
	for _, name := range from.nodeNames {
		if n, ok := from.nodes[name]; ok {
			if err := c.setNode(n); err != nil {
				return err
			}
		}
	}
	for _, key := range from.volSeq {
		if err := c.setVolume(from.volumes[key]); err != nil {
			return err
		}
	}
	for _, key := range from.claimSeq {
		if err := c.setClaim(from.claims[key]); err != nil {
			return err
		}
	}
	for _, p := range from.pods {
		if p.gone {
			continue
		}
		q := *p
		if err := c.add(&q); err != nil {
			return err
		}
	}
	return nil
}

func (c *cluster) setNode(n *corev1.Node) error {
	if _, ok := c.nodes[n.Name]; !ok {
		c.nodeNames = append(c.nodeNames, n.Name)
	}
	c.nodes[n.Name] = n
	return c.session.Set(n)
}

func (c *cluster) deleteNode(name string) error {
	n, ok := c.nodes[name]
	if !ok {
		return nil
	}
	delete(c.nodes, name)
	for i, other := range c.nodeNames {
		if other == name {
			c.nodeNames = append(c.nodeNames[:i:i], c.nodeNames[i+1:]...)
			break
		}
	}
	return c.session.Delete(n)
}

// add makes the pod part of the cluster; without a node it waits for one.
func (c *cluster) add(p *pod) error {
	if old, ok := c.byKey[p.key()]; ok && !old.gone {
		return fmt.Errorf("creating pod %s: it exists already", p.key())
	}
	c.pods = append(c.pods, p)
	c.byKey[p.key()] = p
	c.byOwner[p.workload] = append(c.byOwner[p.workload], p)
	if p.node() != "" {
		c.byNode[p.node()] = append(c.byNode[p.node()], p)
	}
	return c.session.Set(p.obj)
}

// update replaces the pod's object.
func (c *cluster) update(p *pod, obj *corev1.Pod) error {
	p.obj = obj
	return c.session.Set(obj)
}

// remove takes the pod's object away.
func (c *cluster) remove(p *pod) error {
	p.gone, p.ready = true, false
	if node := p.node(); node != "" {
		list := c.byNode[node]
		for i, q := range list {
			if q == p {
				c.byNode[node] = append(list[:i:i], list[i+1:]...)
				break
			}
		}
	}
	return c.session.Delete(p.obj)
}

// drain runs scheduling cycles until no pod is ready to be tried. It calls
// placed for every pod that got a node and preempt for every pod that others
// make room for.
func (c *cluster) drain(ctx context.Context, placed func(*pod) error, preempt func(victim, by *pod) error) error {
	for {
		d, err := c.session.Next(ctx)
		if err != nil || d == nil {
			return err
		}
		p := c.byKey[d.Pod.Namespace+"/"+d.Pod.Name]
		if p == nil {
			return fmt.Errorf("scheduling: unknown pod %s/%s", d.Pod.Namespace, d.Pod.Name)
		}
		if !d.Placed() {
			p.blocked = d
			if len(d.Victims) > 0 && c.preemptsInVain(p) {
				continue
			}
			for _, v := range d.Victims {
				victim := c.byKey[v.Namespace+"/"+v.Name]
				if victim == nil {
					return fmt.Errorf("preempting: unknown pod %s/%s", v.Namespace, v.Name)
				}
				if err := preempt(victim, p); err != nil {
					return err
				}
			}
			continue
		}
		p.obj, p.blocked = d.Pod, nil
		c.byNode[p.node()] = append(c.byNode[p.node()], p)
		if err := c.provision(p); err != nil {
			return err
		}
		if err := placed(p); err != nil {
			return err
		}
	}
}

// maxPreemptions is how often a pod may preempt before it is taken to do so for
// ever. The scheduler itself has no such bound: where the pods that are created
// for its victims take the room again before it does, it goes on.
const maxPreemptions = 5

// preemptsInVain counts a preemption, and reports whether the pod has preempted
// too often.
func (c *cluster) preemptsInVain(p *pod) bool {
	p.preemptions++
	if p.preemptions <= maxPreemptions {
		return false
	}
	c.assumed[fmt.Sprintf("%s preempts pods whose replacements take the room again, in an endless loop; after %d times it is taken to wait",
		c.sim.names[p.workload], maxPreemptions)] = true
	return true
}

// zone returns the zone of the node, "" if it is not known.
func (c *cluster) zone(node string) string {
	if n, ok := c.nodes[node]; ok {
		return model.ZoneOf(n)
	}
	return c.sim.zoneOf[node]
}

// setBudgets writes each PodDisruptionBudget's status, which preemption heeds:
// how many of its pods may be disrupted now.
func (c *cluster) setBudgets() error {
	for _, b := range c.sim.Snapshot.Budgets {
		healthy, expected := 0, 0
		for i, w := range c.sim.Snapshot.Workloads {
			if w.Namespace != b.Namespace || !c.sim.budgetCovers(b, w) {
				continue
			}
			expected += w.Replicas
			for _, p := range c.byOwner[i] {
				if p.ready && p.alive() {
					healthy++
				}
			}
		}
		n := b.DeepCopy()
		n.Status = policyv1.PodDisruptionBudgetStatus{
			CurrentHealthy:     int32(healthy),
			ExpectedPods:       int32(expected),
			DesiredHealthy:     int32(budgetMinimum(b, expected)),
			DisruptionsAllowed: max(0, int32(healthy-budgetMinimum(b, expected))),
		}
		if err := c.session.Set(n); err != nil {
			return err
		}
	}
	return nil
}

// fixedObjects are the objects that no scenario changes.
func fixedObjects(s *model.Snapshot) []runtime.Object {
	var out []runtime.Object
	for _, o := range s.Namespaces {
		out = append(out, o)
	}
	for _, o := range s.Services {
		out = append(out, o)
	}
	for _, o := range s.StorageClasses {
		out = append(out, o)
	}
	for _, o := range s.CSINodes {
		out = append(out, o)
	}
	for _, w := range s.Workloads {
		if o := controllerObject(w); o != nil {
			out = append(out, o)
		}
	}
	return out
}
