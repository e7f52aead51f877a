//go:build linux

package fidelity_test

import (
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"bulkhead.dev/bulkhead/internal/fidelity"
	"bulkhead.dev/bulkhead/internal/kubesched"
	"bulkhead.dev/bulkhead/internal/testkit/randomcluster"
)

var update = flag.Bool("update", false, "write docs/fidelity.md again from testdata")

const (
	// shortSeeds small clusters are the short form, as far as they are played within
	// shortTime: less of them on a machine under load.
	shortSeeds = 20
	shortTime  = 150 * time.Second
	shortNodes = 9
	// firstShort is a seed that the long form does not play.
	firstShort = 1000
)

// TestShort plays small clusters and explains every difference.
func TestShort(t *testing.T) {
	if testing.Short() || *seeds > 0 || *only != "" || *update {
		t.Skip("the short form is not asked for")
	}
	start, played, workloads, same := time.Now(), 0, 0, 0
	r := &rigs{t: t}
	timings, err := shortTimings()
	if err != nil {
		t.Fatal(err)
	}
	for seed := uint64(firstShort); seed < firstShort+shortSeeds; seed++ {
		if played > 0 && time.Since(start) > shortTime {
			break
		}
		capture, err := r.play(t.Context(), randomcluster.New(seed, randomcluster.Options{Nodes: shortNodes, Varied: true}))
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		result, err := fidelity.Evaluate(t.Context(), capture, timings, objective)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		t.Logf("seed %d: %s", seed, summary(result))
		for _, problem := range result.Unexplained() {
			t.Error(problem)
		}
		played, workloads, same = played+1, workloads+result.Free.Workloads, same+result.Free.SameVerdict
	}
	t.Logf("%d of %d seeds in %s; %d of %d verdicts the same", played, shortSeeds, time.Since(start).Round(time.Second), same, workloads)
	if same*10 < workloads*9 {
		t.Errorf("only %d of %d verdicts are the same", same, workloads)
	}
}

// TestRegression replays captures of clusters in which something once differed, or
// that have much in them. It needs no control plane.
func TestRegression(t *testing.T) {
	files, err := filepath.Glob("testdata/*-events.gz")
	if err != nil || len(files) == 0 {
		t.Fatalf("captures in testdata: %v, %v", files, err)
	}
	for _, file := range files {
		seed, err := seedOf(file)
		if err != nil {
			t.Fatal(err)
		}
		capture, err := fidelity.LoadCapture(t.Context(), "testdata", seed)
		if err != nil {
			t.Fatal(err)
		}
		exact, fast, err := fidelity.Replays(t.Context(), capture)
		if err != nil {
			t.Fatal(err)
		}
		for engine, r := range map[kubesched.Engine]*fidelity.Replayed{kubesched.Exact: exact, kubesched.Fast: fast} {
			t.Logf("seed %d, %s: %d attempts, %d of %d pods on the same node", seed, engine, r.Attempts, r.SameNode, r.Placed)
			if r.Attempts == 0 || r.SameNode < r.Placed || r.SameWhy < r.Refused || !r.SamePending || !r.SameZones {
				t.Errorf("seed %d, %s: not as it was: %+v", seed, engine, r)
			}
			for _, d := range r.Differences {
				if d.Why == "" {
					t.Errorf("seed %d, %s: step %d: another %s: %+v", seed, engine, d.Step, d.What, d)
				}
			}
		}
	}
}

// TestDistorted shows that a replay notices what is not as it was: with nodes of
// half the size, pods find other nodes.
func TestDistorted(t *testing.T) {
	capture, err := fidelity.LoadCapture(t.Context(), "testdata", regressionSeed)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range capture.Versions {
		if n, ok := v.Object.(*corev1.Node); ok {
			cpu := n.Status.Allocatable[corev1.ResourceCPU]
			n.Status.Allocatable[corev1.ResourceCPU] = *resource.NewMilliQuantity(cpu.MilliValue()/2, resource.DecimalSI)
		}
	}
	exact, fast, err := fidelity.Replays(t.Context(), capture)
	if err != nil {
		t.Fatal(err)
	}
	if len(exact.Differences) == 0 || len(fast.Differences) == 0 {
		t.Error("nodes of another size make no difference")
	}
}

// regressionSeed is one of the captures in testdata.
const regressionSeed = 4

// seedOf reads the seed from a capture's name.
func seedOf(file string) (uint64, error) {
	text, _, _ := strings.Cut(filepath.Base(file), "-")
	return strconv.ParseUint(text, 10, 64)
}

// TestDocument holds docs/fidelity.md to the results in testdata.
func TestDocument(t *testing.T) {
	const path = "../../docs/fidelity.md"
	results, err := fidelity.ReadResults("testdata/results.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	if len(results) == 0 {
		t.Fatal("testdata/results.jsonl has no results")
	}
	times, err := fidelity.ReadTimes("testdata")
	if err != nil {
		t.Fatal(err)
	}
	want := fidelity.Document(results, times)
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(string(got), "\n")); diff != "" {
		t.Errorf("docs/fidelity.md is not what the results say (-want +got); make golden writes it\n%s", diff)
	}
}
