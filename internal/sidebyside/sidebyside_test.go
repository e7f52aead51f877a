//go:build linux

package sidebyside_test

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"
	"time"

	"bulkhead.dev/bulkhead/internal/benchmark"
	"bulkhead.dev/bulkhead/internal/kubesched"
	"bulkhead.dev/bulkhead/internal/testkit/controlplane"
)

var (
	nodes    = flag.Int("nodes", 0, "nodes of the cluster that TestSideBySide loses a zone of, with 20 pods each; 0 skips it")
	runs     = flag.Int("runs", 5, "times that it simulates")
	bound    = flag.Duration("bound", 20*time.Minute, "the longest that it waits for the real control plane to replace the lost pods")
	bulkhead = flag.String("bulkhead", "", "absolute path of the program; empty builds it")
	document = flag.String("document", "", "absolute path of the Markdown file that it writes")
)

func TestMain(m *testing.M) {
	flag.Parse()
	kubesched.SilenceLogs()
	m.Run()
}

// TestSideBySide compares a cluster of any size, with Kubernetes' own timings. For
// 1,000 nodes it takes about a quarter of an hour.
func TestSideBySide(t *testing.T) {
	if *nodes == 0 {
		t.Skip("-nodes is not given; make side-by-side gives it")
	}
	size := benchmark.Size{Nodes: *nodes, PodsPerNode: 20}
	c := compare(t, setting{size: size, bound: *bound, runs: *runs})
	text, err := c.markdown()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("\n%s", text)
	if *document == "" {
		return
	}
	if err := os.WriteFile(*document, text, 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestBothPlaceAll compares a small cluster, with short timings: both sides place
// all lost pods again.
func TestBothPlaceAll(t *testing.T) {
	c := compare(t, setting{
		size: benchmark.Size{Nodes: 30, PodsPerNode: 20}, bound: 3 * time.Minute, runs: 1, toleration: 10 * time.Second,
		options: controlplane.Options{
			NodeLeaseDuration:      8 * time.Second,
			ControllerManagerFlags: []string{"--node-monitor-grace-period=12s", "--node-monitor-period=1s"},
		},
	})
	if !c.real.complete() || c.real.created != c.real.lost || c.real.evicted != c.real.lost {
		t.Errorf("really: of %d lost pods, %d evicted, %d created again, %d Ready", c.real.lost, c.real.evicted, c.real.created, c.real.ready)
	}
	if _, err := c.markdown(); err != nil {
		t.Error(err)
	}
}

// setting is what is compared.
type setting struct {
	size       benchmark.Size
	options    controlplane.Options
	toleration time.Duration // see realSide
	bound      time.Duration // see lose
	runs       int           // of the simulation
}

// comparison is both sides of one cluster.
type comparison struct {
	setting
	manifests *manifests
	bytes     int64 // of the manifests' files
	real      *realCost
	simulated []*simulatedCost
	// simulating leaves the reading of the manifests out.
	simulating, reading []time.Duration
}

// evictAll makes the controller manager evict the pods of all dead nodes at once;
// the time that it would wait between nodes is not what is measured.
func evictAll() []string {
	return []string{"--node-eviction-rate=10000", "--secondary-node-eviction-rate=10000"}
}

// manyKubelets makes a kwok do as much at the same time as many kubelets would. By
// itself it works on four pods at once, and pods would wait for it.
const manyKubelets = `apiVersion: config.kwok.x-k8s.io/v1alpha1
kind: KwokConfiguration
options: {podPlayStageParallelism: 64, nodePlayStageParallelism: 64, nodeLeaseParallelism: 64}
`

// compare loses the zone really, stops the control plane, and then loses it in
// simulations. It fails the test if the simulation does not place all lost pods
// again, or takes others for lost.
func compare(t *testing.T, s setting) *comparison {
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	dir := t.TempDir()
	m, err := generate(s.size, dir)
	if err != nil {
		t.Fatal(err)
	}
	c := &comparison{setting: s, manifests: m}
	if c.bytes, err = sizeOf(dir); err != nil {
		t.Fatal(err)
	}
	path := *bulkhead
	if path == "" {
		if path, err = program(ctx, t.TempDir()); err != nil {
			t.Fatal(err)
		}
	}
	if c.real, err = c.really(ctx, t); err != nil {
		t.Fatal(err)
	}
	for range s.runs {
		run, err := simulated(ctx, path, dir)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("simulated in %.2f s, %.2f s of CPU", run.wall.Seconds(), run.cpu.Seconds())
		if run.lost != c.real.lost || run.placed != run.lost {
			t.Errorf("simulated: %d pods lost, %d placed again; really %d lost", run.lost, run.placed, c.real.lost)
		}
		c.simulated = append(c.simulated, run)
	}
	for range s.runs {
		simulating, reading, err := withoutReading(ctx, dir)
		if err != nil {
			t.Fatal(err)
		}
		c.simulating, c.reading = append(c.simulating, simulating), append(c.reading, reading)
	}
	return c
}

// really fills a control plane, loses the zone and stops the control plane.
func (c *comparison) really(ctx context.Context, t *testing.T) (*realCost, error) {
	defer debug.FreeOSMemory()
	ctx, cancel := context.WithCancel(ctx) // ends the watch
	defer cancel()
	o := c.options
	o.Zones = benchmark.Zones()
	o.ControllerManagerFlags = append(o.ControllerManagerFlags, evictAll()...)
	kubelets := filepath.Join(t.TempDir(), "kwok.yaml")
	if err := os.WriteFile(kubelets, []byte(manyKubelets), 0o600); err != nil {
		return nil, err
	}
	o.KwokFlags = append(o.KwokFlags, "--config="+kubelets)
	cp := controlplane.Start(t, o)
	r, err := newRealSide(cp, c.manifests, t.Logf)
	if err != nil {
		return nil, err
	}
	r.toleration = c.toleration
	start := time.Now()
	if err := r.fill(ctx); err != nil {
		return nil, err
	}
	filling := time.Since(start)
	t.Logf("%d pods stand on %d nodes after %.0f s", len(r.pods), len(r.nodes), filling.Seconds())
	cost, err := r.lose(ctx, o.Zones, c.bound)
	if err != nil {
		return nil, err
	}
	cost.filling = filling
	t.Logf("%d of %d lost pods replaced in %.1f s", cost.ready, cost.lost, cost.wall.Seconds())
	cancel()
	return cost, cp.Stop()
}
