package verdict

import (
	"cmp"
	"fmt"
	"math"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// What agrees: within a tenth or 5 s, whichever is more (the objective of the
// comparison with a real control plane, docs/fidelity).
const (
	toleranceShare   = 0.1
	toleranceSeconds = 5
)

// forecast is a moment that was predicted. known without seconds: never.
type forecast struct {
	known   bool
	seconds *float64
}

// agrees compares a moment with its forecast:
//
//	predicted | seen | agrees
//	----------+------+---------------------------------------------------------
//	unknown   | any  | null
//	finite    | yes  | within the tolerance
//	finite    | no   | false when it was waited for past the tolerance, else null
//	never     | yes  | false
//	never     | no   | true when the fault outlasted every recovery that was
//	          |      | predicted, else null: it was not waited for
func (d *drill) agrees(f forecast, seen *float64) *bool {
	waited := d.faultEnd - d.zero
	switch {
	case !f.known || !d.begun:
		return nil
	case f.seconds != nil && seen != nil:
		return pointer(math.Abs(*seen-*f.seconds) <= max(toleranceSeconds, toleranceShare**f.seconds))
	case f.seconds != nil && waited >= (1+toleranceShare)**f.seconds+toleranceSeconds:
		return pointer(false)
	case f.seconds != nil:
		return nil
	case seen != nil:
		return pointer(false)
	case waited > d.longestRecovery():
		return pointer(true)
	}
	return nil
}

// longestRecovery that is predicted and ends.
func (d *drill) longestRecovery() float64 {
	longest := 0.0
	if s := d.record.Predicted.Scenario; s != nil {
		for _, w := range s.Workloads {
			if w.RecoverySeconds != nil {
				longest = max(longest, *w.RecoverySeconds)
			}
		}
	}
	return longest
}

// recovery that is predicted for a workload, and why it takes so long.
func (d *drill) recovery(ref v1alpha1.WorkloadRef) (forecast, string) {
	s := d.record.Predicted.Scenario
	if s == nil {
		switch {
		case d.record.Soft:
			return forecast{}, "a soft drill is not simulated: its nodes live"
		case len(d.lostNodes) == 0:
			return forecast{true, pointer(0.0)}, "no node is lost"
		}
		return forecast{}, "nothing was predicted"
	}
	for _, w := range s.Workloads {
		if w.WorkloadRef == ref {
			text := ""
			if len(w.Reasons) > 0 {
				text = w.Reasons[0].Message
			}
			if w.RecoverySeconds == nil {
				return forecast{known: true}, text
			}
			return forecast{true, pointer(round(*w.RecoverySeconds))}, text
		}
	}
	return forecast{}, "it was not in the simulation"
}

// difference is observed less predicted; nil when one is missing.
func difference(seen, said *float64) *float64 {
	if seen == nil || said == nil {
		return nil
	}
	return pointer(round(*seen - *said))
}

// predict puts the moments of the whole cluster beside the simulation's.
func (d *drill) predict(stopped *span) {
	if !d.begun {
		return
	}
	api := forecast{known: d.record.Predicted.APIGapSeconds != nil, seconds: d.record.Predicted.APIGapSeconds}
	var gap *float64
	text := ""
	if stopped != nil {
		gap = pointer(d.report.APIGapSeconds)
	} else {
		text = "nobody wrote by the API's address"
	}
	d.moment("API writes stopped", api, gap, text)
	if len(d.lostNodes) == 0 {
		return
	}
	missing, notReady := d.nodesNotReady()
	text = ""
	if len(missing) > 0 {
		text = "still ready: " + some(missing, 3)
	}
	d.moment("nodes not ready", d.said("nodes-not-ready", false), notReady, text)

	withdrawn, had := d.endpointsWithdrawn()
	text = ""
	f := d.said("endpoints-removed", false)
	if !had {
		f, text = forecast{seconds: f.seconds}, "no watched Service had an endpoint on a lost node"
	}
	d.moment("endpoints withdrawn", f, withdrawn, text)

	first, last, count := d.evictions()
	text = fmt.Sprintf("%s of the lost nodes evicted", plural(count, "watched pod"))
	d.moment("first eviction", d.said("pods-created", true), first, text)
	final := d.said("pods-created", false)
	if waited := d.faultEnd - d.zero; final.seconds != nil && *final.seconds > waited {
		last = nil // it was to come after the fault had ended
	}
	d.moment("last eviction", final, last, text)
}

func (d *drill) moment(what string, f forecast, seen *float64, text string) {
	d.report.Predictions = append(d.report.Predictions, v1alpha1.DrillPrediction{
		What: what, PredictedSeconds: f.seconds, ObservedSeconds: seen,
		ErrorSeconds: difference(seen, f.seconds), Agrees: d.agrees(f, seen), Text: text,
	})
}

// said is the first or last event of the simulation. Evictions have none of
// their own: it is the replacement's creation, which follows at once. Where
// evictions are stopped and nothing is replaced, they never come.
func (d *drill) said(event string, first bool) forecast {
	s := d.record.Predicted.Scenario
	if s == nil {
		return forecast{}
	}
	var at *float64
	stopped := false
	for _, e := range s.Timeline { // in order of time
		stopped = stopped || e.Event == "evictions-stopped"
		if e.Event == event && (at == nil || !first) {
			at = pointer(round(e.At))
		}
	}
	return forecast{known: at != nil || stopped && event == "pods-created", seconds: at}
}

// nodesNotReady is when the last of the lost nodes was not ready; null while one
// is missing.
func (d *drill) nodesNotReady() (missing []string, at *float64) {
	down := map[string]float64{}
	for _, o := range d.underFault(v1alpha1.ObservedNode) {
		if _, ok := down[o.Object]; !ok && !o.Ready && d.lostNodes[o.Object] {
			down[o.Object] = d.after(o.At)
		}
	}
	last := 0.0
	for _, n := range d.record.LostNodes {
		t, ok := down[n]
		if !ok {
			missing = append(missing, n)
		}
		last = max(last, t)
	}
	if len(missing) > 0 {
		return missing, nil
	}
	return nil, &last
}

// evictions are deletions of pods on lost nodes.
func (d *drill) evictions() (first, last *float64, count int) {
	for _, o := range d.evicted() {
		last = pointer(d.after(o.At))
		if first == nil {
			first = last
		}
		count++
	}
	return first, last, count
}

// evicted are the first observations, under the fault, of pods on lost nodes that
// are deleted or gone.
func (d *drill) evicted() []v1alpha1.DrillObservation {
	var out []v1alpha1.DrillObservation
	leaving, node := map[string]bool{}, map[string]string{}
	for _, o := range d.beforeFault(v1alpha1.ObservedPod) {
		leaving[o.Object], node[o.Object] = o.Terminating || o.Gone, o.Where
	}
	for _, o := range d.underFault(v1alpha1.ObservedPod) {
		where := cmp.Or(o.Where, node[o.Object]) // one that is gone may not say where it was
		node[o.Object] = where
		leaves := o.Terminating || o.Gone
		if leaves && !leaving[o.Object] && d.lostNodes[where] {
			out = append(out, o)
		}
		leaving[o.Object] = leaves
	}
	return out
}
