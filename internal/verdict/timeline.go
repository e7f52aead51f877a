package verdict

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// Lanes of the timeline that are no workload.
const (
	laneFault        = "fault"
	laneAPI          = "api"
	laneEtcd         = "etcd"
	laneLoadBalancer = "load-balancer"
	laneControlPlane = "control-plane"
	laneNodes        = "nodes"
	laneVolumes      = "volumes"
)

// Bounds of the timeline: events of one lane and kind within together seconds
// are one, and within more where there would be more than most.
const (
	together = 1.0
	most     = 300
)

// happening is an event before it is grouped. Those with what can be grouped with
// others of their lane, event and zone; subject is then who it happened to, and
// what is said of the subjects, for people, with %s for their names or number.
type happening struct {
	v1alpha1.DrillEvent
	subject, what string
}

// tell fills the timeline.
func (d *drill) tell(stopped *span) {
	events := d.faultEvents()
	if stopped != nil && stopped.after {
		events = append(events, d.single(stopped.from, laneAPI, "last-write", "last acknowledged write before "+seconds(stopped.to-stopped.from)+" without"))
	}
	if stopped != nil && stopped.before {
		events = append(events, d.single(stopped.to, laneAPI, "first-write", "first acknowledged write after "+seconds(stopped.to-stopped.from)+" without"))
	}
	events = append(events, d.changes()...)
	events = append(events, d.nodeEvents()...)
	events = append(events, d.podEvents()...)
	events = append(events, d.volumeEvents()...)
	for _, s := range d.report.Services {
		if s.WithdrawnSeconds != nil {
			e := d.single(d.zero+*s.WithdrawnSeconds, laneNodes, "endpoints-withdrawn", "")
			e.subject, e.what = s.Namespace+"/"+s.Name, "no endpoint on a lost node any more: %s"
			events = append(events, e)
		}
	}
	slices.SortStableFunc(events, func(a, b happening) int { return cmp.Compare(a.At, b.At) })
	window := together
	grouped := group(events, window)
	for len(grouped) >= most && window < d.record.EndedAt {
		window *= 2
		grouped = group(events, window)
	}
	d.report.Timeline = grouped
}

// group joins what can be joined within a window of seconds from the first.
func group(events []happening, window float64) []v1alpha1.DrillEvent {
	type key struct{ lane, event, zone, what string }
	type joined struct {
		happening
		subjects []string
	}
	var all []*joined
	open := map[key]*joined{}
	for _, e := range events {
		k := key{e.Lane, e.Event, e.Zone, e.what}
		if j := open[k]; e.what != "" && j != nil && e.At-j.At <= window {
			j.subjects = append(j.subjects, e.subject)
			continue
		}
		j := &joined{e, []string{e.subject}}
		all = append(all, j)
		open[k] = j
	}
	out := []v1alpha1.DrillEvent{}
	for _, j := range all {
		if j.what != "" {
			slices.Sort(j.subjects)
			names := slices.Compact(j.subjects)
			j.Count = len(names)
			j.Message = strings.ReplaceAll(j.what, "%s", some(names, 3))
		}
		out = append(out, j.DrillEvent)
	}
	return out
}

// single is an event at a time of the evidence.
func (d *drill) single(at float64, lane, event, message string) happening {
	return happening{DrillEvent: v1alpha1.DrillEvent{At: d.after(at), Lane: lane, Event: event, Message: message}}
}

func (d *drill) faultEvents() []happening {
	var events []happening
	if d.begun {
		events = append(events, d.single(d.zero, laneFault, "injected", d.fault()))
	}
	if len(d.report.Proof) > 0 {
		p := d.report.Proof[0]
		events = append(events, d.single(d.zero+p.At, laneFault, "confirmed", p.Text))
	}
	if d.record.Aborted != "" {
		events = append(events, d.single(d.faultEnd, laneFault, "aborted", d.record.Aborted))
	}
	if d.report.Healed {
		events = append(events, d.single(d.faultEnd, laneFault, "healed", "by "+cmp.Or(d.record.HealedBy, "runner")))
		if d.record.SteadyAgainAt != nil {
			events = append(events, d.single(*d.record.SteadyAgainAt, laneFault, "steady", "all is as before, "+seconds(*d.report.SteadyAgainSeconds)+" after the healing"))
		}
	}
	return events
}

// fault for people.
func (d *drill) fault() string {
	text := d.record.Fault
	if d.record.Soft {
		text = "soft " + text
	}
	switch {
	case len(d.record.Zones) == 2:
		text += " between " + d.record.Zones[0] + " and " + d.record.Zones[1]
	case d.record.Zone != "":
		text += " in " + d.record.Zone
	}
	if d.record.Target != "" {
		text += ": " + d.record.Target
	}
	return text
}

// volumeEvents tell which volumes are bound to what is lost, and what becomes of
// volumes under the fault.
func (d *drill) volumeEvents() []happening {
	if !d.begun {
		return nil
	}
	zones := map[string]bool{}
	for _, n := range d.record.LostNodes {
		zones[d.record.NodeZones[n]] = len(d.record.LostMachines) > 0 // a node's loss does not take its zone's volumes
	}
	var events []happening
	phase := map[string]v1alpha1.DrillObservation{}
	for _, o := range d.seen[v1alpha1.ObservedVolume] {
		was, known := phase[o.Object]
		phase[o.Object] = o
		if o.At < d.zero || known && was.Text == o.Text && was.Gone == o.Gone {
			continue
		}
		e := d.single(o.At, laneVolumes, "volume", "")
		e.Zone, e.subject = o.Where, o.Object
		e.what = "a volume is " + strings.ToLower(cmp.Or(o.Text, "there")) + ": %s"
		if o.Gone {
			e.what = "a volume is gone: %s"
		}
		events = append(events, e)
	}
	for _, o := range d.seen[v1alpha1.ObservedVolume] {
		if last := phase[o.Object]; o.At >= d.zero || !zones[o.Where] || last.At != o.At && last.At < d.zero {
			continue
		}
		e := d.single(d.zero, laneVolumes, "volume-lost", "")
		e.Zone, e.subject, e.what = o.Where, o.Object, "volumes bound to zone "+o.Where+" wait for it: %s"
		events = append(events, e)
	}
	return events
}

// changes of leaders, of the virtual IP and of what HAProxy takes for up. What
// was seen first is no change, unless it is a server that is down.
func (d *drill) changes() []happening {
	var events []happening
	last := map[string]v1alpha1.DrillObservation{}
	for _, kind := range []string{v1alpha1.ObservedLeader, v1alpha1.ObservedVIP, v1alpha1.ObservedServer} {
		for _, o := range d.seen[kind] {
			key := kind + " " + o.Object
			if kind == v1alpha1.ObservedServer {
				key += " " + o.Where
			}
			was, known := last[key]
			last[key] = o
			if o.At < d.record.SteadyAt {
				continue
			}
			switch {
			case kind == v1alpha1.ObservedServer:
				if known && was.Ready == o.Ready || !known && o.Ready {
					continue
				}
				e := d.single(o.At, laneLoadBalancer, "server-down", "")
				e.subject, e.what = o.Where, fmt.Sprintf("the API server on %s is down for HAProxy on %%s", o.Object)
				if o.Ready {
					e.Event, e.what = "server-up", fmt.Sprintf("the API server on %s is up for HAProxy on %%s", o.Object)
				}
				events = append(events, e)
			case !known || was.Where == o.Where:
			case kind == v1alpha1.ObservedVIP:
				events = append(events, d.single(o.At, laneLoadBalancer, "vip", fmt.Sprintf("the virtual IP is on %s (was on %s)", somewhere(o.Where), somewhere(was.Where))))
			default:
				lane := laneControlPlane
				if o.Object == partEtcd {
					lane = laneEtcd
				}
				events = append(events, d.single(o.At, lane, "leader", fmt.Sprintf("the leader of %s is on %s (was on %s)", o.Object, somewhere(o.Where), somewhere(was.Where))))
			}
		}
	}
	return events
}

func somewhere(machine string) string {
	return cmp.Or(strings.ReplaceAll(machine, ",", " and "), "no machine")
}

// nodeEvents: the lost nodes of a zone are one event, when the last of them
// turned; others are told as they turn.
func (d *drill) nodeEvents() []happening {
	var events []happening
	last := map[string]v1alpha1.DrillObservation{}
	turned := map[string]map[string]float64{"not-ready": {}, "ready": {}}
	for _, o := range d.seen[v1alpha1.ObservedNode] {
		was, known := last[o.Object]
		last[o.Object] = o
		if !known || !d.begun || o.At < d.zero {
			continue
		}
		zone := d.record.NodeZones[o.Object]
		if noExecute(o) && !noExecute(was) {
			e := d.single(o.At, laneNodes, "tainted", "")
			e.Zone, e.subject, e.what = zone, o.Object, "pods are to leave %s (NoExecute)"
			events = append(events, e)
		}
		if was.Ready == o.Ready {
			continue
		}
		event := "not-ready"
		if o.Ready {
			event = "ready"
		}
		if !d.lostNodes[o.Object] {
			e := d.single(o.At, laneNodes, event, "")
			e.Zone, e.subject, e.what = zone, o.Object, "%s turned "+strings.ReplaceAll(event, "-", " ")
			events = append(events, e)
		} else if _, ok := turned[event][o.Object]; !ok {
			turned[event][o.Object] = o.At
		}
	}
	for _, event := range sortedKeys(turned) {
		zones := map[string]happening{}
		for _, n := range sortedKeys(turned[event]) {
			at, zone := turned[event][n], d.record.NodeZones[n]
			e, ok := zones[zone]
			if !ok || d.after(at) > e.At {
				count := e.Count
				e = d.single(at, laneNodes, event, "")
				e.Zone, e.Count = zone, count
			}
			e.Count++
			zones[zone] = e
		}
		for _, zone := range sortedKeys(zones) {
			e := zones[zone]
			e.Message = fmt.Sprintf("the last of %s turned %s", plural(e.Count, "lost node"), strings.ReplaceAll(event, "-", " "))
			events = append(events, e)
		}
	}
	return events
}

func noExecute(o v1alpha1.DrillObservation) bool {
	return slices.ContainsFunc(o.Taints, func(t string) bool { return strings.HasSuffix(t, ":NoExecute") })
}

// podEvents are in the lanes of their workloads, from the fault on.
func (d *drill) podEvents() []happening {
	if !d.begun {
		return nil
	}
	watched := map[string]bool{}
	for _, w := range d.record.Workloads {
		watched[name(w.WorkloadRef)] = true
	}
	var events []happening
	add := func(o v1alpha1.DrillObservation, event, what string) {
		if !watched[o.Workload] {
			return
		}
		e := d.single(o.At, o.Workload, event, "")
		e.Zone, e.subject, e.what = d.record.NodeZones[o.Where], o.Object, what
		events = append(events, e)
	}
	for _, o := range append(d.evicted(), d.underFault(v1alpha1.ObservedEviction)...) {
		add(o, "evicted", "evicted: %s")
	}
	pods := map[string]v1alpha1.DrillObservation{}
	for _, o := range d.seen[v1alpha1.ObservedPod] {
		was, known := pods[o.Object]
		pods[o.Object] = o
		if o.At < d.zero || o.At > d.quiet {
			continue
		}
		if !known && !o.Gone || known && was.Gone && !o.Gone {
			add(o, "pod-created", "created: %s")
		}
		if serves(o) && !serves(was) {
			add(o, "pod-ready", "ready: %s")
		}
	}
	for _, w := range d.report.Workloads {
		if w.ObservedSeconds != nil && *w.ObservedSeconds > 0 {
			e := d.single(d.zero+*w.ObservedSeconds, name(w.WorkloadRef), "full-count", "all that it wants are ready again")
			e.Count = w.Replicas
			events = append(events, e)
		}
	}
	return events
}
