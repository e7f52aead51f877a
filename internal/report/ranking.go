package report

import (
	"cmp"
	"slices"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// rank orders verdicts, worst first.
func rank(v v1alpha1.Verdict) int {
	switch v {
	case v1alpha1.Outage:
		return 0
	case v1alpha1.Degraded:
		return 1
	case v1alpha1.Undetermined:
		return 2
	}
	return 3
}

// fate is how the workloads of a scenario fared, in the words of the table:
// each affected workload stands in down, late and never as it applies.
type fate struct {
	scenario *v1alpha1.Scenario
	// label of the failure.
	label string
	// index in the report's order.
	index int
	// down: below the minimum for a time, the longest first.
	down []*v1alpha1.WorkloadOutcome
	// back: lost something, stayed up and is at full count again, the slowest
	// first.
	back []*v1alpha1.WorkloadOutcome
	// never: not at full count when all has settled, and not down for good.
	never []*v1alpha1.WorkloadOutcome
	// untouched counts the workloads that lost nothing.
	untouched int
}

// fates returns one fate a scenario, the worst verdict first, in the report's
// order within a verdict.
func fates(r *v1alpha1.SimulationReport) []*fate {
	kind := kindOfAll(r.Scenarios)
	all := make([]*fate, 0, len(r.Scenarios))
	for i := range r.Scenarios {
		f := fateOf(&r.Scenarios[i])
		f.index, f.label = i, label(f.scenario, kind)
		all = append(all, f)
	}
	slices.SortStableFunc(all, func(a, b *fate) int {
		return cmp.Compare(rank(a.scenario.Verdict), rank(b.scenario.Verdict))
	})
	return all
}

// worst returns the n fates to show when not all can be: within a verdict
// those that take down the most workloads, in the report's order again.
func worst(all []*fate, n int) []*fate {
	if len(all) <= n {
		return all
	}
	byHarm := slices.Clone(all)
	slices.SortStableFunc(byHarm, func(a, b *fate) int {
		return cmp.Or(
			cmp.Compare(rank(a.scenario.Verdict), rank(b.scenario.Verdict)),
			-cmp.Compare(len(a.down), len(b.down)),
			-cmp.Compare(len(a.never), len(b.never)),
			-cmp.Compare(len(a.back), len(b.back)))
	})
	return byHarm[:n]
}

func fateOf(s *v1alpha1.Scenario) *fate {
	f := &fate{scenario: s}
	for i := range s.Workloads {
		w := &s.Workloads[i]
		if !affected(w) {
			f.untouched++
			continue
		}
		down := w.Verdict == v1alpha1.Outage
		switch {
		case down && forGood(w.OutageSeconds):
			f.down = append(f.down, w)
		case down:
			f.down = append(f.down, w)
			if w.RecoverySeconds == nil {
				f.never = append(f.never, w)
			}
		case w.RecoverySeconds == nil:
			f.never = append(f.never, w)
		case *w.RecoverySeconds > 0:
			f.back = append(f.back, w)
		}
	}
	longest := func(time func(*v1alpha1.WorkloadOutcome) *float64) func(a, b *v1alpha1.WorkloadOutcome) int {
		return func(a, b *v1alpha1.WorkloadOutcome) int { return compareTimes(time(b), time(a)) }
	}
	slices.SortStableFunc(f.down, longest(func(w *v1alpha1.WorkloadOutcome) *float64 { return w.OutageSeconds }))
	slices.SortStableFunc(f.back, longest(func(w *v1alpha1.WorkloadOutcome) *float64 { return w.RecoverySeconds }))
	slices.SortStableFunc(f.never, func(a, b *v1alpha1.WorkloadOutcome) int { return cmp.Compare(missing(b), missing(a)) })
	return f
}

// affected reports whether the failure did anything to the workload.
func affected(w *v1alpha1.WorkloadOutcome) bool {
	return w.Verdict != v1alpha1.Survives || w.Lost > 0 || w.Preempted > 0 || split(w.Halves)
}

// split reports whether both sides of a partition have something.
func split(halves map[string]int) bool {
	sides := 0
	for _, n := range halves {
		if n > 0 {
			sides++
		}
	}
	return sides > 1
}

func forGood(seconds *float64) bool { return seconds == nil }

// compareTimes orders times; nil is never and comes last.
func compareTimes(a, b *float64) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return 1
	case b == nil:
		return -1
	}
	return cmp.Compare(*a, *b)
}

// missing counts the replicas that are not ready when all has settled.
func missing(w *v1alpha1.WorkloadOutcome) int {
	return max(w.Replicas-sum(w.After), 0)
}

func sum(m map[string]int) int {
	n := 0
	for _, v := range m {
		n += v
	}
	return n
}

// outcomes orders the affected workloads of a scenario: the worst verdict
// first, then the latest back, then by the report's order.
func outcomes(s *v1alpha1.Scenario) []*v1alpha1.WorkloadOutcome {
	var ws []*v1alpha1.WorkloadOutcome
	for i := range s.Workloads {
		if affected(&s.Workloads[i]) {
			ws = append(ws, &s.Workloads[i])
		}
	}
	slices.SortStableFunc(ws, func(a, b *v1alpha1.WorkloadOutcome) int {
		return cmp.Or(
			cmp.Compare(rank(a.Verdict), rank(b.Verdict)),
			compareTimes(b.OutageSeconds, a.OutageSeconds),
			compareTimes(b.RecoverySeconds, a.RecoverySeconds))
	})
	return ws
}
