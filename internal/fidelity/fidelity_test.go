//go:build linux

package fidelity_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"bulkhead.dev/bulkhead/internal/fidelity"
	"bulkhead.dev/bulkhead/internal/kubesched"
	"bulkhead.dev/bulkhead/internal/testkit/randomcluster"
)

var (
	seeds    = flag.Int("seeds", 0, "play so many seeds, and keep what is seen and what it comes to; 0 plays none")
	only     = flag.String("only", "", "play these seeds, separated by commas, whatever was played before")
	folder   = flag.String("folder", defaultFolder(), "where captures and results.jsonl are kept")
	planes   = flag.Int("planes", 2, "so many control planes play at the same time (with -parallel)")
	evaluate = flag.Bool("evaluate", false, "evaluate the captures that there are again, and play nothing")
)

func TestMain(m *testing.M) {
	flag.Parse()
	kubesched.SilenceLogs()
	os.Exit(m.Run())
}

func defaultFolder() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = os.TempDir()
	}
	return filepath.Join(dir, "bulkhead", "fidelity")
}

func resultsFile() string { return filepath.Join(*folder, "results.jsonl") }

// seedTries is how often a seed is played when the machine was overloaded.
const seedTries = 3

// TestFidelity plays seeds that have no result yet, and keeps the results.
func TestFidelity(t *testing.T) {
	if *seeds == 0 && *only == "" {
		t.Skip("make fidelity runs it")
	}
	done, err := fidelity.ReadResults(resultsFile())
	if err != nil {
		t.Fatal(err)
	}
	var todo []uint64
	for seed := range uint64(*seeds) {
		if _, ok := done[seed]; !ok || *evaluate {
			todo = append(todo, seed)
		}
	}
	for text := range strings.SplitSeq(*only, ",") {
		if seed, err := strconv.ParseUint(text, 10, 64); err == nil {
			todo = append(todo, seed)
		}
	}
	// Large ones last: the others are done when time is short.
	slices.SortStableFunc(todo, func(a, b uint64) int { return cmp.Compare(randomcluster.NodesOf(a)/100, randomcluster.NodesOf(b)/100) })
	p := &progress{start: time.Now(), all: len(todo)}
	next := make(chan uint64, len(todo))
	for _, seed := range todo {
		next <- seed
	}
	close(next)
	for i := range *planes {
		t.Run(fmt.Sprintf("control-plane-%d", i+1), func(t *testing.T) {
			t.Parallel()
			r := &rigs{t: t}
			for seed := range next {
				result, err := r.result(t.Context(), seed)
				if err != nil {
					t.Errorf("seed %d: %v", seed, err)
					continue
				}
				if err := p.keep(t, result); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// progress counts the results that are kept.
type progress struct {
	mu        sync.Mutex
	start     time.Time
	done, all int
}

func (p *progress) keep(t *testing.T, r *fidelity.Result) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := fidelity.AppendResult(resultsFile(), *r); err != nil {
		return err
	}
	p.done++
	each := time.Since(p.start) / time.Duration(p.done)
	t.Logf("%d of %d, seed %d: %s; %s left", p.done, p.all, r.Seed, summary(r), (each * time.Duration(p.all-p.done)).Round(time.Second))
	return nil
}

// result plays the seed, or loads its capture, and evaluates it.
func (r *rigs) result(ctx context.Context, seed uint64) (*fidelity.Result, error) {
	var capture *fidelity.Capture
	var err error
	if *evaluate {
		capture, err = fidelity.LoadCapture(ctx, *folder, seed)
	} else if capture, err = r.play(ctx, randomcluster.New(seed, randomcluster.Options{})); err == nil {
		err = capture.Save(ctx, *folder)
	}
	if err != nil {
		return nil, err
	}
	timings, err := shortTimings()
	if err != nil {
		return nil, err
	}
	return fidelity.Evaluate(ctx, capture, timings, objective)
}

func summary(r *fidelity.Result) string {
	text, err := json.Marshal(map[string]any{
		"nodes": r.Nodes, "pods": r.Pods, "s": int(r.Seconds), "tries": r.Tries,
		"attempts": r.Exact.Attempts, "exact": len(r.Exact.Differences), "fast": len(r.Fast.Differences),
		"preempting": r.Exact.Preempting, "pending": r.Exact.SamePending, "zones": r.Exact.SameZones,
		"free": []int{r.Free.SameVerdict, r.Free.Workloads},
	})
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// rigs is a rig that is replaced when it cannot be emptied.
type rigs struct {
	t   *testing.T
	rig *rig
}

// seedTimeout bounds one try of a seed.
const seedTimeout = 6 * time.Minute

// play plays the cluster, again when the machine was overloaded.
func (r *rigs) play(ctx context.Context, c *randomcluster.Cluster) (*fidelity.Capture, error) {
	var errs []error
	for try := 1; try <= seedTries; try++ {
		if r.rig == nil {
			r.rig = startRig(r.t)
		}
		ctx, cancel := context.WithTimeout(ctx, seedTimeout)
		capture, err := r.rig.play(ctx, c)
		cancel()
		if errors.Is(err, errUnclean) {
			if err := r.rig.cp.Stop(); err != nil {
				r.t.Log(err)
			}
			r.rig = nil
		}
		if err == nil {
			capture.Tries = try
			return capture, nil
		}
		r.t.Logf("seed %d, try %d: %v", c.Seed, try, err)
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}
