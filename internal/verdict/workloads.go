package verdict

import (
	"cmp"
	"slices"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// judgeWorkloads replays what was seen of the pods.
func (d *drill) judgeWorkloads() {
	seen := map[string][]v1alpha1.DrillObservation{}
	for _, o := range d.seen[v1alpha1.ObservedPod] {
		seen[o.Workload] = append(seen[o.Workload], o)
	}
	for _, w := range d.record.Workloads {
		d.report.Workloads = append(d.report.Workloads, d.workload(w, seen[name(w.WorkloadRef)]))
	}
	slices.SortFunc(d.report.Workloads, func(a, b v1alpha1.DrillWorkload) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
}

// workload says how many replicas were ready, and from when on all.
func (d *drill) workload(s v1alpha1.DrillSubject, seen []v1alpha1.DrillObservation) v1alpha1.DrillWorkload {
	w := v1alpha1.DrillWorkload{
		WorkloadRef: s.WorkloadRef, Replicas: s.Replicas, MinAvailable: s.MinAvailable,
		Before: map[string]int{}, During: map[string]int{}, After: map[string]int{},
	}
	play := replay{drill: d, seen: seen, pods: map[string]v1alpha1.DrillObservation{}}
	if !d.begun {
		play.until(d.record.EndedAt + slack)
		w.Before = play.zones(false)
		w.Lowest = total(w.Before)
		return w
	}
	play.until(d.zero)
	w.Before = play.zones(false)
	before, now := total(w.Before), total(play.zones(true))
	full := s.Replicas
	if s.Kind == "DaemonSet" {
		full -= before - now // it wants one pod a living node, as simulate has it
	}
	w.Lowest = now
	short, fell, back := now < full, now < full, 0.0
	for at, ok := play.next(); ok && at < d.faultEnd; at, ok = play.next() {
		play.moment(at)
		now = total(play.zones(true))
		w.Lowest = min(w.Lowest, now)
		if now >= full && short {
			back = d.after(at)
		}
		short = now < full
		fell = fell || short
	}
	w.During = play.zones(true)
	play.until(d.quiet + slack)
	w.After = play.zones(false)

	switch {
	case w.Lowest >= before || !fell:
		w.ObservedSeconds = pointer(0.0)
	case !short:
		w.ObservedSeconds = &back
	}
	w.WaitedSeconds = d.report.FaultSeconds
	f, text := d.recovery(s.WorkloadRef)
	w.Text = text
	w.PredictedSeconds = f.seconds
	w.ErrorSeconds = difference(w.ObservedSeconds, f.seconds)
	w.Agrees = d.agrees(f, w.ObservedSeconds)
	return w
}

// replay goes through the observations of one workload's pods.
type replay struct {
	drill *drill
	seen  []v1alpha1.DrillObservation
	pods  map[string]v1alpha1.DrillObservation
}

// next is the time of the next observation.
func (r *replay) next() (float64, bool) {
	if len(r.seen) == 0 {
		return 0, false
	}
	return r.seen[0].At, true
}

// until takes what was seen before the time.
func (r *replay) until(t float64) {
	for len(r.seen) > 0 && r.seen[0].At < t {
		r.take()
	}
}

// moment takes all that was seen at one time: between them nothing is counted.
func (r *replay) moment(t float64) {
	for len(r.seen) > 0 && r.seen[0].At <= t {
		r.take()
	}
}

func (r *replay) take() {
	r.pods[r.seen[0].Object] = r.seen[0]
	r.seen = r.seen[1:]
}

// zones counts the pods that are ready in each zone. Under a fault, a pod on a
// lost node is not, whatever the API still believes.
func (r *replay) zones(fault bool) map[string]int {
	count := map[string]int{}
	for _, p := range r.pods {
		if serves(p) && (!fault || !r.drill.lostNodes[p.Where]) {
			count[r.drill.record.NodeZones[p.Where]]++
		}
	}
	return count
}

// serves: the API takes the pod for one that requests go to.
func serves(p v1alpha1.DrillObservation) bool { return p.Ready && !p.Terminating && !p.Gone }

func total(zones map[string]int) int {
	n := 0
	for _, z := range zones {
		n += z
	}
	return n
}
