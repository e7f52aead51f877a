package plan

import (
	"fmt"
	"slices"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/model"
)

// Dependencies are those of a plan, as a simulation asks for them.
type Dependencies struct{ plan *v1alpha1.ClusterPlan }

// DependenciesOf returns the plan's dependencies.
func DependenciesOf(p *v1alpha1.ClusterPlan) Dependencies { return Dependencies{p} }

// Names lists what can be lost alone, in the plan's order.
func (d Dependencies) Names() []string {
	var out []string
	for _, dep := range d.plan.Dependencies {
		out = append(out, dep.Name)
	}
	return out
}

// Consequences returns what the failure takes through dependencies. A partition
// cuts zones off from what stands on its other side only.
func (d Dependencies) Consequences(f model.Failure) model.Consequences {
	lost := Lost{Zones: f.Zones}
	if f.Dependency != "" {
		lost.Dependencies = []string{f.Dependency}
	}
	e := Walk(d.plan.Dependencies, lost)
	out := model.Consequences{Down: e.Down, ScalingStops: d.scalingStops(f, e)}
	add := func(l v1alpha1.LostEffect) {
		out.Effects = append(out.Effects, model.Effect{Kind: model.EffectKind(l.Effect), Group: l.Group, Zones: sorted(l.Zones)})
	}
	for _, l := range e.Lost {
		add(l)
	}
	if len(f.Partition) == 2 {
		for _, l := range d.cut(f.Partition[0], f.Partition[1]) {
			add(l)
		}
	}
	return out
}

// cut returns what each side of a partition loses: groups too few of which stand
// where it can reach them.
func (d Dependencies) cut(one, other string) []v1alpha1.LostEffect {
	var out []v1alpha1.LostEffect
	for _, side := range [][2]string{{one, other}, {other, one}} {
		var beyond []string
		for _, dep := range d.plan.Dependencies {
			if len(dep.Zones) == 1 && dep.Zones[0] == side[1] && reachedByPrivateNetwork(dep.Kind) {
				beyond = append(beyond, dep.Name)
			}
		}
		for _, l := range Walk(d.plan.Dependencies, Lost{Dependencies: beyond}).Lost {
			if slices.Contains(l.Zones, side[0]) && l.Effect != v1alpha1.EffectAPI {
				out = append(out, v1alpha1.LostEffect{Effect: l.Effect, Group: l.Group, Zones: []string{side[0]}})
			}
		}
	}
	return out
}

// reachedByPrivateNetwork tells which dependencies nodes reach over the network
// between zones; others have public addresses.
func reachedByPrivateNetwork(k v1alpha1.DependencyKind) bool {
	return k == v1alpha1.DependencyGateway || k == v1alpha1.DependencyRegistry
}

// scalingStops says why the Cluster Autoscaler adds no node; "" when it does.
func (d Dependencies) scalingStops(f model.Failure, e Effects) string {
	unready, total, stops := autoscalerStops(d.plan, f.Zones, e)
	if !stops {
		return ""
	}
	return fmt.Sprintf("%d of %d nodes unready, more than %d %%: the Cluster Autoscaler adds none", unready, total, maxUnreadyPercent)
}
