package fast

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

// cycle is the state of one scheduling cycle.
type cycle struct {
	family *family
	check  *check // nil in most cycles
	asked  *plan  // who is asked about nodes
	rates  *ratingPlan
	// memory: verdicts come from memory. Else the plugins are asked, with views.
	memory bool
	passed []int32 // nodes that passed, in order

	spreadVerdicts memo[*fwk.Status]
	spreadScores   memo[int64]
	shownScores    []shownScore
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
	if err := p.feasible(ctx, state, pod, &diagnosis); err != nil {
		return "", err
	}
	switch len(p.passed) {
	case 0:
		return "", &framework.FitError{Pod: pod, NumAllNodes: len(e.nodes), Diagnosis: diagnosis}
	case 1:
		return e.names[p.passed[0]], nil
	}
	if status := p.preScore(ctx, state, pod); !status.IsSuccess() {
		return "", status.AsError()
	}
	totals, status := p.rate(ctx, state, pod)
	if !status.IsSuccess() {
		return "", status.AsError()
	}
	return e.names[p.passed[p.best(totals)]], nil
}

// begin prepares a cycle for the pod.
func (p *Profile) begin(pod *corev1.Pod) error {
	if err := p.engine.begin(); err != nil {
		return err
	}
	fam, err := p.familyOf(pod)
	if err != nil {
		return fmt.Errorf("pod %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	p.family, p.check, p.memory, p.passed, p.found = fam, p.engine.newCheck(p.own), false, p.passed[:0], p.found[:0]
	return nil
}

// feasible finds nodes that pass every filter: findNodesThatFitPod.
func (p *Profile) feasible(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, d *framework.Diagnosis) error {
	e := p.engine
	result, status, rejected := p.preFilter(ctx, state, pod)
	d.UnschedulablePlugins = rejected
	if !status.IsSuccess() {
		if !status.IsRejected() {
			return status.AsError()
		}
		d.NodeToStatus.SetAbsentNodesStatus(status)
		d.PreFilterMsg = status.Message()
		d.AddPluginStatus(status)
		return nil
	}
	if name := pod.Status.NominatedNodeName; name != "" {
		if i, ok := e.index[name]; ok {
			_, err := p.search(ctx, state, pod, d, []int32{i})
			if err == nil && len(p.passed) > 0 {
				return nil
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
	looked, err := p.search(ctx, state, pod, d, among)
	e.start = (e.start + looked) % len(e.nodes)
	return err
}

// nodes returns those that passed, as plugins take them.
func (p *Profile) nodes() []fwk.NodeInfo {
	if len(p.found) != len(p.passed) {
		p.found = p.found[:0]
		for _, i := range p.passed {
			p.found = append(p.found, p.engine.nodes[i])
		}
	}
	return p.found
}

// preFilter runs the PreFilter plugins and learns who is to be asked about
// nodes.
func (p *Profile) preFilter(ctx context.Context, state fwk.CycleState, pod *corev1.Pod) (*fwk.PreFilterResult, *fwk.Status, sets.Set[string]) {
	result, status, rejected := p.recallPreFilter(ctx, state, pod)
	p.memory = p.family.signed && status.IsSuccess() && p.asked.answerable
	if p.asked.spread != nil {
		p.spreadVerdicts.reset(len(p.family.grouping.size))
	}
	if p.check != nil {
		result, status, rejected = p.check.preFilter(ctx, pod, result, status, rejected, state.GetSkipFilterPlugins())
	}
	if !result.AllNodes() && len(result.NodeNames) > 1 {
		// The scheduler walks the names in map order. The plugins that ask for this
		// (NodeAffinity, VolumeBinding) refuse the other nodes in Filter as well.
		result = nil
	}
	return result, status, rejected
}

func (p *Profile) preScore(ctx context.Context, state fwk.CycleState, pod *corev1.Pod) *fwk.Status {
	status := p.recallPreScore(ctx, state, pod)
	if p.check != nil {
		status = p.check.preScore(ctx, pod, p.nodes(), status, state.GetSkipScorePlugins())
	}
	return status
}

// rate returns the total score of each node that passed.
func (p *Profile) rate(ctx context.Context, state fwk.CycleState, pod *corev1.Pod) ([]int64, *fwk.Status) {
	var totals []int64
	var status *fwk.Status
	if p.memory && p.rates.answerable {
		totals, status = p.score(ctx, state, pod)
	} else {
		var scores []fwk.NodePluginScores
		scores, status = p.views.RunScorePlugins(ctx, state, pod, p.nodes())
		totals = totalsOf(scores)
	}
	if p.check != nil {
		totals, status = p.check.score(ctx, pod, p.nodes(), totals, status)
	}
	return totals, status
}

func totalsOf(scores []fwk.NodePluginScores) []int64 {
	out := make([]int64, len(scores))
	for i, s := range scores {
		out[i] = s.TotalScore
	}
	return out
}
