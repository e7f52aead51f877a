package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// lanes are a drill's timeline as an SVG: x in percent of the width, y in pixels.
// The axis is the square root of the time since the fault: what happens in the first
// seconds and what takes minutes both have room.
//
//	axis      fault 1s   5s     15s         1m                  5m         15m
//	          ░░░░░░░░░░░░░░░░░░░░ the fault lasts ░░░░░░░░░░░░░░░░░░░░░░
//	etcd      │      (3)
//	web       │█████████████████████████(12)███|
type lanes struct {
	Height, Foot       int
	WindowX, WindowEnd string
	WindowWidth        string
	WindowHeight       int
	Ticks              []tick
	Lanes              []drillLane
	Events             []laneEvent
	More               string
	Bars, Predicted    bool
	Open, Gap          bool
}

type drillLane struct {
	Name, Short, Note, Title string
	TextY, BarY, MarkY       int
	// BarX and BarWidth frame the bar; Open says that it has no end.
	BarX, BarWidth string
	Class          string
	// Predicted is where the simulation saw the end.
	Predicted string
	Markers   []laneMarker
}

type laneMarker struct {
	X, Text, Title string
	Width, Middle  int
	Y, TextY       int
}

type laneEvent struct {
	At, Lane, Text string
}

// clusterLanes stand above the workloads, in this order.
var clusterLanes = []string{"fault", "api", "etcd", "load-balancer", "control-plane", "nodes", "volumes"}

const (
	drillTop        = 26
	drillLaneHeight = 44
	// maxEvents are listed and numbered; the report has all.
	maxEvents = 120
	// beforeShare of the width is for what came before the fault, in percent.
	beforeShare = 5.0
	// markerApart is how far markers must stand apart to be told apart, in percent.
	markerApart = 7.0
)

// rootAxis places times.
type rootAxis struct{ before, end float64 }

func (a rootAxis) percent(at float64) float64 {
	if at < 0 {
		return beforeShare * (1 + max(at/max(a.before, 1e-9), -1))
	}
	return beforeShare + (100-beforeShare)*math.Sqrt(min(at/a.end, 1))
}

func (a rootAxis) x(at float64) string { return percentage(a.percent(at)) }

func percentage(p float64) string { return strconv.FormatFloat(p, 'f', 3, 64) + "%" }

// lanesOf draws the timeline; nil when nothing was seen.
func lanesOf(r *v1alpha1.DrillReport) *lanes {
	if len(r.Timeline) == 0 {
		return nil
	}
	a := rootAxis{end: max(r.FaultSeconds, 1)}
	for _, e := range r.Timeline {
		a.before, a.end = max(a.before, -e.At), max(a.end, e.At)
	}
	for i := range r.Workloads {
		if p := r.Workloads[i].PredictedSeconds; p != nil && *p <= 2*a.end {
			a.end = max(a.end, *p)
		}
	}
	a.end *= 1.06
	l := &lanes{WindowX: a.x(0), WindowEnd: a.x(r.FaultSeconds), WindowWidth: percentage(a.percent(r.FaultSeconds) - a.percent(0))}
	l.ticks(a)
	numbers := l.list(r)
	names, subjects := laneNames(r)
	if len(names) > maxLanes {
		l.More = count(len(names)-maxLanes, "more lane") + " not drawn."
		names = names[:maxLanes]
	}
	short := drillNames(r)
	for i, name := range names {
		top := drillTop + i*drillLaneHeight
		d := drillLane{Name: name, Short: name, TextY: top + 14, BarY: top + 22, MarkY: top + 20}
		if w := subjects[name]; w != nil {
			d.Name, d.Short = cutMiddle(plain(short.of(w.WorkloadRef)), 80), cutMiddle(plain(short.of(w.WorkloadRef)), 22)
			d.workload(a, r, w)
		} else {
			d.Name, d.Short = cutMiddle(plain(name), 80), cutMiddle(plain(name), 22)
			d.cluster(a, r, name)
		}
		d.Title = name
		if d.Note != "" {
			d.Title += ": " + d.Note
		}
		d.markers(a, r, name, numbers)
		l.Bars = l.Bars || d.BarWidth != "" && d.Class == "t1"
		l.Open = l.Open || d.Class == "open"
		l.Gap = l.Gap || d.Class == "down"
		l.Predicted = l.Predicted || d.Predicted != ""
		l.Lanes = append(l.Lanes, d)
	}
	l.Foot = drillTop + len(l.Lanes)*drillLaneHeight
	l.Height = l.Foot + 6
	l.WindowHeight = l.Foot - 20
	return l
}

// ticks stand at round times that find room.
func (l *lanes) ticks(a rootAxis) {
	last := 0.0
	for _, at := range []float64{0, 1, 5, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 2 * 3600, 4 * 3600, 8 * 3600, 24 * 3600} {
		p := a.percent(at)
		if at > a.end || len(l.Ticks) > 0 && p-last < 5 || p > 96 {
			continue
		}
		last = p
		text := duration(at)
		if at == 0 {
			text = "0"
		}
		l.Ticks = append(l.Ticks, tick{percentage(p), text, len(l.Ticks)%2 == 1})
	}
}

// list numbers the events: those of the cluster before those of workloads when not
// all find room, then in order of time.
func (l *lanes) list(r *v1alpha1.DrillReport) map[int]int {
	order := make([]int, len(r.Timeline))
	for i := range order {
		order[i] = i
	}
	ofWorkload := func(i int) int {
		if slices.Contains(clusterLanes, r.Timeline[i].Lane) {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(ofWorkload(a), ofWorkload(b)) })
	if len(order) > maxEvents {
		l.More = number(len(order)-maxEvents) + " more events are in the JSON. "
		order = order[:maxEvents]
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(r.Timeline[a].At, r.Timeline[b].At), cmp.Compare(a, b))
	})
	numbers := map[int]int{}
	for n, i := range order {
		e := r.Timeline[i]
		numbers[i] = n + 1
		l.Events = append(l.Events, laneEvent{moment(e.At), e.Lane, drillEventText(e)})
	}
	return numbers
}

func drillEventText(e v1alpha1.DrillEvent) string {
	text := strings.ReplaceAll(e.Event, "-", " ")
	if e.Count > 1 {
		text += " ×" + number(e.Count)
	}
	if e.Zone != "" {
		text += " in zone " + e.Zone
	}
	if e.Message != "" {
		text += ": " + e.Message
	}
	return text
}

// laneNames lists the lanes that have something to show: the cluster's, then those
// of workloads, those that were hit first, then what the contract does not name.
func laneNames(r *v1alpha1.DrillReport) ([]string, map[string]*v1alpha1.DrillWorkload) {
	used := map[string]bool{}
	for _, e := range r.Timeline {
		used[e.Lane] = true
	}
	subjects := map[string]*v1alpha1.DrillWorkload{}
	var out []string
	for _, name := range clusterLanes {
		if used[name] {
			out = append(out, name)
			delete(used, name)
		}
	}
	for _, c := range workloadsOf(r) {
		w := c.Workload
		name := w.Kind + " " + path(w.WorkloadRef)
		if !c.untouched() || used[name] {
			out = append(out, name)
			subjects[name] = w
			delete(used, name)
		}
	}
	return append(out, sortedKeys(used)...), subjects
}

// workload draws the time to full count, seen beside predicted.
func (d *drillLane) workload(a rootAxis, r *v1alpha1.DrillReport, w *v1alpha1.DrillWorkload) {
	for _, c := range workloadsOf(r) {
		if c.Workload == w {
			d.Note = c.Seen
			if c.Error != "" && c.Mark() != "" {
				d.Note += ", " + c.Error
			}
			break
		}
	}
	if p := w.PredictedSeconds; p != nil && *p > 0 && *p <= a.end {
		d.Predicted = a.x(*p)
	}
	to := w.WaitedSeconds
	d.Class = "open"
	if w.ObservedSeconds != nil {
		to, d.Class = *w.ObservedSeconds, "t1"
	}
	d.bar(a, 0, to)
}

// cluster draws what a lane's pairs of events frame: the fault, the API without
// writes, nodes not ready.
func (d *drillLane) cluster(a rootAxis, r *v1alpha1.DrillReport, name string) {
	pairs := map[string][3]string{
		"fault": {"injected", "healed", "t3"},
		"api":   {"last-write", "first-write", "down"},
		"nodes": {"not-ready", "ready", "t2"},
	}
	pair, ok := pairs[name]
	if !ok {
		return
	}
	from, to := math.NaN(), math.NaN()
	for _, e := range r.Timeline {
		if e.Lane != name {
			continue
		}
		if e.Event == pair[0] && math.IsNaN(from) {
			from = e.At
		}
		if e.Event == pair[1] && !math.IsNaN(from) && e.At >= from && (math.IsNaN(to) || name == "nodes") {
			to = e.At
		}
	}
	if math.IsNaN(from) {
		return
	}
	d.Class = pair[2]
	if math.IsNaN(to) {
		to, d.Class = a.end, "open"
	}
	d.bar(a, from, to)
	d.Note = moment(to - from)
	switch {
	case name == "api":
		d.Note = "no write for " + moment(r.APIGapSeconds)
	case d.Class == "open":
		d.Note = "no end seen"
	case name == "nodes":
		d.Note = "not ready for " + d.Note
	}
}

func (d *drillLane) bar(a rootAxis, from, to float64) {
	if to <= from {
		return
	}
	d.BarX, d.BarWidth = a.x(from), percentage(a.percent(to)-a.percent(from))
}

// markers number the events; those too close to be told apart share one.
func (d *drillLane) markers(a rootAxis, r *v1alpha1.DrillReport, name string, numbers map[int]int) {
	type group struct {
		at    float64
		n     []int
		title []string
	}
	var groups []group
	for i, e := range r.Timeline {
		if e.Lane != name || numbers[i] == 0 {
			continue
		}
		p := a.percent(e.At)
		title := moment(e.At) + " " + drillEventText(e)
		if last := len(groups) - 1; last >= 0 && p-groups[last].at < markerApart {
			groups[last].n = append(groups[last].n, numbers[i])
			groups[last].title = append(groups[last].title, title)
			continue
		}
		groups = append(groups, group{p, []int{numbers[i]}, []string{title}})
	}
	for _, g := range groups {
		text := strconv.Itoa(g.n[0])
		switch {
		case len(g.n) == 2:
			text += "," + strconv.Itoa(g.n[1])
		case len(g.n) > 2:
			text += fmt.Sprintf("–%d", g.n[len(g.n)-1])
			if g.n[len(g.n)-1]-g.n[0] >= len(g.n) {
				text = strconv.Itoa(g.n[0]) + "…" // others are between
			}
		}
		width := max(18, 7*columns(text)+8)
		d.Markers = append(d.Markers, laneMarker{
			X: percentage(min(g.at, 100)), Text: text, Title: strings.Join(g.title, "; "),
			Width: width, Middle: width / 2, Y: d.MarkY, TextY: d.MarkY + 13,
		})
	}
}
