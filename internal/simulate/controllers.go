package simulate

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/model"
)

// reconcile lets the controllers of the workloads create the pods that they
// miss. terms say how long it took until they noticed.
//
//	kind                       | replaces a pod once it is
//	---------------------------+------------------------------------------
//	Deployment, ReplicaSet,    | Terminating (controller.FilterActivePods)
//	ReplicationController      |
//	Job, CronJob               | Terminating; gone or failed with
//	                           | podReplacementPolicy: Failed; never once more
//	                           | pods have failed than backoffLimit
//	StatefulSet                | gone, in the order of the ordinals unless
//	                           | podManagementPolicy: Parallel
//	DaemonSet                  | gone, where the node still should run it
//	Pod                        | never
func (s *scenario) reconcile(touched map[int]bool, terms []term) error {
	for _, index := range sortedKeys(touched) {
		if err := s.reconcileOne(index, terms); err != nil {
			return err
		}
	}
	return nil
}

func (s *scenario) reconcileOne(index int, terms []term) error {
	w := s.sim.Snapshot.Workloads[index]
	var pods []*pod
	switch {
	case w.Kind == model.KindStatefulSet:
		pods = s.nextOrdinals(index)
	case w.Job != nil && s.failed(index) > w.Job.BackoffLimit:
		return s.endJob(index, s.failed(index))
	case w.Job != nil && w.Job.ReplaceOnlyFailed:
		pods = s.missing(index)
		pods = pods[:max(0, len(pods)-s.terminatingCount(index))]
	default:
		pods = s.missing(index)
	}
	created := 0
	for _, p := range pods {
		p.fresh, p.created = true, s.now
		p.terms = slices.Clone(terms)
		if quota := s.refusingQuota(p); quota != "" {
			s.retryLater(index, quota, terms)
			break // controllers stop at the first refusal (slowStartBatch)
		}
		if err := s.ensureClaims(p); err != nil {
			return err
		}
		if err := s.add(p); err != nil {
			return err
		}
		s.joinServices(p)
		created++
	}
	if created > 0 {
		s.note(v1alpha1.Event{Event: "pods-created", Workload: s.sim.names[index], Count: created})
	}
	return nil
}

// failed counts the pods that the Job controller counts as failed
// (pkg/controller/job/job_controller.go, isPodFailed): those that are gone, and
// Terminating ones unless it replaces only failed pods; none that a
// podFailurePolicy ignores.
func (s *scenario) failed(index int) int {
	job := s.sim.Snapshot.Workloads[index].Job
	if job.IgnoresDisruption {
		return 0
	}
	n := 0
	for _, p := range s.byOwner[index] {
		if p.gone || p.terminating && !job.ReplaceOnlyFailed {
			n++
		}
	}
	return n
}

// endJob fails a Job: its other pods are deleted.
func (s *scenario) endJob(index, failed int) error {
	if s.failedJobs[index] > 0 {
		return nil
	}
	s.failedJobs[index] = failed
	s.note(v1alpha1.Event{Event: "job-failed", Workload: s.sim.names[index], Message: "backoffLimit exceeded"})
	for _, p := range slices.Clone(s.byOwner[index]) {
		if !p.alive() {
			continue
		}
		if err := s.terminate(p); err != nil {
			return err
		}
		if !p.onDeadNode {
			if err := s.remove(p); err != nil {
				return err
			}
		}
	}
	return nil
}

// nextOrdinals returns the pods that the StatefulSet controller would create
// now (pkg/controller/statefulset/stateful_set_control.go, processReplica): in
// the order of the ordinals, it waits for a pod that is Terminating or not
// ready before it goes on.
func (s *scenario) nextOrdinals(index int) []*pod {
	w := s.sim.Snapshot.Workloads[index]
	bySlot := map[int]*pod{}
	for _, p := range s.byOwner[index] {
		if !p.gone {
			bySlot[p.slot] = p
		}
	}
	var out []*pod
	for slot := w.FirstOrdinal; slot < w.FirstOrdinal+w.Replicas; slot++ {
		p := bySlot[slot]
		if p == nil {
			out = append(out, s.newPod(index, slot, ""))
		}
		if !w.Parallel && (p == nil || p.terminating || !p.ready) {
			break
		}
	}
	return out
}

func (s *scenario) terminatingCount(index int) int {
	n := 0
	for _, p := range s.byOwner[index] {
		if p.terminating && !p.gone {
			n++
		}
	}
	return n
}

// onReady lets a StatefulSet go on with its next ordinal.
func (s *scenario) onReady(p *pod) error {
	if s.sim.Snapshot.Workloads[p.workload].Kind != model.KindStatefulSet {
		return nil
	}
	return s.reconcileOne(p.workload, []term{{"ordinals before it", s.now}})
}

// onPreempted takes a pod away that the scheduler deletes to make room: it
// serves no more at once, and is gone when it has stopped.
func (s *scenario) onPreempted(victim, by *pod) error {
	if !victim.alive() {
		return nil
	}
	if err := s.terminate(victim); err != nil {
		return err
	}
	victim.preempted = true
	s.tracks[victim.workload].preempted++
	s.note(v1alpha1.Event{Event: "preempted", Workload: s.sim.names[victim.workload], Count: 1, Message: "for " + by.key()})
	stop := min(s.sim.Timings.PodStop, gracePeriod(victim.obj))
	preemptedAt := s.now
	s.at(s.now+stop, func() error {
		if err := s.remove(victim); err != nil {
			return err
		}
		return s.reconcileOne(victim.workload, []term{{"preempted", preemptedAt}, {"preempted pod stops", stop}})
	})
	if s.sim.Snapshot.Workloads[victim.workload].Kind == model.KindStatefulSet {
		return nil // it waits until the pod is gone
	}
	return s.reconcileOne(victim.workload, []term{{"preempted", preemptedAt}})
}

// gracePeriod returns the pod's termination grace period in seconds.
func gracePeriod(p *corev1.Pod) float64 {
	if p.Spec.TerminationGracePeriodSeconds != nil {
		return float64(*p.Spec.TerminationGracePeriodSeconds)
	}
	return corev1.DefaultTerminationGracePeriodSeconds
}

// refusingQuota returns the ResourceQuota that refuses the pod now, or "".
func (s *scenario) refusingQuota(p *pod) string {
	return s.quotaRefusing(p, func(q *pod) bool { return !q.terminating || s.now < s.uncharged(q) })
}

// uncharged returns when a deleted pod that stays is no longer charged to its
// quota: a grace period after its deletion timestamp, which is itself a grace
// period after the deletion (pkg/quota/v1/evaluator/core/pods.go, QuotaV1Pod),
// and once the quota controller has counted again.
func (s *scenario) uncharged(p *pod) float64 {
	return p.deletedAt + 2*gracePeriod(p.obj) + s.sim.Timings.QuotaSyncPeriod
}

// Retries of a controller whose pod was refused (client-go
// util/workqueue/default_rate_limiters.go): 5 ms, doubled up to 1,000 s.
const (
	firstRetry = 0.005
	lastRetry  = 1000
)

// retryLater plans the first retry that finds every deleted pod uncharged.
func (s *scenario) retryLater(index int, quota string, terms []term) {
	if s.refusedBy[index] == "" {
		s.refusedBy[index] = quota
		s.note(v1alpha1.Event{Event: "quota-blocked", Workload: s.sim.names[index], Message: "ResourceQuota " + quota})
	}
	release := 0.0
	for _, p := range s.pods {
		if p.obj.Namespace == s.ref(index).Namespace && p.terminating && !p.gone && s.uncharged(p) > s.now {
			release = max(release, s.uncharged(p))
		}
	}
	if release == 0 {
		return // nothing will be uncharged: it stays refused
	}
	at, wait := s.now, firstRetry
	for at < release {
		at += wait
		wait = min(2*wait, lastRetry)
	}
	refused := s.now
	s.at(at, func() error {
		return s.reconcileOne(index, append(slices.Clone(terms), term{"refused by quota", s.now - refused}))
	})
}
