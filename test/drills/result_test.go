//go:build linux

package drills_test

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/local/fabric"
)

// The objective of the worst case, in seconds without an acknowledged write.
const (
	worstMedian = 2.0
	worstMost   = 4.0
)

// result is one run: one line of JSON. Times are in seconds.
type result struct {
	Kind  string    `json:"kind"`
	Seed  int64     `json:"seed"`
	Fault string    `json:"fault"`
	At    time.Time `json:"at"`
	// Where is the zone, the zones or the machine; Broken is what the fabric says
	// was, of a run that was killed.
	Where  string `json:"where,omitempty"`
	Broken string `json:"broken,omitempty"`

	Verdict v1alpha1.DrillVerdict `json:"verdict,omitempty"`
	Why     string                `json:"why,omitempty"`
	Proof   int                   `json:"proof"`

	GapSeconds float64              `json:"gapSeconds"`
	Parts      []v1alpha1.DrillPart `json:"parts,omitempty"`
	Limit      string               `json:"limit,omitempty"`

	Acknowledged    int                      `json:"acknowledged"`
	Lost            int                      `json:"lost"`
	Linearizable    v1alpha1.Linearizability `json:"linearizable,omitempty"`
	LinearizableWhy string                   `json:"linearizableWhy,omitempty"`
	Operations      int                      `json:"operations"`

	Healed       bool    `json:"healed"`
	HealedBy     string  `json:"healedBy,omitempty"`
	FaultSeconds float64 `json:"faultSeconds"`
	// KilledSeconds is when the runner was killed, after the fault.
	KilledSeconds float64 `json:"killedSeconds,omitempty"`
	// SteadySeconds from the healing until all was as before; null: it was not, or not
	// without a hand.
	SteadySeconds *float64 `json:"steadySeconds"`
	// Refused says why the drill was refused before it was made.
	Refused []string `json:"refused,omitempty"`

	Versions map[string]string `json:"versions,omitempty"`
	Machine  string            `json:"machine"`
}

func newResult(r run) *result {
	return &result{
		Kind: r.kind, Seed: r.seed, Fault: r.fault, At: time.Now().UTC().Truncate(time.Second), Where: r.zone,
		Machine: fmt.Sprintf("%d cores, %s/%s", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH),
	}
}

// take takes a report's.
func (r *result) take(d *v1alpha1.DrillReport) {
	r.Where = cmp.Or(strings.Join(d.Zones, "/"), d.Zone, d.Target)
	r.Verdict, r.Why, r.Proof = d.Verdict, d.Why, len(d.Proof)
	r.GapSeconds, r.Parts, r.Limit = d.APIGapSeconds, d.APIGapParts, d.APIGapLimit
	r.Acknowledged, r.Lost = d.AcknowledgedWrites, d.AcknowledgedWritesLost
	r.Linearizable, r.LinearizableWhy, r.Operations = d.Linearizable, d.LinearizableWhy, d.OperationsJudged
	r.Healed, r.HealedBy, r.FaultSeconds, r.SteadySeconds = d.Healed, d.HealedBy, d.FaultSeconds, d.SteadyAgainSeconds
	r.Versions = d.Versions
}

func (r *result) String() string {
	again := "not steady again"
	if r.SteadySeconds != nil {
		again = fmt.Sprintf("steady again after %.0f s", *r.SteadySeconds)
	}
	if r.Kind == killed {
		return fmt.Sprintf("%s, killed after %.1f s, healed by %q after %.1f s, %s", r.Broken, r.KilledSeconds, r.HealedBy, r.FaultSeconds, again)
	}
	return fmt.Sprintf("%s %s, gap %.2f s (%s), lost %d of %d, linearizable: %s, healed by %q, %s", r.Where, r.Verdict, r.GapSeconds, r.Limit, r.Lost, r.Acknowledged, r.Linearizable, r.HealedBy, again)
}

// readResults reads results by their keys; none when there is no such file. A last
// line that was not written to its end does not count.
func readResults(path string) (map[string]result, error) {
	out := map[string]result{}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	var broken error
	for n := 1; lines.Scan(); n++ {
		if broken != nil {
			return nil, broken
		}
		var r result
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			broken = fmt.Errorf("reading %s: line %d: %w", path, n, err)
			continue
		}
		out[keyOf(r.Kind, r.Seed)] = r
	}
	return out, lines.Err()
}

// appendResult puts a result at the end of the file, after a line that was not
// written to its end.
func appendResult(path string, r *result) error {
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	there, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	whole := there[:1+strings.LastIndexByte(string(there), '\n')]
	return os.WriteFile(path, append(append(whole, line...), '\n'), 0o644)
}

// pick returns the results of runs, in their order.
func pick(done map[string]result, runs []run) []result {
	var out []result
	for _, r := range runs {
		if x, ok := done[r.key()]; ok {
			out = append(out, x)
		}
	}
	return out
}

// unmet lists what the results show that must not be; none is what is wanted.
func unmet(all []result) []string {
	var out []string
	add := func(r result, format string, args ...any) {
		out = append(out, fmt.Sprintf("%s %d, %s %s: ", r.Kind, r.Seed, r.Fault, r.Where)+fmt.Sprintf(format, args...))
	}
	var gaps []float64
	for _, r := range all {
		by := fabric.ByRunner
		if r.Kind == killed {
			by = fabric.ByDeadMan
		} else {
			if r.Lost != 0 || r.Acknowledged == 0 {
				add(r, "%d of %d acknowledged writes are lost", r.Lost, r.Acknowledged)
			}
			if r.Linearizable != v1alpha1.Linearizable {
				add(r, "the history is judged %q: %s", r.Linearizable, r.LinearizableWhy)
			}
			if r.Proof == 0 {
				add(r, "nothing proves that the fault took effect: %s", r.Why)
			}
		}
		switch {
		case !r.Healed:
			add(r, "the fault was not healed: %s", r.Why)
		case r.HealedBy != by:
			add(r, "healed by the %s, not by the %s", r.HealedBy, by)
		case r.SteadySeconds == nil:
			add(r, "not as before without a hand: %s", r.Why)
		}
		if r.Kind == worstCase {
			gaps = append(gaps, r.GapSeconds)
			if r.Limit == "" || len(r.Parts) == 0 {
				add(r, "nothing says what the gap was limited by")
			}
		}
	}
	if len(gaps) > 0 {
		if m := median(gaps); m > worstMedian {
			out = append(out, fmt.Sprintf("worst case: the median gap is %.2f s, more than %.1f", m, worstMedian))
		}
		if m := slices.Max(gaps); m > worstMost {
			out = append(out, fmt.Sprintf("worst case: the longest gap is %.2f s, more than %.1f", m, worstMost))
		}
	}
	return out
}

// median of some values, at least one.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// examples are results as they should be.
func examples(drills, worst int) []result {
	faults := []string{"zone-power-loss", "zone-blackhole", "zone-partition", "zone-egress", "node", "etcd-leader", "api-server-hang", "controller-leader", "load-balancer", "gateway"}
	var all []result
	for i, r := range planned(drills, worst) {
		r.fault = cmp.Or(r.fault, faults[r.index%len(faults)])
		x := newResult(r)
		x.At = time.Date(2026, 1, 2, 3, i, 0, 0, time.UTC)
		x.Healed, x.HealedBy, x.FaultSeconds, x.SteadySeconds = true, fabric.ByRunner, 15.1, new(float64(i%7)+0.5)
		x.Versions = map[string]string{"kubernetes": "v1.36.3", "bulkhead": "dev"}
		if r.kind == killed {
			x.HealedBy, x.FaultSeconds, x.KilledSeconds, x.Broken, x.Versions = fabric.ByDeadMan, 30, moment(r.seed).Seconds(), "no power: m1", nil
		} else {
			x.Where, x.Verdict, x.Proof, x.Acknowledged, x.Linearizable, x.Operations = cmp.Or(r.zone, "a"), v1alpha1.DrillHolds, 1, 1000, v1alpha1.Linearizable, 4000
			x.GapSeconds = 1 + float64(i%10)/10
			x.Parts = []v1alpha1.DrillPart{{Name: "virtual IP", Back: 0.9, Text: "from m1 to m2"}, {Name: "etcd", Back: 1.5, Text: "from m1 to m3"}}
			x.Limit = "etcd, back after 1.5 s: from m1 to m3"
		}
		all = append(all, *x)
	}
	return all
}

// TestPlanned: fifty drills are five of each fault, and kill the runner once at each.
func TestPlanned(t *testing.T) {
	kills, each := map[int]int{}, map[int]int{}
	seeds := map[string]bool{}
	for _, r := range planned(50, 20) {
		if seeds[r.key()] {
			t.Errorf("%s is there twice", r)
		}
		seeds[r.key()] = true
		switch r.kind {
		case killed:
			kills[r.index%10]++
			if m := moment(r.seed); m < 0 || m >= lasts {
				t.Errorf("%s is killed after %s", r, m)
			}
			fallthrough
		case plain:
			each[r.index%10]++
		}
	}
	for i := range 10 {
		if each[i] != 5 || kills[i] != 1 {
			t.Errorf("fault %d: %d drills, killed %d times", i, each[i], kills[i])
		}
	}
	if len(seeds) != 70 {
		t.Errorf("%d runs", len(seeds))
	}
	// More drills leave the first as they are: a run can be made longer.
	if diff := gocmp.Diff(planned(50, 0), planned(60, 0)[:50], gocmp.AllowUnexported(run{})); diff != "" {
		t.Error(diff)
	}
}

func TestUnmet(t *testing.T) {
	if got := unmet(examples(50, 20)); len(got) > 0 {
		t.Errorf("all is well, and it says %q", got)
	}
	const aPlain, aKilled, aWorst = 1, 0, 69
	for _, c := range []struct {
		want   string
		change func([]result)
	}{
		{"1 of 1000 acknowledged writes are lost", func(all []result) { all[aPlain].Lost = 1 }},
		{`the history is judged "unknown": too long`, func(all []result) {
			all[aPlain].Linearizable, all[aPlain].LinearizableWhy = v1alpha1.LinearizabilityUnknown, "too long"
		}},
		{`the history is judged "illegal"`, func(all []result) { all[aWorst].Linearizable = v1alpha1.NotLinearizable }},
		{"nothing proves", func(all []result) { all[aPlain].Proof = 0 }},
		{"the fault was not healed", func(all []result) { all[aPlain].Healed = false }},
		{"the fault was not healed", func(all []result) { all[aKilled].Healed = false }},
		{"healed by the dead-man, not by the runner", func(all []result) { all[aPlain].HealedBy = fabric.ByDeadMan }},
		{"healed by the runner, not by the dead-man", func(all []result) { all[aKilled].HealedBy = fabric.ByRunner }},
		{"not as before without a hand", func(all []result) { all[aKilled].SteadySeconds = nil }},
		{"not as before without a hand", func(all []result) { all[aPlain].SteadySeconds = nil }},
		{"nothing says what the gap was limited by", func(all []result) { all[aWorst].Limit = "" }},
		{"worst case: the longest gap is 4.01 s", func(all []result) { all[aWorst].GapSeconds = 4.01 }},
		{"worst case: the median gap is 2.10 s", func(all []result) {
			for i := range all {
				if all[i].Kind == worstCase {
					all[i].GapSeconds = 2.1
				}
			}
		}},
	} {
		all := examples(50, 20)
		c.change(all)
		if got := unmet(all); len(got) != 1 || !strings.Contains(got[0], c.want) {
			t.Errorf("want %q: %q", c.want, got)
		}
	}
}

// TestResults: what was kept is read again, also behind a line that was cut off.
func TestResults(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sub", "results.jsonl")
	if got, err := readResults(path); err != nil || len(got) > 0 {
		t.Fatalf("%v, %v", got, err)
	}
	all := examples(10, 2)
	for i := range all {
		if i == 5 {
			f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			_, err = f.WriteString(`{"kind": "dri`)
			if err := errors.Join(err, f.Close()); err != nil {
				t.Fatal(err)
			}
			if got, err := readResults(path); err != nil || len(got) != 5 {
				t.Fatalf("%d results, %v", len(got), err)
			}
		}
		if err := appendResult(path, &all[i]); err != nil {
			t.Fatal(err)
		}
	}
	got, err := readResults(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(all, pick(got, planned(10, 2))); diff != "" {
		t.Errorf("(-kept +read):\n%s", diff)
	}
	if err := os.WriteFile(path, []byte("{\n{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readResults(path); err == nil || !strings.Contains(err.Error(), "line 1") {
		t.Errorf("a line in the middle is no JSON: %v", err)
	}
}
