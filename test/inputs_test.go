package test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// sharedFolder is the folder beside the project with real manifests that nobody
// here wrote; they are not copied into the project.
const sharedFolder = "../../shared"

// input returns the path of a real input, or skips the test where the folder is
// not there.
func input(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(sharedFolder, name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no real inputs here: %v", err)
	}
	return path
}

// TestCheckedByHand plays testdata/*.txt: answers on real manifests that were
// worked out by hand from what Kubernetes does, with the reasoning beside them.
//
//	simulate FILE
//	[flags of bulkhead simulate, one or more a line]
//	----
//	SCENARIO VERDICT
//	  WORKLOAD VERDICT  zones before → zones after  [what else]
//
// A workload that a scenario does not touch is not listed, but counted.
func TestCheckedByHand(t *testing.T) {
	t.Parallel()
	input(t, "inputs")
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd != "simulate" || len(d.CmdArgs) != 1 {
				d.Fatalf(t, "want: simulate FILE")
			}
			args := append([]string{"-f", input(t, filepath.Join("inputs", d.CmdArgs[0].Key))}, strings.Fields(d.Input)...)
			return outcomes(simulate(t, "", args...))
		})
	})
}

// outcomes writes what became of the workloads that a scenario touches.
func outcomes(r *v1alpha1.SimulationReport) string {
	var b strings.Builder
	for _, s := range r.Scenarios {
		fmt.Fprintf(&b, "%s %s\n", s.Name, s.Verdict)
		untouched := 0
		for _, w := range s.Workloads {
			if w.Verdict == v1alpha1.Survives && w.Lost == 0 && w.Preempted == 0 && len(w.Reasons) == 0 {
				untouched++
				continue
			}
			fmt.Fprintf(&b, "  %s %s  %s → %s\n", w.Name, w.Verdict, zones(w.Before), zones(w.After))
			recovery := "never"
			if w.RecoverySeconds != nil {
				recovery = fmt.Sprintf("after %gs", *w.RecoverySeconds)
			}
			fmt.Fprintf(&b, "    back %s, lowest %d", recovery, w.Lowest)
			for _, count := range []struct {
				name string
				n    int
			}{{"pending", w.Pending}, {"not created", w.NotCreated}, {"stuck terminating", w.StuckTerminating}} {
				if count.n > 0 {
					fmt.Fprintf(&b, ", %d %s", count.n, count.name)
				}
			}
			for _, lost := range w.DataLost {
				fmt.Fprintf(&b, ", %s %s lost", lost.Kind, lost.Name)
			}
			b.WriteString("\n")
			for _, reason := range w.Reasons {
				fmt.Fprintf(&b, "    %s: %s\n", reason.Code, reason.Message)
			}
		}
		for _, w := range s.OtherWorld {
			recovery := "never"
			if w.RecoverySeconds != nil {
				recovery = fmt.Sprintf("after %gs", *w.RecoverySeconds)
			}
			fmt.Fprintf(&b, "  %s: %s in the world %s, back %s\n", w.Name, w.Verdict, w.World, recovery)
		}
		if untouched > 0 {
			fmt.Fprintf(&b, "  %d untouched\n", untouched)
		}
	}
	return b.String()
}

// zones writes replicas by zone as "a1 b2".
func zones(m map[string]int) string {
	var out []string
	for zone, n := range m {
		out = append(out, fmt.Sprintf("%s%d", zone, n))
	}
	slices.Sort(out)
	if len(out) == 0 {
		return "none"
	}
	return strings.Join(out, " ")
}

// TestOnlineBoutique: twelve Deployments of one replica. Each is an outage when
// its own zone is lost and does not notice the loss of another.
func TestOnlineBoutique(t *testing.T) {
	t.Parallel()
	r := simulate(t, "", "-f", input(t, "inputs/online-boutique.yaml"))
	if r.Verdict != v1alpha1.Outage || len(r.Scenarios) != 3 || r.Input.Workloads != 12 {
		t.Fatalf("verdict %s, %d scenarios, %d workloads", r.Verdict, len(r.Scenarios), r.Input.Workloads)
	}
	outages := map[string]int{}
	for _, s := range r.Scenarios {
		for _, w := range s.Workloads {
			if w.Replicas != 1 || len(w.Before) != 1 {
				t.Fatalf("%s: %d replicas, before %v", w.Name, w.Replicas, w.Before)
			}
			own := w.Before[s.Failure.Zones[0]] == 1
			want := v1alpha1.Survives
			if own {
				want = v1alpha1.Outage
				outages[w.Name]++
			}
			if w.Verdict != want {
				t.Errorf("%s: %s stands in %v: %s, want %s", s.Name, w.Name, w.Before, w.Verdict, want)
			}
			lost := []v1alpha1.DataLost{}
			if own && w.Name == "redis-cart" {
				lost = append(lost, v1alpha1.DataLost{Kind: "emptyDir", Name: "redis-data", Pods: 1})
			}
			if !slices.Equal(w.DataLost, lost) {
				t.Errorf("%s: %s loses %v, want %v", s.Name, w.Name, w.DataLost, lost)
			}
		}
	}
	if len(outages) != 12 {
		t.Errorf("%d workloads are an outage in some scenario, want 12: %v", len(outages), outages)
	}
	for name, n := range outages {
		if n != 1 {
			t.Errorf("%s is an outage in %d scenarios, want 1", name, n)
		}
	}
}

// trace returns the manifests of a production cluster: 1,523 nodes and 5,193
// pods. Every second workload has a hard spread over zones that counts a lost
// zone as a place with 0 pods.
func trace(t testing.TB) []byte {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed")
	}
	out, err := exec.Command(python, input(t, "tools/openb-to-manifests"), "--spread").Output()
	if err != nil {
		t.Fatalf("openb-to-manifests: %v", err)
	}
	return out
}

// part keeps one node in n, and one replica in n of each workload.
func part(t *testing.T, manifests []byte, n int) string {
	t.Helper()
	var list map[string]any
	if err := json.Unmarshal(manifests, &list); err != nil {
		t.Fatal(err)
	}
	var u unstructured.UnstructuredList
	u.SetUnstructuredContent(list)
	var kept []any
	nodes := 0
	for _, item := range u.Items {
		if item.GetKind() == "Node" {
			if nodes++; nodes%n == 0 {
				kept = append(kept, item.Object)
			}
			continue
		}
		replicas, _, err := unstructured.NestedFloat64(item.Object, "spec", "replicas")
		if err != nil {
			t.Fatal(err)
		}
		if fewer := float64(int(replicas) / n); fewer > 0 {
			if err := unstructured.SetNestedField(item.Object, fewer, "spec", "replicas"); err != nil {
				t.Fatal(err)
			}
			kept = append(kept, item.Object)
		}
	}
	text, err := json.Marshal(map[string]any{"apiVersion": "v1", "kind": "List", "items": kept})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestProductionTrace loses a zone of an eighth of a production cluster, read
// from a pipe: what does not fit is named with its reason, and two runs give the
// same bytes. BenchmarkProductionTrace takes the whole.
func TestProductionTrace(t *testing.T) {
	t.Parallel()
	manifests := part(t, trace(t), 8)
	args := []string{"-f", "-", "--fail", "zone=zone-b"}
	first, _ := simulateJSON(t, manifests, args...)
	if second, _ := simulateJSON(t, manifests, args...); !bytes.Equal(first, second) {
		t.Error("two runs differ")
	}
	r := simulate(t, manifests, args...)
	if r.Input.Nodes != 1523/8 || len(r.Input.Zones) != 3 || r.Verdict != v1alpha1.Outage {
		t.Errorf("%d nodes in zones %v: %s", r.Input.Nodes, r.Input.Zones, r.Verdict)
	}
	checkNamed(t, r)
}

// checkNamed holds a report of the trace to naming, for every pod that does not
// come back, a reason and what would let it in.
func checkNamed(t testing.TB, r *v1alpha1.SimulationReport) {
	t.Helper()
	for _, s := range r.Scenarios {
		spread, honored := 0, 0
		for _, w := range s.Workloads {
			explained := 0
			for _, reason := range w.Reasons {
				switch reason.Code {
				case "spread":
					spread += reason.Pods
					if !strings.Contains(reason.Message, "zone "+s.Failure.Zones[0]+" still counts with 0 pods") || reason.Remedy == "" {
						t.Errorf("%s: %s: %s (%s)", s.Name, w.Name, reason.Message, reason.Remedy)
					}
					if strings.Contains(reason.Remedy, "nodeTaintsPolicy: Honor") {
						honored++
					}
					explained += reason.Pods
				case "no-room", "not-running-before":
					explained += reason.Pods
				}
			}
			if explained < w.Pending {
				t.Errorf("%s: %s: %d pending, reasons for %d: %v", s.Name, w.Name, w.Pending, explained, w.Reasons)
			}
		}
		if spread == 0 || honored == 0 {
			t.Errorf("%s: %d pods are held back by their spread, %d workloads would not be with nodeTaintsPolicy: Honor", s.Name, spread, honored)
		}
	}
}

// BenchmarkProductionTrace loses each zone of the production cluster in turn,
// twice, and compares the bytes.
func BenchmarkProductionTrace(b *testing.B) {
	manifests := string(trace(b))
	for b.Loop() {
		first, _ := simulateJSON(b, manifests, "-f", "-", "--fail", "zones")
		second, _ := simulateJSON(b, manifests, "-f", "-", "--fail", "zones")
		if !bytes.Equal(first, second) {
			b.Fatal("two runs differ")
		}
		var r v1alpha1.SimulationReport
		if err := json.Unmarshal(first, &r); err != nil {
			b.Fatal(err)
		}
		if r.Input.Nodes != 1523 || len(r.Scenarios) != 3 {
			b.Fatalf("%d nodes, %d scenarios", r.Input.Nodes, len(r.Scenarios))
		}
		checkNamed(b, &r)
	}
}
