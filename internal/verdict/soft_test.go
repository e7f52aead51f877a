package verdict

import (
	"slices"
	"testing"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// A soft drill loses no node: its evictions are told, its workloads are measured, and
// nothing is predicted or said of what it did not touch.
func TestSoft(t *testing.T) {
	e := loss()
	r := e.Record
	r.Soft, r.Fault, r.Provider = true, "zone-power-loss", "aws"
	r.LostNodes, r.LostMachines, r.Machines = []string{}, []string{}, map[string]string{}
	r.Predicted, r.Hypothesis.RecoverySeconds = v1alpha1.DrillPredicted{}, nil
	e.Operations = slices.DeleteFunc(e.Operations, func(o op) bool { return o.Via != "vip" })
	e.Observations = slices.DeleteFunc(e.Observations, func(o seen) bool {
		return o.Kind != v1alpha1.ObservedPod && o.Kind != v1alpha1.ObservedEndpoints && o.Kind != v1alpha1.ObservedNode
	})
	e.Observations = append(e.Observations,
		seen{At: 100.1, Kind: "proof", Object: "zone-power-loss", Ready: true, Text: "1 of 1 nodes of zone a are unschedulable"},
		seen{At: 145.95, Kind: "eviction", Object: "shop/web-1", Workload: "Deployment shop/web", Where: "n1"},
	)
	report := judge(t, e)
	if report.Verdict != v1alpha1.DrillHolds || !report.Soft {
		t.Errorf("%s: %s", report.Verdict, report.Why)
	}
	w := report.Workloads[0]
	if w.PredictedSeconds != nil || w.Agrees != nil || w.Lowest != 2 || number(w.ObservedSeconds) != "89" || w.Text != "a soft drill is not simulated: its nodes live" {
		t.Errorf("workload: %+v", w)
	}
	if len(report.APIGapParts) > 0 || report.APIGapLimit != "" || len(report.Notes) > 0 {
		t.Errorf("it tells of what it did not touch: %v, %q, %v", report.APIGapParts, report.APIGapLimit, report.Notes)
	}
	if len(report.Services) != 1 || report.Services[0].ReadyLowest != 2 || report.Services[0].WithdrawnSeconds != nil {
		t.Errorf("services: %+v", report.Services)
	}
	i := slices.IndexFunc(report.Timeline, func(x v1alpha1.DrillEvent) bool { return x.Event == "evicted" })
	if i < 0 || report.Timeline[i].At != 45.95 || report.Timeline[i].Zone != "a" {
		t.Errorf("no eviction in %v", report.Timeline)
	}
	if !slices.ContainsFunc(report.Timeline, func(x v1alpha1.DrillEvent) bool {
		return x.Event == "injected" && x.Message == "soft zone-power-loss in a"
	}) {
		t.Errorf("not told to be soft: %v", report.Timeline)
	}
}
