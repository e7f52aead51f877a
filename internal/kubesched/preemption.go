package kubesched

import (
	"context"
	"fmt"
	"sync"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/defaultpreemption"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/feature"
	"k8s.io/kubernetes/pkg/scheduler/framework/preemption"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"

	"bulkhead.dev/bulkhead/internal/kubesched/fast"
)

const steadyPreemptionName = "SteadyPreemption"

// dryRun is what steadyPreemption is told of the pod for which it looks for
// candidates.
type dryRun struct {
	// vain says on which nodes there are none; nil for no memory.
	vain *fast.Vain
	// potential is how many nodes there are to look at, those included.
	potential int32
}

// victims collects the pods that preemption deletes in one scheduling cycle.
type victims struct {
	mu   sync.Mutex
	pods []*corev1.Pod
}

func (v *victims) add(p *corev1.Pod) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.pods = append(v.pods, p)
}

// take returns the victims since the last call.
func (v *victims) take() []*corev1.Pod {
	v.mu.Lock()
	defer v.mu.Unlock()
	pods := v.pods
	v.pods = nil
	return pods
}

// steadyPreemption is DefaultPreemption, starting at the first node instead of
// a random one.
type steadyPreemption struct {
	*defaultpreemption.DefaultPreemption
	run *dryRun
}

func (steadyPreemption) Name() string { return steadyPreemptionName }

// GetOffsetAndNumCandidates implements preemption.Interface.
func (s steadyPreemption) GetOffsetAndNumCandidates(nodes int32) (int32, int32) {
	_, candidates := s.DefaultPreemption.GetOffsetAndNumCandidates(max(nodes, s.run.potential))
	return 0, candidates
}

// SelectVictimsOnNode implements preemption.Interface.
func (s steadyPreemption) SelectVictimsOnNode(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, node fwk.NodeInfo, pdbs []*policyv1.PodDisruptionBudget) ([]*corev1.Pod, int, *fwk.Status) {
	pods, violations, status := s.DefaultPreemption.SelectVictimsOnNode(ctx, state, pod, node, pdbs)
	if status.IsRejected() {
		s.run.vain.Note(node)
	}
	return pods, violations, status
}

// steadyStatuses returns nodes in the scheduler's order instead of a map's: in a
// large cluster preemption looks at the first of them only. Nodes without a
// candidate are left out: they do not count among the candidates that are enough.
type steadyStatuses struct {
	*framework.NodeToStatus
	run *dryRun
}

// NodesForStatusCode implements fwk.NodeToStatusReader.
func (s steadyStatuses) NodesForStatusCode(nodes fwk.NodeInfoLister, code fwk.Code) ([]fwk.NodeInfo, error) {
	all, err := nodes.List()
	if err != nil {
		return nil, err
	}
	var out []fwk.NodeInfo
	s.run.potential = 0
	for _, n := range all {
		if s.Get(n.Node().Name).Code() != code {
			continue
		}
		s.run.potential++
		if !s.run.vain.Known(n) {
			out = append(out, n)
		}
	}
	return out, nil
}

// newSteadyPreemption returns a factory of plugins that give their victims to v
// instead of deleting them through the API.
func newSteadyPreemption(v *victims, run *dryRun) frameworkruntime.PluginFactory {
	return func(ctx context.Context, args runtime.Object, h fwk.Handle) (fwk.Plugin, error) {
		features := feature.NewSchedulerFeaturesFromGates(utilfeature.DefaultFeatureGate)
		features.EnableAsyncPreemption = false
		pl, err := defaultpreemption.New(ctx, args, h, features)
		if err != nil {
			return nil, fmt.Errorf("making %s: %w", defaultpreemption.Name, err)
		}
		pl.Executor.PreemptPod = func(_ context.Context, _ preemption.Candidate, _ preemption.ExecutorPreemptor, victim *corev1.Pod, _ string) error {
			v.add(victim)
			return nil
		}
		s := steadyPreemption{pl, run}
		pl.Evaluator.Interface = s
		return s, nil
	}
}
