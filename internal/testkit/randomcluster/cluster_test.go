package randomcluster_test

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/kubesched"
	"bulkhead.dev/bulkhead/internal/kubesched/apiserver"
	"bulkhead.dev/bulkhead/internal/model"
	"bulkhead.dev/bulkhead/internal/simulate"
	"bulkhead.dev/bulkhead/internal/snapshot"
	"bulkhead.dev/bulkhead/internal/testkit/randomcluster"
)

// TestMain keeps the scheduler's own log out of the tests'.
func TestMain(m *testing.M) {
	kubesched.SilenceLogs()
	m.Run()
}

// TestVariety simulates small clusters: the API server accepts them, and between
// them every plugin keeps some pod Pending and somebody is preempted.
func TestVariety(t *testing.T) {
	blocked, preempted, pending := map[string]int{}, 0, 0
	const seeds = 30
	for seed := range uint64(seeds) {
		r := run(t, randomcluster.New(seed, randomcluster.Options{Nodes: min(randomcluster.NodesOf(seed), 18), Varied: seed%2 == 1}))
		before := map[string]bool{}
		count := func(reasons []v1alpha1.Reason) {
			for _, reason := range reasons {
				if reason.Plugin != "" {
					before[reason.Plugin] = true
				}
			}
		}
		for _, w := range r.BeforeFailure {
			count(w.Reasons)
		}
		for _, w := range r.Scenarios[0].Workloads {
			count(w.Reasons)
			preempted += w.Preempted
		}
		if len(before) > 0 {
			pending++
		}
		for plugin := range before {
			blocked[plugin]++
		}
	}
	t.Logf("of %d clusters, %d have Pending pods; plugins: %v; %d pods preempted", seeds, pending, blocked, preempted)
	// A report names the plugin that most depends on: taints keep pods from some
	// nodes, and never from all.
	for _, plugin := range []string{"NodeResourcesFit", "PodTopologySpread", "InterPodAffinity", "NodeAffinity", "VolumeBinding"} {
		if blocked[plugin] == 0 {
			t.Errorf("%s keeps no pod Pending; those that do: %v", plugin, slices.Sorted(maps.Keys(blocked)))
		}
	}
	if preempted == 0 {
		t.Error("nobody is preempted")
	}
}

func run(t *testing.T, c *randomcluster.Cluster) *v1alpha1.SimulationReport {
	t.Helper()
	var text bytes.Buffer
	if err := c.Write(&text); err != nil {
		t.Fatal(err)
	}
	snap, err := snapshot.Read(t.Context(), snapshot.Options{Paths: []string{"-"}, Stdin: &text}, apiserver.New(apiserver.Options{}))
	if err != nil {
		t.Fatalf("seed %d: %v", c.Seed, err)
	}
	scheduler, err := kubesched.New(kubesched.Options{Engine: kubesched.Exact})
	if err != nil {
		t.Fatal(err)
	}
	r, err := simulate.Run(context.Background(), snap, scheduler, kubesched.Admission{}, simulate.Options{
		Failures: []model.FailureSpec{{Zones: []string{c.Lose}}}, RecoveryTime: 600, Timings: simulate.DefaultTimings(),
	})
	if err != nil {
		t.Fatalf("seed %d: %v", c.Seed, err)
	}
	return r
}

// TestSame makes the same cluster of a seed each time, and others of others.
func TestSame(t *testing.T) {
	seen := map[string]uint64{}
	for seed := range uint64(20) {
		var first, second bytes.Buffer
		for _, b := range []*bytes.Buffer{&first, &second} {
			if err := randomcluster.New(seed, randomcluster.Options{}).Write(b); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Errorf("seed %d gives two clusters", seed)
		}
		if other, ok := seen[first.String()]; ok {
			t.Errorf("seeds %d and %d give one cluster", seed, other)
		}
		seen[first.String()] = seed
	}
}

// TestSize counts the nodes.
func TestSize(t *testing.T) {
	for seed := range uint64(200) {
		n := randomcluster.NodesOf(seed)
		low, high := 6, 60
		if randomcluster.Large(seed) {
			low, high = 300, 500
		}
		if n < low || n > high {
			t.Errorf("seed %d has %d nodes, want %d to %d", seed, n, low, high)
		}
	}
	zones, nodes := map[string]int{}, 0
	for _, obj := range randomcluster.New(3, randomcluster.Options{Nodes: 30}).Objects() {
		if n, ok := obj.(*corev1.Node); ok {
			nodes++
			zones[n.Labels[corev1.LabelTopologyZone]]++
		}
	}
	if nodes != 30 || len(zones) != 3 {
		t.Errorf("%d nodes in the zones %v, want 30 in 3", nodes, zones)
	}
}
