package report_test

import (
	"fmt"
	"math"
	"strings"
	"time"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// drills are the reports that every format of a drill is tested with.
func drills() map[string]*v1alpha1.DrillReport {
	return map[string]*v1alpha1.DrillReport{
		"power":        powerLoss(),
		"cut":          cutBetween(),
		"undetermined": undetermined(),
		"hostile":      hostileDrill(),
		"empty":        {},
	}
}

func yes() *bool { b := true; return &b }
func no() *bool  { b := false; return &b }

func started() metav1.MicroTime {
	return metav1.NewMicroTime(time.Date(2026, 11, 20, 18, 4, 11, 250_000_000, time.UTC))
}

func check(phase, name, want, got string, holds *bool) v1alpha1.DrillCheck {
	return v1alpha1.DrillCheck{Phase: phase, Name: name, Want: want, Got: got, Holds: holds}
}

// subject is a workload with its time to full count, predicted and observed.
func subject(kind, name string, before, during, after map[string]int, predicted, observed *float64) v1alpha1.DrillWorkload {
	replicas := 0
	for _, n := range before {
		replicas += n
	}
	w := v1alpha1.DrillWorkload{
		WorkloadRef: ref(kind, name), Replicas: replicas, MinAvailable: 1, Lowest: replicas,
		Before: before, During: during, After: after,
		PredictedSeconds: predicted, ObservedSeconds: observed, WaitedSeconds: 900, Agrees: yes(),
	}
	if predicted != nil && observed != nil {
		w.ErrorSeconds = at(*observed - *predicted)
	}
	return w
}

// latency is quiet but for a fault of so many seconds, without answers at first.
func latency(before, during, after, silent int) []v1alpha1.DrillLatency {
	var out []v1alpha1.DrillLatency
	for s := -before; s < during+after; s++ {
		wave := math.Abs(math.Sin(float64(s) / 7))
		l := v1alpha1.DrillLatency{At: float64(s), P50: 3 + wave, P99: 9 + 4*wave, Max: 14 + 30*wave, OK: 650}
		switch {
		case s >= 0 && s < silent:
			l = v1alpha1.DrillLatency{At: float64(s), Failed: 650}
		case s >= silent && s < silent+4:
			l.P50, l.P99, l.Max, l.Failed = 120, 1400, 2100, 40
		}
		out = append(out, l)
	}
	return out
}

func powerLoss() *v1alpha1.DrillReport {
	quantiles := func(p50, p99, most float64) *v1alpha1.DrillQuantiles {
		return &v1alpha1.DrillQuantiles{Count: 39000, P50: p50, P99: p99, Max: most}
	}
	web := subject("Deployment", "web", perZone(2, 2, 2), perZone(3, 0, 3), perZone(3, 0, 3), at(394), at(398))
	web.Lowest, web.MinAvailable = 4, 4
	web.Text = "= 88s not ready + 300s toleration + 6s schedule and start"
	worker := subject("Deployment", "worker", perZone(2, 2, 2), perZone(3, 0, 3), perZone(3, 0, 3), at(398), at(462))
	worker.Lowest, worker.Agrees = 4, no()
	db := subject("StatefulSet", "db", perZone(1, 1, 1), perZone(1, 0, 1), perZone(1, 1, 1), nil, nil)
	db.Lowest, db.MinAvailable = 2, 2
	db.Text = "node b-1 is gone, its object is not: the pod stays Terminating"
	cache := subject("StatefulSet", "cache", perZone(0, 1, 0), nil, perZone(0, 1, 0), nil, nil)
	cache.Lowest, cache.MinAvailable = 0, 1
	batch := subject("Deployment", "batch", perZone(1, 1, 0), perZone(1, 0, 0), perZone(1, 1, 0), at(1200), nil)
	batch.Agrees, batch.Lowest = nil, 1
	api := subject("Deployment", "api", perZone(1, 0, 1), perZone(1, 0, 1), perZone(1, 0, 1), at(0), at(0))
	agent := subject("DaemonSet", "log-agent", perZone(3, 3, 3), perZone(3, 0, 3), perZone(3, 3, 3), at(0), at(0))
	agent.Lowest = 6
	return &v1alpha1.DrillReport{
		Verdict: v1alpha1.DrillFails,
		Why:     "1 of 9 expectations did not hold: worker was at full count after 7m 42s, the objective is 7m.",
		Cluster: "lab", Provider: "local", Fault: "zone-power-loss", Zone: "b", Seed: 7, WorstCase: true,
		Started: started(), FaultSeconds: 900,
		Checks: []v1alpha1.DrillCheck{
			check("before", "p99 of operations, ms", "at most 1000", "9", yes()),
			check("before", "failed operations, share", "at most 0.001", "0", yes()),
			check("before", "room without zone b", "everything fits", "everything fits", yes()),
			check("during", "longest time without a write, s", "at most 10", "1.7", yes()),
			check("during", "web to full count, s", "at most 420", "398", yes()),
			check("during", "worker to full count, s", "at most 420", "462", no()),
			check("during", "batch to full count, s", "at most 420", "not seen in 900", nil),
			check("after", "acknowledged writes lost", "0", "0 of 41,220", yes()),
			check("after", "p99 of operations, ms", "at most 1000", "11", yes()),
		},
		Proof: []v1alpha1.DrillProof{{At: 0.3, Text: "no packet from b, no lease renewed since 0.3 s"}, {At: 1.1, Text: "HAProxy on a-cp and c-cp lost server b-cp"}},

		APIGapSeconds: 1.7,
		APIGapParts: []v1alpha1.DrillPart{
			{Name: "virtual IP", Back: 0.4, Text: "a-cp took it"},
			{Name: "etcd", Back: 1.5, Text: "c-cp leads"},
			{Name: "API server", Back: 0.1, Text: "a-cp answered"},
		},
		APIGapLimit: "etcd",
		Paths: []v1alpha1.DrillPath{
			{From: "outside", Via: "vip", Operations: 648200, Failed: 1130, GapSeconds: 1.7, Before: quantiles(3.2, 9.1, 31), During: quantiles(3.4, 16, 2105), After: quantiles(3.1, 11, 44)},
			{From: "a", Via: "a-cp", Operations: 64820, Failed: 70, GapSeconds: 1.5, Before: quantiles(2.2, 8, 22), During: quantiles(2.4, 12, 1504), After: quantiles(2.1, 8.5, 30)},
			{From: "b", Via: "b-cp", Operations: 6000, Failed: 3200, GapSeconds: 900.4, Before: quantiles(2.2, 8, 22), During: nil, After: quantiles(2.1, 8.5, 30)},
		},
		Latency:            latency(60, 900, 60, 2),
		AcknowledgedWrites: 41220, Linearizable: v1alpha1.Linearizable, OperationsJudged: 648200,
		Predictions: []v1alpha1.DrillPrediction{
			{What: "API writes stopped", PredictedSeconds: at(1.6), ObservedSeconds: at(1.7), ErrorSeconds: at(0.1), Agrees: yes()},
			{What: "nodes not ready", PredictedSeconds: at(88), ObservedSeconds: at(87.7), ErrorSeconds: at(-0.3), Agrees: yes(), Text: "the new leader starts the grace again"},
			{What: "endpoints withdrawn", PredictedSeconds: at(88.2), ObservedSeconds: at(88.1), ErrorSeconds: at(-0.1), Agrees: yes()},
			{What: "first eviction", PredictedSeconds: at(388), ObservedSeconds: at(388.4), ErrorSeconds: at(0.4), Agrees: yes()},
			{What: "last eviction", PredictedSeconds: at(398), ObservedSeconds: at(455), ErrorSeconds: at(57), Agrees: no(), Text: "one node every 10 s, three nodes"},
		},
		Workloads: []v1alpha1.DrillWorkload{agent, api, batch, web, worker, cache, db},
		Services:  []v1alpha1.DrillService{{Namespace: "shop", Name: "cache", ReadyBefore: 1, ReadyLowest: 0, WithdrawnSeconds: at(88.1)}, {Namespace: "shop", Name: "web", ReadyBefore: 6, ReadyLowest: 4, WithdrawnSeconds: at(88.1)}},
		Timeline: []v1alpha1.DrillEvent{
			{At: -1.2, Lane: "control-plane", Event: "leader", Zone: "b", Message: "kube-controller-manager leads in b, as the worst case asks for"},
			{At: -0.1, Lane: "api", Event: "last-write", Message: "the last write before the gap"},
			{At: 0, Lane: "fault", Event: "injected", Zone: "b", Message: "machines b-1, b-2, b-3 and b-cp lost power"},
			{At: 0.3, Lane: "fault", Event: "confirmed", Message: "no packet, no lease"},
			{At: 0.4, Lane: "load-balancer", Event: "vip", Zone: "a", Message: "a-cp has the virtual IP"},
			{At: 1.1, Lane: "load-balancer", Event: "server-down", Message: "b-cp, as a-cp sees it"},
			{At: 1.5, Lane: "etcd", Event: "leader", Zone: "c", Message: "c-cp"},
			{At: 1.6, Lane: "api", Event: "first-write", Message: "by the virtual IP"},
			{At: 17.2, Lane: "control-plane", Event: "leader", Zone: "a", Message: "kube-scheduler leads on a-cp"},
			{At: 18.4, Lane: "control-plane", Event: "leader", Zone: "a", Message: "kube-controller-manager leads on a-cp"},
			{At: 87.7, Lane: "nodes", Event: "not-ready", Zone: "b", Count: 3, Message: "b-1, b-2, b-3"},
			{At: 87.9, Lane: "nodes", Event: "tainted", Zone: "b", Count: 3, Message: "unreachable"},
			{At: 88.1, Lane: "nodes", Event: "endpoints-withdrawn", Zone: "b", Count: 4, Message: "of shop/cache, shop/web"},
			{At: 388.4, Lane: "Deployment shop/web", Event: "evicted", Zone: "b", Count: 2, Message: "from b-1, b-2"},
			{At: 389.0, Lane: "Deployment shop/web", Event: "pod-created", Count: 2, Message: "in a and c"},
			{At: 398, Lane: "Deployment shop/web", Event: "full-count", Message: "6 of 6"},
			{At: 455, Lane: "Deployment shop/worker", Event: "evicted", Zone: "b", Count: 2, Message: "from b-3"},
			{At: 462, Lane: "Deployment shop/worker", Event: "full-count", Message: "6 of 6"},
			{At: 900, Lane: "fault", Event: "healed", Zone: "b", Message: "by runner"},
			{At: 909.3, Lane: "nodes", Event: "ready", Zone: "b", Count: 3, Message: "b-1, b-2, b-3"},
			{At: 921, Lane: "StatefulSet shop/db", Event: "full-count", Message: "3 of 3"},
			{At: 922, Lane: "fault", Event: "steady", Message: "all as before"},
		},
		Healed: true, HealedBy: "runner", SteadyAgainSeconds: at(22),
		Notes: []string{
			"nodes are kwok's: no container runs in them, a pod is ready 6 s after it is placed",
			"one machine has 2 cores: latencies before the fault are those of a busy machine",
		},
		Versions: map[string]string{"bulkhead": "v0.2.0", "etcd": "3.6.5", "kubernetes": "v1.36.3", "haproxy": "3.0.11"},
		Evidence: []v1alpha1.DrillFile{
			{Name: "drill.json", Bytes: 8121, SHA256: strings.Repeat("0f1e2d3c", 8)},
			{Name: "history.jsonl.gz", Bytes: 5_120_331, SHA256: strings.Repeat("a1b2c3d4", 8)},
			{Name: "logs/etcd b (cp).log", Bytes: 81201, SHA256: strings.Repeat("99aa88bb", 8)},
		},
	}
}

func cutBetween() *v1alpha1.DrillReport {
	r := powerLoss()
	r.Verdict, r.Why = v1alpha1.DrillHolds, "Every expectation held: writes stopped for 0.2 s, none was lost."
	r.Fault, r.Zone, r.Zones, r.WorstCase, r.FaultSeconds = "partition", "a", []string{"a", "b"}, false, 120
	r.Checks = []v1alpha1.DrillCheck{
		check("before", "p99 of operations, ms", "at most 1000", "9", yes()),
		check("during", "longest time without a write, s", "at most 10", "0.2", yes()),
		check("after", "acknowledged writes lost", "0", "0 of 9,120", yes()),
	}
	r.Proof = []v1alpha1.DrillProof{{At: 0.1, Text: "no packet from a to b nor back; both reach c"}}
	r.APIGapSeconds, r.APIGapParts, r.APIGapLimit = 0.2, nil, ""
	r.Latency = latency(60, 120, 60, 0)
	r.AcknowledgedWrites, r.OperationsJudged = 9120, 81000
	r.Predictions = []v1alpha1.DrillPrediction{
		{What: "API writes stopped", PredictedSeconds: at(0), ObservedSeconds: at(0.2), ErrorSeconds: at(0.2), Agrees: yes()},
		{What: "nodes not ready", Agrees: yes(), Text: "every node reaches an API server"},
	}
	whole := perZone(2, 2, 2)
	r.Workloads = []v1alpha1.DrillWorkload{
		subject("Deployment", "web", whole, whole, whole, at(0), at(0)),
		subject("StatefulSet", "db", perZone(1, 1, 1), perZone(1, 1, 1), perZone(1, 1, 1), at(0), at(0)),
	}
	r.Services = []v1alpha1.DrillService{
		{Namespace: "shop", Name: "db", ReadyBefore: 3, ReadyLowest: 3, Halves: map[string]int{"a": 1, "b": 1}},
		{Namespace: "shop", Name: "web", ReadyBefore: 6, ReadyLowest: 6, Halves: map[string]int{"a": 2, "b": 2}},
	}
	r.Timeline = []v1alpha1.DrillEvent{
		{At: 0, Lane: "fault", Event: "injected", Message: "no packet passes between a and b"},
		{At: 0.1, Lane: "fault", Event: "confirmed", Message: "a does not reach b"},
		{At: 1.3, Lane: "etcd", Event: "leader", Zone: "c", Message: "c-cp, which both sides reach"},
		{At: 120, Lane: "fault", Event: "healed", Message: "by dead-man"},
		{At: 121.5, Lane: "fault", Event: "steady", Message: "all as before"},
	}
	r.HealedBy, r.SteadyAgainSeconds = "dead-man", at(1.5)
	r.Notes = []string{"the runner did not heal in time: the timer beside the cluster did"}
	return r
}

// undetermined was aborted; nothing shows that the fault took effect.
func undetermined() *v1alpha1.DrillReport {
	r := powerLoss()
	r.Verdict, r.Why = v1alpha1.DrillUndetermined, "The drill was ended after 20 s: nothing shows that the fault took effect."
	r.Aborted, r.FaultSeconds = "interrupted", 20
	r.Fault, r.Target = "machine-loss", "b-cp"
	r.Proof = nil
	r.Checks = []v1alpha1.DrillCheck{
		check("before", "p99 of operations, ms", "at most 1000", "9", yes()),
		check("during", "longest time without a write, s", "at most 10", "the fault is not confirmed", nil),
	}
	r.APIGapSeconds, r.APIGapParts, r.APIGapLimit, r.Paths, r.Latency = 0, nil, "", nil, nil
	r.Linearizable, r.LinearizableWhy, r.OperationsJudged = v1alpha1.LinearizabilityUnknown, "time ran out after 60 s", 0
	r.Predictions = []v1alpha1.DrillPrediction{{What: "nodes not ready", PredictedSeconds: at(88)}}
	web := subject("Deployment", "web", perZone(2, 2, 2), perZone(2, 2, 2), perZone(2, 2, 2), at(394), nil)
	web.WaitedSeconds, web.Agrees = 20, nil
	r.Workloads = []v1alpha1.DrillWorkload{web}
	r.Services, r.Timeline, r.Evidence = nil, nil, nil
	r.Healed, r.HealedBy, r.SteadyAgainSeconds = false, "", nil
	return r
}

// hostileDrill has markup, control characters and endless words everywhere.
func hostileDrill() *v1alpha1.DrillReport {
	r := powerLoss()
	long := strings.Repeat("very-long-name-", 16) + "end"
	bad := markup + "\x1b[31m\u202e|*_" + "`${x}`\n# heading"
	r.Why, r.Cluster, r.Fault, r.Target, r.Provider = bad, bad, bad+long, long, markup
	r.Zone, r.Aborted, r.APIGapLimit, r.LinearizableWhy = bad, bad+long, bad, bad
	r.AcknowledgedWritesLost, r.LostWrites = 7, []string{bad, long}
	r.Linearizable, r.HealedBy = v1alpha1.NotLinearizable, bad
	for i := range r.Checks {
		r.Checks[i].Name += bad + long
		r.Checks[i].Got, r.Checks[i].Want = bad, long
	}
	r.Checks[0].Phase = bad
	for i := range r.Proof {
		r.Proof[i].Text = bad + long
	}
	for i := range r.APIGapParts {
		r.APIGapParts[i].Name, r.APIGapParts[i].Text = bad, long
	}
	for i := range r.Paths {
		r.Paths[i].From, r.Paths[i].Via = bad, long
	}
	for i := range r.Predictions {
		r.Predictions[i].Text += bad + long
	}
	r.Predictions[1].What = bad + long
	for i := range r.Workloads {
		w := &r.Workloads[i]
		w.Text = bad + long
		w.Before = map[string]int{"a": 2, bad: 25, "長い名前の地域" + long: 1}
	}
	r.Workloads[1].Name, r.Workloads[2].Name, r.Workloads[3].Name = bad, strings.Repeat("データ", 30), strings.Repeat("W", 253)
	for i := range r.Services {
		r.Services[i].Name = bad + long
		r.Services[i].Halves = map[string]int{bad: 1, long: 2}
	}
	for i := range 300 {
		r.Timeline = append(r.Timeline, v1alpha1.DrillEvent{At: 930 + float64(i), Lane: fmt.Sprintf("Deployment shop/%s%d", bad, i%70), Event: "pod-ready", Zone: long, Count: 3, Message: bad})
	}
	r.Notes = []string{bad, long, strings.Repeat("長", 200)}
	r.Versions = map[string]string{"bulkhead": markup, bad: bad + long}
	for i := range r.Evidence {
		r.Evidence[i].Name = `](javascript:alert(1)) ` + bad
	}
	return r
}
