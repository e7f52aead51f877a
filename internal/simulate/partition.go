package simulate

import (
	"fmt"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/model"
)

// A partition takes nothing away: every node reaches the control plane and stays
// Ready, no pod moves, every endpoint stays. What breaks is between the two
// zones. Pods of the other zones reach both.

// judgePartition says which workloads now have two halves.
func (s *scenario) judgePartition(index int, o *v1alpha1.WorkloadOutcome) {
	w := s.sim.Snapshot.Workloads[index]
	one, other := s.failure.Partition[0], s.failure.Partition[1]
	o.Verdict = v1alpha1.Survives
	a, b := o.Before[one], o.Before[other]
	if a == 0 || b == 0 || w.Kind != model.KindStatefulSet {
		return
	}
	o.Halves = map[string]int{one: a, other: b}
	o.Verdict = v1alpha1.Degraded
	rest := -a - b
	for _, n := range o.Before {
		rest += n
	}
	message := fmt.Sprintf("%s in %s and %d in %s cannot reach each other and stay Ready", plural(a, "member"), one, b, other)
	if rest > 0 {
		verb := "reach"
		if rest == 1 {
			verb = "reaches"
		}
		message += fmt.Sprintf("; %s elsewhere %s both", plural(rest, "member"), verb)
	}
	majority := (a+b+rest)/2 + 1
	if a+rest < majority && b+rest < majority {
		message += fmt.Sprintf(". Neither side has a majority (%d of %d)", majority, a+b+rest)
	}
	o.Reasons = []v1alpha1.Reason{{
		Code: "two-halves", Message: message, Pods: a + b,
		Remedy: "members in at least three zones, and a protocol that counts votes",
	}}
}

// splitService says which share of a service's requests fails, seen from the
// zone that fares worse: its clients are still sent to the other side.
func (s *scenario) splitService(t *serviceTrack, o *v1alpha1.ServiceOutcome) {
	one, other := s.failure.Partition[0], s.failure.Partition[1]
	ready := t.ready()
	count := map[string]int{}
	for _, p := range ready {
		count[s.zone(p.node())]++
	}
	if count[one] == 0 && count[other] == 0 {
		return
	}
	o.Halves = map[string]int{one: count[one], other: count[other]}
	for _, side := range [][2]string{{one, other}, {other, one}} {
		var clients []client
		for _, c := range s.living {
			if c.zone == side[0] {
				clients = append(clients, c)
			}
		}
		if len(clients) == 0 {
			continue
		}
		now, _ := shares(t.svc, s.endpoints(ready), clients)
		failing := 0.0
		for _, p := range ready {
			if s.zone(p.node()) == side[1] {
				failing += now[p]
			}
		}
		o.FailingShare = max(o.FailingShare, round(failing))
	}
	if o.FailingShare > 0 {
		o.FailingSeconds = nil
	}
}
