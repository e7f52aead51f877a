package model

import "slices"

// Failure is what is taken away in a scenario.
type Failure struct {
	// Name of the scenario, for example "zone-b".
	Name string
	// Zones that are lost with all their nodes.
	Zones []string
	// Nodes that are lost one by one.
	Nodes []string
	// Partition names two zones that cannot reach each other; both reach the
	// control plane and stay Ready. Empty otherwise.
	Partition []string
	// Dependency that is lost alone, with nothing else; empty otherwise.
	Dependency string
	// Consequences are what the failure takes through dependencies.
	Consequences Consequences
}

// Consequences are what a failure takes beyond the zones and nodes that it names,
// since they need something that is lost: a gateway, a load balancer, etcd.
type Consequences struct {
	// Down names the dependencies that are down, sorted.
	Down []string
	// Effects on zones that are not lost themselves, sorted.
	Effects []Effect
	// ScalingStops says why no machine is made; empty when machines are.
	ScalingStops string
}

// Effect is something that zones lose with a group of dependencies.
type Effect struct {
	Kind EffectKind
	// Group of dependencies behind it.
	Group string
	// Zones that lose it, sorted.
	Zones []string
}

// EffectKind is what is lost.
type EffectKind string

// The effects, as api/v1alpha1 DependencyEffect names them.
const (
	// LosesNodes: the zones' nodes cannot reach the API and become NotReady. Their
	// pods run on, but endpoints and load balancers let go of them.
	LosesNodes EffectKind = "nodes"
	// LosesAPI: the API answers nobody; nothing is noticed, evicted or replaced.
	LosesAPI EffectKind = "api"
	// LosesEgress: the zones reach nothing outside.
	LosesEgress EffectKind = "egress"
	// LosesPull: the zones' nodes cannot pull images.
	LosesPull EffectKind = "pull"
	// LosesTraffic: users reach nothing in the zones.
	LosesTraffic EffectKind = "traffic"
	// LosesScaling: no machine is made or replaced.
	LosesScaling EffectKind = "scaling"
)

// Hits returns the effect of the kind on the zone, if there is one.
func (c Consequences) Hits(kind EffectKind, zone string) (Effect, bool) {
	for _, e := range c.Effects {
		if e.Kind == kind && slices.Contains(e.Zones, zone) {
			return e, true
		}
	}
	return Effect{}, false
}

// FailureSpec is a failure as asked for, before the zones are known.
type FailureSpec struct {
	// Each expands to one scenario each: "zones", "zone-pairs", "nodes" or
	// "dependencies"; empty for one explicit failure.
	Each string
	// Dependency that is lost alone.
	Dependency string
	// Zones, Nodes, Partition as in Failure.
	Zones, Nodes, Partition []string
}
