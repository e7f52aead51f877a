package verdict

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// The parts of the way to the API, in the order that a request takes.
const (
	partLoadBalancer = "load balancer"
	partVIP          = "virtual IP"
	partEtcd         = "etcd"
	partAPIServer    = "API server"
)

// sameMoment in seconds: an API server answers again as soon as etcd does, and
// is then not what was waited for.
const sameMoment = 0.1

// seenLate in seconds is how long after it happened a part's return may be seen: who
// leads etcd is asked for every 50 ms, where the address is every 20 ms, and HAProxy
// says itself when it changes its mind.
var seenLate = map[string]float64{partEtcd: 0.1, partVIP: 0.04}

// judgeParts says when each layer that the fault touched was back, and which of them
// writes waited for: the last that was back when they went on. What came back later
// held nobody up.
func (d *drill) judgeParts(stopped *span) {
	if !d.begun {
		return
	}
	for _, part := range []*v1alpha1.DrillPart{d.loadBalancerBack(), d.vipBack(), d.etcdBack(), d.apiServerBack()} {
		if part != nil {
			d.report.APIGapParts = append(d.report.APIGapParts, *part)
		}
	}
	if stopped == nil {
		return
	}
	var last *v1alpha1.DrillPart
	for i := range d.report.APIGapParts {
		p := &d.report.APIGapParts[i]
		if p.Back > stopped.to-d.zero+seenLate[p.Name] {
			continue
		}
		margin := 0.0
		if last != nil && last.Name == partEtcd && p.Name == partAPIServer {
			margin = sameMoment
		}
		if last == nil || p.Back > last.Back+margin {
			last = p
		}
	}
	if last != nil {
		d.report.APIGapLimit = fmt.Sprintf("%s, back after %s: %s", last.Name, seconds(last.Back), last.Text)
	}
}

// hit: the machine is lost, or is what the fault was aimed at.
func (d *drill) hit(machine string) bool {
	return d.lostMachines[machine] || machine != "" && machine == d.record.Target
}

// loadBalancerBack is when the last HAProxy that lives took the last API server
// that does not for down.
func (d *drill) loadBalancerBack() *v1alpha1.DrillPart {
	gone := func(server string) bool {
		return d.lostMachines[server] || d.record.Fault == faultAPIServerHang && server == d.record.Target
	}
	type pair struct{ where, server string }
	up := map[pair]bool{}
	watch := func(o v1alpha1.DrillObservation) (pair, bool) {
		return pair{o.Where, o.Object}, gone(o.Object) && !d.lostMachines[o.Where]
	}
	for _, o := range d.beforeFault(v1alpha1.ObservedServer) {
		if p, ok := watch(o); ok {
			up[p] = o.Ready
		}
	}
	back := 0.0
	marked := 0
	for _, o := range d.underFault(v1alpha1.ObservedServer) {
		p, ok := watch(o)
		if !ok {
			continue
		}
		was, known := up[p]
		up[p] = o.Ready
		if !o.Ready && (was || !known) {
			back = max(back, d.after(o.At))
			marked++
		}
	}
	var waiting []string
	servers := map[string]bool{}
	for p, still := range up {
		servers[p.server] = true
		if still {
			waiting = append(waiting, p.where)
		}
	}
	if len(waiting) > 0 {
		slices.Sort(waiting)
		d.report.Notes = append(d.report.Notes, fmt.Sprintf("HAProxy on %s did not take %s for down while the fault lasted", some(slices.Compact(waiting), 3), some(sortedKeys(servers), 3)))
		return nil
	}
	if marked == 0 {
		return nil
	}
	return &v1alpha1.DrillPart{Name: partLoadBalancer, Back: back, Text: fmt.Sprintf("every HAProxy that lives took the API server on %s for down", some(sortedKeys(servers), 3))}
}

// vipBack is when a machine that lives had the virtual IP.
func (d *drill) vipBack() *v1alpha1.DrillPart {
	holder := ""
	if seen := d.beforeFault(v1alpha1.ObservedVIP); len(seen) > 0 {
		holder = seen[len(seen)-1].Where
	}
	held := strings.Split(holder, ",")
	touched := slices.ContainsFunc(held, func(m string) bool { return d.lostMachines[m] })
	left := touched
	for _, o := range d.underFault(v1alpha1.ObservedVIP) {
		if o.Where == "" {
			left = true
			continue
		}
		for _, m := range strings.Split(o.Where, ",") {
			if !d.lostMachines[m] && (left || !slices.Contains(held, m)) {
				return &v1alpha1.DrillPart{Name: partVIP, Back: d.after(o.At), Text: moved(holder, m)}
			}
		}
	}
	if left {
		d.report.Notes = append(d.report.Notes, "the virtual IP was on no machine that lives while the fault lasted")
	}
	return nil
}

// etcdBack is when a member that lives was first seen to lead, if the fault took
// the leader or the leader changed.
func (d *drill) etcdBack() *v1alpha1.DrillPart {
	leader := ""
	for _, o := range d.beforeFault(v1alpha1.ObservedLeader) {
		if o.Object == partEtcd {
			leader = o.Where
		}
	}
	left := d.hit(leader)
	for _, o := range d.underFault(v1alpha1.ObservedLeader) {
		switch {
		case o.Object != partEtcd:
		case o.Where == "":
			left = true
		case !d.hit(o.Where) && (left || o.Where != leader):
			return &v1alpha1.DrillPart{Name: partEtcd, Back: d.after(o.At), Text: moved(leader, o.Where)}
		}
	}
	if left {
		d.report.Notes = append(d.report.Notes, "no etcd member that lives was seen to lead while the fault lasted")
	}
	return nil
}

func moved(from, to string) string {
	switch from {
	case "":
		return "on " + to
	case to:
		return "again on " + to
	}
	return fmt.Sprintf("from %s to %s", from, to)
}

// apiServerBack is the first write that an API server that lives acknowledged,
// of those sent since the fault, past the load balancer.
func (d *drill) apiServerBack() *v1alpha1.DrillPart {
	_, aimed := d.record.Machines[d.record.Target]
	touched := aimed || len(d.lostMachines) > 0 ||
		slices.ContainsFunc(d.report.APIGapParts, func(p v1alpha1.DrillPart) bool { return p.Name == partEtcd })
	if !touched {
		return nil
	}
	first, end := "", math.Inf(1)
	for _, o := range d.ops {
		if o.Outcome == v1alpha1.DrillOK && o.Kind != v1alpha1.DrillRead && d.direct(path{o.From, o.Via}) && !d.hit(o.Via) &&
			o.Start >= d.zero && o.End < d.faultEnd && o.End < end {
			first, end = o.Via, o.End
		}
	}
	if first == "" {
		return nil
	}
	return &v1alpha1.DrillPart{Name: partAPIServer, Back: d.after(end), Text: fmt.Sprintf("that on %s acknowledged a write sent to it directly", first)}
}
