package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// Words of the states of a replica in a drill's hulls.
var drillPodWords = map[string]string{
	podStays: "ready", podNew: "ready, not before", podLost: "lost", podGone: "no longer ready", podPending: "not ready anywhere",
}

// drillHulls draws the cluster before the fault, when it ended, and when all was
// steady again: ready replicas, a compartment a zone.
func drillHulls(r *v1alpha1.DrillReport) []hull {
	if len(r.Workloads) == 0 {
		return nil
	}
	zones := drillZones(r)
	n := drillNames(r)
	// Those that were hit are drawn first when there are many.
	shown := workloadsOf(r)
	slices.SortStableFunc(shown, func(a, b compared) int {
		switch {
		case a.untouched() == b.untouched():
			return 0
		case b.untouched():
			return -1
		}
		return 1
	})
	limit := min(len(shown), maxTiles(1))
	moments := []struct {
		caption string
		ready   func(w *v1alpha1.DrillWorkload) map[string]int
		fault   bool
	}{
		{"Before the fault", func(w *v1alpha1.DrillWorkload) map[string]int { return w.Before }, false},
		{"During: when the fault ended, " + moment(r.FaultSeconds), func(w *v1alpha1.DrillWorkload) map[string]int { return w.During }, true},
		{drillAfter(r), func(w *v1alpha1.DrillWorkload) map[string]int { return w.After }, false},
	}
	var out []hull
	for i, m := range moments {
		h := hull{Caption: m.caption, Many: len(zones) > 5}
		for _, z := range zones {
			c := compartment{Zone: z}
			if m.fault {
				c.Lost, c.Cut, c.State = drillState(r, z)
			}
			var others rest
			for k, s := range shown {
				w := s.Workload
				before, now := w.Before[z], m.ready(w)[z]
				if k >= limit {
					others.add(now)
					continue
				}
				stays := min(before, now)
				missing := podGone
				if c.Lost {
					missing = podLost
				}
				ms := marks(podStays, stays, podNew, now-stays, missing, before-stays)
				if i == 0 {
					ms = marks(podStays, before)
				}
				if len(ms) > 0 {
					c.Tiles = append(c.Tiles, drillTile(w, n, "zone "+z, ms))
				}
			}
			c.Rest = others.text()
			h.Compartments = append(h.Compartments, c)
		}
		for _, s := range shown[:limit] {
			w := s.Workload
			if ms := marks(podPending, w.Replicas-sum(m.ready(w))); i > 0 && len(ms) > 0 {
				h.Waiting = append(h.Waiting, drillTile(w, n, "no zone", ms))
			}
		}
		if len(shown) > limit && i == 0 {
			h.Note = count(len(shown)-limit, "workload") + " more, counted in their zones."
		}
		out = append(out, h)
	}
	return out
}

func drillAfter(r *v1alpha1.DrillReport) string {
	if r.SteadyAgainSeconds == nil {
		return "After: at the end, not steady again"
	}
	return "After: steady again, " + moment(*r.SteadyAgainSeconds) + " after the healing"
}

func drillTile(w *v1alpha1.DrillWorkload, n *names, where string, ms []mark) tile {
	verdict := v1alpha1.Survives
	if down(w) {
		verdict = v1alpha1.Outage
	}
	parts := make([]string, 0, len(ms))
	for _, m := range ms {
		amount := fmt.Sprint(len(m.Each))
		if m.Times != "" {
			amount = strings.TrimPrefix(m.Times, "×")
		}
		parts = append(parts, amount+" "+drillPodWords[m.Shape])
	}
	return tile{
		Name: n.of(w.WorkloadRef), Kind: w.Kind, Verdict: verdict, Marks: ms,
		Label: fmt.Sprintf("%s %s/%s, %s: %s", w.Kind, w.Namespace, w.Name, where, strings.Join(parts, ", ")),
	}
}

// drillZones are the zones that the report tells of, sorted.
func drillZones(r *v1alpha1.DrillReport) []string {
	zones := map[string]int{}
	for i := range r.Workloads {
		w := &r.Workloads[i]
		for _, m := range []map[string]int{w.Before, w.During, w.After} {
			maps.Copy(zones, m)
		}
	}
	for _, z := range append(slices.Clone(r.Zones), r.Zone) {
		if z != "" {
			zones[z] = 0
		}
	}
	return sortedKeys(zones)
}

// zoneFault begins the names of the faults that take a whole zone.
const zoneFault = "zone-"

// drillState says what the fault did to zone z while it lasted.
func drillState(r *v1alpha1.DrillReport, z string) (lost, cut bool, state string) {
	switch {
	case len(r.Zones) > 1 && slices.Contains(r.Zones, z):
		return false, true, "cut off from " + join(slices.DeleteFunc(slices.Clone(r.Zones), func(o string) bool { return o == z }))
	case len(r.Zones) > 1 || r.Zone != z:
		return false, false, ""
	case r.Soft && r.Target == "":
		return false, false, "emptied"
	case r.Target == "" && strings.HasPrefix(r.Fault, zoneFault):
		return true, false, "lost"
	case r.Target != "":
		return false, false, r.Target + " hit"
	}
	return false, false, r.Fault
}
