package benchmark_test

import (
	"context"
	"flag"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/benchmark"
	"bulkhead.dev/bulkhead/internal/kubesched"
	"bulkhead.dev/bulkhead/internal/kubesched/apiserver"
	"bulkhead.dev/bulkhead/internal/model"
	"bulkhead.dev/bulkhead/internal/simulate"
	"bulkhead.dev/bulkhead/internal/snapshot"
)

var (
	writeDir   = flag.String("dir", "", "existing folder that TestManifests writes a cluster to")
	writeNodes = flag.Int("nodes", 1000, "nodes of that cluster, with 20 pods each")
)

// BenchmarkZoneLoss simulates a failure of a generated cluster whose pods all
// stand already, and records what a placement costs. docs/benchmarks.md says
// what the columns mean. The exact engine, for comparison, loses a few nodes of
// the large cluster only: what a placement costs does not depend on it.
func BenchmarkZoneLoss(b *testing.B) {
	zone := []model.FailureSpec{{Zones: []string{"b"}}}
	each := []model.FailureSpec{{Each: "zones"}}
	for _, bb := range []struct {
		name     string
		size     benchmark.Size
		failures []model.FailureSpec
		engine   kubesched.Engine
		bound    time.Duration
	}{
		{"300-nodes/exact/one-zone", benchmark.Size{Nodes: 300, PodsPerNode: 20}, zone, kubesched.Exact, 5 * time.Minute},
		{"300-nodes/fast/one-zone", benchmark.Size{Nodes: 300, PodsPerNode: 20}, zone, kubesched.Fast, 5 * time.Minute},
		{"300-nodes/fast/each-zone", benchmark.Size{Nodes: 300, PodsPerNode: 20}, each, kubesched.Fast, 5 * time.Minute},
		{"1000-nodes/exact/100-nodes", benchmark.Size{Nodes: 1000, PodsPerNode: 20}, nodesOfOneZone(100), kubesched.Exact, 10 * time.Minute},
		{"1000-nodes/fast/each-zone", benchmark.Size{Nodes: 1000, PodsPerNode: 20}, each, kubesched.Fast, 10 * time.Minute},
		{"5000-nodes/exact/50-nodes", benchmark.Size{Nodes: 5000, PodsPerNode: 20}, nodesOfOneZone(50), kubesched.Exact, 20 * time.Minute},
		{"5000-nodes/fast/each-zone", benchmark.Size{Nodes: 5000, PodsPerNode: 20}, each, kubesched.Fast, 20 * time.Minute},
		{"demanding/300-nodes/exact/one-zone", benchmark.Size{Nodes: 300, PodsPerNode: 20, Demanding: true}, zone, kubesched.Exact, 10 * time.Minute},
		{"demanding/300-nodes/fast/one-zone", benchmark.Size{Nodes: 300, PodsPerNode: 20, Demanding: true}, zone, kubesched.Fast, 10 * time.Minute},
		{"demanding/1000-nodes/fast/one-zone", benchmark.Size{Nodes: 1000, PodsPerNode: 20, Demanding: true}, zone, kubesched.Fast, 20 * time.Minute},
		{"preempting/300-nodes/fast/one-zone", benchmark.Size{Nodes: 300, PodsPerNode: 10, Preempting: true}, zone, kubesched.Fast, 10 * time.Minute},
		{"preempting/1000-nodes/fast/one-zone", benchmark.Size{Nodes: 1000, PodsPerNode: 10, Preempting: true}, zone, kubesched.Fast, 10 * time.Minute},
	} {
		b.Run(bb.name, func(b *testing.B) { run(b, bb.size, bb.failures, bb.engine, bb.bound) })
	}
}

// nodesOfOneZone fails n nodes of zone b, as one scenario.
func nodesOfOneZone(n int) []model.FailureSpec {
	var names []string
	for i := range n {
		names = append(names, benchmark.NodeName(3*i+1))
	}
	return []model.FailureSpec{{Nodes: names}}
}

func run(b *testing.B, size benchmark.Size, failures []model.FailureSpec, engine kubesched.Engine, bound time.Duration) {
	kubesched.SilenceLogs()
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	defer cancel()
	dir := b.TempDir()
	if err := size.Write(dir); err != nil {
		b.Fatal(err)
	}
	debug.FreeOSMemory()
	forgetPeak(b)
	read := time.Now()
	snap, err := snapshot.Read(ctx, snapshot.Options{Paths: []string{dir}, Namespace: "default"}, apiserver.New(apiserver.Options{}))
	if err != nil {
		b.Fatal(err)
	}
	readSeconds := time.Since(read).Seconds()
	scheduler, err := kubesched.New(kubesched.Options{Engine: engine})
	if err != nil {
		b.Fatal(err)
	}
	defer debug.SetGCPercent(debug.SetGCPercent(simulate.GCPercent(snap)))
	counted := &counting{Scheduler: scheduler, b: b}
	cpu := cpuTime(b)
	b.ResetTimer()
	placed := 0
	for b.Loop() {
		r, err := simulate.Run(ctx, snap, counted, kubesched.Admission{}, simulate.Options{
			Failures: failures, Timings: simulate.DefaultTimings(), RecoveryTime: 600, Parallel: runtime.GOMAXPROCS(0),
		})
		if err != nil {
			b.Fatal(err)
		}
		placed += check(b, r, size)
	}
	b.StopTimer()
	spent := cpuTime(b) - cpu
	n := counted.placed.Load()
	b.ReportMetric(float64(spent.Microseconds())/float64(n), "cpu-µs/placement")
	if len(failures) == 1 && failures[0].Each == "" {
		b.ReportMetric(float64(counted.cycles.Load())/1e3/float64(counted.tried.Load()), "cycle-cpu-µs")
	}
	b.ReportMetric(float64(n)/float64(b.N), "placements/op")
	b.ReportMetric(float64(counted.tried.Load()-n)/float64(b.N), "refusals/op")
	b.ReportMetric(spent.Seconds()/float64(b.N), "cpu-s/op")
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "wall-s/op")
	if _, _, checks, divergences := scheduler.Engine(); divergences > 0 {
		b.Fatalf("%d of %d checks diverged", divergences, checks)
	} else {
		b.ReportMetric(float64(checks)/float64(b.N), "checks/op")
	}
	b.ReportMetric(readSeconds, "read-s")
	b.ReportMetric(peakMiB(b), "peak-MiB")
	b.ReportMetric(0, "ns/op") // wall-s/op says it
}

// check fails the benchmark if the work was not done: every pod that stood on a
// lost node is placed again. It returns how many.
func check(b *testing.B, r *v1alpha1.SimulationReport, size benchmark.Size) int {
	b.Helper()
	if len(r.BeforeFailure) > 0 && !size.Demanding || r.Input.Pods != size.Nodes*size.PodsPerNode {
		b.Fatalf("%d pods, %d workloads pending before the failure", r.Input.Pods, len(r.BeforeFailure))
	}
	placed := 0
	for _, s := range r.Scenarios {
		lost, again := 0, 0
		for _, w := range s.Workloads {
			lost += w.Lost
			again += w.PlacedAgain
		}
		if again != lost && !size.Demanding && !size.Preempting || lost == 0 {
			b.Fatalf("%s: %d of %d lost pods placed again", s.Name, again, lost)
		}
		placed += again
	}
	return placed
}

// counting counts the cycles of every session, and the CPU time that they take.
type counting struct {
	simulate.Scheduler
	b             *testing.B
	placed, tried atomic.Int64
	cycles        atomic.Int64 // ns of the process, where one scenario runs at a time
}

func (c *counting) Open(ctx context.Context) (simulate.Session, error) {
	s, err := c.Scheduler.Open(ctx)
	return &countingSession{s, c}, err
}

type countingSession struct {
	simulate.Session
	c *counting
}

func (s *countingSession) Next(ctx context.Context) (*simulate.Decision, error) {
	before := cpuTime(s.c.b)
	d, err := s.Session.Next(ctx)
	if d != nil {
		s.c.cycles.Add(int64(cpuTime(s.c.b) - before))
		s.c.tried.Add(1)
		if d.Placed() {
			s.c.placed.Add(1)
		}
	}
	return d, err
}

// cpuTime is what the process has used so far, user and system.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// forgetPeak lets the kernel count the peak of resident memory from now on
// (proc(5), clear_refs); elsewhere than on Linux there is no figure.
func forgetPeak(b *testing.B) {
	b.Helper()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		b.Logf("peak memory counts from the start of the process: %v", err)
	}
}

func peakMiB(b *testing.B) float64 {
	b.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Logf("no peak memory: %v", err)
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			if err != nil {
				b.Fatal(err)
			}
			return kib / 1024
		}
	}
	return 0
}

// TestManifests writes a cluster for a run by hand.
func TestManifests(t *testing.T) {
	if *writeDir == "" {
		t.Skip("-dir DIR is not given: nothing to write")
	}
	if err := (benchmark.Size{Nodes: *writeNodes, PodsPerNode: 20}).Write(*writeDir); err != nil {
		t.Fatal(err)
	}
}

// TestWrite holds the generator to what its comment says, on a small cluster.
func TestWrite(t *testing.T) {
	dir := t.TempDir()
	if err := (benchmark.Size{Nodes: 20, PodsPerNode: 2}).Write(dir); err == nil {
		t.Error("20 nodes are too few")
	}
	size := benchmark.Size{Nodes: 150, PodsPerNode: 20}
	if err := size.Write(dir); err != nil {
		t.Fatal(err)
	}
	snap, err := snapshot.Read(t.Context(), snapshot.Options{Paths: []string{dir}, Namespace: "default"}, apiserver.New(apiserver.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	spread, apart, pods := 0, 0, 0
	for _, w := range snap.Workloads {
		if w.Replicas != len(w.Pods) || w.Replicas > 300 {
			t.Errorf("%s: %d pods, %d replicas", w, len(w.Pods), w.Replicas)
		}
		pods += w.Replicas
		if len(w.Template.Spec.TopologySpreadConstraints) > 0 {
			spread++
		}
		if w.Template.Spec.Affinity != nil {
			apart++
		}
	}
	n := len(snap.Workloads)
	if len(snap.Nodes) != 150 || pods != 3000 || spread != (n+2)/3 || apart != (n+12)/20 || len(snap.Services) != (n+1)/2 || len(snap.Namespaces) != (n+9)/10 {
		t.Errorf("%d nodes, %d pods, %d workloads, %d spread, %d apart, %d services, %d namespaces",
			len(snap.Nodes), pods, n, spread, apart, len(snap.Services), len(snap.Namespaces))
	}
}
