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

// recoveryTerms is the arithmetic of a workload's way back, as Kubernetes'
// defaults make it (k8s.io/kubernetes v1.36.3; those of a simulation are in
// simulate.DefaultTimings).
func (m *maker) recoveryTerms() []v1alpha1.RecoveryTerm {
	largest := 1
	for _, n := range readyNodes(m.p) {
		if m.zoneObjective() {
			largest = max(largest, n)
		}
	}
	terms := []v1alpha1.RecoveryTerm{
		{Name: termNotReady, Seconds: 50, Source: "kube-controller-manager --node-monitor-grace-period"},
		{Name: termToleration, Seconds: 300, Source: "kube-apiserver admission plugin DefaultTolerationSeconds"},
		{
			Name: termQueue, Seconds: 10 * float64(largest-1),
			Source: fmt.Sprintf("kube-controller-manager --node-eviction-rate 0.1 nodes/s, %s lost at once", count(largest, "node")),
		},
	}
	if m.needsNewNodes() {
		terms = append(terms, v1alpha1.RecoveryTerm{Name: termNewNodes, Seconds: 180, Source: "assumed: the autoscaler notices, and a machine boots and joins"})
	}
	return append(terms, v1alpha1.RecoveryTerm{Name: termStart, Seconds: 8, Source: "assumed: schedule, pull, start and become ready"})
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
