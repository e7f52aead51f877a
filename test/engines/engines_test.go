package engines

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"k8s.io/apimachinery/pkg/api/resource"

	"bulkhead.dev/bulkhead/internal/benchmark"
	"bulkhead.dev/bulkhead/internal/kubesched"
	"bulkhead.dev/bulkhead/internal/kubesched/apiserver"
	"bulkhead.dev/bulkhead/internal/model"
	"bulkhead.dev/bulkhead/internal/simulate"
	"bulkhead.dev/bulkhead/internal/snapshot"
	"bulkhead.dev/bulkhead/internal/testkit/randomcluster"
)

var (
	engineSeeds = flag.Int("engine-seeds", 40, "random clusters on which TestEnginesAgree compares the engines")
	engineFirst = flag.Uint64("engine-first", 1, "seed of the first of them")
)

// TestEnginesAgree loses a zone of random clusters with the fast engine and with
// the exact one: every decision of the scheduler must be the same, in the same
// order, and so must the reports.
func TestEnginesAgree(t *testing.T) {
	kubesched.SilenceLogs()
	var next atomic.Int64
	var decisions, checks, divergences atomic.Int64
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for {
				i := next.Add(1) - 1
				if i >= int64(*engineSeeds) || t.Failed() {
					return
				}
				seed := *engineFirst + uint64(i)
				exact, n, _, _ := lostZone(t, seed, kubesched.Exact)
				fast, _, c, d := lostZone(t, seed, kubesched.Fast)
				decisions.Add(int64(n))
				checks.Add(int64(c))
				divergences.Add(int64(d))
				if exact != fast {
					t.Errorf("seed %d: the engines differ:\n%s", seed, firstDifference(exact, fast))
				}
			}
		})
	}
	wg.Wait()
	t.Logf("%d clusters, %d decisions, %d checked while running", *engineSeeds, decisions.Load(), checks.Load())
	if divergences.Load() > 0 {
		t.Errorf("%d of %d checks found a divergence", divergences.Load(), checks.Load())
	}
}

// TestEnginesAgreeWhenDemanding does the same with the demanding mix of the
// benchmarks, where pods of high priority preempt others.
func TestEnginesAgreeWhenDemanding(t *testing.T) {
	kubesched.SilenceLogs()
	dir := t.TempDir()
	if err := (benchmark.Size{Nodes: 45, PodsPerNode: 20, Demanding: true}).Write(dir); err != nil {
		t.Fatal(err)
	}
	options := snapshot.Options{Paths: []string{dir}, Namespace: "default"}
	exact, n, _, _ := played(t, options, "b", simulate.Keep, kubesched.Exact)
	fast, _, checks, divergences := played(t, options, "b", simulate.Keep, kubesched.Fast)
	if exact != fast {
		t.Errorf("the engines differ:\n%s", firstDifference(exact, fast))
	}
	if !strings.Contains(exact, " preempts ") {
		t.Error("nothing was preempted")
	}
	if divergences > 0 {
		t.Errorf("%d of %d checks found a divergence", divergences, checks)
	}
	t.Logf("%d decisions, %d checked while running", n, checks)
}

// TestEnginesAgreeOnRealInputs does the same with public manifests, on nodes that
// bulkhead makes.
func TestEnginesAgreeOnRealInputs(t *testing.T) {
	kubesched.SilenceLogs()
	const inputs = "../../../shared/inputs"
	if _, err := os.Stat(inputs); err != nil {
		t.Skipf("no real inputs: %v", err)
	}
	for _, name := range []string{"argo-cd-ha.yaml", "cassandra.yaml", "online-boutique.yaml"} {
		options := snapshot.Options{Paths: []string{filepath.Join(inputs, name)}, Namespace: "default"}
		for _, world := range simulate.Worlds() {
			for _, zone := range randomcluster.Zones() {
				exact, _, _, _ := played(t, options, zone, world, kubesched.Exact)
				fast, _, _, _ := played(t, options, zone, world, kubesched.Fast)
				if exact != fast {
					t.Errorf("%s, zone %s, %s: the engines differ:\n%s", name, zone, world, firstDifference(exact, fast))
				}
			}
		}
	}
}

// lostZone plays the loss of a random cluster's zone.
func lostZone(t *testing.T, seed uint64, engine kubesched.Engine) (said string, decisions, checks, divergences int) {
	t.Helper()
	c := randomcluster.New(seed, randomcluster.Options{Nodes: smallSize(seed)})
	var manifests bytes.Buffer
	if err := c.Write(&manifests); err != nil {
		t.Error(err)
		return "", 0, 0, 0
	}
	return played(t, snapshot.Options{Paths: []string{"-"}, Stdin: &manifests, Namespace: "default"}, c.Lose, simulate.Worlds()[seed%3], engine)
}

// played plays the loss of a zone and returns all that was decided, and the
// report.
func played(t *testing.T, input snapshot.Options, zone string, world simulate.World, engine kubesched.Engine) (said string, decisions, checks, divergences int) {
	t.Helper()
	snap, err := snapshot.Read(t.Context(), input, apiserver.New(apiserver.Options{}))
	if err != nil {
		t.Error(err)
		return "", 0, 0, 0
	}
	scheduler, err := kubesched.New(kubesched.Options{Engine: engine})
	if err != nil {
		t.Error(err)
		return "", 0, 0, 0
	}
	log := &decisionLog{Scheduler: scheduler}
	report, err := simulate.Run(t.Context(), snap, log, kubesched.Admission{}, simulate.Options{
		Failures: []model.FailureSpec{{Zones: []string{zone}}}, Timings: simulate.DefaultTimings(), RecoveryTime: 600, Parallel: 1,
		DeadNodes: world,
		Virtual:   model.VirtualCluster{Zones: randomcluster.Zones(), CPU: resource.MustParse("4"), Memory: resource.MustParse("16Gi"), Pods: 110},
	})
	if err != nil {
		t.Error(err)
		return "", 0, 0, 0
	}
	text, err := json.MarshalIndent(report, "", " ")
	if err != nil {
		t.Error(err)
		return "", 0, 0, 0
	}
	_, _, checks, divergences = scheduler.Engine()
	return log.text.String() + string(text), log.decisions, checks, divergences
}

// smallSize keeps clusters small: 6 to 29 nodes, one in fifty with 120, of which
// the scheduler looks at a sample only.
func smallSize(seed uint64) int {
	if seed%50 == 0 {
		return 120
	}
	return 6 + int(seed*7%24)
}

// decisionLog writes down every decision of every session.
type decisionLog struct {
	simulate.Scheduler
	text      strings.Builder
	decisions int
}

func (l *decisionLog) Open(ctx context.Context) (simulate.Session, error) {
	s, err := l.Scheduler.Open(ctx)
	l.text.WriteString("session\n")
	return &loggedSession{s, l}, err
}

type loggedSession struct {
	simulate.Session
	log *decisionLog
}

func (s *loggedSession) Next(ctx context.Context) (*simulate.Decision, error) {
	d, err := s.Session.Next(ctx)
	if err != nil || d == nil {
		return d, err
	}
	s.log.decisions++
	fmt.Fprintf(&s.log.text, "%s/%s on %q", d.Pod.Namespace, d.Pod.Name, d.Pod.Spec.NodeName)
	if d.Nominated != "" {
		fmt.Fprintf(&s.log.text, " nominated %s", d.Nominated)
	}
	for _, v := range d.Victims {
		fmt.Fprintf(&s.log.text, " preempts %s/%s", v.Namespace, v.Name)
	}
	if !d.Placed() {
		fmt.Fprintf(&s.log.text, " %v", d.Why())
	}
	s.log.text.WriteByte('\n')
	return d, nil
}

// firstDifference returns the first lines that differ, with some before them.
func firstDifference(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("%s\nexact: %s\nfast:  %s", strings.Join(a[max(0, i-5):i], "\n"), a[i], b[i])
		}
	}
	return "one goes on where the other ends"
}
