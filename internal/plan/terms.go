package plan

import (
	"fmt"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// Names of the terms of a recovery.
const (
	termNotReady   = "nodes not ready"
	termToleration = "toleration"
	termQueue      = "eviction queue"
	termNewNodes   = "new nodes"
	termStart      = "start"
)

// podStart is how long a replacement takes: assumed, as simulate.DefaultTimings has
// it.
const podStart = 8

// recoveryTerms is the arithmetic of a workload's way back with the settings of the
// plan, where kube-controller-manager's leader survives (k8s.io/kubernetes v1.36.3;
// those of a simulation are in simulate.DefaultTimings).
func (m *maker) recoveryTerms() []v1alpha1.RecoveryTerm {
	nodes, t := m.nodesLost(), paceOf(m.p.Timings)
	terms := []v1alpha1.RecoveryTerm{
		{Name: termNotReady, Seconds: t.grace, Source: "kube-controller-manager --node-monitor-grace-period"},
		{Name: termToleration, Seconds: t.toleration, Source: "kube-apiserver admission plugin DefaultTolerationSeconds"},
		{
			Name: termQueue, Seconds: t.queue(nodes),
			Source: fmt.Sprintf("kube-controller-manager --node-eviction-rate %g nodes/s, %s lost at once", t.rate, count(nodes, "node")),
		},
	}
	if m.needsNewNodes() {
		terms = append(terms, v1alpha1.RecoveryTerm{Name: termNewNodes, Seconds: 180, Source: "assumed: the autoscaler notices, and a machine boots and joins"})
	}
	return append(terms, v1alpha1.RecoveryTerm{Name: termStart, Seconds: podStart, Source: "assumed: schedule, pull, start and become ready"})
}

// nodesLost is how many nodes are lost at once: those of the largest zone, or one
// where no more is to be survived.
func (m *maker) nodesLost() int {
	largest := 1
	for _, n := range readyNodes(m.p) {
		if m.zoneObjective() {
			largest = max(largest, n)
		}
	}
	return largest
}

// apiRecovery predicts how long the API answers nobody after any zone's loss. It
// is another matter than a workload's recovery: clients wait for the load
// balancer to leave a dead API server out, and for etcd to choose a leader. The
// settings are those that are rendered (render/kubeadm, render/capa).
func (m *maker) apiRecovery(out *v1alpha1.ObjectiveOutcome) {
	out.APITerms = []v1alpha1.RecoveryTerm{}
	lbs := m.p.ControlPlane.LoadBalancers
	if m.managed() || len(lbs) == 0 {
		return
	}
	for _, l := range m.p.Losses {
		for _, e := range l.Effects {
			if e.Effect == v1alpha1.EffectAPI {
				return
			}
		}
		if !l.Survived && len(m.p.Zones) == 1 {
			return
		}
	}
	add := func(name string, s float64, source string) {
		out.APITerms = append(out.APITerms, v1alpha1.RecoveryTerm{Name: name, Seconds: s, Source: source})
	}
	haproxy := lbs[0].Kind == v1alpha1.LoadBalancerHAProxy
	add("etcd leader", 2, "etcd --election-timeout 1000 ms: a new leader within one to two of them")
	_, moves := find(m.p.Dependencies, func(d v1alpha1.Dependency) bool { return d.Kind == v1alpha1.DependencyVirtualIP })
	if haproxy && moves {
		add("virtual IP", 0.4, "keepalived advert_int 0.1 s: three missed and the skew (RFC 9568, Active_Down_Interval)")
	}
	if haproxy {
		add("health checks", 1, "HAProxy inter 500ms fall 2")
	} else {
		add("health checks", 10, "network load balancer: 2 failures 5 s apart, the least that AWS allows")
	}
	longest := 0.0
	for _, t := range out.APITerms {
		longest = max(longest, t.Seconds)
	}
	// They go on side by side, so that the longest is what clients wait.
	out.APIPredictedSeconds = &longest
}

func sum(terms []v1alpha1.RecoveryTerm) float64 {
	s := 0.0
	for _, t := range terms {
		s += t.Seconds
	}
	return s
}

// dominating is the name of the longest term, the first of equals.
func dominating(terms []v1alpha1.RecoveryTerm) string {
	name, longest := "", 0.0
	for _, t := range terms {
		if t.Seconds > longest {
			name, longest = t.Name, t.Seconds
		}
	}
	return name
}
