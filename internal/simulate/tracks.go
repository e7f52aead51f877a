package simulate

import (
	"fmt"
	"math"
	"strconv"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/model"
)

// track follows how many pods of a workload are ready.
type track struct {
	before   map[string]int // ready pods by zone
	replicas int            // wanted
	ready    int
	start    int // ready before
	lowest   int
	lost     int
	minimum  int
	from     string // who set the minimum
	explicit bool   // the owner set it
	target   int    // full count

	preempted  int
	belowSince float64 // NaN while at or above the minimum
	below      float64 // seconds below the minimum so far
	fullSince  float64 // when the full count was last reached
	full       bool
	last       *pod // the pod that became ready last
	ended      *pod // the pod that ended the outage
}

// newTracks starts one track a workload.
func newTracks(c *cluster) []*track {
	out := make([]*track, len(c.sim.Snapshot.Workloads))
	for i, w := range c.sim.Snapshot.Workloads {
		t := &track{before: map[string]int{}, replicas: w.Replicas, belowSince: math.NaN(), full: true}
		if w.Daemon != nil {
			t.replicas += c.refused[i].pods
		}
		for _, p := range c.byOwner[i] {
			if p.ready {
				t.ready++
				t.before[c.zone(p.node())]++
			}
			if w.Daemon != nil && p.alive() {
				t.replicas++
			}
		}
		t.start, t.lowest, t.target = t.ready, t.ready, t.ready
		t.minimum, t.from, t.explicit = minimum(c.sim, i, w, t.replicas)
		out[i] = t
	}
	return out
}

// minimum returns how many pods of the workload must be ready at every moment,
// and who says so (docs/architecture.md: what survives means).
func minimum(sim *simulation, index int, w *model.Workload, replicas int) (n int, from string, explicit bool) {
	if b := sim.budgets[index]; b != nil {
		return budgetMinimum(b, replicas), "PodDisruptionBudget " + b.Name, true
	}
	if w.MinAvailable != nil {
		return *w.MinAvailable, "annotation " + model.AnnotationMinAvailable, true
	}
	switch w.Kind {
	case model.KindJob, model.KindCronJob:
		return 0, "default: a Job serves nobody", false
	}
	if replicas == 0 {
		return 0, "default", false
	}
	return 1, "default", false
}

// change counts a pod that became ready or stopped being so.
func (t *track) change(p *pod, ready bool, now float64) {
	if ready {
		t.ready++
		if t.ready <= t.target {
			t.last = p
		}
		return
	}
	t.ready--
	t.lowest = min(t.lowest, t.ready)
	if p.onDeadNode && now == 0 {
		t.lost++
	}
}

// endOfMoment notes when the workload falls below its minimum or its full
// count, and when it is back.
func (t *track) endOfMoment(s *scenario, index int) {
	if s.now == 0 && s.sim.Snapshot.Workloads[index].Daemon != nil {
		t.target = t.start - t.lost // a DaemonSet wants one pod a living node
	}
	name := s.sim.names[index]
	if t.ready < t.minimum && math.IsNaN(t.belowSince) {
		t.belowSince = s.now
		s.note(v1alpha1.Event{Event: "outage-begins", Workload: name, Count: t.ready, Message: fmt.Sprintf("%d ready, at least %d wanted", t.ready, t.minimum)})
	}
	if t.ready >= t.minimum && !math.IsNaN(t.belowSince) {
		t.below += s.now - t.belowSince
		t.belowSince, t.ended = math.NaN(), t.last
		s.note(v1alpha1.Event{Event: "outage-ends", Workload: name, Count: t.ready})
	}
	full := t.ready >= t.target
	if full && !t.full {
		t.fullSince = s.now
		s.note(v1alpha1.Event{Event: "full-count", Workload: name, Count: t.ready})
	}
	t.full = full
}

// recovery returns the seconds to the full count: 0 when it was never missed,
// nil when it is never reached again.
func (t *track) recovery() *float64 {
	if !t.full {
		return nil
	}
	r := round(t.fullSince)
	return &r
}

// reportTerms returns what the pod's time to ready was made of; nil without one.
func reportTerms(p *pod) []v1alpha1.Term {
	if p == nil {
		return nil
	}
	var out []v1alpha1.Term
	for _, t := range p.terms {
		if t.seconds > 0 {
			out = append(out, v1alpha1.Term{Name: t.name, Seconds: round(t.seconds)})
		}
	}
	return out
}

// outage returns for how long less than the minimum was ready; nil when that
// does not end.
func (t *track) outage() *float64 {
	if !math.IsNaN(t.belowSince) {
		return nil
	}
	r := round(t.below)
	return &r
}

// round keeps milliseconds, so that sums of binary fractions print well.
func round(seconds float64) float64 { return math.Round(seconds*1000) / 1000 }

func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + one + "s"
}
