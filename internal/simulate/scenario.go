package simulate

import (
	"cmp"
	"container/heap"
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/model"
)

// scenario plays one failure on a clone of the base. Times are in seconds after
// the failure.
type scenario struct {
	*cluster
	base       *cluster
	failure    model.Failure
	world      World
	dead       map[string]bool // lost nodes
	cut        map[string]bool // those of them that run on, without the API
	lostNodes  []*corev1.Node
	notReadyAt float64            // the first of them is
	markedIn   map[string]float64 // lost node → how long after the first

	now     float64
	changed float64 // when something last happened
	events  eventQueue
	planned int // events so far

	tracks   []*track // by workload
	services []*serviceTrack
	// servicesIn and servicesOf find the services of a namespace and of a pod.
	servicesIn map[string][]*serviceTrack
	servicesOf map[*pod][]*serviceTrack
	living     []client // nodes that are not lost
	timeline   []v1alpha1.Event
	placedIn   map[int]int // workload → pods placed at this moment

	attached  map[string]string // claim → dead node it is still attached to
	stopped   map[string]string // zone → why its evictions are stopped
	refusedBy map[int]string    // workload → ResourceQuota that refused its pods
	// failedJobs are Jobs that lost more pods than they bear: workload → how many.
	failedJobs map[int]int
}

// event is something that will happen.
type event struct {
	at   float64
	seq  int
	what func() error
}

type eventQueue []event

func (q eventQueue) Len() int { return len(q) }
func (q eventQueue) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(q[i].at, q[j].at), cmp.Compare(q[i].seq, q[j].seq)) < 0
}
func (q eventQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

// Push implements heap.Interface.
func (q *eventQueue) Push(x any) {
	if e, ok := x.(event); ok {
		*q = append(*q, e)
	}
}

// Pop implements heap.Interface.
func (q *eventQueue) Pop() any {
	old := *q
	e := old[len(old)-1]
	*q = old[:len(old)-1]
	return e
}

// newScenario clones the base for the failure.
func newScenario(ctx context.Context, base *cluster, f model.Failure, world World) (*scenario, error) {
	c, err := base.clone(ctx)
	if err != nil {
		return nil, fmt.Errorf("scenario %s: %w", f.Name, err)
	}
	s := &scenario{
		cluster: c, base: base, failure: f, world: world,
		dead:      map[string]bool{},
		cut:       map[string]bool{},
		attached:  map[string]string{},
		stopped:   map[string]string{},
		refusedBy: map[int]string{},

		failedJobs: map[int]int{},
		placedIn:   map[int]int{},
	}
	s.tracks = newTracks(c)
	s.services = newServiceTracks(s)
	for _, name := range c.nodeNames {
		gone := slices.Contains(f.Zones, c.zone(name)) || slices.Contains(f.Nodes, name)
		_, cut := f.Consequences.Hits(model.LosesNodes, c.zone(name))
		if gone || cut {
			s.dead[name] = true
			s.cut[name] = !gone
			s.lostNodes = append(s.lostNodes, c.nodes[name])
		}
	}
	s.living = s.clients()
	return s, nil
}

// at lets something happen at a time.
func (s *scenario) at(t float64, what func() error) {
	s.planned++
	heap.Push(&s.events, event{at: t, seq: s.planned, what: what})
}

// note adds an event to the timeline.
func (s *scenario) note(e v1alpha1.Event) {
	e.At, s.changed = round(s.now), s.now
	s.timeline = append(s.timeline, e)
}

// flushAfter is how long a pod waits at most until it is tried again whatever
// happens: five minutes, looked at every 30 s (pkg/scheduler/backend/queue
// DefaultPodMaxInUnschedulablePodsDuration, flushUnschedulablePodsLeftover).
const flushAfter = 330

// run plays the failure until nothing moves any more.
func (s *scenario) run(ctx context.Context) error {
	s.lose()
	if err := s.play(ctx); err != nil {
		return fmt.Errorf("scenario %s: %w", s.failure.Name, err)
	}
	if s.pendingCount() > 0 {
		// Once is enough when nothing moves.
		s.at(s.now+flushAfter, func() error {
			s.session.Retry()
			return nil
		})
		if err := s.play(ctx); err != nil {
			return fmt.Errorf("scenario %s: %w", s.failure.Name, err)
		}
	}
	s.now = s.changed
	s.note(v1alpha1.Event{Event: "settled"})
	return nil
}

// play lets events happen in order of time, all of one moment before the
// scheduler is asked.
func (s *scenario) play(ctx context.Context) error {
	for len(s.events) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		s.now = s.events[0].at
		for len(s.events) > 0 && s.events[0].at == s.now {
			e, ok := heap.Pop(&s.events).(event)
			if !ok {
				break
			}
			if err := e.what(); err != nil {
				return err
			}
		}
		if err := s.schedule(ctx); err != nil {
			return err
		}
		s.endOfMoment()
	}
	return nil
}

// schedule lets the scheduler try what it would try now.
func (s *scenario) schedule(ctx context.Context) error {
	return s.drain(ctx, s.onPlaced, s.onPreempted)
}

// endOfMoment records what the moment changed.
func (s *scenario) endOfMoment() {
	for _, index := range sortedKeys(s.placedIn) {
		s.note(v1alpha1.Event{Event: "pods-placed", Workload: s.sim.names[index], Count: s.placedIn[index]})
	}
	clear(s.placedIn)
	for index, t := range s.tracks {
		t.endOfMoment(s, index)
	}
	for _, t := range s.services {
		t.endOfMoment(s)
	}
}

func (s *scenario) ref(workload int) model.Ref { return s.sim.Snapshot.Workloads[workload].Ref }

// lose takes the nodes away: at once their pods serve no more; the cluster
// learns of it when the node lifecycle controller does.
func (s *scenario) lose() {
	names := s.deadNames()
	if down := s.failure.Consequences.Down; len(down) > 0 {
		s.at(0, func() error {
			s.note(v1alpha1.Event{Event: "dependencies-down", Count: len(down), Message: strings.Join(down, ", ")})
			return nil
		})
	}
	if len(names) > 0 {
		s.at(0, func() error {
			for _, zone := range s.zonesOf(names) {
				event := "failure"
				if _, hit := s.failure.Consequences.Hits(model.LosesNodes, zone); hit {
					event = "nodes-cut-off"
				}
				s.note(v1alpha1.Event{Event: event, Zone: zone, Count: s.countDead(zone)})
			}
			for _, name := range names {
				for _, p := range s.byNode[name] {
					p.onDeadNode = true
					if !s.cut[name] {
						s.setReady(p, false)
					}
					for _, claim := range s.claimsOf(p.obj) {
						if s.attaches(claim) {
							s.attached[claim.Namespace+"/"+claim.Name] = name
						}
					}
				}
			}
			return nil
		})
		if s.hasAPI() {
			s.planNodeLifecycle(names)
		}
	}
}

func (s *scenario) deadNames() []string { return sortedKeys(s.dead) }

// zonesOf returns the zones of the nodes, sorted.
func (s *scenario) zonesOf(names []string) []string {
	set := map[string]bool{}
	for _, n := range names {
		set[s.zone(n)] = true
	}
	return sortedKeys(set)
}

func (s *scenario) countDead(zone string) int {
	n := 0
	for name := range s.dead {
		if s.zone(name) == zone {
			n++
		}
	}
	return n
}

// setReady changes whether the pod serves, and tells the tracks.
func (s *scenario) setReady(p *pod, ready bool) {
	if p.ready == ready {
		return
	}
	p.ready, s.changed = ready, s.now
	s.tracks[p.workload].change(p, ready, s.now)
	for _, t := range s.servicesOf[p] {
		t.dirty = true
	}
}

// onPlaced is called when a pod got a node: it becomes ready some time later.
func (s *scenario) onPlaced(p *pod) error {
	s.placedIn[p.workload]++
	p.placed = s.now
	if s.dead[p.node()] {
		// The cluster does not know yet that the node is lost.
		p.onDeadNode = true
		return nil
	}
	for _, claim := range s.claimsOf(p.obj) {
		key := claim.Namespace + "/" + claim.Name
		if _, ok := s.attached[key]; ok && s.attaches(claim) {
			p.waitsFor = key
			return nil
		}
	}
	s.start(p)
	return nil
}

// start makes the pod ready after the time that it takes to start.
func (s *scenario) start(p *pod) {
	if s.lacksImages(p) {
		p.noImage = true
		return
	}
	t := s.sim.Timings
	wait := t.PodStart
	if waited := p.placed - p.created; waited > 0 {
		p.terms = append(p.terms, term{"waiting for room", waited})
	}
	if detach := s.now - p.placed; detach > 0 {
		p.terms = append(p.terms, term{"volume detach", detach})
	}
	for _, claim := range s.claimsOf(p.obj) {
		if s.attaches(claim) {
			wait += t.VolumeAttach
			p.terms = append(p.terms, term{"volume attach", t.VolumeAttach})
			break
		}
	}
	p.terms = append(p.terms, term{"schedule and start", t.PodStart})
	s.at(s.now+wait, func() error {
		if p.alive() && !p.onDeadNode {
			s.setReady(p, true)
			return s.onReady(p)
		}
		return nil
	})
}

// setTaint returns a copy of the node with the taint, NotReady if not yet.
func setTaint(n *corev1.Node, taints ...corev1.Taint) *corev1.Node {
	out := n.DeepCopy()
	for _, t := range taints {
		if !slices.ContainsFunc(out.Spec.Taints, func(o corev1.Taint) bool { return o.MatchTaint(&t) }) {
			out.Spec.Taints = append(out.Spec.Taints, t)
		}
	}
	ready := corev1.NodeCondition{Type: corev1.NodeReady, Status: corev1.ConditionUnknown, Reason: "NodeStatusUnknown"}
	i := slices.IndexFunc(out.Status.Conditions, func(c corev1.NodeCondition) bool { return c.Type == corev1.NodeReady })
	if i >= 0 {
		out.Status.Conditions[i] = ready
	} else {
		out.Status.Conditions = append(out.Status.Conditions, ready)
	}
	return out
}

// sortedKeys returns the map's keys in order.
func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
