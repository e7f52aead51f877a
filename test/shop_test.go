package test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/cli"
)

// simulate runs the verb on the arguments and returns its report.
func simulate(t testing.TB, stdin string, args ...string) *v1alpha1.SimulationReport {
	t.Helper()
	text, code := simulateJSON(t, stdin, args...)
	var r v1alpha1.SimulationReport
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	want := map[v1alpha1.Verdict]int{v1alpha1.Survives: 0, v1alpha1.Degraded: 1, v1alpha1.Outage: 1, v1alpha1.Undetermined: 3}
	if code != want[r.Verdict] {
		t.Fatalf("exit code %d with verdict %s", code, r.Verdict)
	}
	return &r
}

// simulateJSON returns what the verb prints, and its exit code: 0, 1 or 3.
func simulateJSON(t testing.TB, stdin string, args ...string) ([]byte, int) {
	t.Helper()
	var out, errOut bytes.Buffer
	code := cli.Main(context.Background(), append([]string{"bulkhead", "simulate", "-q", "-o", "json"}, args...),
		cli.Streams{In: strings.NewReader(stdin), Out: &out, Err: &errOut})
	if code == 2 || code > 3 {
		t.Fatalf("bulkhead simulate %s: exit code %d: %s", strings.Join(args, " "), code, errOut.String())
	}
	return out.Bytes(), code
}

// bad lists what a report holds against surviving: scenario, workload, verdict
// and reasons.
func bad(r *v1alpha1.SimulationReport) string {
	var b strings.Builder
	for _, s := range r.Scenarios {
		for _, w := range s.Workloads {
			if w.Verdict == v1alpha1.Survives {
				continue
			}
			fmt.Fprintf(&b, "%s: %s %s/%s: %s\n", s.Name, w.Kind, w.Namespace, w.Name, w.Verdict)
			for _, reason := range w.Reasons {
				fmt.Fprintf(&b, "\t%s: %s\n", reason.Code, reason.Message)
			}
		}
	}
	return b.String()
}

// TestHardenedShop survives the loss of every zone, also when the leader of the
// controller-manager goes with it, and the naive shop that of none.
func TestHardenedShop(t *testing.T) {
	t.Parallel()
	hardened := simulate(t, "", "-f", "../examples/shop/hardened")
	if hardened.Verdict != v1alpha1.Survives || len(hardened.Scenarios) != 3 {
		t.Errorf("hardened shop: %s\n%s", hardened.Verdict, bad(hardened))
	}
	for _, s := range simulate(t, "", "-f", "../examples/shop/naive").Scenarios {
		if s.Verdict == v1alpha1.Survives {
			t.Errorf("naive shop survives %s", s.Name)
		}
	}
}

// TestEachMeasureIsNecessary takes back one hardening measure at a time: the
// verdict turns.
func TestEachMeasureIsNecessary(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	files, err := filepath.Glob("../examples/shop/naive/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no naive shop: %v", err)
	}
	for _, path := range files {
		file := filepath.Base(path)
		naive, hardened := readLines(t, path), readLines(t, "../examples/shop/hardened/"+file)
		for _, h := range difference(naive, hardened) {
			name := measure(t, file, hardened[h.toStart:h.toEnd])
			if names[name] {
				t.Errorf("%s: two hunks are %q", file, name)
			}
			names[name] = true
			without := slices.Concat(hardened[:h.toStart], naive[h.fromStart:h.fromEnd], hardened[h.toEnd:])
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				turns(t, name, file, without)
			})
		}
	}
	text, err := os.ReadFile("../examples/shop/README.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\|").FindAllSubmatch(text, -1)
	if len(listed) == 0 || len(listed) != len(names) {
		t.Errorf("README.md lists %d measures, the files have %d", len(listed), len(names))
	}
	for _, m := range listed {
		if !names[string(m[1])] {
			t.Errorf("README.md lists %q, the files do not have it", m[1])
		}
	}
}

// turns fails when the hardened shop survives with the file replaced.
func turns(t *testing.T, name, file string, lines []string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../examples/shop/hardened")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, file), []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	r := simulate(t, "", "-f", dir)
	if r.Verdict == v1alpha1.Survives {
		t.Errorf("without %s (%s) the shop survives as well: the measure is not necessary", name, file)
	}
	t.Logf("without %s: %s\n%s", name, r.Verdict, bad(r))
}

func measure(t *testing.T, file string, added []string) string {
	t.Helper()
	var names []string
	for _, line := range added {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "# hardening: "); ok {
			names = append(names, name)
		}
	}
	if len(names) != 1 {
		t.Fatalf("%s: the hunk\n%s\nhas %d marks, want 1", file, strings.Join(added, "\n"), len(names))
	}
	return names[0]
}

func readLines(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(text), "\n")
}

// hunk is lines [fromStart, fromEnd) that became lines [toStart, toEnd).
type hunk struct{ fromStart, fromEnd, toStart, toEnd int }

// difference returns the hunks between a and b by their longest common
// subsequence, as diff -U0 shows them.
func difference(a, b []string) []hunk {
	common := make([][]int, len(a)+1) // of a[i:] and b[j:]
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	same := func(i, j int) bool { return i < len(a) && j < len(b) && a[i] == b[j] }
	var out []hunk
	for i, j := 0, 0; i < len(a) || j < len(b); {
		if same(i, j) {
			i, j = i+1, j+1
			continue
		}
		h := hunk{fromStart: i, toStart: j}
		for (i < len(a) || j < len(b)) && !same(i, j) {
			if j == len(b) || i < len(a) && common[i+1][j] >= common[i][j+1] {
				i++
			} else {
				j++
			}
		}
		h.fromEnd, h.toEnd = i, j
		out = append(out, h)
	}
	return out
}
