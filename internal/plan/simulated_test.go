package plan_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/plan"
	"bulkhead.dev/bulkhead/internal/spec"
)

// TestSimulated: what a simulation said takes the place of the arithmetic, but not
// of what the plan itself does not survive.
func TestSimulated(t *testing.T) {
	terms := []v1alpha1.RecoveryTerm{{Name: "toleration", Seconds: 300}, {Name: "volume detach", Seconds: 360}}
	for _, c := range []struct {
		name, file string
		simulated  plan.Simulated
		predicted  *float64
		dominating string
		codes      []string
	}{
		{"in time", "kubeadm.yaml", plan.Simulated{RecoverySeconds: new(400.0), Terms: terms[:1], Survivors: new(1.0)}, new(400.0), "toleration", []string{}},
		{"too late", "kubeadm.yaml", plan.Simulated{RecoverySeconds: new(660.0), Terms: terms}, new(660.0), "volume detach", []string{plan.CodeRecoveryTimeMissed}},
		{"never", "kubeadm.yaml", plan.Simulated{}, nil, "a workload that does not come back", []string{plan.CodeRecoveryTimeMissed}},
		{"no room", "kubeadm.yaml", plan.Simulated{RecoverySeconds: new(400.0), Terms: terms[:1], Survivors: new(0.75)}, nil, "room for what was lost", []string{plan.CodeNoRoom, plan.CodeRecoveryTimeMissed}},
		{"the API stops all the same", "kapsule.yaml", plan.Simulated{RecoverySeconds: new(400.0), Terms: terms[:1]}, nil, "the return of zone fr-par-1", []string{plan.CodeAPIInOneZone, plan.CodeRecoveryTimeMissed}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := simulated(t, c.file, c.simulated)
			if diff := cmp.Diff(c.predicted, p.Objectives.PredictedSeconds); diff != "" {
				t.Errorf("predicted:\n%s", diff)
			}
			if p.Objectives.Dominating != c.dominating {
				t.Errorf("dominating %q, want %q", p.Objectives.Dominating, c.dominating)
			}
			failed := []string{}
			for _, f := range p.Findings {
				if f.Objective {
					failed = append(failed, f.Code)
				}
			}
			if diff := cmp.Diff(c.codes, failed); diff != "" {
				t.Errorf("objectives:\n%s", diff)
			}
		})
	}
}

// TestSimulatedSmallest: bounds that were found by trying are taken over and advised.
func TestSimulatedSmallest(t *testing.T) {
	bounds := v1alpha1.PoolBounds{Min: 7, Max: 9}
	p := simulated(t, "kubeadm.yaml", plan.Simulated{RecoverySeconds: new(1.0), Survivors: new(0.5), Smallest: map[string]v1alpha1.PoolBounds{"general": bounds}})
	if diff := cmp.Diff(&bounds, p.Pools[0].Smallest); diff != "" {
		t.Error(diff)
	}
	i := slices.IndexFunc(p.Findings, func(f v1alpha1.PlanFinding) bool { return f.Code == plan.CodeNoRoom })
	if i < 0 || !strings.Contains(p.Findings[i].Remedy, "min 7 and max 9") {
		t.Errorf("findings %v", p.Findings)
	}
}

func simulated(t *testing.T, file string, s plan.Simulated) *v1alpha1.ClusterPlan {
	t.Helper()
	data, err := os.ReadFile(examples + "/" + file)
	if err != nil {
		t.Fatal(err)
	}
	c, err := spec.Decode(file, data)
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Make(c, plan.Options{Catalog: catalogFor(c), Simulated: &s})
	if err != nil {
		t.Fatal(err)
	}
	return p
}
