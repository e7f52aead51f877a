package report

import (
	"fmt"
	"strings"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// hull is the cluster as a ship seen from above: a compartment a zone.
type hull struct {
	Caption      string
	Compartments []compartment
	// Many compartments wrap into rows.
	Many bool
	// Waiting holds pods that stand in no zone.
	Waiting []tile
	// Note counts what is not drawn.
	Note string
}

// compartment is a zone.
type compartment struct {
	Zone  string
	Nodes string
	State string // what became of it: "lost", "cut off from b" or ""
	Lost  bool
	Cut   bool
	Tiles []tile
	Rest  string
}

// tile is a workload in a zone.
type tile struct {
	Name, Kind, Label string
	Verdict           v1alpha1.Verdict
	Marks             []mark
}

// mark is a number of pods in the same state, drawn as so many equal shapes,
// or as one shape and a count.
type mark struct {
	Shape string
	Each  []struct{}
	Times string
}

// The states of a pod, each with a shape of its own in the template.
const (
	podStays      = "stays"
	podNew        = "new"
	podLost       = "lost"
	podStuck      = "stuck"
	podGone       = "gone"
	podPending    = "pending"
	podNotCreated = "absent"
)

// How many workloads a hull draws, by how many hulls a page has.
func maxTiles(sections int) int {
	switch {
	case sections <= 4:
		return 48
	case sections <= 10:
		return 24
	}
	return 12
}

// hulls draws a scenario before and after the failure. Workloads that lost
// nothing are drawn only in a small report; else each zone counts them.
func hulls(r *v1alpha1.SimulationReport, f *fate, n *names, sections int) (before, after hull) {
	s := f.scenario
	drawn := map[v1alpha1.WorkloadRef]bool{}
	limit := maxTiles(sections)
	hit := outcomes(s)
	for _, w := range hit[:min(len(hit), limit)] {
		drawn[w.WorkloadRef] = true
	}
	if len(s.Workloads) <= limit/2 {
		for i := range s.Workloads {
			drawn[s.Workloads[i].WorkloadRef] = true
		}
	}
	before = hull{Caption: "Before", Many: len(r.Input.Zones) > 5}
	after = hull{Caption: "After, when all has settled", Many: before.Many}
	if len(hit) > limit {
		after.Note = fmt.Sprintf("%s more fare like these or better; they are counted in their zones.", count(len(hit)-limit, "affected workload"))
	}
	for _, z := range r.Input.Zones {
		nodes := ""
		if k := r.Input.NodesPerZone[z]; k > 0 {
			nodes = count(k, "node")
		}
		b, a := compartment{Zone: z, Nodes: nodes}, compartment{Zone: z, Nodes: nodes}
		if zonesLost(s.Failure, z) {
			a.Lost, a.State = true, "lost"
		}
		if hit := zonesHit(s); len(s.Failure.Zones) == 0 && len(hit) == 1 && hit[0] == z && len(s.Failure.Nodes) > 0 {
			a.State = fmt.Sprintf("%s of %s lost", number(len(s.Failure.Nodes)), nodes)
		}
		if other := cutOff(s.Failure, z); other != "" {
			a.Cut, a.State = true, "cut off from "+other
		}
		restBefore, restAfter := rest{}, rest{}
		for i := range s.Workloads {
			w := &s.Workloads[i]
			t := triage(s, w, z)
			if !drawn[w.WorkloadRef] {
				restBefore.add(w.Before[z])
				restAfter.add(t.stays + t.fresh)
				continue
			}
			if w.Before[z] > 0 {
				b.Tiles = append(b.Tiles, tileOf(w, n, z, marks(podStays, w.Before[z])))
			}
			ms := marks(podStays, t.stays, podNew, t.fresh, podGone, t.gone, podLost, t.lost, podStuck, t.stuck)
			if len(ms) > 0 {
				a.Tiles = append(a.Tiles, tileOf(w, n, z, ms))
			}
		}
		b.Rest, a.Rest = restBefore.text(), restAfter.text()
		before.Compartments = append(before.Compartments, b)
		after.Compartments = append(after.Compartments, a)
	}
	for _, w := range hit[:min(len(hit), limit)] {
		if ms := marks(podPending, w.Pending, podNotCreated, w.NotCreated); len(ms) > 0 {
			after.Waiting = append(after.Waiting, tileOf(w, n, "no zone", ms))
		}
	}
	return before, after
}

// cutOff names the zone that z cannot reach.
func cutOff(f v1alpha1.Failure, z string) string {
	var others []string
	found := false
	for _, p := range f.Partition {
		if p == z {
			found = true
			continue
		}
		others = append(others, p)
	}
	if !found {
		return ""
	}
	return join(others)
}

// fared counts a workload's pods of one zone by what became of them.
type fared struct {
	stays, fresh, gone, lost, stuck int
}

// triage tells the pods of one zone apart. A report counts ready pods before
// and after, not each pod's way: what is there after and was before has
// stayed, unless the failure took it.
func triage(s *v1alpha1.Scenario, w *v1alpha1.WorkloadOutcome, z string) fared {
	var t fared
	before, after := w.Before[z], w.After[z]
	t.lost = lostIn(s, w, z)
	t.stays = min(before-t.lost, after)
	t.fresh = after - t.stays
	t.gone = before - t.lost - t.stays
	stuck := w.StuckTerminating
	for _, other := range s.Failure.Zones {
		if other == z {
			break
		}
		stuck -= lostIn(s, w, other)
	}
	t.stuck = min(max(stuck, 0), t.lost)
	t.lost -= t.stuck
	return t
}

// lostIn counts the pods of a workload that the failure took in zone z.
func lostIn(s *v1alpha1.Scenario, w *v1alpha1.WorkloadOutcome, z string) int {
	switch {
	case zonesLost(s.Failure, z):
		return w.Before[z]
	case len(s.Failure.Zones) > 0 || len(s.Failure.Partition) > 0 || w.Lost == 0:
		return 0
	}
	if zones := zonesHit(s); len(zones) == 1 {
		if zones[0] == z {
			return min(w.Lost, w.Before[z])
		}
		return 0
	}
	return min(w.Lost, max(w.Before[z]-w.After[z], 0))
}

// zonesHit names the zones in which nodes failed, from the timeline.
func zonesHit(s *v1alpha1.Scenario) []string {
	var zones []string
	seen := map[string]bool{}
	for _, e := range s.Timeline {
		if (e.Event == "failure" || e.Event == "nodes-not-ready") && e.Zone != "" && !seen[e.Zone] {
			seen[e.Zone] = true
			zones = append(zones, e.Zone)
		}
	}
	return zones
}

// rest counts workloads that have no tile.
type rest struct{ workloads, pods int }

func (r *rest) add(pods int) {
	if pods > 0 {
		r.workloads++
		r.pods += pods
	}
}

func (r *rest) text() string {
	if r.workloads == 0 {
		return ""
	}
	return fmt.Sprintf("+ %s, %s", count(r.workloads, "workload"), count(r.pods, "pod"))
}

// marks takes pairs of a shape and a number.
func marks(pairs ...any) []mark {
	const mostDrawn = 10
	var out []mark
	for i := 0; i+1 < len(pairs); i += 2 {
		shape, n := pairs[i].(string), pairs[i+1].(int)
		switch {
		case n <= 0:
		case n <= mostDrawn:
			out = append(out, mark{Shape: shape, Each: make([]struct{}, n)})
		default:
			out = append(out, mark{Shape: shape, Each: make([]struct{}, 1), Times: "×" + number(n)})
		}
	}
	return out
}

var podWords = map[string]string{
	podStays: "stay", podNew: "new", podLost: "lost", podStuck: "lost and stuck Terminating",
	podGone: "evicted", podPending: "pending", podNotCreated: "not created",
}

func tileOf(w *v1alpha1.WorkloadOutcome, n *names, z string, ms []mark) tile {
	var parts []string
	for _, m := range ms {
		amount := fmt.Sprint(len(m.Each))
		if m.Times != "" {
			amount = strings.TrimPrefix(m.Times, "×")
		}
		parts = append(parts, amount+" "+podWords[m.Shape])
	}
	return tile{
		Name: n.of(w.WorkloadRef), Kind: w.Kind, Verdict: w.Verdict, Marks: ms,
		Label: fmt.Sprintf("%s %s/%s, %s: %s", w.Kind, w.Namespace, w.Name, z, strings.Join(parts, ", ")),
	}
}
