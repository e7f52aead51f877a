package simulate

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/model"
)

// reasons explains what keeps the workload's pods from being back, one entry for
// each cause; docs/codes.md lists the codes.
func (s *scenario) reasons(index int, o *v1alpha1.WorkloadOutcome, classes []*class) []v1alpha1.Reason {
	w := s.sim.Snapshot.Workloads[index]
	var out []v1alpha1.Reason
	for _, c := range classes {
		if c.workload == index {
			out = append(out, c.reason)
		}
	}
	if r, ok := s.statefulSetWaits(index); ok {
		out = append(out, r)
	}
	out = append(out, s.stayingPods(index)...)
	out = append(out, s.dependencyReasons(index, o)...)
	if n := s.countWaiting(index); n > 0 {
		out = append(out, v1alpha1.Reason{
			Code: "volume-attached", Pods: n,
			Message: fmt.Sprintf("%s placed but cannot start: the volume is still attached to a dead node, whose pod object stays", plural(n, "pod")),
			Remedy:  "out-of-service taint · deleting the node objects (then 6m) · a volume that many nodes may mount",
		})
	}
	if quota := s.refusedBy[index]; quota != "" {
		r := v1alpha1.Reason{Code: "quota-refuses", Pods: o.NotCreated, Remedy: "room in the quota for one zone's share"}
		if o.NotCreated > 0 {
			r.Message = fmt.Sprintf("ResourceQuota %s refuses the replacements: the pods that it charges leave no room", quota)
		} else {
			r.Message = fmt.Sprintf("ResourceQuota %s refused the replacements for as long as it charged the pods that they replace", quota)
		}
		out = append(out, r)
	}
	if w.Kind == model.KindPod && o.Lost > 0 && o.RecoverySeconds == nil {
		out = append(out, v1alpha1.Reason{Code: "bare-pod", Pods: 1, Message: "a pod without a controller: nobody creates it again", Remedy: "a Deployment"})
	}
	switch {
	case s.failedJobs[index] > 0:
		out = append(out, v1alpha1.Reason{
			Code: "job-failed", Pods: o.Replicas,
			Message: fmt.Sprintf("the Job is Failed: %d of its pods were evicted, which count as failed, and backoffLimit is %d", s.failedJobs[index], w.Job.BackoffLimit),
			Remedy:  "a podFailurePolicy that ignores DisruptionTarget · a higher backoffLimit",
		})
	case w.Job != nil && w.Job.ReplaceOnlyFailed && s.terminatingCount(index) > 0 && o.RecoverySeconds == nil:
		out = append(out, v1alpha1.Reason{Code: "job-waits", Pods: s.terminatingCount(index), Message: "podReplacementPolicy Failed: the Job waits until its pod has ended, which no kubelet can tell", Remedy: "deleting the node objects · podReplacementPolicy: TerminatingOrFailed"})
	}
	if o.Preempted > 0 {
		out = append(out, v1alpha1.Reason{Code: "preempted", Pods: o.Preempted, Message: fmt.Sprintf("%s evicted to make room for pods of higher priority", plural(o.Preempted, "pod")), Remedy: "more room · a higher priority"})
	}
	return out
}

// statefulSetWaits explains pods of a StatefulSet that wait for a dead pod's
// object to go.
func (s *scenario) statefulSetWaits(index int) (v1alpha1.Reason, bool) {
	w := s.sim.Snapshot.Workloads[index]
	if w.Kind != model.KindStatefulSet {
		return v1alpha1.Reason{}, false
	}
	var stuck []*pod
	volumes := map[string]bool{}
	onNode := false
	kept := s.failure.Zones
	for _, p := range s.byOwner[index] {
		if !p.terminating || p.gone {
			continue
		}
		stuck = append(stuck, p)
		for _, claim := range s.claimsOf(p.obj) {
			scope, where := s.volumeScope(claim)
			onNode = onNode || scope == model.ScopeNode
			if scope == model.ScopeZone && len(where) == 1 && slices.Contains(kept, where[0]) {
				volumes[where[0]] = true
			}
		}
	}
	if len(stuck) == 0 {
		return v1alpha1.Reason{}, false
	}
	first := stuck[0]
	message := fmt.Sprintf("StatefulSet waits: node %s is gone, its object is not, so %s stays Terminating", first.node(), first.obj.Name)
	if len(stuck) > 1 {
		message = fmt.Sprintf("StatefulSet waits: %d dead nodes' objects stay, so %s stays Terminating, and %d more", len(stuck), first.obj.Name, len(stuck)-1)
	}
	back := "the zone's return"
	if len(kept) == 0 {
		back = "the node's return"
	}
	remedy := back + " · out-of-service taint · deleting the node objects"
	switch {
	case onNode:
		message += ". Its volume lives on its node as well"
		remedy = back + " · out-of-service taint and a volume that does not live on a node"
	case len(volumes) > 0:
		message += fmt.Sprintf(". Its volume lives in zone %s as well", strings.Join(sortedKeys(volumes), ", "))
		remedy = back + " · out-of-service taint and a regional volume"
	}
	return v1alpha1.Reason{Code: "statefulset-waits", Message: message, Pods: len(stuck), Nodes: 0, Remedy: remedy}, true
}

// stayingPods explains pods on dead nodes that nobody deletes.
func (s *scenario) stayingPods(index int) []v1alpha1.Reason {
	w := s.sim.Snapshot.Workloads[index]
	if w.Daemon != nil {
		return nil // they belong to their node
	}
	stopped, tolerant := map[string]int{}, 0
	for _, p := range s.byOwner[index] {
		if !p.onDeadNode || !p.alive() {
			continue
		}
		if zone := s.zone(p.node()); s.stopped[zone] != "" {
			stopped[zone]++
		} else if math.IsInf(tolerates(p.obj, unreachableNoExecute), 1) {
			tolerant++
		}
	}
	var out []v1alpha1.Reason
	for _, zone := range sortedKeys(stopped) {
		out = append(out, v1alpha1.Reason{
			Code: "evictions-stopped", Pods: stopped[zone],
			Message: fmt.Sprintf("%s on dead nodes of zone %s not evicted: %s", plural(stopped[zone], "pod"), zone, s.stopped[zone]),
			Remedy:  "the nodes' return · deleting the node objects",
		})
	}
	if tolerant > 0 {
		out = append(out, v1alpha1.Reason{
			Code: "tolerates-forever", Pods: tolerant,
			Message: fmt.Sprintf("%s never replaced: a dead node is tolerated for ever", plural(tolerant, "pod")),
			Remedy:  "tolerationSeconds on node.kubernetes.io/unreachable",
		})
	}
	return out
}

func (s *scenario) countWaiting(index int) int {
	n := 0
	for _, p := range s.byOwner[index] {
		if p.waitsFor != "" && p.alive() {
			n++
		}
	}
	return n
}

// onlyWaitsForZone reports whether everything that is missing waits for the
// zone's return by design: members of a StatefulSet whose data did not go with
// their nodes.
func (s *scenario) onlyWaitsForZone(o *v1alpha1.WorkloadOutcome) bool {
	if o.Kind != model.KindStatefulSet {
		return false
	}
	for _, d := range o.DataLost {
		if d.Kind == "volume" {
			return false
		}
	}
	for _, r := range o.Reasons {
		if r.Code != "statefulset-waits" && r.Code != "volume-zone" && r.Code != "evictions-stopped" {
			return false
		}
	}
	return len(o.Reasons) > 0
}

func acceptedWait(o *v1alpha1.WorkloadOutcome, t *track) v1alpha1.Reason {
	return v1alpha1.Reason{
		Code: "waits-with-zone", Pods: t.target - t.ready,
		Message: fmt.Sprintf("%d of %d serve; the rest waits for the zone's return, as %s accepts (at least %d, %s)",
			t.ready, t.start, model.AnnotationRecoveryTime, t.minimum, o.MinAvailableFrom),
	}
}

// belowMinimum explains an outage.
func (s *scenario) belowMinimum(o *v1alpha1.WorkloadOutcome, t *track) v1alpha1.Reason {
	r := v1alpha1.Reason{Code: "below-minimum", Pods: t.minimum - t.lowest}
	until := "for as long as the failure lasts"
	if o.OutageSeconds != nil {
		until = "for " + seconds(*o.OutageSeconds)
		if sum := sumTerms(reportTerms(t.ended)); sum != "" && t.preempted == 0 {
			until += " = " + sum
		}
	}
	switch {
	case t.start == 1 && t.lost == 1:
		r.Message = "1 replica: nothing serves " + until
		r.Remedy = "2 replicas in different zones"
	case t.lowest == 0 && t.lost == t.start:
		r.Message = fmt.Sprintf("all %d replicas stood in what is lost: nothing serves %s", t.start, until)
		r.Remedy = "a hard spread over zones"
	default:
		r.Message = fmt.Sprintf("%d of %d ready, at least %d wanted (%s), %s", t.lowest, t.start, t.minimum, o.MinAvailableFrom, until)
		r.Remedy = "more replicas, spread over zones · a lower minimum"
	}
	switch {
	case len(s.living) == 0:
		r.Remedy = "" // no zone is left to be in
	case o.Kind == model.KindDaemonSet:
		r.Remedy = "nodes in another zone that it runs on"
	}
	return r
}

func sumTerms(terms []v1alpha1.Term) string {
	var parts []string
	for _, t := range terms {
		parts = append(parts, seconds(t.Seconds)+" "+t.Name)
	}
	return strings.Join(parts, " + ")
}

func late(o *v1alpha1.WorkloadOutcome, objective float64) v1alpha1.Reason {
	message := fmt.Sprintf("full count after %s, objective %s", seconds(*o.RecoverySeconds), seconds(objective))
	if sum := sumTerms(o.RecoveryTerms); sum != "" {
		message += ": " + sum
	}
	return v1alpha1.Reason{Code: "late", Message: message, Remedy: sooner(o.RecoveryTerms)}
}

// sooner returns what would shorten the longest term.
func sooner(terms []v1alpha1.Term) string {
	if len(terms) == 0 {
		return ""
	}
	longest := slices.MaxFunc(terms, func(a, b v1alpha1.Term) int { return cmp.Compare(a.Seconds, b.Seconds) })
	switch longest.Name {
	case "toleration":
		return "a shorter tolerationSeconds"
	case "eviction queue":
		return "a higher node eviction rate (--node-eviction-rate)"
	case "refused by quota":
		return "room in the quota for one zone's share"
	case "volume detach":
		return "out-of-service taint · a volume that many nodes may mount"
	case "waiting for room":
		return "more room"
	case "not ready":
		return "a shorter --node-monitor-grace-period"
	case "pod collected":
		return "out-of-service taint"
	}
	return ""
}

func notRunningBefore(t *track) v1alpha1.Reason {
	message := "no pod ran before the failure either"
	if t.start > 0 {
		message = fmt.Sprintf("%d ready before the failure, at least %d wanted (%s)", t.start, t.minimum, t.from)
	}
	return v1alpha1.Reason{Code: "not-running-before", Message: message, Pods: t.replicas - t.start}
}

// autoscalerRoom tells when a HorizontalPodAutoscaler's maximum leaves no room
// for the lost share: until dead pods are evicted they count as replicas.
func (s *scenario) autoscalerRoom(index int, t *track) (v1alpha1.Reason, bool) {
	w := s.sim.Snapshot.Workloads[index]
	if w.Autoscaler == nil || t.lost == 0 {
		return v1alpha1.Reason{}, false
	}
	room := w.Autoscaler.Max - t.start
	if room >= t.lost {
		return v1alpha1.Reason{}, false
	}
	return v1alpha1.Reason{
		Code: "autoscaler-max", Pods: t.lost - max(0, room),
		Message: fmt.Sprintf("HorizontalPodAutoscaler %s: %d of %d lost and maxReplicas %d: until the dead pods are evicted they count, and no more than %d can be added",
			w.Autoscaler.Name, t.lost, t.start, w.Autoscaler.Max, max(0, room)),
		Remedy: fmt.Sprintf("maxReplicas: %d", t.start+t.lost),
	}, true
}
