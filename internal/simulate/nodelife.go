package simulate

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/model"
)

var (
	unreachableNoSchedule = corev1.Taint{Key: corev1.TaintNodeUnreachable, Effect: corev1.TaintEffectNoSchedule}
	unreachableNoExecute  = corev1.Taint{Key: corev1.TaintNodeUnreachable, Effect: corev1.TaintEffectNoExecute}
	outOfService          = corev1.Taint{Key: corev1.TaintNodeOutOfService, Effect: corev1.TaintEffectNoExecute, Value: "nodeshutdown"}
)

// notReady returns when the node lifecycle controller begins to mark lost nodes
// NotReady. With its leader among what is lost, another instance must first see
// the lease expire (lease duration and one retry) and start; then it counts the
// grace period from its own first look, and sees it end at its next check.
func (s *scenario) notReady() (at float64, leaderLost bool) {
	t := s.sim.Timings
	leader := s.sim.ControllerLeader
	if leader == LeaderLost || slices.Contains(s.failure.Zones, leader) {
		return t.LeaderLeaseDuration + t.LeaderRetryPeriod + t.ControllerStart + t.NodeMonitorGracePeriod + t.NodeMonitorPeriod, true
	}
	return t.NodeMonitorGracePeriod, false
}

// planNodeLifecycle plans what the node lifecycle controller does about the
// lost nodes (pkg/controller/nodelifecycle/node_lifecycle_controller.go).
func (s *scenario) planNodeLifecycle(names []string) {
	at, leaderLost := s.notReady()
	s.notReadyAt = at
	s.planMarks(names, leaderLost)
	s.planEvictions(names)
	t := s.sim.Timings
	switch s.world {
	case Keep:
	case Delete:
		s.at(at+t.NodeDeletionDelay, func() error { return s.deleteNodes(names) })
		s.at(at+t.NodeDeletionDelay+t.PodGCQuarantine+t.PodGCPeriod, func() error { return s.collect(names) })
	case OutOfService:
		s.at(at+t.NodeDeletionDelay, func() error { return s.markOutOfService(names) })
		s.at(at+t.NodeDeletionDelay+t.PodGCPeriod, func() error { return s.collect(names) })
	}
}

// What the node lifecycle controller asks the API server for to mark a lost node: its
// status, and its taint, which is read and written; and a pod of it that is ready: its
// status. Eight workers do the one and eight the other, and one goroutine sends the
// events, all through one client (node_lifecycle_controller.go monitorNodeHealth and
// doNoScheduleTaintingPass, scheduler.UpdateWorkerSize, pkg/controller/util/node
// MarkPodsNotReady), whose burst, --kube-api-burst, is taken to be one and a half
// times its rate, as 30 is of the default. Measured in drills: 100 nodes with 2 pods
// each in 24.9 s (25 s by this), 229 with one in 48.0 s (47.1 s).
const (
	requestsPerNode = 3
	requestsPerPod  = 1
	shareOfWorkers  = 16.0 / 17
)

// marking returns how long after the first each lost node and its pods are marked, in
// whole seconds, in the order of names. The controller's own order is that of a map.
func (s *scenario) marking(names []string, requestsPerSecond float64) (in map[string]float64, last float64) {
	in = make(map[string]float64, len(names))
	requests := 0
	for _, name := range names {
		requests += requestsPerNode
		for _, p := range s.byNode[name] {
			if p.ready {
				requests += requestsPerPod
			}
		}
		if requestsPerSecond > 0 {
			last = max(0, math.Ceil((float64(requests)-model.BurstPerQPS*requestsPerSecond)/(shareOfWorkers*requestsPerSecond)))
		}
		in[name] = last
	}
	return in, last
}

// slowMarking is how much longer the marking may take with the default of
// --kube-api-qps than is assumed without a word, in seconds.
const slowMarking = 10

// planMarks plans that lost nodes and their pods are marked not ready.
func (s *scenario) planMarks(names []string, leaderLost bool) {
	var last float64
	if s.markedIn, last = s.marking(names, s.sim.Timings.KubeAPIQPS); s.sim.Timings.KubeAPIQPS == 0 {
		if _, slow := s.marking(names, model.KubeAPIQPS); slow > slowMarking {
			s.assumed[fmt.Sprintf("kube-controller-manager's requests are not limited: with the default of --kube-api-qps=%d, marking what is lost takes more than %s longer (kubeAPIQPS in --timings)", model.KubeAPIQPS, seconds(slowMarking))] = true
		}
	}
	together := map[float64][]string{}
	for _, name := range names {
		together[s.markedIn[name]] = append(together[s.markedIn[name]], name)
	}
	for _, in := range slices.Sorted(maps.Keys(together)) {
		s.at(s.notReadyAt+in, func() error {
			if in == last {
				s.noteMarks(names, last, leaderLost)
			}
			if err := s.mark(together[in]); err != nil {
				return err
			}
			if in == last {
				s.note(v1alpha1.Event{Event: "endpoints-removed"})
			}
			return s.setBudgets()
		})
	}
}

// noteMarks tells that the last of the lost nodes is marked.
func (s *scenario) noteMarks(names []string, last float64, leaderLost bool) {
	var why []string
	if leaderLost {
		why = append(why, "the controller-manager's leader is lost too: a new one starts the grace period again")
	}
	if last > 0 {
		why = append(why, fmt.Sprintf("with %.0f requests a second the last is marked %s after the first", s.sim.Timings.KubeAPIQPS, seconds(last)))
	}
	for _, zone := range s.zonesOf(names) {
		s.note(v1alpha1.Event{Event: "nodes-not-ready", Zone: zone, Count: s.countDead(zone), Message: strings.Join(why, "; ")})
	}
}

// mark marks nodes and their pods as not ready.
func (s *scenario) mark(names []string) error {
	for _, name := range names {
		n, ok := s.nodes[name]
		if !ok {
			continue // deleted meanwhile
		}
		if err := s.setNode(setTaint(n, unreachableNoSchedule)); err != nil {
			return err
		}
		for _, p := range s.byNode[name] {
			s.setReady(p, false) // of nodes that run on, cut off
		}
	}
	return nil
}

// maxEvictionRate is one node of a zone in each of the controller's passes
// (pkg/controller/nodelifecycle/scheduler NodeEvictionPeriod, 100 ms), in nodes/s.
const maxEvictionRate = 10

// zoneRate is how fast the nodes of a zone get the NoExecute taint.
type zoneRate struct {
	perSecond float64
	stopped   string // why it is 0
}

// evictionRates decides the rate of each zone with lost nodes:
//
//	zone state                                         | rate
//	---------------------------------------------------+----------------------
//	every zone is without a ready node                 | 0: no evictions at all
//	no node is ready                                   | --node-eviction-rate
//	> 2 nodes and >= --unhealthy-zone-threshold down,  |
//	  more than --large-cluster-size-threshold nodes   | --secondary-node-eviction-rate
//	  that many or fewer                               | 0
//	otherwise                                          | --node-eviction-rate
//
// (ComputeZoneState, handleDisruption, setLimiterInZone, ReducedQPSFunc). The
// controller counts zones by region and zone.
func (s *scenario) evictionRates() map[string]zoneRate {
	t := s.sim.Timings
	total, down := map[string]int{}, map[string]int{}
	for name, n := range s.nodes {
		total[zoneKey(n)]++
		if s.dead[name] || !nodeReady(n) {
			down[zoneKey(n)]++
		}
	}
	all := true
	for zone, n := range total {
		all = all && down[zone] == n
	}
	rates := map[string]zoneRate{}
	for zone, lost := range down {
		share := float32(lost) / float32(total[zone])
		disrupted := lost > 2 && share >= float32(t.UnhealthyZoneThreshold) // compared as the controller does
		switch {
		case all:
			rates[zone] = zoneRate{0, "every zone is without a ready node: the controller evicts nothing"}
		case lost == total[zone]:
			rates[zone] = zoneRate{perSecond: t.NodeEvictionRate}
		case disrupted && float64(total[zone]) > t.LargeClusterSizeThreshold:
			rates[zone] = zoneRate{perSecond: t.SecondaryNodeEvictionRate}
		case disrupted:
			rates[zone] = zoneRate{0, fmt.Sprintf("%d of the zone's %d nodes are not ready (%.0f %%, threshold %.0f %%) and the zone has no more than %.0f nodes: the controller evicts nothing there",
				lost, total[zone], 100*share, 100*t.UnhealthyZoneThreshold, t.LargeClusterSizeThreshold)}
		default:
			rates[zone] = zoneRate{perSecond: t.NodeEvictionRate}
		}
	}
	return rates
}

// zoneKey is the node lifecycle controller's name of a node's zone
// (component-helpers/node/topology GetZoneKey): region and zone.
func zoneKey(n *corev1.Node) string {
	region := n.Labels[corev1.LabelTopologyRegion]
	if region == "" {
		region = n.Labels[corev1.LabelFailureDomainBetaRegion]
	}
	return region + ":\x00:" + model.ZoneOf(n)
}

func nodeReady(n *corev1.Node) bool {
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return true
}

// planEvictions plans the NoExecute taints, one node after the other in each
// zone, and the evictions that follow them.
func (s *scenario) planEvictions(names []string) {
	rates := s.evictionRates()
	turn := map[string]int{}
	for _, name := range names {
		key := zoneKey(s.nodes[name])
		rate := rates[key]
		if rate.perSecond == 0 {
			zone := s.zone(name)
			if rate.stopped == "" {
				rate.stopped = "the eviction rate is 0"
			}
			if _, ok := s.stopped[zone]; !ok {
				s.stopped[zone] = rate.stopped
				s.at(s.notReadyAt, func() error {
					s.note(v1alpha1.Event{Event: "evictions-stopped", Zone: zone, Count: s.countDead(zone), Message: s.stopped[zone]})
					return nil
				})
			}
			continue
		}
		marked := s.markedIn[name]
		queue := max(0, float64(turn[key])/min(rate.perSecond, maxEvictionRate)-marked)
		turn[key]++
		s.at(s.notReadyAt+marked+queue, func() error {
			return s.taint(name, unreachableNoExecute, term{"not ready", s.notReadyAt + marked}, term{"eviction queue", queue})
		})
	}
}

// taint gives the node a NoExecute taint and plans the eviction of the pods that
// do not tolerate it, or only for a time
// (pkg/controller/tainteviction/taint_eviction.go, processPodOnNode). since says
// what the time until now was made of.
func (s *scenario) taint(name string, taint corev1.Taint, since ...term) error {
	n, ok := s.nodes[name]
	if !ok {
		return nil // deleted meanwhile
	}
	taint.TimeAdded = &metav1.Time{}
	if err := s.setNode(setTaint(n, taint)); err != nil {
		return err
	}
	after := map[float64][]*pod{}
	for _, p := range s.byNode[name] {
		if seconds := tolerates(p.obj, taint); seconds >= 0 && !math.IsInf(seconds, 1) {
			after[seconds] = append(after[seconds], p)
		}
	}
	for _, seconds := range slices.Sorted(maps.Keys(after)) {
		pods := after[seconds]
		s.at(s.now+seconds, func() error {
			return s.evict(pods, append(slices.Clone(since), term{"toleration", seconds}))
		})
	}
	return nil
}

// tolerates returns for how many seconds the pod tolerates the taint: as the first
// of its tolerations that matches says (pkg/apis/core/v1/helper
// GetMatchingTolerations, then taint_eviction.go getMinTolerationTime), +Inf for
// ever.
func tolerates(p *corev1.Pod, taint corev1.Taint) float64 {
	for i := range p.Spec.Tolerations {
		t := &p.Spec.Tolerations[i]
		if !t.ToleratesTaint(logr.Discard(), &taint, false) {
			continue
		}
		if t.TolerationSeconds == nil {
			return math.Inf(1)
		}
		return max(0, float64(*t.TolerationSeconds))
	}
	return 0
}

// evict deletes pods on a dead node: they stay Terminating, since no kubelet
// confirms. Only a pod without a grace period is gone at once
// (apiserver/pkg/registry/generic/registry/store.go,
// updateForGracefulDeletionAndFinalizers).
func (s *scenario) evict(pods []*pod, terms []term) error {
	touched := map[int]bool{}
	for _, p := range pods {
		if !p.alive() {
			continue
		}
		if err := s.terminate(p); err != nil {
			return err
		}
		p.terms = terms
		touched[p.workload] = true
		if gracePeriod(p.obj) == 0 {
			if err := s.vanish(p); err != nil {
				return err
			}
		}
	}
	return s.reconcile(touched, terms)
}

// vanish takes the object of a pod on a dead node away, and detaches its volumes:
// in time, or at once from a node that is out of service
// (pkg/controller/volume/attachdetach/reconciler/reconciler.go).
func (s *scenario) vanish(p *pod) error {
	if err := s.remove(p); err != nil {
		return err
	}
	wait := s.sim.Timings.VolumeForceDetach
	if s.world == OutOfService && s.now >= s.notReadyAt+s.sim.Timings.NodeDeletionDelay {
		wait = 0
	}
	for _, claim := range s.claimsOf(p.obj) {
		key := claim.Namespace + "/" + claim.Name
		if s.attached[key] == p.node() {
			s.at(s.now+wait, func() error { return s.detach(key) })
		}
	}
	return nil
}

// terminate gives the pod a deletion timestamp.
func (s *scenario) terminate(p *pod) error {
	s.setReady(p, false)
	p.terminating, p.deletedAt = true, s.now
	obj := *p.obj
	obj.DeletionTimestamp = &metav1.Time{}
	return s.update(p, &obj)
}

func (s *scenario) deleteNodes(names []string) error {
	for _, zone := range s.zonesOf(names) {
		s.note(v1alpha1.Event{Event: "nodes-deleted", Zone: zone, Count: s.countDead(zone)})
	}
	for _, name := range names {
		if err := s.deleteNode(name); err != nil {
			return err
		}
	}
	return nil
}

func (s *scenario) markOutOfService(names []string) error {
	for _, zone := range s.zonesOf(names) {
		s.note(v1alpha1.Event{Event: "nodes-out-of-service", Zone: zone, Count: s.countDead(zone)})
	}
	for _, name := range names {
		if err := s.taint(name, outOfService, term{"not ready", s.notReadyAt}, term{"node out of service", s.now - s.notReadyAt}); err != nil {
			return err
		}
	}
	return nil
}

// collect takes away the pods of dead nodes, as the pod garbage collector does
// (pkg/controller/podgc: gcOrphaned for nodes that are gone, gcTerminating for
// nodes out of service).
func (s *scenario) collect(names []string) error {
	touched, n := map[int]bool{}, 0
	for _, name := range names {
		for _, p := range slices.Clone(s.byNode[name]) {
			if s.world == OutOfService && !p.terminating {
				continue
			}
			if err := s.vanish(p); err != nil {
				return err
			}
			touched[p.workload] = true
			n++
		}
	}
	s.note(v1alpha1.Event{Event: "pods-collected", Count: n})
	how := "node object deleted"
	if s.world == OutOfService {
		how = "node out of service"
	}
	t := s.sim.Timings
	return s.reconcile(touched, []term{{"not ready", s.notReadyAt}, {how, t.NodeDeletionDelay}, {"pod collected", s.now - s.notReadyAt - t.NodeDeletionDelay}})
}

// detach frees a claim's volume from a dead node and starts the pod that waits
// for it.
func (s *scenario) detach(key string) error {
	delete(s.attached, key)
	for _, p := range s.pods {
		if p.waitsFor == key && p.alive() {
			p.waitsFor = ""
			s.start(p)
		}
	}
	return nil
}
