package fidelity

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/model"
)

// Free compares a prediction with what was observed.
type Free struct {
	Workloads   int `json:"workloads"`
	SameVerdict int `json:"sameVerdict"`
	// SameReady workloads have as many ready pods in the end, SameZones have them
	// in the same zones.
	SameReady   int                 `json:"sameReady"`
	SameZones   int                 `json:"sameZones"`
	Differences []VerdictDifference `json:"differences,omitempty"`
}

// VerdictDifference is a workload with another verdict than predicted.
type VerdictDifference struct {
	Workload  string           `json:"workload"`
	Predicted v1alpha1.Verdict `json:"predicted"`
	Observed  v1alpha1.Verdict `json:"observed"`
	// Detail of both: ready before, lowest, in the end, seconds to the full count.
	Detail string `json:"detail"`
	// SameLost says that as many pods were lost as predicted.
	SameLost bool `json:"sameLost"`
	// Orders of events, of Tried ones, in which the observed verdict is predicted.
	Orders int `json:"orders"`
	Tried  int `json:"tried"`
}

// Why explains the difference, as far as it can be; "" when nothing does. What is
// left when the same pods were lost is the order in which their replacements reached
// the scheduler, which decides the same for the same order, as the replay shows.
func (d *VerdictDifference) Why() string {
	switch {
	case d.Orders > 0:
		return fmt.Sprintf("order: with events in another order the simulation gives this verdict too (%d of %d tried)", d.Orders, d.Tried)
	case d.SameLost:
		return fmt.Sprintf("presumed order, not proved: as many pods were lost as predicted and the scheduler's decisions replay alike, but none of %d other orders tried gives this verdict", d.Tried)
	}
	return ""
}

// Compare predicts, and compares with what was observed. It gives the observed
// workloads their verdicts.
func Compare(ctx context.Context, snap *model.Snapshot, e Expectation, observed map[string]*Observed) (*Free, *v1alpha1.Scenario, error) {
	predicted, err := Predict(ctx, snap, e)
	if err != nil {
		return nil, nil, err
	}
	f := &Free{}
	for _, p := range predicted.Workloads {
		o := observed[p.Namespace+"/"+p.Name]
		if o == nil {
			return nil, nil, fmt.Errorf("comparing: nothing was observed of %s %s/%s", p.Kind, p.Namespace, p.Name)
		}
		o.judge(p.Replicas, p.MinAvailable, p.Kind == model.KindDaemonSet, e.RecoveryTime)
		f.Workloads++
		if total(p.After) == total(o.After) {
			f.SameReady++
		}
		if maps.Equal(p.After, o.After) {
			f.SameZones++
		}
		if p.Verdict == o.Verdict {
			f.SameVerdict++
			continue
		}
		f.Differences = append(f.Differences, VerdictDifference{
			Workload: fmt.Sprintf("%s %s/%s", p.Kind, p.Namespace, p.Name), Predicted: p.Verdict, Observed: o.Verdict, SameLost: p.Lost == o.Lost,
			Detail: fmt.Sprintf("predicted %d ready before, lowest %d, minimum %d, after %v, full count %s; observed %d, lowest %d, after %v, full count %s",
				total(p.Before), p.Lowest, p.MinAvailable, p.After, at(p.RecoverySeconds), o.Ready, o.Lowest, o.After, at(o.Recovery)),
		})
	}
	if len(f.Differences) == 0 {
		return f, predicted, nil
	}
	others, err := otherOrders(ctx, snap, e)
	if err != nil {
		return nil, nil, err
	}
	for i := range f.Differences {
		d := &f.Differences[i]
		d.Tried = len(others)
		for _, s := range others {
			if slices.ContainsFunc(s.Workloads, func(w v1alpha1.WorkloadOutcome) bool {
				return fmt.Sprintf("%s %s/%s", w.Kind, w.Namespace, w.Name) == d.Workload && w.Verdict == d.Observed
			}) {
				d.Orders++
			}
		}
	}
	return f, predicted, nil
}

func at(seconds *float64) string {
	if seconds == nil {
		return "never"
	}
	return fmt.Sprintf("%.1f s", *seconds)
}
