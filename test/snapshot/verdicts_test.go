//go:build linux

package snapshot_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// verdicts are the lines of a report that must be the same whatever the names in
// it are: zones, workloads and Services in their order, without their names.
func verdicts(text string) ([]string, error) {
	var r v1alpha1.SimulationReport
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		return nil, fmt.Errorf("reading a report: %w", err)
	}
	zones := r.Input.Zones
	lines := []string{fmt.Sprintf("%s: %d nodes, %d pods, %d workloads, %d zones, %d pending before", r.Verdict,
		r.Input.Nodes, r.Input.Pods, r.Input.Workloads, len(zones), len(r.BeforeFailure))}
	for i, s := range r.Scenarios {
		lines = append(lines, fmt.Sprintf("scenario %d: %s, zone %d, %d nodes, settled after %g s, %d fare otherwise elsewhere", i, s.Verdict,
			slices.Index(zones, strings.Join(s.Failure.Zones, "+")), len(s.Failure.Nodes), s.SettledSeconds, len(s.OtherWorld)))
		for j, w := range s.Workloads {
			lines = append(lines, fmt.Sprintf("  workload %d: %s", j, outcome(&w, zones)))
		}
		for j, v := range s.Services {
			lines = append(lines, fmt.Sprintf("  service %d: %d ready, then %d, worst share %g, overload %g", j, v.ReadyBefore, v.ReadyAfter, v.WorstShare, v.Overload))
		}
	}
	return lines, nil
}

// outcome is what became of a workload.
func outcome(w *v1alpha1.WorkloadOutcome, zones []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: %d replicas, at least %d, lost %d, preempted %d, lowest %d, placed again %d, pending %d, not created %d, stuck %d, down %s, back after %s",
		w.Kind, w.Verdict, w.Replicas, w.MinAvailable, w.Lost, w.Preempted, w.Lowest, w.PlacedAgain, w.Pending, w.NotCreated, w.StuckTerminating,
		seconds(w.OutageSeconds), seconds(w.RecoverySeconds))
	fmt.Fprintf(&b, ", before %s, after %s", inZones(w.Before, zones), inZones(w.After, zones))
	for _, r := range w.Reasons {
		fmt.Fprintf(&b, "; %s: %d pods, %d nodes", r.Code, r.Pods, r.Nodes)
	}
	return b.String()
}

func seconds(s *float64) string {
	if s == nil {
		return "never"
	}
	return fmt.Sprintf("%g s", *s)
}

// inZones writes counts in the order of the zones.
func inZones(counts map[string]int, zones []string) string {
	var parts []string
	for _, zone := range slices.SortedFunc(maps.Keys(counts), func(x, y string) int { return slices.Index(zones, x) - slices.Index(zones, y) }) {
		parts = append(parts, fmt.Sprintf("%d:%d", slices.Index(zones, zone), counts[zone]))
	}
	return strings.Join(parts, " ")
}
