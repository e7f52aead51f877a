//go:build linux

package e2e_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/local"
	"bulkhead.dev/bulkhead/internal/local/fabric"
)

// gapOfZone is the longest that writes may stop for when a zone is lost, in seconds.
const gapOfZone = 4.0

// judgedCodes are the exit codes of a drill that was made. A busy machine may leave
// something undetermined, or be slow where there is no fault.
var judgedCodes = []int{0, 1, 3}

// drill makes a fault and checks what must hold of every one. It returns the folder
// of its evidence too.
func (s *suite) drill(t *testing.T, fault string, args ...string) (*v1alpha1.DrillReport, string) {
	t.Helper()
	dir := filepath.Join(s.folder, "drills", strings.ReplaceAll(t.Name(), "/", "-"))
	args = append([]string{"drill", fault, "--cluster", s.Name, "--steady", "3s", "--output-dir", dir, "-q", "-o", "json"}, args...)
	s.judged = s.run(t, judgedCodes, args...)
	r := &v1alpha1.DrillReport{}
	if err := json.Unmarshal([]byte(s.judged.Stdout), r); err != nil {
		t.Fatal(err)
	}
	if want := map[v1alpha1.DrillVerdict]int{v1alpha1.DrillHolds: 0, v1alpha1.DrillFails: 1, v1alpha1.DrillUndetermined: 3}[r.Verdict]; s.judged.Code != want {
		t.Errorf("exit code %d with verdict %s", s.judged.Code, r.Verdict)
	}
	t.Logf("%s: %s; gap %.2f s (%s), return gap %.2f s, %d acknowledged, %d operations judged", r.Verdict, r.Why, r.APIGapSeconds, r.APIGapLimit, r.ReturnGapSeconds, r.AcknowledgedWrites, r.OperationsJudged)
	checkReport(t, r)
	folders, err := os.ReadDir(dir)
	if err != nil || len(folders) != 1 {
		t.Fatalf("%d folders of evidence: %v", len(folders), err)
	}
	return r, filepath.Join(dir, folders[0].Name())
}

// checkReport: no write is lost, the history is linearizable, the fault was there
// and is not any more.
func checkReport(t *testing.T, r *v1alpha1.DrillReport) {
	t.Helper()
	if r.AcknowledgedWritesLost != 0 || r.AcknowledgedWrites < 100 {
		t.Errorf("%d of %d acknowledged writes are lost: %s", r.AcknowledgedWritesLost, r.AcknowledgedWrites, strings.Join(r.LostWrites, ", "))
	}
	if r.Linearizable != v1alpha1.Linearizable || r.OperationsJudged < 100 {
		t.Errorf("%d operations are linearizable: %s: %s", r.OperationsJudged, r.Linearizable, r.LinearizableWhy)
	}
	if !r.Healed || r.HealedBy != fabric.ByRunner || r.SteadyAgainSeconds == nil {
		t.Errorf("healed %t by %q, steady again %v; notes: %s", r.Healed, r.HealedBy, r.SteadyAgainSeconds, strings.Join(r.Notes, "\n"))
	}
	if r.Aborted != "" {
		t.Errorf("aborted: %s", r.Aborted)
	}
	if len(r.Proof) == 0 {
		t.Error("nothing proves that the fault took effect")
	}
	for _, c := range r.Checks {
		// Latency where there is no fault is the machine's, not the cluster's.
		if c.Phase == "during" && (c.Holds == nil || !*c.Holds) && !strings.Contains(c.Name, "full count") {
			t.Errorf("%s: %s (wanted: %s)", c.Name, c.Got, c.Want)
		}
	}
	if len(r.Workloads) < 5 || len(r.Timeline) == 0 || len(r.Paths) < 7 || len(r.Versions) < 4 || len(r.Evidence) != 3 {
		t.Errorf("%d workloads, %d events, %d paths, %d versions, %d files of evidence", len(r.Workloads), len(r.Timeline), len(r.Paths), len(r.Versions), len(r.Evidence))
	}
}

// gapHolds: writes by the API's address went on in time, and the report says which
// layer was back when, and what was waited for.
func gapHolds(t *testing.T, r *v1alpha1.DrillReport, most float64, parts ...string) {
	t.Helper()
	if r.APIGapSeconds <= 0 || r.APIGapSeconds > most {
		t.Errorf("no acknowledged write for %.2f s, want at most %.1f", r.APIGapSeconds, most)
	}
	there := map[string]bool{}
	for _, p := range r.APIGapParts {
		there[p.Name] = true
		t.Logf("%s back after %.2f s: %s", p.Name, p.Back, p.Text)
	}
	for _, name := range parts {
		if !there[name] {
			t.Errorf("nothing tells when the %s was back; notes: %s", name, strings.Join(r.Notes, "\n"))
		}
	}
	if len(parts) > 0 && r.APIGapLimit == "" {
		t.Error("nothing says what the gap was limited by")
	}
}

// zonePowerLoss with every leader in the zone.
func (s *suite) zonePowerLoss(t *testing.T) {
	r, folder := s.drill(t, "zone-power-loss", "--zone", "b", "--worst-case", "--for", "20s")
	s.evidence = folder
	gapHolds(t, r, gapOfZone, "load balancer", "virtual IP", "etcd", "API server")
	predicted(t, r)
	for _, w := range r.Workloads {
		if w.During["b"] > 0 && w.Kind != "DaemonSet" && r.FaultSeconds > 60 {
			t.Errorf("%s %s/%s has %d ready pods in the lost zone", w.Kind, w.Namespace, w.Name, w.During["b"])
		}
		if w.Lowest < w.MinAvailable {
			t.Errorf("%s %s/%s: %d ready, minimum %d", w.Kind, w.Namespace, w.Name, w.Lowest, w.MinAvailable)
		}
	}
	s.haveNodes(t, zones*nodes)
}

// predicted: the simulation's moments stand beside what was seen, and none is
// contradicted.
func predicted(t *testing.T, r *v1alpha1.DrillReport) {
	t.Helper()
	if len(r.Predictions) == 0 {
		t.Error("there are no predictions")
	}
	for _, p := range r.Predictions {
		if p.Agrees != nil && !*p.Agrees {
			t.Errorf("%s: predicted %s s, seen %s s: %s", p.What, number(p.PredictedSeconds), number(p.ObservedSeconds), p.Text)
		}
	}
}

func number(v *float64) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func (s *suite) zonePartition(t *testing.T) {
	r, _ := s.drill(t, "zone-partition", "--zone", "a/c", "--for", "12s")
	gapHolds(t, r, gapOfZone)
	predicted(t, r)
	if len(r.Zones) != 2 || r.Zone != "" {
		t.Errorf("it is between %v, in %q", r.Zones, r.Zone)
	}
}

func (s *suite) apiServerHang(t *testing.T) {
	r, _ := s.drill(t, "api-server-hang", "--zone", "c", "--for", "12s")
	gapHolds(t, r, gapOfZone)
	if r.Zone != "c" || r.Target != "e2e-cp-3" {
		t.Errorf("it is %s in %s", r.Target, r.Zone)
	}
}

// runnerKilled: when nobody is there to take the fault back, the timer beside the
// cluster does, 15 s after the runner would have.
func (s *suite) runnerKilled(t *testing.T) {
	const lasts, latest = 3 * time.Second, 15 * time.Second
	dir := t.TempDir()
	drill, err := s.Start(s.ctx, "drill", "zone-power-loss", "--zone", "a", "--for", lasts.String(), "--steady", "2s", "--output-dir", dir, "-q")
	if err != nil {
		t.Fatal(err)
	}
	fault, err := s.Broken(s.ctx, drill)
	if err != nil {
		t.Fatal(err)
	}
	if err := drill.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if r, err := drill.End(); err != nil || r.Code != -1 {
		t.Fatalf("it was not killed: %v: %s", err, r)
	}
	if now := s.statusNow(t, []int{1}); now.State != local.StateFaulty || now.Fault == "" || now.HealAt == nil || now.Zones[0].Machines[0].On {
		t.Errorf("%+v", now)
	}
	ctx, cancel := context.WithTimeout(s.ctx, lasts+latest+20*time.Second) // machines start again
	defer cancel()
	healed, err := s.Healed(ctx)
	if err != nil {
		t.Fatal(err)
	}
	after := healed.At.Sub(fault.Made)
	t.Logf("healed by the %s after %.1f s", healed.By, after.Seconds())
	if healed.By != fabric.ByDeadMan || after < lasts+latest-time.Second {
		t.Errorf("healed by %q after %s", healed.By, after)
	}
	if r := s.run(t, ok, "drill", "heal"); !strings.HasPrefix(r.Stdout, "e2e: no fault is in force; the last was healed by the dead-man at ") {
		t.Error(r)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("evidence of a drill that did not end: %v, %v", left, err)
	}
	s.readyAgain(t)
}

// interrupt: the fault is taken back before the program ends.
func (s *suite) interrupt(t *testing.T) {
	drill, err := s.Start(s.ctx, "drill", "zone-blackhole", "--zone", "b", "--for", "2m", "--steady", "2s", "--output-dir", t.TempDir(), "-q")
	if err != nil {
		t.Fatal(err)
	}
	fault, err := s.Broken(s.ctx, drill)
	if err != nil {
		t.Fatal(err)
	}
	if err := drill.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	r, err := drill.End()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("ended after %.1f s", r.Wall.Seconds())
	if r.Code != 130 || !strings.HasSuffix(r.Stderr, "bulkhead: interrupted\n") {
		t.Error(r)
	}
	healed, err := s.Healed(s.ctx)
	if err != nil {
		t.Fatal(err)
	}
	if healed.By != fabric.ByRunner || healed.At.Before(fault.Made) {
		t.Errorf("healed by %q at %s, made at %s", healed.By, healed.At, fault.Made)
	}
	s.readyAgain(t)
}
