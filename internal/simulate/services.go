package simulate

import (
	"cmp"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// serviceTrack follows a Service's endpoints and the share of its traffic that
// each takes.
type serviceTrack struct {
	svc  *corev1.Service
	sel  labels.Selector
	pods []*pod // that the selector matches

	before      map[*pod]float64 // share of each pod before the failure
	readyBefore int
	readyLowest int
	failing     float64 // share that goes to dead endpoints until withdrawn
	worst       float64
	overload    float64
	worstShares []v1alpha1.Share
	dirty       bool
	emptyUntil  float64 // when an endpoint was ready again, if none was
}

// newServiceTracks starts a track for each Service with a selector. It is
// called before nodes are lost.
func newServiceTracks(s *scenario) []*serviceTrack {
	s.servicesOf = map[*pod][]*serviceTrack{}
	clients := s.clients()
	var out []*serviceTrack
	for _, svc := range s.sim.Snapshot.Services {
		if len(svc.Spec.Selector) == 0 || svc.Spec.Type == corev1.ServiceTypeExternalName {
			continue
		}
		t := &serviceTrack{svc: svc, sel: labels.SelectorFromSet(svc.Spec.Selector)}
		out = append(out, t)
	}
	byNamespace := map[string][]*serviceTrack{}
	for _, t := range out {
		byNamespace[t.svc.Namespace] = append(byNamespace[t.svc.Namespace], t)
	}
	s.servicesIn = byNamespace
	for _, p := range s.pods {
		s.joinServices(p)
	}
	for _, t := range out {
		endpoints := t.ready()
		t.readyBefore, t.readyLowest = len(endpoints), len(endpoints)
		t.before, _ = shares(t.svc, s.endpoints(endpoints), clients)
		t.worst, t.overload, t.worstShares = summary(t.before, t.before, len(endpoints))
		t.overload = 1
		if len(endpoints) == 0 {
			t.overload = 0
		}
	}
	return out
}

// joinServices makes the pod an endpoint of the services that select it.
func (s *scenario) joinServices(p *pod) {
	for _, t := range s.servicesIn[p.obj.Namespace] {
		if t.sel.Matches(labels.Set(p.obj.Labels)) {
			t.pods = append(t.pods, p)
			s.servicesOf[p] = append(s.servicesOf[p], t)
		}
	}
}

func (t *serviceTrack) ready() []*pod {
	var out []*pod
	for _, p := range t.pods {
		if p.ready {
			out = append(out, p)
		}
	}
	return out
}

// endOfMoment measures the shares if endpoints changed. Until the cluster has
// noticed the failure, dead endpoints keep their share, and it fails.
func (t *serviceTrack) endOfMoment(s *scenario) {
	if !t.dirty {
		return
	}
	t.dirty = false
	ready := t.ready()
	if t.readyLowest == 0 && len(ready) > 0 && t.emptyUntil == 0 {
		t.emptyUntil = s.now
	}
	t.readyLowest = min(t.readyLowest, len(ready))
	if s.now == 0 {
		alive := map[*pod]bool{}
		for _, p := range ready {
			alive[p] = true
		}
		for _, p := range t.pods { // in order: sums of floats depend on it
			if !alive[p] {
				t.failing += t.before[p]
			}
		}
	}
	worst, overload, list := t.summary(s, ready)
	if overload > t.overload || worst > t.worst {
		t.worstShares = list
	}
	t.worst = max(t.worst, worst)
	t.overload = max(t.overload, overload)
}

// summary measures the shares of the endpoints now. Where each takes the same,
// before and now, it is plain arithmetic.
func (t *serviceTrack) summary(s *scenario, ready []*pod) (worst, overload float64, list []v1alpha1.Share) {
	if n := len(ready); n > 0 && t.readyBefore > 0 && even(t.svc) {
		share := 1 / float64(n)
		return share, share / (1 / float64(t.readyBefore)), []v1alpha1.Share{{Pods: n, Share: round(share)}}
	}
	now, _ := shares(t.svc, s.endpoints(ready), s.living)
	return summary(now, t.before, t.readyBefore)
}

// even reports whether the service's endpoints all take the same share.
func even(svc *corev1.Service) bool {
	external := svc.Spec.Type == corev1.ServiceTypeLoadBalancer || svc.Spec.Type == corev1.ServiceTypeNodePort
	switch {
	case external && svc.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal:
		return false
	case !external && svc.Spec.InternalTrafficPolicy != nil && *svc.Spec.InternalTrafficPolicy == corev1.ServiceInternalTrafficPolicyLocal:
		return false
	}
	return svc.Spec.TrafficDistribution == nil || *svc.Spec.TrafficDistribution == ""
}

// outcome returns what became of the service.
func (t *serviceTrack) outcome(s *scenario) v1alpha1.ServiceOutcome {
	o := v1alpha1.ServiceOutcome{
		Namespace: t.svc.Namespace, Name: t.svc.Name,
		ReadyBefore: t.readyBefore, ReadyLowest: t.readyLowest, ReadyAfter: len(t.ready()),
		Policy: policy(t.svc), Shares: t.worstShares,
		WorstShare: round(t.worst), Overload: round(t.overload),
		FailingShare: round(t.failing), FailingSeconds: new(float64),
	}
	if o.Shares == nil {
		o.Shares = []v1alpha1.Share{}
	}
	switch {
	case t.readyBefore > 0 && o.ReadyAfter == 0:
		o.FailingSeconds = nil
	case t.failing > 0 && !s.hasAPI():
		o.FailingSeconds = nil // nobody takes the dead endpoints out
	case t.failing > 0:
		*o.FailingSeconds = round(max(t.withdrawn(s), t.emptyUntil))
	}
	return o
}

// withdrawn is when the last endpoint on a lost node is taken out.
func (t *serviceTrack) withdrawn(s *scenario) float64 {
	last := 0.0
	for _, p := range t.pods {
		last = max(last, s.markedIn[p.node()])
	}
	return s.notReadyAt + last
}

// endpoint is a ready pod of a service; client is a node that sends requests.
type endpoint struct {
	pod        *pod
	node, zone string
}

type client struct{ node, zone string }

func (s *scenario) endpoints(pods []*pod) []endpoint {
	out := make([]endpoint, 0, len(pods))
	for _, p := range pods {
		out = append(out, endpoint{p, p.node(), s.zone(p.node())})
	}
	return out
}

// clients are the living nodes: requests are taken to come from each alike.
func (s *scenario) clients() []client {
	var out []client
	for _, name := range s.nodeNames {
		if !s.dead[name] {
			out = append(out, client{name, s.zone(name)})
		}
	}
	return out
}

// shares returns the share of the service's traffic that each endpoint takes,
// and the share that finds none:
//
//	external traffic (LoadBalancer, NodePort)
//	  externalTrafficPolicy Cluster | spread over all nodes, each forwards as below
//	  externalTrafficPolicy Local   | spread over the nodes with an endpoint, each
//	                                | keeps what it gets
//	traffic from pods (ClusterIP)
//	  internalTrafficPolicy Local   | stays on its node, fails where there is none
//	  trafficDistribution           | PreferSameNode: node, else zone, else all;
//	                                | PreferSameZone, PreferClose: zone, else all
//	  otherwise                     | all endpoints alike
//
// (kubernetes.io/docs/reference/networking/virtual-ips; pkg/proxy/topology.go
// CategorizeEndpoints).
func shares(svc *corev1.Service, endpoints []endpoint, clients []client) (map[*pod]float64, float64) {
	out := make(map[*pod]float64, len(endpoints))
	if len(endpoints) == 0 {
		return out, 1
	}
	byNode, byZone := map[string][]endpoint{}, map[string][]endpoint{}
	for _, e := range endpoints {
		byNode[e.node] = append(byNode[e.node], e)
		byZone[e.zone] = append(byZone[e.zone], e)
	}
	give := func(to []endpoint, share float64) {
		for _, e := range to {
			out[e.pod] += share / float64(len(to))
		}
	}
	external := svc.Spec.Type == corev1.ServiceTypeLoadBalancer || svc.Spec.Type == corev1.ServiceTypeNodePort
	if external && svc.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal {
		for _, node := range sortedKeys(byNode) {
			give(byNode[node], 1/float64(len(byNode)))
		}
		return out, 0
	}
	local := !external && svc.Spec.InternalTrafficPolicy != nil && *svc.Spec.InternalTrafficPolicy == corev1.ServiceInternalTrafficPolicyLocal
	prefer := ""
	if svc.Spec.TrafficDistribution != nil {
		prefer = *svc.Spec.TrafficDistribution
	}
	if !local && prefer == "" || len(clients) == 0 {
		give(endpoints, 1)
		return out, 0
	}
	failing, each := 0.0, 1/float64(len(clients))
	for _, c := range clients {
		near := byNode[c.node]
		switch {
		case local && len(near) == 0:
			failing += each
			continue
		case local:
		case prefer == corev1.ServiceTrafficDistributionPreferSameNode && len(near) > 0:
		case len(byZone[c.zone]) > 0:
			near = byZone[c.zone]
		default:
			near = endpoints
		}
		give(near, each)
	}
	return out, failing
}

// summary returns the largest share, the largest ratio to the share before (to
// an even share for new pods), and the shares grouped, largest first.
func summary(now, before map[*pod]float64, readyBefore int) (worst, overload float64, list []v1alpha1.Share) {
	count := map[float64]int{}
	for p, share := range now {
		worst = max(worst, share)
		was := before[p]
		if was == 0 && readyBefore > 0 {
			was = 1 / float64(readyBefore)
		}
		if was > 0 {
			overload = max(overload, share/was)
		}
		count[round(share)]++
	}
	for share, n := range count {
		list = append(list, v1alpha1.Share{Pods: n, Share: share})
	}
	slices.SortFunc(list, func(a, b v1alpha1.Share) int { return cmp.Compare(b.Share, a.Share) })
	return worst, overload, list
}

// policy says how the service spreads its traffic.
func policy(svc *corev1.Service) string {
	external := svc.Spec.Type == corev1.ServiceTypeLoadBalancer || svc.Spec.Type == corev1.ServiceTypeNodePort
	switch {
	case external && svc.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal:
		return "externalTrafficPolicy Local"
	case !external && svc.Spec.InternalTrafficPolicy != nil && *svc.Spec.InternalTrafficPolicy == corev1.ServiceInternalTrafficPolicyLocal:
		return "internalTrafficPolicy Local"
	case svc.Spec.TrafficDistribution != nil && *svc.Spec.TrafficDistribution != "":
		return "trafficDistribution " + *svc.Spec.TrafficDistribution
	case svc.Spec.ClusterIP == corev1.ClusterIPNone:
		return "headless"
	case external:
		return fmt.Sprintf("externalTrafficPolicy %s", corev1.ServiceExternalTrafficPolicyCluster)
	}
	return fmt.Sprintf("internalTrafficPolicy %s", corev1.ServiceInternalTrafficPolicyCluster)
}
