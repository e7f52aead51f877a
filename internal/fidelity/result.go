package fidelity

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"bulkhead.dev/bulkhead/internal/kubesched"
	"bulkhead.dev/bulkhead/internal/simulate"
)

// Result of one seed: one line of JSON.
type Result struct {
	Seed    uint64  `json:"seed"`
	Nodes   int     `json:"nodes"`
	Pods    int     `json:"pods"` // that the controllers wanted before the failure
	Lost    string  `json:"lost"` // zone
	Seconds float64 `json:"seconds"`
	// Tries of the seed; more than one when the control plane was overloaded.
	Tries int `json:"tries"`
	// Kubernetes is the version of both sides.
	Kubernetes string `json:"kubernetes"`

	// Exact and Fast are the replays with each engine.
	Exact *Replayed `json:"exact"`
	Fast  *Replayed `json:"fast"`
	// Free is the prediction that was made before the failure.
	Free     *Free `json:"free"`
	Observed Times `json:"observed"`
}

// Evaluate replays what was captured, predicts what came of it, and compares.
func Evaluate(ctx context.Context, c *Capture, timings simulate.Timings, objective float64) (*Result, error) {
	snap, err := c.model(ctx)
	if err != nil {
		return nil, err
	}
	r := &Result{Seed: c.Seed, Lost: c.Lost, Nodes: len(snap.Nodes), Seconds: c.Seconds, Tries: c.Tries, Kubernetes: kubesched.Version}
	for _, w := range snap.Workloads {
		r.Pods += len(w.Pods)
	}
	if r.Exact, r.Fast, err = Replays(ctx, c); err != nil {
		return nil, err
	}
	observed, times := Observe(c.Versions, c.Lost, c.Failed)
	r.Observed = times
	r.Free, _, err = Compare(ctx, snap, Expectation{Zone: c.Lost, Timings: timings, RecoveryTime: objective}, observed)
	return r, err
}

// Replays replays what was captured with each engine.
func Replays(ctx context.Context, c *Capture) (exact, fast *Replayed, err error) {
	recording, err := c.recording()
	if err != nil {
		return nil, nil, err
	}
	for engine, out := range map[kubesched.Engine]**Replayed{kubesched.Exact: &exact, kubesched.Fast: &fast} {
		s, err := kubesched.New(kubesched.Options{Configuration: []byte(SchedulerConfiguration), Engine: engine})
		if err != nil {
			return nil, nil, err
		}
		if *out, err = Replay(ctx, recording, s); err != nil {
			return nil, nil, err
		}
	}
	return exact, fast, nil
}

// Unexplained lists the differences that nothing explains; none is what is wanted.
func (r *Result) Unexplained() []string {
	var all []string
	for engine, replayed := range map[string]*Replayed{"exact": r.Exact, "fast": r.Fast} {
		ties := 0
		for _, d := range replayed.Differences {
			if d.Why != "" {
				ties++
				continue
			}
			all = append(all, fmt.Sprintf("seed %d, engine %s, step %d, pod %s: another %s: theirs %+v, here %+v", r.Seed, engine, d.Step, d.Real.Pod, d.What, d.Real, d.Here))
		}
		if ties == 0 && !(replayed.SamePending && replayed.SameZones) {
			all = append(all, fmt.Sprintf("seed %d, engine %s: other pods are Pending in the end, or replicas in other zones", r.Seed, engine))
		}
	}
	for _, d := range r.Free.Differences {
		if d.Why() == "" {
			all = append(all, fmt.Sprintf("seed %d: %s: predicted %s, observed %s: %s", r.Seed, d.Workload, d.Predicted, d.Observed, d.Detail))
		}
	}
	slices.Sort(all)
	return all
}

// Sound says why the control plane's behaviour during the recording was not that
// of a zone's loss alone; nil when it was. Overload shows first in leases that are
// not renewed in time.
func Sound(versions []Version, first int, lost string) error {
	for _, v := range versions[first:] {
		n, ok := v.Object.(*corev1.Node)
		if ok && n.Labels[corev1.LabelTopologyZone] != lost && !Ready(n) {
			return fmt.Errorf("node %s of a living zone is NotReady: the machine is overloaded", n.Name)
		}
	}
	return nil
}

// ReadResults reads results, one a line; none when there is no such file. Of two
// of one seed, the later counts.
func ReadResults(path string) (map[uint64]Result, error) {
	out := map[uint64]Result{}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return out, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading results: %w", err)
	}
	defer func() { _ = f.Close() }() // only read from
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 64<<20)
	for n := 1; lines.Scan(); n++ {
		var r Result
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return nil, fmt.Errorf("reading results: %s, line %d: %w", path, n, err)
		}
		out[r.Seed] = r
	}
	return out, lines.Err()
}

// AppendResult adds a line to the results, and makes their folder.
func AppendResult(path string, r Result) error {
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("writing results: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("writing results: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("writing results: %w", err)
	}
	_, err = f.Write(append(text, '\n'))
	return errors.Join(err, f.Close())
}

// ReadTimes reads the results of the time axis in a folder: times-*.json.
func ReadTimes(dir string) ([]TimesResult, error) {
	files, err := filepath.Glob(filepath.Join(dir, "times-*.json"))
	if err != nil {
		return nil, fmt.Errorf("reading times: %w", err)
	}
	var all []TimesResult
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("reading times: %w", err)
		}
		var r TimesResult
		if err := json.Unmarshal(text, &r); err != nil {
			return nil, fmt.Errorf("reading times: %s: %w", file, err)
		}
		all = append(all, r)
	}
	return all, nil
}
