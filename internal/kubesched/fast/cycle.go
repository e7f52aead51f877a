package fast

import (
	"container/heap"
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/names"
)

// cycle is the state of one scheduling cycle.
type cycle struct {
	family *family
	check  *check // nil in most cycles
	// memory: verdicts come from memory. Else the plugins are asked, with views.
	memory bool
	// spread, affinity and others are asked in this cycle; nil when skipped.
	spread, affinity fwk.FilterPlugin
	others           []fwk.FilterPlugin
	// inOrder: filters come in the order in which judge asks, so that its first
	// rejection is the profile's.
	inOrder bool
	passed  []int32 // nodes that passed, in order

	spreadVerdicts memo[*fwk.Status]
	spreadScores   memo[int64]
	viewOf         memo[int32] // by node: place of its view
}

// Schedule returns the node for the pod, on the snapshot as it is now. The state
// afterwards is what the profile's own framework would have left there. Errors
// are those of Scheduler.SchedulePod: *framework.FitError, ErrNoNodesAvailable.
//
// It is schedule_one.go's schedulePod without extenders, opportunistic batching
// and parallel work: findNodesThatFitPod, findNodesThatPassFilters,
// prioritizeNodes. The differential tests hold it to that.
func (p *Profile) Schedule(ctx context.Context, state fwk.CycleState, pod *corev1.Pod) (string, error) {
	e := p.engine
	if err := p.begin(pod); err != nil {
		return "", err
	}
	if len(e.nodes) == 0 {
		return "", scheduler.ErrNoNodesAvailable
	}
	diagnosis := framework.Diagnosis{NodeToStatus: framework.NewDefaultNodeToStatus()}
	feasible, err := p.feasible(ctx, state, pod, &diagnosis)
	if err != nil {
		return "", err
	}
	switch len(feasible) {
	case 0:
		return "", &framework.FitError{Pod: pod, NumAllNodes: len(e.nodes), Diagnosis: diagnosis}
	case 1:
		return feasible[0].Node().Name, nil
	}
	if status := p.preScore(ctx, state, pod, feasible); !status.IsSuccess() {
		return "", status.AsError()
	}
	totals, status := p.rate(ctx, state, pod, feasible)
	if !status.IsSuccess() {
		return "", status.AsError()
	}
	// The node with the highest score; of several the one that a heap of them has
	// on top.
	best := ranking(totals)
	heap.Init(&best)
	return best[0].Name, nil
}

// ranking is schedule_one.go's nodeScoreHeap without extenders' tie-breaker.
type ranking []fwk.NodeScore

func (r ranking) Len() int           { return len(r) }
func (r ranking) Less(i, j int) bool { return r[i].Score > r[j].Score }
func (r ranking) Swap(i, j int)      { r[i], r[j] = r[j], r[i] }

// Push implements heap.Interface; a ranking is only initialized.
func (r ranking) Push(any) {}

// Pop implements heap.Interface; a ranking is only initialized.
func (r ranking) Pop() any { return nil }

// begin prepares a cycle for the pod.
func (p *Profile) begin(pod *corev1.Pod) error {
	if err := p.engine.begin(); err != nil {
		return err
	}
	fam, err := p.familyOf(pod)
	if err != nil {
		return fmt.Errorf("pod %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	p.family, p.check, p.memory, p.passed = fam, p.engine.newCheck(p.own), false, p.passed[:0]
	return nil
}

// feasible returns nodes that pass every filter: findNodesThatFitPod.
func (p *Profile) feasible(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, d *framework.Diagnosis) ([]fwk.NodeInfo, error) {
	e := p.engine
	result, status, rejected := p.preFilter(ctx, state, pod)
	d.UnschedulablePlugins = rejected
	if !status.IsSuccess() {
		if !status.IsRejected() {
			return nil, status.AsError()
		}
		d.NodeToStatus.SetAbsentNodesStatus(status)
		d.PreFilterMsg = status.Message()
		d.AddPluginStatus(status)
		return nil, nil
	}
	if name := pod.Status.NominatedNodeName; name != "" {
		if i, ok := e.index[name]; ok {
			found, _, err := p.search(ctx, state, pod, d, []int32{i})
			if err == nil && len(found) > 0 {
				return found, nil
			}
		}
	}
	among := e.all
	if !result.AllNodes() {
		among = nil
		for name := range result.NodeNames {
			if i, ok := e.index[name]; ok {
				among = append(among, i)
			}
		}
		d.NodeToStatus.SetAbsentNodesStatus(fwk.NewStatus(fwk.UnschedulableAndUnresolvable, fmt.Sprintf("node(s) didn't satisfy plugin(s) %v", sets.List(rejected))))
	}
	found, looked, err := p.search(ctx, state, pod, d, among)
	e.start = (e.start + looked) % len(e.nodes)
	return found, err
}

// search returns the nodes among these that pass every filter, beginning where
// the last search ended, until there are enough to score:
// findNodesThatPassFilters. looked counts those that passed and all that were
// rejected in this cycle.
func (p *Profile) search(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, d *framework.Diagnosis, among []int32) (found []fwk.NodeInfo, looked int, err error) {
	e := p.engine
	if len(among) == 0 {
		return nil, 0, nil
	}
	enough := p.enough(len(among))
	found, p.passed, p.failed = p.found[:0], p.passed[:0], p.failed[:0]
	at := e.start % len(among)
	for range among {
		i := among[at]
		if at++; at == len(among) {
			at = 0
		}
		status := p.filter(ctx, state, pod, i)
		if status.Code() == fwk.Error {
			return nil, 0, status.AsError()
		}
		if !status.IsSuccess() {
			p.failed = append(p.failed, rejection{i, status})
			continue
		}
		if len(found) == enough {
			break
		}
		found = append(found, e.nodes[i])
		p.passed = append(p.passed, i)
	}
	p.found = found
	before := d.NodeToStatus.Len() // a nominated node that was rejected
	if len(found) == 0 || before > 0 {
		for _, r := range p.failed {
			d.NodeToStatus.Set(e.nodes[r.node].Node().Name, r.status)
			d.AddPluginStatus(r.status)
		}
		return found, len(found) + d.NodeToStatus.Len(), nil
	}
	return found, len(found) + len(p.failed), nil
}

// rejection is why a node cannot take the pod.
type rejection struct {
	node   int32
	status *fwk.Status
}

// Sampling of nodes (schedule_one.go: numFeasibleNodesToFind).
const (
	leastNodes      = 100
	leastPercentage = 5
)

// enough is how many feasible nodes of n a cycle looks for.
func (p *Profile) enough(n int) int {
	if len(p.scorers) == 0 {
		return 1
	}
	if n < leastNodes {
		return n
	}
	percentage := int(p.percentage)
	if percentage == 0 {
		percentage = max(50-n/125, leastPercentage)
	}
	return max(n*percentage/100, leastNodes)
}

// preFilter runs the PreFilter plugins and learns who is to be asked about
// nodes.
func (p *Profile) preFilter(ctx context.Context, state fwk.CycleState, pod *corev1.Pod) (*fwk.PreFilterResult, *fwk.Status, sets.Set[string]) {
	result, status, rejected := p.views.RunPreFilterPlugins(ctx, state, pod)
	skipped := state.GetSkipFilterPlugins()
	p.spread, p.affinity, p.others = nil, nil, p.others[:0]
	p.memory, p.inOrder = p.family.signed && status.IsSuccess(), true
	last := rank(0)
	for _, name := range p.filters {
		if skipped.Has(name) {
			continue
		}
		r := p.ranks[name]
		switch r {
		case byOther:
			p.others = append(p.others, p.filterPlugin(name))
		case bySpread:
			p.spread = p.filterPlugin(name)
			p.spreadVerdicts.reset(len(p.family.grouping.size))
		case byAffinity:
			p.affinity = p.filterPlugin(name)
		case byNode, byRoom:
		}
		p.inOrder = p.inOrder && r >= last
		last = r
	}
	if p.check != nil {
		result, status, rejected = p.check.preFilter(ctx, pod, result, status, rejected, skipped)
	}
	if !result.AllNodes() && len(result.NodeNames) > 1 {
		// The scheduler walks the names in map order. The plugins that ask for this
		// (NodeAffinity, VolumeBinding) refuse the other nodes in Filter as well.
		result = nil
	}
	return result, status, rejected
}

func (p *Profile) filterPlugin(name string) fwk.FilterPlugin {
	pl, ok := p.plugins[name].(fwk.FilterPlugin)
	if !ok {
		p.memory = false
	}
	return pl
}

// filter returns why the node cannot take the pod; nil if it can.
func (p *Profile) filter(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, i int32) *fwk.Status {
	e := p.engine
	var status *fwk.Status
	if p.memory && (len(e.nominated) == 0 || len(p.own.NominatedPodsForNode(e.nodes[i].Node().Name)) == 0) {
		status = p.judge(ctx, state, pod, i)
	} else {
		status = p.views.RunFilterPluginsWithNominatedPods(ctx, state, pod, e.nodes[i])
	}
	if p.check != nil {
		status = p.check.filter(ctx, pod, e.nodes[i], status)
	}
	return status
}

// judge returns the first rejection of the profile's filters, or nil.
func (p *Profile) judge(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, i int32) *fwk.Status {
	e, fam := p.engine, p.family
	status := fam.node.judge(ctx, p, state, pod, i, e.version[i])
	if status == nil {
		status = fam.room.judge(ctx, p, state, pod, i, e.room[i])
	}
	if status != nil {
		if !p.inOrder || status.Code() == fwk.Error {
			return p.views.RunFilterPlugins(ctx, state, pod, e.nodes[i])
		}
		return status
	}
	for _, pl := range p.others {
		if status = refusal(pl, pl.Filter(ctx, state, pod, e.nodes[i])); status != nil {
			if !p.inOrder {
				return p.views.RunFilterPlugins(ctx, state, pod, e.nodes[i])
			}
			return status
		}
	}
	if p.spread != nil {
		group := fam.grouping.of[i]
		answer, known := p.spreadVerdicts.get(group)
		if !known {
			answer = refusal(p.spread, p.spread.Filter(ctx, state, pod, e.nodes[i]))
			p.spreadVerdicts.set(group, answer)
		}
		status = answer
	}
	if status == nil && p.affinity != nil {
		status = refusal(p.affinity, p.affinity.Filter(ctx, state, pod, e.nodes[i]))
	}
	return status
}

// refusal is a plugin's status as the framework passes it on; nil for success.
func refusal(pl fwk.Plugin, status *fwk.Status) *fwk.Status {
	if status.IsSuccess() {
		return nil
	}
	if !status.IsRejected() {
		status = fwk.AsStatus(fmt.Errorf("running %q filter plugin: %w", pl.Name(), status.AsError()))
	}
	status.SetPlugin(pl.Name())
	return status
}

func (p *Profile) preScore(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, nodes []fwk.NodeInfo) *fwk.Status {
	status := p.views.RunPreScorePlugins(ctx, state, pod, nodes)
	if p.check != nil {
		status = p.check.preScore(ctx, pod, nodes, status, state.GetSkipScorePlugins())
	}
	return status
}

// rate returns the total score of each node.
func (p *Profile) rate(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, nodes []fwk.NodeInfo) ([]fwk.NodeScore, *fwk.Status) {
	var totals []fwk.NodeScore
	var status *fwk.Status
	if p.memory && p.scoresKnown(state) {
		totals, status = p.score(ctx, state, pod, nodes)
	} else {
		totals, status = p.scoreByViews(ctx, state, pod, nodes)
	}
	if p.check != nil {
		totals, status = p.check.score(ctx, pod, nodes, totals, status)
	}
	return totals, status
}

func (p *Profile) scoreByViews(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, nodes []fwk.NodeInfo) ([]fwk.NodeScore, *fwk.Status) {
	scores, status := p.views.RunScorePlugins(ctx, state, pod, nodes)
	return totalsOf(scores), status
}

func totalsOf(scores []fwk.NodePluginScores) []fwk.NodeScore {
	out := make([]fwk.NodeScore, len(scores))
	for i, s := range scores {
		out[i] = fwk.NodeScore{Name: s.Name, Score: s.TotalScore}
	}
	return out
}

// scoresKnown reports whether every plugin that scores is answered for here.
// DynamicResources gives every node 0 when the pod has no claims.
func (p *Profile) scoresKnown(state fwk.CycleState) bool {
	skipped := state.GetSkipScorePlugins()
	claimless := state.GetSkipFilterPlugins().Has(names.DynamicResources)
	for _, name := range p.scorers {
		if !skipped.Has(name) && !p.remembered[name] && (name != names.DynamicResources || !claimless) {
			return false
		}
	}
	return true
}

// memo remembers an answer for each group of nodes, or each node, during
// one cycle.
type memo[T any] struct {
	answers []T
	known   []uint32
	round   uint32
}

func (m *memo[T]) reset(groups int) {
	m.round++
	if len(m.known) < groups {
		m.answers, m.known = make([]T, 2*groups), make([]uint32, 2*groups)
	}
}

func (m *memo[T]) get(group int32) (answer T, known bool) {
	return m.answers[group], m.known[group] == m.round
}

func (m *memo[T]) set(group int32, answer T) {
	m.answers[group], m.known[group] = answer, m.round
}
