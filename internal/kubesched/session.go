package kubesched

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler"
	"k8s.io/kubernetes/pkg/scheduler/backend/cache"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/nodeaffinity"
	testclock "k8s.io/utils/clock/testing"

	"bulkhead.dev/bulkhead/internal/kubesched/fast"
	"bulkhead.dev/bulkhead/internal/simulate"
)

// session implements simulate.Session.
type session struct {
	ctx      context.Context
	cancel   context.CancelFunc
	logger   klog.Logger
	factory  *informerFactory
	clock    *testclock.FakeClock
	api      *offlineAPI
	sched    *scheduler.Scheduler
	snapshot *cache.Snapshot
	victims  victims
	dryRun   dryRun
	// ready is how many pods are in the queue at least, ready to be tried. Only
	// when it is 0 is the queue asked, which copies it.
	ready int
	// priorities counts the pods with a node by priority.
	priorities map[int32]int
	// unfit remembers the pods that fit nowhere.
	unfit failures
	// memory and the profiles that answer from it; none with the exact engine.
	memory *fast.Engine
	fast   map[string]*fast.Profile
	counts *counts
}

// tick separates the moments at which pods enter the queue or start.
const tick = time.Microsecond

// Set implements simulate.Session.
func (s *session) Set(obj runtime.Object) error {
	s.clock.Step(tick)
	if pod, ok := obj.(*corev1.Pod); ok {
		s.ready = 0 // it may replace one that waits
		if pod.Spec.NodeName != "" {
			if start := pod.Status.StartTime; start == nil || start.Nanosecond() == 0 {
				obj = s.started(pod)
			} else if ahead := start.Nanosecond() - s.clock.Now().Nanosecond(); ahead > 0 {
				s.clock.Step(time.Duration(ahead)) // another session started it; no pod may start with it
			}
		}
	}
	return s.store(obj)
}

// store hands an object to the scheduler.
func (s *session) store(obj runtime.Object) error {
	old, err := s.factory.set(obj)
	if err != nil {
		return err
	}
	s.unfit.changed(old, obj)
	s.memory.Changed(old, obj)
	s.countPriority(old, -1)
	s.countPriority(obj, 1)
	return nil
}

// countPriority adds n to the pods of the object's priority, if it is a pod with
// a node.
func (s *session) countPriority(obj runtime.Object, n int) {
	if pod, ok := obj.(*corev1.Pod); ok && pod.Spec.NodeName != "" {
		s.priorities[priority(pod)] += n
	}
}

func priority(pod *corev1.Pod) int32 {
	if pod.Spec.Priority == nil {
		return 0
	}
	return *pod.Spec.Priority
}

// mayPreempt reports whether any pod with a node has a lower priority: without
// one, preemption finds nothing, on any node.
func (s *session) mayPreempt(pod *corev1.Pod) bool {
	for p, n := range s.priorities {
		if n > 0 && p < priority(pod) {
			return true
		}
	}
	return false
}

// started returns the pod with a start time that no other pod has: preemption
// breaks ties by it.
func (s *session) started(pod *corev1.Pod) *corev1.Pod {
	p := *pod
	start := metav1.NewTime(s.clock.Now())
	if p.Status.StartTime != nil {
		start = metav1.NewTime(p.Status.StartTime.Add(s.clock.Now().Sub(time.Unix(0, 0)) % time.Second))
	}
	p.Status.StartTime = &start
	return &p
}

// Delete implements simulate.Session.
func (s *session) Delete(obj runtime.Object) error {
	s.clock.Step(tick)
	s.ready = 0
	old, err := s.factory.remove(obj)
	if err != nil || old == nil {
		return err
	}
	s.unfit.removed(old)
	s.memory.Changed(old, nil)
	s.countPriority(old, -1)
	return nil
}

// Retry implements simulate.Session.
func (s *session) Retry() {
	s.sched.SchedulingQueue.MoveAllToActiveOrBackoffQueue(s.logger, framework.EventUnschedulableTimeout, nil, nil, nil)
	s.ready = 0
}

// Close implements simulate.Session.
func (s *session) Close() {
	if s.memory != nil {
		s.counts.checks.Add(int64(s.memory.Checks))
		s.counts.divergences.Add(int64(s.memory.Divergences))
	}
	s.sched.SchedulingQueue.Close()
	s.cancel()
}

// Next implements simulate.Session. It is the scheduler's own scheduling cycle
// (schedule_one.go: schedulingCycle, then handleSchedulingFailure) with binding
// at once.
func (s *session) Next(ctx context.Context) (*simulate.Decision, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	queue := s.sched.SchedulingQueue
	if s.ready == 0 {
		s.ready = len(queue.PodsInActiveQ()) + len(queue.PodsInBackoffQ())
		if s.ready == 0 {
			return nil, nil
		}
	}
	s.ready--
	s.clock.Step(tick)
	info, err := queue.Pop(s.logger)
	if err != nil || info == nil {
		return nil, fmt.Errorf("taking a pod from the queue: %w", err)
	}
	pod := info.Pod
	profile, ok := s.sched.Profiles[pod.Spec.SchedulerName]
	if !ok {
		return nil, fmt.Errorf("pod %s/%s: no profile %q", pod.Namespace, pod.Name, pod.Spec.SchedulerName)
	}
	id, shared := fast.Identify(pod)
	shared = shared && pod.Status.NominatedNodeName == ""
	if known := s.unfit[id]; shared && known != nil && !s.mayPreempt(pod) {
		return s.failed(profile, nil, info, known.err)
	}
	if err := s.sched.Cache.UpdateSnapshot(s.logger, s.snapshot); err != nil {
		return nil, fmt.Errorf("updating the scheduler's snapshot: %w", err)
	}
	state := framework.NewCycleState()
	node, err := s.schedule(profile, state, info)
	if err != nil {
		decision, ferr := s.failed(profile, state, info, err)
		var fit *framework.FitError
		if ferr == nil && shared && decision.Nominated == "" && errors.As(err, &fit) {
			s.unfit.remember(id, pod, fit)
		}
		return decision, ferr
	}
	queue.Done(pod.UID)
	placed := s.started(pod)
	placed.Spec.NodeName = node
	placed.Status.NominatedNodeName = ""
	if err := s.store(placed); err != nil {
		return nil, err
	}
	return &simulate.Decision{Pod: placed}, nil
}

// schedule finds a node for the pod.
func (s *session) schedule(profile framework.Framework, state fwk.CycleState, info *framework.QueuedPodInfo) (string, error) {
	s.counts.cycles.Add(1)
	if p, ok := s.fast[profile.ProfileName()]; ok {
		return p.Schedule(s.ctx, state, info.Pod)
	}
	result, err := s.sched.SchedulePod(s.ctx, steadyFramework{profile}, state, info)
	return result.SuggestedHost, err
}

// failed does what the scheduler does with a pod that fits nowhere: try to
// preempt, and put it back. Without a state, preemption was tried already for
// its like.
func (s *session) failed(profile framework.Framework, state fwk.CycleState, info *framework.QueuedPodInfo, err error) (*simulate.Decision, error) {
	pod := info.Pod
	decision := &simulate.Decision{Pod: pod}
	info.ClearRejectorPlugins()

	// Without candidates preemption clears an earlier nomination; nil leaves it.
	nominating := &fwk.NominatingInfo{NominatingMode: fwk.ModeOverride}
	var fit *framework.FitError
	switch {
	case errors.Is(err, scheduler.ErrNoNodesAvailable):
		decision.Why = func() []simulate.Block { return []simulate.Block{{Reason: "no nodes"}} }
		// The queue would try it again by wall clock; here a new node does.
		info.UnschedulablePlugins = sets.New(nodeaffinity.Name)
	case errors.As(err, &fit):
		nodes, lerr := s.snapshot.List()
		if lerr != nil {
			return nil, fmt.Errorf("listing nodes: %w", lerr)
		}
		nodes = slices.Clone(nodes)
		decision.Why = func() []simulate.Block { return blocks(fit, nodes) }
		if state != nil && profile.HasPostFilterPlugins() && s.mayPreempt(pod) {
			// An error here only means that no room is made, as for the scheduler: a
			// plugin's PostFilter may miss the state that its PreFilter did not write,
			// since a plugin before it refused the pod (schedule_one.go,
			// schedulingAlgorithm).
			s.dryRun.vain = s.fast[profile.ProfileName()].Vain()
			post, _ := profile.RunPostFilterPlugins(s.ctx, state, pod, steadyStatuses{fit.Diagnosis.NodeToStatus, &s.dryRun})
			s.dryRun = dryRun{}
			nominating = nil
			if post != nil && post.NominatingInfo != nil {
				nominating = post.NominatingInfo
				decision.Nominated = post.NominatedNodeName
			}
			decision.Victims = s.victims.take()
		}
		// Copies: the queue clears these sets, and pods alike share the error.
		info.UnschedulablePlugins = fit.Diagnosis.UnschedulablePlugins.Clone()
		info.PendingPlugins = fit.Diagnosis.PendingPlugins.Clone()
	default:
		return nil, fmt.Errorf("scheduling pod %s/%s: %w", pod.Namespace, pod.Name, err)
	}

	queue := s.sched.SchedulingQueue
	if err := queue.AddUnschedulableIfNotPresent(s.logger, info, queue.SchedulingCycle()); err != nil {
		return nil, fmt.Errorf("putting pod %s/%s back: %w", pod.Namespace, pod.Name, err)
	}
	queue.AddNominatedPod(s.logger, info.PodInfo, nominating)
	if nominating.Mode() == fwk.ModeOverride && nominating.NominatedNodeName != pod.Status.NominatedNodeName {
		if err := s.nominate(pod.Namespace+"/"+pod.Name, nominating.NominatedNodeName); err != nil {
			return nil, err
		}
	}
	for _, key := range s.api.takeCleared() {
		if err := s.nominate(key, ""); err != nil {
			return nil, err
		}
	}
	s.ready = 0
	return decision, nil
}

// nominate stores the pod's nominated node, as the API server would.
func (s *session) nominate(key, node string) error {
	obj, exists, err := s.factory.informer(&corev1.Pod{}).GetByKey(key)
	if err != nil || !exists {
		return err
	}
	stored, ok := obj.(*corev1.Pod)
	if !ok {
		return fmt.Errorf("pod %s: stored as %T", key, obj)
	}
	pod := *stored
	pod.Status.NominatedNodeName = node
	// The scheduler's event handler passes over updates of one version.
	pod.ResourceVersion = strconv.FormatInt(s.clock.Now().UnixNano(), 10)
	return s.store(&pod)
}

// steadyFramework keeps PreFilter from narrowing the nodes to a set of more
// than one name: the scheduler walks it in map order, and the plugin that asked
// for it refuses the other nodes in Filter as well (NodeAffinity,
// VolumeBinding).
type steadyFramework struct {
	framework.Framework
}

// RunPreFilterPlugins implements framework.Framework.
func (f steadyFramework) RunPreFilterPlugins(ctx context.Context, state fwk.CycleState, pod *corev1.Pod) (*fwk.PreFilterResult, *fwk.Status, sets.Set[string]) {
	result, status, plugins := f.Framework.RunPreFilterPlugins(ctx, state, pod)
	if !result.AllNodes() && len(result.NodeNames) > 1 {
		result = nil
	}
	return result, status, plugins
}
