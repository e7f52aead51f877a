package fidelity

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/kubesched"
	"bulkhead.dev/bulkhead/internal/model"
	"bulkhead.dev/bulkhead/internal/simulate"
)

// Expectation is what a simulation is told beside the cluster.
type Expectation struct {
	Zone         string // that is lost
	Timings      simulate.Timings
	RecoveryTime float64 // objective, in seconds
}

// Predict simulates the loss of the zone.
func Predict(ctx context.Context, snap *model.Snapshot, e Expectation) (*v1alpha1.Scenario, error) {
	s, err := kubesched.New(kubesched.Options{Configuration: []byte(SchedulerConfiguration)})
	if err != nil {
		return nil, err
	}
	report, err := simulate.Run(ctx, snap, s, kubesched.Admission{}, simulate.Options{
		Failures:     []model.FailureSpec{{Zones: []string{e.Zone}}},
		RecoveryTime: e.RecoveryTime, Timings: e.Timings,
	})
	if err != nil {
		return nil, fmt.Errorf("predicting the loss of zone %s: %w", e.Zone, err)
	}
	return &report.Scenarios[0], nil
}

// ordersFor is how many other orders of events are tried to explain a difference:
// fewer in a large cluster, where each takes long.
func ordersFor(snap *model.Snapshot) int {
	if len(snap.Nodes) > 100 {
		return 3
	}
	return 30
}

// otherOrders predicts again with what has no order in another one, and returns
// what each workload came to: workloads, in whose order their controllers then
// create pods; pods, in whose order preemption breaks ties; nodes, in whose order
// the scheduler looks at them.
func otherOrders(ctx context.Context, snap *model.Snapshot, e Expectation) ([]*v1alpha1.Scenario, error) {
	random := rand.New(rand.NewPCG(1, 1))
	var all []*v1alpha1.Scenario
	for range ordersFor(snap) {
		other := *snap
		other.Nodes = shuffled(random, snap.Nodes)
		other.Workloads = shuffled(random, snap.Workloads)
		for i, w := range other.Workloads {
			own := *w
			own.Pods = shuffled(random, w.Pods)
			other.Workloads[i] = &own
		}
		scenario, err := Predict(ctx, &other, e)
		if err != nil {
			return nil, err
		}
		all = append(all, scenario)
	}
	return all, nil
}

func shuffled[T any](random *rand.Rand, in []T) []T {
	out := slices.Clone(in)
	random.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}
