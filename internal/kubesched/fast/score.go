package fast

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/names"
)

// score returns the total score of each node, as the framework sums it up
// (framework/runtime RunScorePlugins): every plugin's scores, normalized over
// these nodes, times its weight.
func (p *Profile) score(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, nodes []fwk.NodeInfo) ([]fwk.NodeScore, *fwk.Status) {
	e, fam := p.engine, p.family
	p.scores, p.totals = p.scores[:0], p.totals[:0]
	for _, i := range p.passed {
		score := fwk.NodeScore{Name: e.names[i]}
		p.scores, p.totals = append(p.scores, score), append(p.totals, score)
	}
	totals := p.totals
	images := e.version
	if e.imagesMoved {
		images = e.room
	}
	for _, part := range []struct {
		facet   *facet
		version []uint32
	}{{fam.node, e.version}, {fam.room, e.room}, {fam.image, images}} {
		if part.facet == nil {
			continue
		}
		if status := p.addFacet(ctx, state, pod, part.facet, part.version, totals); !status.IsSuccess() {
			return nil, status
		}
	}
	skipped := state.GetSkipScorePlugins()
	if pl := p.scorer(names.PodTopologySpread); pl != nil && !skipped.Has(pl.Name()) {
		p.scoreSpread(ctx, state, pod, pl)
		if status := p.addScores(ctx, state, pod, pl, totals); !status.IsSuccess() {
			return nil, status
		}
	}
	if pl := p.scorer(names.InterPodAffinity); pl != nil && !skipped.Has(pl.Name()) {
		for k := range nodes {
			p.scores[k].Score, _ = pl.Score(ctx, state, pod, nodes[k]) // only fails without a state
		}
		if status := p.addScores(ctx, state, pod, pl, totals); !status.IsSuccess() {
			return nil, status
		}
	}
	return totals, nil
}

// scorer returns the plugin if the profile scores with it, else nil.
func (p *Profile) scorer(name string) fwk.ScorePlugin {
	if p.weights[name] == 0 {
		return nil
	}
	pl, ok := p.plugins[name].(fwk.ScorePlugin)
	if !ok {
		return nil
	}
	return pl
}

// addFacet adds what the facet's plugins give to the nodes that passed.
func (p *Profile) addFacet(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, c *facet, version []uint32, totals fwk.NodeScoreList) *fwk.Status {
	c.prepare(p, state)
	for j, pl := range c.scorers {
		for k := range totals {
			i := p.passed[k]
			scores, status := c.rate(ctx, p, state, pod, i, version[i])
			if !status.IsSuccess() {
				return fwk.AsStatus(fmt.Errorf("plugin %q failed with: %w", pl.Name(), status.AsError()))
			}
			p.scores[k].Score = int64(scores[j])
		}
		if status := p.addScores(ctx, state, pod, pl, totals); !status.IsSuccess() {
			return status
		}
	}
	return nil
}

// addScores normalizes the plugin's scores and adds them to the totals.
func (p *Profile) addScores(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, pl fwk.ScorePlugin, totals fwk.NodeScoreList) *fwk.Status {
	if extensions := pl.ScoreExtensions(); extensions != nil {
		if status := extensions.NormalizeScore(ctx, state, pod, p.scores); !status.IsSuccess() {
			return fwk.AsStatus(fmt.Errorf("plugin %q failed with: %w", pl.Name(), status.AsError()))
		}
	}
	weight := int64(p.weights[pl.Name()])
	for k := range totals {
		score := p.scores[k].Score
		if score > fwk.MaxScore || score < fwk.MinScore {
			return fwk.AsStatus(fmt.Errorf("plugin %q returns an invalid score %d", pl.Name(), score))
		}
		totals[k].Score += score * weight
	}
	return nil
}

// scoreSpread fills in PodTopologySpread's scores. A node without a pod that
// counts has the score of its group.
func (p *Profile) scoreSpread(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, pl fwk.ScorePlugin) {
	fam := p.family
	p.spreadScores.reset(len(fam.grouping.size))
	p.viewOf.reset(len(p.engine.nodes))
	for place, node := range fam.spread.order {
		p.viewOf.set(node, int32(place))
	}
	for k := range p.scores {
		i := p.passed[k]
		if place, ok := p.viewOf.get(i); ok {
			p.scores[k].Score, _ = pl.Score(ctx, state, pod, fam.spread.views[place]) // only fails without a state
			continue
		}
		group := fam.grouping.of[i]
		score, known := p.spreadScores.get(group)
		if !known {
			score, _ = pl.Score(ctx, state, pod, &view{NodeInfo: p.engine.nodes[i]})
			p.spreadScores.set(group, score)
		}
		p.scores[k].Score = score
	}
}
