//go:build linux

package drills_test

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bulkhead.dev/bulkhead/internal/testkit/lab"
)

var (
	drills   = flag.Int("drills", 0, "make so many drills, all faults in turn, every fifth with its runner killed; 0 makes none")
	worst    = flag.Int("worst", 0, "so many zone-power-loss --worst-case, over all zones in turn")
	results  = flag.String("results", "", "file that each result is put in, a line each; what is in it is not made again (default: one of the test's own)")
	bulkhead = flag.String("bulkhead", "", "absolute path of the program; empty builds it")
	version  = flag.String("version", "dev", "what a program that is built calls itself")
	update   = flag.Bool("update", false, "write docs/drills.md")
)

const (
	example  = "../../examples/local.yaml"
	shop     = "../../examples/shop/hardened"
	document = "../../docs/drills.md"
	nodes    = 3 // a zone
	lasts    = 8 * time.Second
	steady   = 4 * time.Second
)

// TestDrills makes the drills that have no result yet, and checks all results.
func TestDrills(t *testing.T) {
	if *drills == 0 && *worst == 0 {
		t.Skip("make drills runs it")
	}
	lab.Require(t)
	// Interrupted, it ends as after a failure: the cluster is taken away.
	ctx, stop := signal.NotifyContext(t.Context(), os.Interrupt)
	defer stop()
	path := *results
	if path == "" {
		path = filepath.Join(t.TempDir(), "results.jsonl")
	}
	done, err := readResults(path)
	if err != nil {
		t.Fatal(err)
	}
	if todo := slices.DeleteFunc(planned(*drills, *worst), func(r run) bool { _, ok := done[r.key()]; return ok }); len(todo) > 0 {
		c := start(ctx, t, filepath.Dir(path))
		faults, err := c.faults(ctx)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		for i, r := range todo {
			r.fault = cmp.Or(r.fault, faults[r.index%len(faults)])
			result, err := c.make(ctx, r)
			if err != nil {
				t.Fatalf("%s: %v", r, err)
			}
			if err := appendResult(path, result); err != nil {
				t.Fatal(err)
			}
			done[r.key()] = *result
			each := time.Since(began) / time.Duration(i+1)
			t.Logf("%d of %d, %s: %s; %s left", i+1, len(todo), r, result, (each * time.Duration(len(todo)-i-1)).Round(time.Second))
		}
	}
	asked := pick(done, planned(*drills, *worst))
	for _, text := range unmet(asked) {
		t.Error(text)
	}
	text, err := markdown(asked)
	if err != nil {
		t.Fatal(err)
	}
	if !*update {
		t.Logf("\n%s", text)
		return
	}
	if err := os.WriteFile(document, text, 0o644); err != nil {
		t.Fatal(err)
	}
}

// The kinds of runs.
const (
	plain     = "drill"
	killed    = "killed"
	worstCase = "worst-case"
)

// run is one to make.
type run struct {
	kind  string
	index int
	// fault is chosen by the index when it is empty.
	fault, zone string
	seed        int64
}

func (r run) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s %d %s %s", r.kind, r.seed, r.fault, r.zone))
}

// key tells runs apart in the results.
func (r run) key() string { return keyOf(r.kind, r.seed) }

func keyOf(kind string, seed int64) string { return fmt.Sprintf("%s %d", kind, seed) }

// planned are the runs, in order. Of every ten drills, one a fault, two have their
// runner killed: another two each time, so that fifty kill it once at every fault.
func planned(drills, worst int) []run {
	var all []run
	for i := range drills {
		r := run{kind: plain, index: i, seed: int64(i + 1)}
		if i%5 == i/10%5 {
			r.kind = killed
		}
		all = append(all, r)
	}
	zones := []string{"a", "b", "c"}
	for i := range worst {
		all = append(all, run{kind: worstCase, index: i, fault: "zone-power-loss", zone: zones[i%len(zones)], seed: int64(i + 1)})
	}
	return all
}

// moment of the kill, after the fault was made: anywhere before the runner would
// have healed it.
func moment(seed int64) time.Duration {
	random := rand.New(rand.NewPCG(uint64(seed), 7))
	return time.Duration(random.Int64N(int64(lasts - time.Second)))
}

// cluster is the one that is drilled on.
type cluster struct {
	*lab.Cluster
	// evidence of every drill.
	evidence string
}

// start makes the cluster in the folder of the results, where one may be left of a
// run that was killed, and deploys the shop.
func start(ctx context.Context, t *testing.T, folder string) *cluster {
	t.Helper()
	p := lab.Program{Path: *bulkhead, State: filepath.Join(folder, "drills-state")}
	var err error
	if p.Path == "" {
		if p.Path, err = lab.Build(ctx, t.TempDir(), *version); err != nil {
			t.Fatal(err)
		}
	}
	c := &cluster{evidence: filepath.Join(folder, "drills-evidence")}
	if c.Cluster, err = p.Write(example, t.TempDir(), "drills", nodes); err != nil {
		t.Fatal(err)
	}
	if err := c.Remove(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Remove(); err != nil {
			t.Error(err)
		}
	})
	if r, err := c.Apply(ctx); err != nil || r.Code != 0 {
		t.Fatalf("%v: %s", err, r)
	}
	deploying, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	if err := c.Deploy(deploying, shop); err != nil {
		t.Fatal(err)
	}
	return c
}

// faults reads the names from the help of the verb.
func (c *cluster) faults(ctx context.Context) ([]string, error) {
	r, err := c.Run(ctx, "drill", "--help")
	if err != nil {
		return nil, err
	}
	_, list, _ := strings.Cut(r.Stdout, "\nFaults:\n")
	var names []string
	for line := range strings.Lines(list) {
		if !strings.HasPrefix(line, "  ") {
			break
		}
		names = append(names, strings.Fields(line)[0])
	}
	if len(names) != 10 {
		return nil, fmt.Errorf("the help names %d faults, not 10: %s", len(names), strings.Join(names, ", "))
	}
	return names, nil
}
