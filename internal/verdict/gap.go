package verdict

import (
	"slices"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// lead in seconds before the fault that belongs to it: the recorded moment and
// that of the effect are not the same.
const lead = 1

// span of time without an acknowledged operation. after and before: there was one
// at its begin, and at its end.
type span struct {
	from, to      float64
	after, before bool
}

// judgeGap finds the longest time without an acknowledged write by the API's
// address while the fault lasted, and after it; nil: nobody wrote by it, or there was
// no fault.
func (d *drill) judgeGap() *span {
	var worst *span
	for _, p := range d.gapPaths() {
		writes := slices.DeleteFunc(slices.Clone(d.paths[p]), func(o v1alpha1.DrillOperation) bool { return o.Kind == v1alpha1.DrillRead })
		if gap, ok := d.gap(writes, d.zero-lead, d.faultEnd); ok && (worst == nil || gap.to-gap.from > worst.to-worst.from) {
			worst = &gap
		}
		if gap, ok := d.gap(writes, d.faultEnd, d.quiet); ok && d.record.HealedAt != nil {
			d.report.ReturnGapSeconds = max(d.report.ReturnGapSeconds, round(gap.to-gap.from))
		}
	}
	if worst != nil {
		d.report.APIGapSeconds = round(worst.to - worst.from)
	}
	return worst
}

// gapPaths are those by the API's address from outside. A gateway's loss cuts
// the zone off, so that it is the other zones which tell whether the API serves.
func (d *drill) gapPaths() []path {
	var zones []path
	if d.record.Fault == faultGateway {
		for _, p := range d.sorted() {
			if p.from != outside && p.from != d.record.Zone && !d.direct(p) {
				zones = append(zones, p)
			}
		}
	}
	if len(zones) > 0 {
		return zones
	}
	if p, ok := d.fromOutside(); ok {
		return []path{p}
	}
	return nil
}

// gap is the longest time between two acknowledgements that begins before until and
// ends after since.
//
// Without an acknowledgement before, it counts from the first operation that was
// tried in the phase before the fault. Without one since the fault, it counts to
// the end of the drill. Otherwise, a last time that nothing was acknowledged in
// ends with the last operation that was tried: that there was no load is no gap.
func (d *drill) gap(ops []v1alpha1.DrillOperation, since, until float64) (span, bool) {
	if !d.begun || len(ops) == 0 {
		return span{}, false
	}
	var edges []float64
	first, tried := max(d.record.SteadyAt, ops[0].Start), 0.0 // ops are by Start
	for _, o := range ops {
		tried = max(tried, o.End)
		if o.Outcome == v1alpha1.DrillOK {
			edges = append(edges, o.End)
		}
	}
	slices.Sort(edges)
	acknowledged := slices.Clone(edges)
	if len(edges) == 0 || edges[0] > first {
		edges = slices.Insert(edges, 0, first)
	}
	switch last := edges[len(edges)-1]; {
	case last < d.zero:
		edges = append(edges, d.record.EndedAt)
	case tried > last:
		edges = append(edges, tried)
	}
	var worst span
	for i := 1; i < len(edges); i++ {
		from, to := edges[i-1], edges[i]
		if to >= since && from < until && to-from > worst.to-worst.from {
			worst = span{from: from, to: to}
		}
	}
	_, worst.after = slices.BinarySearch(acknowledged, worst.from)
	_, worst.before = slices.BinarySearch(acknowledged, worst.to)
	return worst, true
}
