package fast

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

// check asks the scheduler's own framework the same questions, in a state of its
// own, and compares. Its answers are the ones that count.
type check struct {
	engine *Engine
	own    framework.Framework
	state  fwk.CycleState
	differ bool
}

// leastEvery: of so many cycles one is checked, in small clusters.
const leastEvery = 500

// newCheck returns a check for the cycles of a sample: pseudo-random, the same
// in every run.
func (e *Engine) newCheck(own framework.Framework) *check {
	// What a check costs grows with the nodes: its share stays about the same.
	every := e.CheckEvery
	if every == 0 {
		every = max(leastEvery, len(e.nodes)/2)
	}
	if mix(uint64(e.cycle))%uint64(every) != 0 {
		return nil
	}
	e.Checks++
	return &check{engine: e, own: own, state: framework.NewCycleState()}
}

// mix is the finalizer of SplitMix64 (Steele, Lea, Flood 2014).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func (c *check) compare(same bool) {
	if !same && !c.differ {
		c.differ = true
		c.engine.Divergences++
	}
}

func (c *check) preFilter(ctx context.Context, pod *corev1.Pod, result *fwk.PreFilterResult, status *fwk.Status, rejected, skipped sets.Set[string]) (*fwk.PreFilterResult, *fwk.Status, sets.Set[string]) {
	r, s, p := c.own.RunPreFilterPlugins(ctx, c.state, pod)
	names := func(r *fwk.PreFilterResult) sets.Set[string] {
		if r == nil {
			return nil
		}
		return r.NodeNames
	}
	c.compare(names(r).Equal(names(result)) && sameStatus(s, status) && p.Equal(rejected) && c.state.GetSkipFilterPlugins().Equal(skipped))
	return r, s, p
}

func (c *check) filter(ctx context.Context, pod *corev1.Pod, node fwk.NodeInfo, status *fwk.Status) *fwk.Status {
	s := c.own.RunFilterPluginsWithNominatedPods(ctx, c.state, pod, node)
	c.compare(sameStatus(s, status))
	return s
}

func (c *check) preScore(ctx context.Context, pod *corev1.Pod, nodes []fwk.NodeInfo, status *fwk.Status, skipped sets.Set[string]) *fwk.Status {
	s := c.own.RunPreScorePlugins(ctx, c.state, pod, nodes)
	c.compare(sameStatus(s, status) && c.state.GetSkipScorePlugins().Equal(skipped))
	return s
}

func (c *check) score(ctx context.Context, pod *corev1.Pod, nodes []fwk.NodeInfo, totals []int64, status *fwk.Status) ([]int64, *fwk.Status) {
	scores, s := c.own.RunScorePlugins(ctx, c.state, pod, nodes)
	t := totalsOf(scores)
	c.compare(sameStatus(s, status) && slices.Equal(t, totals))
	return t, s
}

func sameStatus(a, b *fwk.Status) bool {
	if a == nil || b == nil {
		return a.IsSuccess() && b.IsSuccess()
	}
	return a.Code() == b.Code() && a.Plugin() == b.Plugin() && slices.Equal(a.Reasons(), b.Reasons())
}
