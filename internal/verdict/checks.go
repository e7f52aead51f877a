package verdict

import (
	"fmt"
	"slices"
	"strings"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// weight orders what did not hold, or could not be judged, from worst to least.
type weight int

const (
	lostData weight = iota
	wrongReads
	notHealed
	outage
	apiGap
	tookEffect
	recovery
	steadyAgain
	steady
)

// decisive: that these could not be judged leaves the whole drill undetermined.
var decisive = map[weight]bool{tookEffect: true, wrongReads: true, lostData: true, notHealed: true, apiGap: true}

// check is a DrillCheck and how much it weighs.
type check struct {
	phase, name string
	weight      weight
	want, got   string
	holds       *bool // nil: not judged
}

// conclude makes the checks, in the order of the phases, and the verdict.
func (d *drill) conclude(stopped *span) {
	before, _, after := d.phases()
	var checks []check
	add := func(c check) {
		checks = append(checks, c)
		d.report.Checks = append(d.report.Checks, v1alpha1.DrillCheck{Phase: c.phase, Name: c.name, Want: c.want, Got: c.got, Holds: c.holds})
	}
	d.checkSteady(add, "before", before)
	d.checkEffect(add)
	if d.begun {
		d.checkGap(add, stopped)
		d.checkHistory(add)
		d.checkServing(add)
		d.checkRecovery(add)
		d.checkHealing(add)
		d.checkSteady(add, "after", after)
	}
	d.report.Verdict, d.report.Why = d.decide(checks)
}

type adder func(check)

// checkSteady: what the API's address does without a fault.
func (d *drill) checkSteady(add adder, when string, in phase) {
	h := d.record.Hypothesis
	p, _ := d.fromOutside()
	if h.SteadyP99Milliseconds > 0 {
		got, holds := "no acknowledged operation", (*bool)(nil)
		if q := newMeter().measure(d.paths[p], in); q != nil {
			got, holds = milliseconds(q.P99), pointer(q.P99 <= h.SteadyP99Milliseconds)
		}
		add(check{when, "99th percentile of the API's latency", steady, "at most " + milliseconds(h.SteadyP99Milliseconds), got, holds})
	}
	got, holds := "no operation", (*bool)(nil)
	if share, ok := failedShare(d.paths[p], in); ok {
		got, holds = percent(share), pointer(share <= h.SteadyFailedShare)
	}
	add(check{when, "failed share of the API's operations", steady, "at most " + percent(h.SteadyFailedShare), got, holds})
}

// checkEffect never fails: a fault that did not take effect leaves all that
// follows undetermined, and says nothing against the cluster.
func (d *drill) checkEffect(add adder) {
	got, holds := "no sign of it", (*bool)(nil)
	against := ""
	for _, o := range d.underFault(v1alpha1.ObservedProof) {
		if !o.Ready && against == "" {
			against = o.Text
		}
	}
	switch proof := d.report.Proof; {
	case !d.begun:
		got = "it was not made"
	case against != "":
		got = "a sign that it did not: " + against
	case len(proof) > 0:
		got, holds = proof[0].Text, pointer(true)
	}
	add(check{"during", "the fault took effect", tookEffect, "at least one sign, and none against it", got, holds})
}

func (d *drill) checkGap(add adder, stopped *span) {
	want := d.record.Hypothesis.APIGapSeconds
	if want == nil {
		return
	}
	got, holds := "nobody wrote by it", (*bool)(nil)
	if stopped != nil {
		got, holds = seconds(d.report.APIGapSeconds), pointer(d.report.APIGapSeconds <= *want)
	}
	add(check{"during", "longest time without an acknowledged write by the API's address", apiGap, "at most " + seconds(*want), got, holds})
}

func (d *drill) checkHistory(add adder) {
	lost, want := d.report.AcknowledgedWritesLost, d.record.Hypothesis.AcknowledgedWritesLost
	got, holds := fmt.Sprintf("%d of %d", lost, d.report.AcknowledgedWrites), pointer(lost <= want)
	if lost <= want && d.record.FinalKeys == nil {
		got, holds = got+"; what was created could not be read at the end", nil
	}
	wanted := fmt.Sprintf("at most %d", want)
	if want == 0 {
		wanted = "0"
	}
	add(check{"during", "acknowledged writes lost", lostData, wanted, got, holds})

	got, holds = plural(d.report.OperationsJudged, "operation")+" in an order that explains them", pointer(true)
	switch d.report.Linearizable {
	case v1alpha1.NotLinearizable:
		got, holds = d.report.LinearizableWhy, pointer(false)
	case v1alpha1.LinearizabilityUnknown:
		got, holds = d.report.LinearizableWhy, nil
	}
	add(check{"during", "reads and writes are linearizable", wrongReads, "as of one register a key", got, holds})
}

// checkServing is one check for all workloads.
func (d *drill) checkServing(add adder) {
	if len(d.report.Workloads) == 0 {
		return
	}
	var below []string
	for _, w := range d.report.Workloads {
		if w.Lowest < w.MinAvailable {
			below = append(below, fmt.Sprintf("%s %d of %d", name(w.WorkloadRef), w.Lowest, w.MinAvailable))
		}
	}
	got := plural(len(d.report.Workloads), "workload") + " did"
	if len(below) > 0 {
		got = fmt.Sprintf("%d of %d did not: %s", len(below), len(d.report.Workloads), some(below, 5))
	}
	add(check{"during", "each workload keeps its minimum of ready replicas", outage, "at every moment", got, pointer(len(below) == 0)})
}

// checkRecovery is one check for all workloads. One that is not back is late only
// if the fault lasted as long as it may take.
func (d *drill) checkRecovery(add adder) {
	want := d.record.Hypothesis.RecoverySeconds
	if want == nil || len(d.report.Workloads) == 0 {
		return
	}
	var late, open []string
	slowest, waiting := 0.0, 0
	subjects := map[v1alpha1.WorkloadRef]v1alpha1.DrillSubject{}
	for _, x := range d.record.Workloads {
		subjects[x.WorkloadRef] = x
	}
	for _, w := range d.report.Workloads {
		asked := subjects[w.WorkloadRef]
		within := *want
		if asked.RecoverySeconds != nil {
			within = *asked.RecoverySeconds
		}
		switch {
		case w.ObservedSeconds != nil && *w.ObservedSeconds <= within:
			slowest = max(slowest, *w.ObservedSeconds)
		case asked.WaitsForZone:
			waiting++ // its owner accepts it
		case w.ObservedSeconds != nil:
			late = append(late, fmt.Sprintf("%s %s", name(w.WorkloadRef), seconds(*w.ObservedSeconds)))
		case w.WaitedSeconds >= within:
			late = append(late, fmt.Sprintf("%s not in %s", name(w.WorkloadRef), seconds(w.WaitedSeconds)))
		default:
			open = append(open, name(w.WorkloadRef))
		}
	}
	got, holds := "all, the last after "+seconds(slowest), pointer(true)
	if waiting > 0 {
		got += fmt.Sprintf("; waiting for the zone's return, as its owner accepts: %d", waiting)
	}
	switch {
	case len(late) > 0:
		got, holds = fmt.Sprintf("%d of %d did not: %s", len(late), len(d.report.Workloads), some(late, 5)), pointer(false)
	case len(open) > 0:
		got, holds = fmt.Sprintf("not waited long enough (%s) for %s", seconds(d.report.FaultSeconds), some(open, 5)), nil
		d.report.Notes = append(d.report.Notes, fmt.Sprintf("the fault lasted %s: whether %s would have been back within %s is not known", seconds(d.report.FaultSeconds), some(open, 5), seconds(*want)))
	}
	add(check{"during", "each workload has its full count again", recovery, "within " + seconds(*want) + " or its own objective", got, holds})
}

func (d *drill) checkHealing(add adder) {
	got := "it was not taken back"
	if d.report.Healed {
		got = "after " + seconds(d.report.FaultSeconds)
		if d.record.HealedBy != "" {
			got += ", by the " + d.record.HealedBy
		}
	}
	add(check{"after", "the fault is healed", notHealed, "yes", got, pointer(d.report.Healed)})
	if !d.report.Healed {
		return
	}
	want, took := d.record.Hypothesis.SteadyAgainSeconds, d.report.SteadyAgainSeconds
	waited := d.record.EndedAt - d.faultEnd
	got, holds := "not seen in "+seconds(waited), (*bool)(nil)
	switch {
	case took != nil:
		got, holds = seconds(*took), pointer(*took <= want)
	case waited >= want:
		holds = pointer(false)
	}
	add(check{"after", "all is as before", steadyAgain, "within " + seconds(want), got, holds})
}

// decide:
//
//	the fault was not made                        | undetermined
//	a check does not hold                         | fails
//	aborted, or a decisive check is not judged    | undetermined
//	otherwise                                     | holds
//
// Why names the worst first.
func (d *drill) decide(checks []check) (v1alpha1.DrillVerdict, string) {
	byWeight := slices.Clone(checks)
	slices.SortStableFunc(byWeight, func(a, b check) int { return int(a.weight) - int(b.weight) })
	var broken, open []string
	for _, c := range byWeight {
		text := fmt.Sprintf("%s: %s (wanted: %s)", c.name, c.got, c.want)
		if c.phase != "during" && c.weight == steady {
			text = c.phase + " the fault, " + text
		}
		switch {
		case c.holds == nil && decisive[c.weight]:
			open = append(open, text)
		case c.holds != nil && !*c.holds:
			broken = append(broken, text)
		}
	}
	aborted := d.record.Aborted
	switch {
	case !d.begun && aborted != "":
		return v1alpha1.DrillUndetermined, "the fault was not made: " + aborted
	case !d.begun:
		return v1alpha1.DrillUndetermined, "the fault was not made" + prefixed("; ", broken)
	case len(broken) > 0:
		why := strings.Join(broken, "; ")
		if aborted != "" {
			why += "; the drill was aborted: " + aborted
		}
		return v1alpha1.DrillFails, why
	case aborted != "":
		return v1alpha1.DrillUndetermined, "the drill was aborted: " + aborted + prefixed("; not judged: ", open)
	case len(open) > 0:
		return v1alpha1.DrillUndetermined, "not judged: " + strings.Join(open, "; ")
	}
	unjudged := 0
	for _, c := range checks {
		if c.holds == nil {
			unjudged++
		}
	}
	if unjudged > 0 {
		return v1alpha1.DrillHolds, fmt.Sprintf("%d of %d expectations held; the rest could not be judged", len(checks)-unjudged, len(checks))
	}
	return v1alpha1.DrillHolds, fmt.Sprintf("all %d expectations held", len(checks))
}

func prefixed(prefix string, texts []string) string {
	if len(texts) == 0 {
		return ""
	}
	return prefix + strings.Join(texts, "; ")
}
