package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// chart is a timeline as an SVG: x in percent of the width, so that it fits a
// telephone, y in pixels.
//
//	markers   ①     ②③            ④
//	axis      0s    1m    2m    3m ...
//	lane      api                      down 5m 58s
//	          ███ not ready ███ toleration ███ start
//	          ▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔
type chart struct {
	ID      string
	Label   string
	Height  int
	Foot    int // y at which the grid ends
	Ticks   []tick
	Markers []marker
	Lanes   []lane
	More    string
	Terms   []termView
	Events  []eventView
	// Never, Down, Split tell the legend which marks the chart uses.
	Never, Down, Split bool
}

type tick struct {
	X, Text string
	// Minor ticks lose their text on a narrow screen.
	Minor bool
}

type marker struct {
	X, Text, Title string
}

type lane struct {
	// Name fits a telephone, Long a desk; Full is never cut.
	Name, Long, Full, Note, Title string
	Verdict                       v1alpha1.Verdict
	TextY, BarY, DownY            int
	Segments                      []segment
	// Open is the state of a bar without an end: "never" or "split".
	Open string
	// DownX and DownWidth frame the time below the minimum.
	DownX, DownWidth string
	// End is where the full count is back.
	End string
}

type segment struct {
	X, Width, Text, Title string
	Class                 int
}

type termView struct {
	Class int
	Name  string
}

type eventView struct {
	Number int
	At     string
	Text   string
}

// Pixels of a chart.
const (
	chartTop   = 56
	laneHeight = 46
	chartFoot  = 10
)

// The template has this many colours for terms.
const termColors = 6

// termsOf numbers the terms that times add up from, in order of appearance.
func termsOf(r *v1alpha1.SimulationReport) map[string]int {
	terms := map[string]int{}
	for i := range r.Scenarios {
		for j := range r.Scenarios[i].Workloads {
			for _, t := range r.Scenarios[i].Workloads[j].RecoveryTerms {
				if _, ok := terms[t.Name]; !ok && t.Seconds > 0 {
					terms[t.Name] = min(len(terms), termColors-1)
				}
			}
		}
	}
	return terms
}

// chartOf draws a scenario's affected workloads; nil when there is none.
func chartOf(f *fate, n *names, id string, terms map[string]int) *chart {
	ws := outcomes(f.scenario)
	if len(ws) == 0 {
		return nil
	}
	c := &chart{ID: id, Label: "Time to recover after " + losing(f.scenario)}
	end := axisEnd(f.scenario, ws)
	c.ticks(end)
	c.events(f.scenario, end)
	if len(ws) > maxLanes {
		c.More = fmt.Sprintf("%s more came off like these or better.", count(len(ws)-maxLanes, "workload"))
		ws = ws[:maxLanes]
	}
	used := map[string]bool{}
	for i, w := range ws {
		l := laneOf(f.scenario, w, n, end, terms)
		top := chartTop + i*laneHeight
		l.TextY, l.BarY, l.DownY = top+12, top+19, top+35
		c.Lanes = append(c.Lanes, l)
		c.Never = c.Never || l.Open == "never"
		c.Split = c.Split || l.Open == "split"
		c.Down = c.Down || l.DownWidth != ""
		for _, t := range w.RecoveryTerms {
			used[t.Name] = used[t.Name] || t.Seconds > 0
		}
	}
	for name := range used {
		if used[name] {
			c.Terms = append(c.Terms, termView{terms[name], name})
		}
	}
	slices.SortFunc(c.Terms, func(a, b termView) int { return cmp.Or(cmp.Compare(a.Class, b.Class), cmp.Compare(a.Name, b.Name)) })
	c.Foot = chartTop + len(ws)*laneHeight
	c.Height = c.Foot + chartFoot
	return c
}

// axisEnd is a little after the last thing a reader looks for.
func axisEnd(s *v1alpha1.Scenario, ws []*v1alpha1.WorkloadOutcome) float64 {
	last := 0.0
	for _, w := range ws {
		for _, t := range []*float64{w.RecoverySeconds, w.OutageSeconds} {
			if t != nil {
				last = max(last, *t)
			}
		}
	}
	for _, e := range s.Timeline {
		if e.Event != "settled" {
			last = max(last, e.At)
		}
	}
	if last == 0 {
		last = max(s.SettledSeconds, 60)
	}
	return last * 1.12
}

// ticks stand at round times, at most nine of them.
func (c *chart) ticks(end float64) {
	steps := []float64{0.1, 0.5, 1, 5, 10, 30, 60, 120, 300, 600, 900, 1800, 3600, 2 * 3600, 6 * 3600, 12 * 3600, 24 * 3600}
	step := steps[len(steps)-1]
	for _, s := range steps {
		if end/s <= 8 {
			step = s
			break
		}
	}
	for end/step > 8 {
		step *= 2
	}
	for i := 0; float64(i)*step < end*0.97; i++ {
		c.Ticks = append(c.Ticks, tick{x(float64(i)*step, end), duration(float64(i) * step), i%2 == 1})
	}
}

// events of the whole scenario become numbered markers; those too close to be
// told apart share one.
func (c *chart) events(s *v1alpha1.Scenario, end float64) {
	const apart = 0.05
	from, at := 0, 0.0
	for _, e := range s.Timeline {
		if e.Workload != "" || e.At > end {
			continue
		}
		if len(c.Events) == 20 {
			break
		}
		v := eventView{len(c.Events) + 1, duration(e.At), eventText(e)}
		c.Events = append(c.Events, v)
		last := len(c.Markers) - 1
		if last >= 0 && e.At-at < apart*end {
			c.Markers[last].Text = fmt.Sprintf("%d–%d", from, v.Number)
			c.Markers[last].Title += "; " + v.At + " " + v.Text
			continue
		}
		from, at = v.Number, e.At
		c.Markers = append(c.Markers, marker{x(e.At, end), strconv.Itoa(v.Number), v.At + " " + v.Text})
	}
}

// eventText says an event in words, and why if it says so itself.
func eventText(e v1alpha1.Event) string {
	if e.Message != "" {
		return eventName(e) + ": " + e.Message
	}
	return eventName(e)
}

func eventName(e v1alpha1.Event) string {
	in := ""
	if e.Zone != "" {
		in = " in zone " + e.Zone
	}
	of := func(noun, what string) string {
		if e.Count == 0 {
			return noun + "s " + what + in
		}
		return count(e.Count, noun) + " " + what + in
	}
	switch e.Event {
	case "failure":
		if e.Count > 0 {
			return of("node", "lost")
		}
		return "the failure" + in
	case "dependencies-down":
		return count(e.Count, "dependency", "dependencies") + " down: " + e.Message
	case "nodes-cut-off":
		return of("node", "cut off from the API")
	case "nodes-not-ready":
		return of("node", "marked NotReady")
	case "endpoints-removed":
		return of("endpoint", "removed")
	case "evictions-begin":
		return "evictions begin" + in
	case "evictions-end":
		return "evictions end" + in
	case "evictions-stopped":
		return "evictions are stopped" + in
	case "nodes-out-of-service":
		return of("node", "tainted out-of-service")
	case "nodes-deleted":
		return of("node object", "deleted")
	case "pods-collected":
		return of("pod", "collected")
	case "volumes-detached":
		return of("volume", "detached")
	case "pods-created":
		return of("pod", "created")
	case "pods-placed":
		return of("pod", "placed")
	case "pods-ready":
		return of("pod", "ready")
	case "pods-pending":
		return of("pod", "pending")
	case "preempted":
		return of("pod", "preempted")
	case "settled":
		return "nothing moves any more"
	}
	if e.Count > 0 {
		return e.Event + ": " + number(e.Count) + in
	}
	return e.Event + in
}

func laneOf(s *v1alpha1.Scenario, w *v1alpha1.WorkloadOutcome, n *names, end float64, terms map[string]int) lane {
	l := lane{
		Name: cutMiddle(plain(n.of(w.WorkloadRef)), 24), Long: cutMiddle(plain(n.of(w.WorkloadRef)), 80), Full: n.of(w.WorkloadRef), Verdict: w.Verdict, Note: laneNote(w),
		Title: fmt.Sprintf("%s %s/%s: %s, %s", w.Kind, w.Namespace, w.Name, w.Verdict, laneNote(w)),
	}
	if sum := addition(w.RecoveryTerms); sum != "" && w.RecoverySeconds != nil {
		l.Title += " = " + sum
	}
	switch {
	case w.RecoverySeconds == nil:
		l.Open = "never"
	case split(w.Halves):
		l.Open = "split"
	case *w.RecoverySeconds > 0:
		l.End = x(*w.RecoverySeconds, end)
		l.segments(w, end, terms)
	}
	if w.Verdict == v1alpha1.Outage {
		from, to := downTime(s, w, end)
		l.DownX, l.DownWidth = x(from, end), x(to-from, end)
	}
	return l
}

// segments lay the terms end to end; a time without terms is one segment.
func (l *lane) segments(w *v1alpha1.WorkloadOutcome, end float64, terms map[string]int) {
	at := 0.0
	for _, t := range w.RecoveryTerms {
		if t.Seconds <= 0 {
			continue
		}
		s := segment{x(at, end), x(t.Seconds, end), "", duration(t.Seconds) + " " + t.Name, terms[t.Name]}
		const chartPixels, letterPixels = 860, 6.6
		if t.Seconds/end*chartPixels > float64(columns(t.Name))*letterPixels+12 {
			s.Text = t.Name
		}
		l.Segments = append(l.Segments, s)
		at += t.Seconds
	}
	if len(l.Segments) == 0 {
		l.Segments = []segment{{x(0, end), x(*w.RecoverySeconds, end), "", duration(*w.RecoverySeconds), 0}}
	}
}

// laneNote says what the bar shows.
func laneNote(w *v1alpha1.WorkloadOutcome) string {
	switch {
	case w.Verdict == v1alpha1.Outage && w.OutageSeconds == nil:
		return "down for good"
	case w.Verdict == v1alpha1.Outage && w.RecoverySeconds == nil:
		return fmt.Sprintf("down %s, %s never back", duration(*w.OutageSeconds), number(missing(w)))
	case w.Verdict == v1alpha1.Outage:
		return "down " + duration(*w.OutageSeconds)
	case w.RecoverySeconds == nil && w.Verdict == v1alpha1.Survives:
		return fmt.Sprintf("%s of %s wait, as agreed", number(missing(w)), number(w.Replicas))
	case w.RecoverySeconds == nil:
		return fmt.Sprintf("%s of %s never back", number(missing(w)), number(w.Replicas))
	case split(w.Halves):
		return "two halves " + sides(w.Halves)
	case *w.RecoverySeconds > 0:
		return "back after " + duration(*w.RecoverySeconds)
	}
	return "nothing to bring back"
}

// downTime frames the outage: by the timeline's events where it has them, else
// from the failure on.
func downTime(s *v1alpha1.Scenario, w *v1alpha1.WorkloadOutcome, end float64) (from, to float64) {
	who := w.Kind + " " + w.Namespace + "/" + w.Name
	to = end
	if w.OutageSeconds != nil {
		to = *w.OutageSeconds
	}
	for _, e := range s.Timeline {
		if e.Workload == who && e.Event == "outage-begins" {
			from = e.At
			if w.OutageSeconds != nil {
				to = from + *w.OutageSeconds
			}
			break
		}
	}
	return min(from, end), min(to, end)
}

// x places a time on the axis.
func x(seconds, end float64) string {
	return strconv.FormatFloat(seconds/end*100, 'f', 3, 64) + "%"
}
