package verdict

import (
	"cmp"
	"slices"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// judgeServices replays the endpoints: the API's view, which clients are sent by.
// Services that the fault did not touch are left out.
func (d *drill) judgeServices() {
	if !d.begun {
		return
	}
	for _, s := range d.record.Services {
		if out, touched := d.service(s); touched {
			d.report.Services = append(d.report.Services, out)
		}
	}
	slices.SortFunc(d.report.Services, func(a, b v1alpha1.DrillService) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
}

func (d *drill) service(s v1alpha1.DrillSubject) (out v1alpha1.DrillService, touched bool) {
	out = v1alpha1.DrillService{Namespace: s.Namespace, Name: s.Name}
	object := s.Namespace + "/" + s.Name
	var now []string
	for _, o := range d.beforeFault(v1alpha1.ObservedEndpoints) {
		if o.Object == object {
			now = ready(o)
		}
	}
	out.ReadyBefore, out.ReadyLowest = len(now), len(now)
	lost := slices.ContainsFunc(now, d.isLost)
	touched = lost
	for _, o := range d.underFault(v1alpha1.ObservedEndpoints) {
		if o.Object != object {
			continue
		}
		now = ready(o)
		out.ReadyLowest = min(out.ReadyLowest, len(now))
		still := slices.ContainsFunc(now, d.isLost)
		switch {
		case still:
			out.WithdrawnSeconds = nil
		case lost:
			out.WithdrawnSeconds = pointer(d.after(o.At))
		}
		lost = still
		touched = touched || still
	}
	if d.record.Soft { // its nodes live: what is ready there serves
		touched = out.ReadyLowest < out.ReadyBefore
	}
	if d.record.Fault == faultZonePartition {
		one, other := d.record.Zones[0], d.record.Zones[1]
		halves := map[string]int{one: 0, other: 0}
		for _, n := range now {
			if zone := d.record.NodeZones[n]; zone == one || zone == other {
				halves[zone]++
			}
		}
		if halves[one] > 0 && halves[other] > 0 {
			out.Halves = halves
			touched = true
		}
	}
	return out, touched
}

func ready(o v1alpha1.DrillObservation) []string {
	if o.Gone {
		return nil
	}
	return o.Endpoints
}

func (d *drill) isLost(node string) bool { return d.lostNodes[node] }

// endpointsWithdrawn is when the last Service had no endpoint on a lost node; had
// says whether one ever did.
func (d *drill) endpointsWithdrawn() (at *float64, had bool) {
	last := 0.0
	for _, s := range d.report.Services {
		had = true
		if s.WithdrawnSeconds == nil {
			return nil, true
		}
		last = max(last, *s.WithdrawnSeconds)
	}
	if !had {
		return nil, false
	}
	return &last, true
}
