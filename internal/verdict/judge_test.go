package verdict

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

func TestLossOfAZone(t *testing.T) {
	r := judge(t, loss())
	for _, c := range r.Checks {
		if holds(c.Holds) != "true" {
			t.Errorf("%s: %s: got %s, want %s", c.Phase, c.Name, c.Got, c.Want)
		}
	}
	if r.Verdict != v1alpha1.DrillHolds || r.APIGapSeconds != 2.5 {
		t.Errorf("verdict %s (%s), gap %g s; want holds, 2.5 s", r.Verdict, r.Why, r.APIGapSeconds)
	}
	wantParts := []v1alpha1.DrillPart{
		{Name: "load balancer", Back: 1.4, Text: "every HAProxy that lives took the API server on m1 for down"},
		{Name: "virtual IP", Back: 0.9, Text: "from m1 to m2"},
		{Name: "etcd", Back: 1.95, Text: "from m1 to m3"},
		{Name: "API server", Back: 2.01, Text: "that on m2 acknowledged a write sent to it directly"},
	}
	if diff := cmp.Diff(wantParts, r.APIGapParts); diff != "" {
		t.Errorf("parts: %s", diff)
	}
	if !strings.HasPrefix(r.APIGapLimit, "etcd, back after") {
		t.Errorf("limit %q, want etcd: the API server answered in the same moment", r.APIGapLimit)
	}
	want := []v1alpha1.DrillWorkload{{
		WorkloadRef: web, Replicas: 3, MinAvailable: 2, Lowest: 2, WaitedSeconds: 300,
		Before: map[string]int{"a": 1, "b": 1, "c": 1}, During: map[string]int{"b": 2, "c": 1}, After: map[string]int{"b": 2, "c": 1},
		PredictedSeconds: pointer(91.0), ObservedSeconds: pointer(89.0), ErrorSeconds: pointer(-2.0), Agrees: pointer(true),
	}}
	if diff := cmp.Diff(want, r.Workloads); diff != "" {
		t.Errorf("workloads: %s", diff)
	}
	var moments []string
	for _, p := range r.Predictions {
		moments = append(moments, fmt.Sprintf("%s: %s, %s: %s", p.What, number(p.PredictedSeconds), number(p.ObservedSeconds), holds(p.Agrees)))
	}
	if diff := cmp.Diff([]string{
		"API writes stopped: 3, 2.5: true", "nodes not ready: 40, 41: true", "endpoints withdrawn: 40, 41.2: true",
		"first eviction: 85, 46: false", "last eviction: 85, 46: false",
	}, moments); diff != "" {
		t.Errorf("predictions: %s", diff)
	}
	var events []string
	for _, e := range r.Timeline {
		events = append(events, fmt.Sprintf("%g %s %s %d", e.At, e.Lane, e.Event, e.Count))
	}
	if diff := cmp.Diff([]string{
		"-0.49 api last-write 0", "0 fault injected 0", "0.2 fault confirmed 0", "0.9 load-balancer vip 0",
		"1.1 load-balancer server-down 2", "1.2 etcd leader 0", "1.95 etcd leader 0", "2.01 api first-write 0",
		"41 nodes tainted 1", "41 nodes not-ready 1", "41.2 nodes endpoints-withdrawn 1",
		"45.9 Deployment shop/web pod-created 1", "46 Deployment shop/web evicted 1",
		"89 Deployment shop/web pod-ready 1", "89 Deployment shop/web full-count 3",
		"300 fault healed 0", "305 nodes ready 1", "320 fault steady 0",
	}, events); diff != "" {
		t.Errorf("timeline: %s", diff)
	}
	if p := r.Paths[0]; p.Via != "vip" || p.Before == nil || p.Before.P99 != 10 || p.After == nil || p.Failed != 8 {
		t.Errorf("first path: %+v", p)
	}
	if len(r.Services) != 1 || number(r.Services[0].WithdrawnSeconds) != "41.2" || r.Services[0].ReadyLowest != 2 {
		t.Errorf("services: %+v", r.Services)
	}
}

// Each case changes one thing about a drill in which all is well.
func TestVerdict(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*Evidence)
		want   v1alpha1.DrillVerdict
		why    string
	}{
		{"an acknowledged object is gone", func(e *Evidence) {
			e.Operations = append(e.Operations, op{From: "outside", Via: "vip", Kind: "create", Key: "made", Intended: 99, Start: 99, End: 99.1, Outcome: "ok"})
		}, v1alpha1.DrillFails, "acknowledged writes lost: 1 of"},
		{"a register went back", func(e *Evidence) {
			for i := range e.Operations {
				if o := &e.Operations[i]; o.Kind == "read" && o.Key == "m2" && o.Start > 439 {
					o.Version = "1"
				}
			}
		}, v1alpha1.DrillFails, "acknowledged writes lost:"},
		{"a stale read", func(e *Evidence) {
			for i := range e.Operations {
				if o := &e.Operations[i]; o.Kind == "read" && o.Key == "m2" && o.Start > 300 {
					o.Value = "0"
					break
				}
			}
		}, v1alpha1.DrillFails, "on m2 explains"},
		{"objects not read", func(e *Evidence) { e.Record.FinalKeys = nil }, v1alpha1.DrillUndetermined, "could not be read"},
		{"no proof", func(e *Evidence) { e.without("proof") }, v1alpha1.DrillUndetermined, "no sign of it"},
		{"proof against", func(e *Evidence) {
			e.Observations = append(e.Observations, seen{At: 105, Kind: "proof", Text: "m1 answers"})
		}, v1alpha1.DrillUndetermined, "m1 answers"},
		{"aborted", func(e *Evidence) { e.Record.Aborted = "a second zone fell" }, v1alpha1.DrillUndetermined, "a second zone fell"},
		{"refused", func(e *Evidence) {
			e.Record.InjectedAt, e.Record.HealedAt, e.Record.SteadyAgainAt, e.Record.Aborted = nil, nil, nil, "no room"
		}, v1alpha1.DrillUndetermined, "the fault was not made: no room"},
		{"not healed", func(e *Evidence) { e.Record.HealedAt, e.Record.SteadyAgainAt = nil, nil }, v1alpha1.DrillFails, "the fault is healed: it was not"},
		{"a gap that is too long", func(e *Evidence) { e.Record.Hypothesis.APIGapSeconds = pointer(2.0) }, v1alpha1.DrillFails, "2.5 s (wanted: at most 2 s)"},
		{"too few replicas", func(e *Evidence) { e.Record.Workloads[0].MinAvailable = 3 }, v1alpha1.DrillFails, "Deployment shop/web 2 of 3"},
		{"too late", func(e *Evidence) { e.Record.Hypothesis.RecoverySeconds = pointer(60.0) }, v1alpha1.DrillFails, "Deployment shop/web 89 s"},
		{"slow before", func(e *Evidence) { e.Record.Hypothesis.SteadyP99Milliseconds = 9 }, v1alpha1.DrillFails, "before the fault, 99th percentile of the API's latency: 10 ms"},
		{"not waited for", func(e *Evidence) {
			e.without("pod")
			e.Observations = append(e.Observations, seen{Kind: "pod", Object: "shop/web-1", Workload: "Deployment shop/web", Where: "n1", Ready: true})
			e.Record.Workloads[0].MinAvailable = 0
			e.Record.Hypothesis.RecoverySeconds = pointer(301.0)
		}, v1alpha1.DrillHolds, "the rest could not be judged"},
		{"no write since", func(e *Evidence) {
			for i := range e.Operations {
				if o := &e.Operations[i]; o.Via == "vip" && o.Start >= 100 && o.Kind == "write" {
					o.Outcome = "unknown"
				}
			}
		}, v1alpha1.DrillFails, "longest time without an acknowledged write by the API's address: 350 s"},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := loss()
			test.change(&e)
			r := judge(t, e)
			if r.Verdict != test.want || !strings.Contains(r.Why, test.why) {
				t.Errorf("%s: %s\nwant %s: … %s …", r.Verdict, r.Why, test.want, test.why)
			}
		})
	}
}

func (e *Evidence) without(kind string) {
	var kept []seen
	for _, o := range e.Observations {
		if o.Kind != kind {
			kept = append(kept, o)
		}
	}
	e.Observations = kept
}

func TestAgrees(t *testing.T) {
	for _, test := range []struct {
		name          string
		said, seen    *float64
		wait, slowest float64
		unknown       bool
		want          string
	}{
		{name: "within 5 s", said: pointer(10.0), seen: pointer(15.0), wait: 60, want: "true"},
		{name: "past 5 s", said: pointer(10.0), seen: pointer(15.1), wait: 60, want: "false"},
		{name: "within a tenth", said: pointer(100.0), seen: pointer(109.0), wait: 300, want: "true"},
		{name: "ended before", said: pointer(100.0), wait: 60, want: "null"},
		{name: "ended within the tolerance", said: pointer(100.0), wait: 110, want: "null"},
		{name: "not seen", said: pointer(100.0), wait: 116, want: "false"},
		{name: "never, and was", seen: pointer(3.0), wait: 300, want: "false"},
		{name: "never, waited", wait: 300, slowest: 91, want: "true"},
		{name: "never, not waited", wait: 60, slowest: 91, want: "null"},
		{name: "not predicted", unknown: true, seen: pointer(3.0), wait: 60, want: "null"},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := loss()
			e.Record.HealedAt = pointer(injectedAt + test.wait)
			e.Record.Predicted.Scenario.Workloads[0].RecoverySeconds = &test.slowest
			d := arrange(e)
			if got := holds(d.agrees(forecast{!test.unknown, test.said}, test.seen)); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestPartitionHalves(t *testing.T) {
	e := loss()
	e.Record.Fault, e.Record.Zones = "zone-partition", []string{"a", "b"}
	e.Record.LostNodes, e.Record.LostMachines = nil, nil
	e.without("endpoints")
	e.Observations = append(e.Observations, seen{Kind: "endpoints", Object: "shop/web", Endpoints: []string{"n1", "n1", "n2", "n3"}})
	want := []v1alpha1.DrillService{{Namespace: "shop", Name: "web", ReadyBefore: 4, ReadyLowest: 4, Halves: map[string]int{"a": 2, "b": 1}}}
	r := judge(t, e)
	if diff := cmp.Diff(want, r.Services); diff != "" {
		t.Error(diff)
	}
	if !slices.ContainsFunc(r.Notes, func(n string) bool {
		return strings.HasPrefix(n, "split brain: ") && strings.Contains(n, "1 Service kept endpoints on both sides")
	}) {
		t.Errorf("no word of the split brain: %q", r.Notes)
	}
}

// A write that never came is not told.
func TestNoFirstWrite(t *testing.T) {
	e := loss()
	for i := range e.Operations {
		if o := &e.Operations[i]; o.Start >= injectedAt && o.Kind == "write" {
			o.Outcome = "unknown"
		}
	}
	told := map[string]bool{}
	for _, event := range judge(t, e).Timeline {
		told[event.Event] = true
	}
	if !told["last-write"] || told["first-write"] {
		t.Errorf("told %v", told)
	}
}

// A gateway's loss is judged from the zones that keep theirs.
func TestGatewayGap(t *testing.T) {
	e := loss()
	e.Record.Fault = "gateway"
	for _, zone := range []string{"a", "b"} {
		for i, at := range []float64{99, 100, 107, 108} {
			if zone == "a" && at == 107 {
				continue
			}
			e.Operations = append(e.Operations, op{From: zone, Via: "vip", Kind: "write", Key: zone, Value: fmt.Sprint(i), Intended: at, Start: at, End: at, Outcome: "ok"})
		}
	}
	if got := judge(t, e).APIGapSeconds; got != 7 {
		t.Errorf("gap %g s, want the 7 s that zone b saw", got)
	}
}

func TestContradictions(t *testing.T) {
	for _, test := range []struct {
		want   string
		change func(*Evidence)
	}{
		{"ends at 1 s, before it starts at 5 s", func(e *Evidence) { e.Operations[0].End = 1 }},
		{"writes \"0\" a second time", func(e *Evidence) { e.Operations = append(e.Operations, e.Operations[0]) }},
		{"reads \"x\" of vip, which nobody wrote", func(e *Evidence) { e.Operations[1].Value = "x" }},
		{"is at 451 s, outside of the record", func(e *Evidence) { e.Operations[1].End = 451 }},
		{"is at -1 s, outside of the record", func(e *Evidence) { e.Observations[0].At = -1 }},
		{"is of an unknown kind", func(e *Evidence) { e.Operations[0].Kind = "update" }},
		{"unknown outcome \"maybe\"", func(e *Evidence) { e.Operations[0].Outcome = "maybe" }},
		{"observation 1 (ship ", func(e *Evidence) { e.Observations[0].Kind = "ship" }},
		{"healedAt (99 s) is before injectedAt (100 s)", func(e *Evidence) { e.Record.HealedAt = pointer(99.0) }},
		{"ghost is there at the end", func(e *Evidence) { e.Record.FinalKeys = []string{"ghost"} }},
		{"which is no number", func(e *Evidence) { e.Operations[0].Version = "new" }},
		{"there is no record", func(e *Evidence) { e.Record = nil }},
	} {
		e := loss()
		test.change(&e)
		if r, err := Judge(e, 0); err == nil || r != nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want … %s …", err, test.want)
		}
	}
}

func TestSameEvidenceSameReport(t *testing.T) {
	var first []byte
	for range 3 {
		got, err := json.Marshal(judge(t, loss()))
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = got
		} else if diff := cmp.Diff(string(first), string(got)); diff != "" {
			t.Fatal(diff)
		}
	}
	for _, field := range []string{"checks", "proof", "apiGapParts", "paths", "latency", "predictions", "workloads", "services", "timeline", "notes", "versions", "evidence"} {
		r, err := Judge(Evidence{Record: &v1alpha1.DrillRecord{}}, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		empty, _ := json.Marshal(r)
		if strings.Contains(string(empty), `"`+field+`":null`) {
			t.Errorf("%s is null without evidence", field)
		}
	}
}

func TestTimelineIsBounded(t *testing.T) {
	e := loss()
	for i := range 2000 {
		e.Observations = append(e.Observations, seen{
			At: 110 + 0.1*float64(i), Kind: "pod", Object: fmt.Sprintf("shop/many-%d", i), Workload: "Deployment shop/web", Where: "n2",
		})
	}
	if n := len(judge(t, e).Timeline); n >= most {
		t.Errorf("%d events", n)
	}
}

func TestWords(t *testing.T) {
	for s, want := range map[float64]string{0: "0 s", 0.009: "9 ms", 1.7: "1.7 s", 2: "2 s", 0.4: "0.4 s", 41.6: "42 s", 100: "100 s", -0.5: "-0.5 s"} {
		if got := seconds(s); got != want {
			t.Errorf("%g: %s, want %s", s, got, want)
		}
	}
	for share, want := range map[float64]string{0: "0 %", 0.01: "1 %", 0.0012: "0.12 %", 1: "100 %", 0.1: "10 %"} {
		if got := percent(share); got != want {
			t.Errorf("%g: %s, want %s", share, got, want)
		}
	}
}
