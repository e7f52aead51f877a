package kubesched

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"bulkhead.dev/bulkhead/internal/simulate"
)

// Replay is a session whose pods are tried in an order from outside: that of a
// kube-scheduler which was watched. Every Session of Scheduler.Open is one.
//
// Between Try and the event that says what became of the pod, the caller says
// with Place where it is assumed to be.
type Replay interface {
	simulate.Session
	// Try runs one scheduling cycle for a pod that waits, and changes nothing but
	// what kube-scheduler keeps for itself: where the next search begins, and
	// which node is nominated for the pod.
	Try(ctx context.Context, namespace, name string) (*Attempt, error)
	// Place assumes the pod on the node, as a scheduling cycle does that has found
	// it. Volumes that are bound to the pod's claims with it are the caller's to Set.
	Place(namespace, name, node string) error
	// Nominate says which node kube-scheduler nominated for the pod that was tried
	// last, where it was not the one that Try found.
	Nominate(namespace, name, node string) error
}

// Attempt is the result of one scheduling cycle.
type Attempt struct {
	// Node found; "" when none was.
	Node string
	// Message is what kube-scheduler logs when it finds none, and Plugins those
	// that refused the pod, sorted.
	Message string
	Plugins []string
	// Nominated is the node on which Victims have to go, "" without preemption.
	Nominated string
	Victims   []*corev1.Pod
}

var _ Replay = (*session)(nil)

// Try implements Replay, after schedule_one.go: schedulingCycle, then
// handleSchedulingFailure without the queue.
func (s *session) Try(ctx context.Context, namespace, name string) (*Attempt, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	pod, profile, err := s.waiting(namespace, name)
	if err != nil {
		return nil, err
	}
	podInfo, err := framework.NewPodInfo(pod)
	if err != nil {
		return nil, fmt.Errorf("trying pod %s/%s: %w", namespace, name, err)
	}
	s.clock.Step(tick)
	if err := s.sched.Cache.UpdateSnapshot(s.logger, s.snapshot); err != nil {
		return nil, fmt.Errorf("updating the scheduler's snapshot: %w", err)
	}
	state := framework.NewCycleState()
	node, err := s.schedule(profile, state, &framework.QueuedPodInfo{PodInfo: podInfo})
	if err == nil {
		return &Attempt{Node: node}, nil
	}
	nominating := &fwk.NominatingInfo{NominatingMode: fwk.ModeOverride}
	attempt := &Attempt{Message: err.Error()}
	var fit *framework.FitError
	switch {
	case errors.Is(err, scheduler.ErrNoNodesAvailable):
	case errors.As(err, &fit):
		nominating = nil
		if profile.HasPostFilterPlugins() {
			result, status := profile.RunPostFilterPlugins(s.ctx, state, pod, fit.Diagnosis.NodeToStatus)
			fit.Diagnosis.PostFilterMsg = status.Message()
			if result != nil {
				nominating = result.NominatingInfo
			}
		}
		attempt.Message = strings.TrimSpace(fit.Error())
		attempt.Plugins = slices.Sorted(slices.Values(fit.Diagnosis.UnschedulablePlugins.UnsortedList()))
		attempt.Victims = s.victims.take()
	default:
		return nil, fmt.Errorf("trying pod %s/%s: %w", namespace, name, err)
	}
	if nominating != nil {
		attempt.Nominated = nominating.NominatedNodeName
	}
	s.sched.SchedulingQueue.AddNominatedPod(s.logger, podInfo, nominating)
	s.nominated()
	s.api.takeCleared() // the watch brings what the API server made of it
	return attempt, nil
}

// Nominate implements Replay.
func (s *session) Nominate(namespace, name, node string) error {
	pod, _, err := s.waiting(namespace, name)
	if err != nil {
		return err
	}
	podInfo, err := framework.NewPodInfo(pod)
	if err != nil {
		return fmt.Errorf("nominating a node for pod %s/%s: %w", namespace, name, err)
	}
	queue := s.sched.SchedulingQueue
	queue.DeleteNominatedPodIfExists(pod)
	queue.AddNominatedPod(s.logger, podInfo, &fwk.NominatingInfo{NominatedNodeName: node, NominatingMode: fwk.ModeOverride})
	s.nominated()
	return nil
}

// nominated tells the fast engine that some pod has a nominated node, from now on:
// here the nominator knows of it before the API server.
func (s *session) nominated() {
	pod := &corev1.Pod{}
	pod.Name, pod.Status.NominatedNodeName = "replayed", "nominated"
	s.memory.Changed(nil, pod)
}

// Place implements Replay.
func (s *session) Place(namespace, name, node string) error {
	pod, _, err := s.waiting(namespace, name)
	if err != nil {
		return err
	}
	s.clock.Step(tick)
	placed := *pod
	placed.Spec.NodeName = node
	return s.store(s.started(&placed))
}

// waiting returns a pod that has no node yet, and its profile.
func (s *session) waiting(namespace, name string) (*corev1.Pod, framework.Framework, error) {
	obj, exists, err := s.factory.informer(&corev1.Pod{}).GetByKey(namespace + "/" + name)
	if err != nil {
		return nil, nil, fmt.Errorf("looking up pod %s/%s: %w", namespace, name, err)
	}
	pod, ok := obj.(*corev1.Pod)
	if !exists || !ok {
		return nil, nil, fmt.Errorf("looking up pod %s/%s: there is none", namespace, name)
	}
	if pod.Spec.NodeName != "" {
		return nil, nil, fmt.Errorf("trying pod %s/%s: it is on %s already", namespace, name, pod.Spec.NodeName)
	}
	profile, ok := s.sched.Profiles[pod.Spec.SchedulerName]
	if !ok {
		return nil, nil, fmt.Errorf("trying pod %s/%s: no profile %q", namespace, name, pod.Spec.SchedulerName)
	}
	return pod, profile, nil
}
