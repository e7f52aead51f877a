package verdict

import (
	"cmp"
	"math"
	"slices"

	"github.com/HdrHistogram/hdrhistogram-go"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// Where clients are, and the way by the API's address (DrillPath).
const (
	outside = "outside"
	viaVIP  = "vip"
)

// longest latency in microseconds that a histogram holds; more counts as this.
const longest = 3600 * 1e6

// path is one way to the API from one place.
type path struct{ from, via string }

// phase is a part of a drill: [from, to). An operation belongs to the phase without a
// fault in which it was due and answered, else to the fault that it ran into.
type phase struct {
	from, to float64
	fault    bool
}

func (p phase) has(o *v1alpha1.DrillOperation) bool {
	if p.fault {
		return o.Intended < p.to && o.End >= p.from
	}
	return p.from <= o.Intended && o.End < p.to
}

// phases before, during and after the fault. What is between the healing and the
// steady state again belongs to no phase once that state was reached.
func (d *drill) phases() (before, during, after phase) {
	end := math.Inf(1)
	if !d.begun {
		return phase{from: d.record.SteadyAt, to: end}, phase{from: end, to: end}, phase{from: end, to: end}
	}
	before, during = phase{from: d.record.SteadyAt, to: d.zero}, phase{from: d.zero, to: d.faultEnd, fault: true}
	after = phase{from: end, to: end}
	switch {
	case d.record.HealedAt == nil:
	case d.record.SteadyAgainAt != nil:
		after = phase{from: *d.record.SteadyAgainAt, to: end}
	default:
		after = phase{from: *d.record.HealedAt, to: end}
	}
	return before, during, after
}

// byPath are the operations of each path, by Start.
func byPath(all []v1alpha1.DrillOperation) map[path][]v1alpha1.DrillOperation {
	ops := map[path][]v1alpha1.DrillOperation{}
	for _, o := range all {
		p := path{o.From, o.Via}
		ops[p] = append(ops[p], o)
	}
	return ops
}

// sorted paths: from outside before zones, by the API's address before machines.
func (d *drill) sorted() []path {
	var paths []path
	for p := range d.paths {
		paths = append(paths, p)
	}
	first := func(is bool) int {
		if is {
			return 0
		}
		return 1
	}
	slices.SortFunc(paths, func(a, b path) int {
		return cmp.Or(
			cmp.Compare(first(a.from == outside), first(b.from == outside)), cmp.Compare(a.from, b.from),
			cmp.Compare(first(a.via == viaVIP), first(b.via == viaVIP)),
			cmp.Compare(first(!d.direct(a)), first(!d.direct(b))), cmp.Compare(a.via, b.via))
	})
	return paths
}

// direct: past the load balancer, to one machine.
func (d *drill) direct(p path) bool {
	_, ok := d.record.Machines[p.via]
	return ok && p.via != viaVIP
}

// fromOutside is the path by the API's address from outside; with a cluster that
// is not ours it is any that names no machine.
func (d *drill) fromOutside() (path, bool) {
	for _, p := range d.sorted() {
		if p.from == outside && !d.direct(p) {
			return p, true
		}
	}
	return path{}, false
}

// judgePaths fills Paths and Latency.
func (d *drill) judgePaths() {
	before, during, after := d.phases()
	m := newMeter()
	for _, p := range d.sorted() {
		out := v1alpha1.DrillPath{From: p.from, Via: p.via}
		for _, o := range d.paths[p] {
			if o.Intended < d.record.SteadyAt {
				continue
			}
			out.Operations++
			if o.Outcome != v1alpha1.DrillOK {
				out.Failed++
			}
		}
		if gap, ok := d.gap(d.paths[p], d.zero-lead, d.quiet); ok {
			out.GapSeconds = round(gap.to - gap.from)
		}
		out.Before, out.During, out.After = m.measure(d.paths[p], before), m.measure(d.paths[p], during), m.measure(d.paths[p], after)
		d.report.Paths = append(d.report.Paths, out)
	}
	if p, ok := d.fromOutside(); ok {
		d.judgeLatency(d.paths[p], m)
	}
}

// judgeLatency divides the operations by the second that they were due in. The
// seconds are counted from the fault, so that it is at the edge of one.
func (d *drill) judgeLatency(ops []v1alpha1.DrillOperation, m *meter) {
	buckets := map[int][]v1alpha1.DrillOperation{}
	for _, o := range ops {
		if o.Intended >= d.record.SteadyAt {
			at := int(math.Floor(o.Intended - d.zero))
			buckets[at] = append(buckets[at], o)
		}
	}
	var seconds []int
	for at := range buckets {
		seconds = append(seconds, at)
	}
	slices.Sort(seconds)
	for _, at := range seconds {
		l := v1alpha1.DrillLatency{At: float64(at)}
		if q := m.measure(buckets[at], phase{from: math.Inf(-1), to: math.Inf(1)}); q != nil {
			l.OK, l.P50, l.P99, l.Max = q.Count, q.P50, q.P99, q.Max
		}
		l.Failed = len(buckets[at]) - l.OK
		d.report.Latency = append(d.report.Latency, l)
	}
}

// failedShare of the operations that were due in the phase; false: there are none.
func failedShare(ops []v1alpha1.DrillOperation, in phase) (float64, bool) {
	all, failed := 0, 0
	for _, o := range ops {
		if in.has(&o) {
			all++
			if o.Outcome != v1alpha1.DrillOK {
				failed++
			}
		}
	}
	if all == 0 {
		return 0, false
	}
	return float64(failed) / float64(all), true
}

// meter takes quantiles with three significant digits; one histogram serves all.
type meter struct{ h *hdrhistogram.Histogram }

func newMeter() *meter { return &meter{hdrhistogram.New(1, longest, 3)} }

// measure the acknowledged operations that were due in the phase, in
// milliseconds from when they were due: a client that had to wait for its turn
// waited (coordinated omission). nil: there are none.
func (m *meter) measure(ops []v1alpha1.DrillOperation, in phase) *v1alpha1.DrillQuantiles {
	m.h.Reset()
	count, top := 0, 0.0
	for _, o := range ops {
		if o.Outcome != v1alpha1.DrillOK || !in.has(&o) {
			continue
		}
		us := min(max(1e6*(o.End-o.Intended), 0), longest)
		count++
		top = max(top, us)
		_ = m.h.RecordValue(int64(math.Round(us))) // within the bounds: no error
	}
	if count == 0 {
		return nil
	}
	at := func(q float64) float64 { return round(min(float64(m.h.ValueAtQuantile(q)), top) / 1000) }
	return &v1alpha1.DrillQuantiles{Count: count, P50: at(50), P99: at(99), Max: round(top / 1000)}
}
