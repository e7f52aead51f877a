package fast

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"
)

// score returns the total score of each node that passed, as the framework sums
// it up (framework/runtime RunScorePlugins): every plugin's scores, normalized
// over these nodes, times its weight.
func (p *Profile) score(ctx context.Context, state fwk.CycleState, pod *corev1.Pod) ([]int64, *fwk.Status) {
	e, fam := p.engine, p.family
	p.scores, p.totals = p.scores[:0], p.totals[:0]
	for range p.passed {
		p.totals = append(p.totals, 0)
	}
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
		if status := p.addFacet(ctx, state, pod, part.facet, part.version); !status.IsSuccess() {
			return nil, status
		}
	}
	if pl := p.rates.spread; pl != nil {
		p.nameScores()
		p.scoreSpread(ctx, state, pod, pl)
		if status := p.addScores(ctx, state, pod, pl); !status.IsSuccess() {
			return nil, status
		}
	}
	if pl := p.rates.affinity; pl != nil {
		p.nameScores()
		for k, node := range p.nodes() {
			p.scores[k].Score, _ = pl.Score(ctx, state, pod, node) // only fails without a state
		}
		if status := p.addScores(ctx, state, pod, pl); !status.IsSuccess() {
			return nil, status
		}
	}
	return p.totals, nil
}

// addFacet adds what the facet's plugins give to the nodes that passed.
func (p *Profile) addFacet(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, c *facet, version []uint32) *fwk.Status {
	c.prepare(p, state)
	for k, i := range p.passed {
		if c.scored[i] != version[i] {
			if status := c.rate(ctx, p, state, pod, i, version[i]); !status.IsSuccess() {
				return status
			}
		}
		p.totals[k] += c.plain[i]
	}
	n := len(c.relative)
	for j, pl := range c.relative {
		first := c.scores[int(p.passed[0])*n+j]
		if !slices.ContainsFunc(p.passed, func(i int32) bool { return c.scores[int(i)*n+j] != first }) {
			if status := p.addSame(ctx, state, pod, pl, int64(first)); !status.IsSuccess() {
				return status
			}
			continue
		}
		p.nameScores()
		for k, i := range p.passed {
			p.scores[k].Score = int64(c.scores[int(i)*n+j])
		}
		if status := p.addScores(ctx, state, pod, pl); !status.IsSuccess() {
			return status
		}
	}
	return nil
}

// nameScores makes room for a plugin's scores.
func (p *Profile) nameScores() {
	if len(p.scores) == len(p.passed) {
		return
	}
	for _, i := range p.passed {
		p.scores = append(p.scores, fwk.NodeScore{Name: p.engine.names[i]})
	}
}

// addSame adds one score of a plugin with a facet for all nodes. What such a
// plugin makes of a score depends on the highest one (helper.DefaultNormalizeScore),
// so that equal ones stay equal and one of them tells for all.
func (p *Profile) addSame(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, pl fwk.ScorePlugin, score int64) *fwk.Status {
	one := fwk.NodeScoreList{{Score: score}}
	if status := pl.ScoreExtensions().NormalizeScore(ctx, state, pod, one); !status.IsSuccess() {
		return failed(pl, status)
	}
	weighed, status := p.weigh(pl, one[0].Score)
	for k := range p.totals {
		p.totals[k] += weighed
	}
	return status
}

// addScores normalizes the plugin's scores and adds them to the totals.
func (p *Profile) addScores(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, pl fwk.ScorePlugin) *fwk.Status {
	if extensions := pl.ScoreExtensions(); extensions != nil {
		if status := extensions.NormalizeScore(ctx, state, pod, p.scores); !status.IsSuccess() {
			return failed(pl, status)
		}
	}
	for k := range p.totals {
		score, status := p.weigh(pl, p.scores[k].Score)
		if !status.IsSuccess() {
			return status
		}
		p.totals[k] += score
	}
	return nil
}

// weigh returns the score times the plugin's weight.
func (p *Profile) weigh(pl fwk.ScorePlugin, score int64) (int64, *fwk.Status) {
	if score > fwk.MaxScore || score < fwk.MinScore {
		return 0, fwk.AsStatus(fmt.Errorf("plugin %q returns an invalid score %d", pl.Name(), score))
	}
	return score * int64(p.weights[pl.Name()]), nil
}

func failed(pl fwk.ScorePlugin, status *fwk.Status) *fwk.Status {
	return fwk.AsStatus(fmt.Errorf("plugin %q failed with: %w", pl.Name(), status.AsError()))
}

// shownScore is PodTopologySpread's score of nodes of a group that show these
// pods only.
type shownScore struct {
	group int32
	shown shown
	score int64
}

// scoreSpread fills in PodTopologySpread's scores. Nodes of a group that show as
// many pods that count have the same score.
func (p *Profile) scoreSpread(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, pl fwk.ScorePlugin) {
	fam := p.family
	p.spreadScores.reset(len(fam.grouping.size))
	p.shownScores = p.shownScores[:0]
	p.viewOf.reset(len(p.engine.nodes))
	for place, node := range fam.spread.order {
		p.viewOf.set(node, int32(place))
	}
	for k, i := range p.passed {
		group := fam.grouping.of[i]
		if place, ok := p.viewOf.get(i); ok {
			p.scores[k].Score = p.scoreShown(ctx, state, pod, pl, group, fam.spread.held[place])
			continue
		}
		score, known := p.spreadScores.get(group)
		if !known {
			score, _ = pl.Score(ctx, state, pod, &view{NodeInfo: p.engine.nodes[i]}) // only fails without a state
			p.spreadScores.set(group, score)
		}
		p.scores[k].Score = score
	}
}

func (p *Profile) scoreShown(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, pl fwk.ScorePlugin, group int32, w *view) int64 {
	if len(w.groups) != 1 {
		score, _ := pl.Score(ctx, state, pod, w) // only fails without a state
		return score
	}
	for _, s := range p.shownScores {
		if s.group == group && s.shown == w.groups[0] {
			return s.score
		}
	}
	score, _ := pl.Score(ctx, state, pod, w)
	p.shownScores = append(p.shownScores, shownScore{group, w.groups[0], score})
	return score
}
