package fast

import (
	"k8s.io/apimachinery/pkg/util/sets"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/names"
)

// plan says who is asked about nodes, given the plugins that PreFilter skips.
type plan struct {
	// spread, affinity and others are asked in the cycle; nil when skipped.
	spread, affinity fwk.FilterPlugin
	others           []fwk.FilterPlugin
	// inOrder: filters come in the order in which judge asks, so that its first
	// rejection is the profile's.
	inOrder bool
	// answerable: each filter is one of these or has a facet.
	answerable bool
}

func (p *Profile) newPlan(skipped sets.Set[string]) *plan {
	a := &plan{inOrder: true, answerable: true}
	last := rank(0)
	for _, name := range p.filters {
		if skipped.Has(name) {
			continue
		}
		pl, ok := p.plugins[name].(fwk.FilterPlugin)
		a.answerable = a.answerable && ok
		r := p.ranks[name]
		switch r {
		case byOther:
			a.others = append(a.others, pl)
		case bySpread:
			a.spread = pl
		case byAffinity:
			a.affinity = pl
		case byNode, byRoom:
		}
		a.inOrder = a.inOrder && r >= last
		last = r
	}
	return a
}

// ratingPlan says who scores nodes, given the plugins that PreScore skips.
type ratingPlan struct {
	spread, affinity fwk.ScorePlugin // nil when skipped
	// answerable: each plugin that scores is one of these or has a facet.
	answerable bool
}

// newRatingPlan: DynamicResources gives every node 0 when the pod has no claims.
func (p *Profile) newRatingPlan(state fwk.CycleState) *ratingPlan {
	skipped := state.GetSkipScorePlugins()
	claimless := state.GetSkipFilterPlugins().Has(names.DynamicResources)
	a := &ratingPlan{answerable: true}
	for _, name := range p.scorers {
		if skipped.Has(name) {
			continue
		}
		if !p.remembered[name] && (name != names.DynamicResources || !claimless) {
			a.answerable = false
		}
		switch pl, _ := p.plugins[name].(fwk.ScorePlugin); rankOf(name) {
		case bySpread:
			a.spread = pl
		case byAffinity:
			a.affinity = pl
		case byNode, byRoom, byOther:
		}
	}
	return a
}
