package report_test

import (
	"fmt"
	"maps"
	"strings"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// samples are the reports that every format is tested with.
func samples() map[string]*v1alpha1.SimulationReport {
	return map[string]*v1alpha1.SimulationReport{
		"shop":      shop(),
		"calm":      calm(),
		"partition": partitioned(),
		"nodes":     manyNodes(300),
		"hostile":   hostile(),
		"empty":     {},
	}
}

func at(seconds float64) *float64 { return &seconds }

func ref(kind, name string) v1alpha1.WorkloadRef {
	return v1alpha1.WorkloadRef{Kind: kind, Namespace: "shop", Name: name}
}

func perZone(a, b, c int) map[string]int {
	m := map[string]int{}
	for z, n := range map[string]int{"a": a, "b": b, "c": c} {
		if n > 0 {
			m[z] = n
		}
	}
	return m
}

func roomOf(cpu float64, memory string) v1alpha1.Room {
	return v1alpha1.Room{CPU: cpu, Memory: resource.MustParse(memory)}
}

func terms(total float64) []v1alpha1.Term {
	return []v1alpha1.Term{
		{Name: "not ready", Seconds: 50},
		{Name: "toleration", Seconds: 300},
		{Name: "eviction queue", Seconds: total - 358},
		{Name: "schedule and start", Seconds: 8},
	}
}

// untouched is a workload that lost nothing.
func untouched(kind, name string, before map[string]int) v1alpha1.WorkloadOutcome {
	n := 0
	for _, v := range before {
		n += v
	}
	return v1alpha1.WorkloadOutcome{
		WorkloadRef: ref(kind, name), Replicas: n, MinAvailable: 1, MinAvailableFrom: "default",
		Before: before, After: before, Lowest: n,
		OutageSeconds: at(0), RecoverySeconds: at(0), Verdict: v1alpha1.Survives,
	}
}

// back is a workload that lost pods and has them all again after a time.
func back(kind, name string, before, after map[string]int, lost int, seconds float64) v1alpha1.WorkloadOutcome {
	w := untouched(kind, name, before)
	w.After, w.Lost, w.Lowest, w.PlacedAgain = after, lost, w.Replicas-lost, lost
	w.RecoverySeconds, w.RecoveryTerms = at(seconds), terms(seconds)
	return w
}

func input() v1alpha1.Input {
	return v1alpha1.Input{
		Zones: []string{"a", "b", "c"}, Nodes: 9, Pods: 34, Workloads: 11,
		NodeSource: "virtual: 4 cpu, 16Gi each", NodesPerZone: perZone(3, 3, 3),
		NotConsidered: []v1alpha1.KindCount{{Kind: "Certificate", Count: 1}, {Kind: "ServiceMonitor", Count: 3}},
	}
}

func shop() *v1alpha1.SimulationReport {
	r := &v1alpha1.SimulationReport{
		Verdict: v1alpha1.Outage, Input: input(), DeadNodes: "keep", RecoveryTimeSeconds: 600,
		ExtraNodes: map[string]int{"b": 1},
		Timings: []v1alpha1.Timing{
			{Name: "nodeMonitorGracePeriod", Value: 50, Unit: "s", Source: "pkg/controller/nodelifecycle, --node-monitor-grace-period"},
			{Name: "defaultTolerationSeconds", Value: 300, Unit: "s", Source: "plugin/pkg/admission/defaulttolerationseconds"},
			{Name: "nodeEvictionRate", Value: 0.1, Unit: "nodes/s", Source: "node_lifecycle_controller.go, --node-eviction-rate"},
			{Name: "podStart", Value: 8, Unit: "s", Source: "timings.yaml", Changed: true},
		},
		Assumptions: []string{
			"the class \"standard\" of 3 claims is not in the input: taken as zonal",
			"the controller-manager's leader stands in the lost zone",
			"images are on every node",
			"readiness follows 8s after a pod is placed",
			"the HorizontalPodAutoscaler of worker holds 6 replicas",
		},
		Warnings: []string{"shop/web.yaml:14: Service shop/web: spec.topologyKeys is gone since 1.22, ignored"},
		Versions: v1alpha1.Versions{Bulkhead: "v0.1.0", Kubernetes: "v1.36.3"},
		Engine:   v1alpha1.Engine{Name: "fast", Cycles: 1200, Checked: 3},
	}
	web := perZone(2, 2, 2)
	base := func() []v1alpha1.WorkloadOutcome {
		return []v1alpha1.WorkloadOutcome{
			untouched("DaemonSet", "log-agent", perZone(3, 3, 3)),
			untouched("Deployment", "api", perZone(1, 0, 0)),
			untouched("Deployment", "cart", perZone(0, 1, 1)),
			untouched("Deployment", "web", web),
			untouched("Deployment", "worker", perZone(2, 2, 2)),
			untouched("Job", "nightly-report", perZone(0, 0, 1)),
			untouched("StatefulSet", "cache", perZone(1, 1, 1)),
			untouched("StatefulSet", "db", perZone(1, 1, 1)),
			untouched("StatefulSet", "queue", perZone(1, 1, 1)),
		}
	}

	a := lose(base(), "a", v1alpha1.Degraded)
	a[1] = back("Deployment", "api", perZone(1, 0, 0), perZone(0, 1, 0), 1, 358)
	a[1].Verdict, a[1].OutageSeconds, a[1].Lowest = v1alpha1.Outage, at(358), 0
	a[1].Reasons = []v1alpha1.Reason{{Code: "single-replica", Message: "1 replica: nothing serves between the loss and 5m 58s", Pods: 1, Remedy: "2 replicas in 2 zones"}}
	a[3] = back("Deployment", "web", web, perZone(0, 3, 3), 2, 358)
	a[4] = back("Deployment", "worker", web, perZone(0, 3, 3), 2, 388)
	a[6].DataLost = []v1alpha1.DataLost{{Kind: "emptyDir", Name: "data", Pods: 1}}
	a[7].MinAvailable, a[7].MinAvailableFrom = 3, "PodDisruptionBudget db"
	a[7].Verdict, a[7].OutageSeconds = v1alpha1.Outage, nil

	b := lose(base(), "b", v1alpha1.Degraded)
	b[2] = back("Deployment", "cart", perZone(0, 1, 1), perZone(1, 0, 1), 1, 358)
	b[3] = back("Deployment", "web", web, perZone(3, 0, 3), 2, 368)
	b[4] = back("Deployment", "worker", web, perZone(3, 0, 2), 2, 388)
	b[4].RecoverySeconds, b[4].RecoveryTerms, b[4].Verdict = nil, nil, v1alpha1.Degraded
	b[4].PlacedAgain, b[4].Pending = 1, 1
	b[4].Reasons = []v1alpha1.Reason{{
		Code: "unschedulable", Plugin: "PodTopologySpread", Pods: 1, Nodes: 6,
		Message: "0 of 6 nodes: zone b still counts with 0 pods (hard spread, maxSkew 1)",
		Remedy:  "nodeTaintsPolicy: Honor · deleting b's node objects",
	}}
	b[6].DataLost = []v1alpha1.DataLost{{Kind: "emptyDir", Name: "data", Pods: 1}}

	c := lose(base(), "c", v1alpha1.Survives)
	c[2] = back("Deployment", "cart", perZone(0, 1, 1), perZone(1, 1, 0), 1, 358)
	c[3] = back("Deployment", "web", web, perZone(3, 3, 0), 2, 358)
	c[4] = back("Deployment", "worker", web, perZone(3, 3, 0), 2, 358)
	c[5] = back("Job", "nightly-report", perZone(0, 0, 1), perZone(1, 0, 0), 1, 358)

	free := func(zones ...string) map[string]v1alpha1.Room {
		m := map[string]v1alpha1.Room{}
		for i, z := range zones {
			m[z] = roomOf(6.1-0.7*float64(i), "19.5Gi")
		}
		return m
	}
	r.Scenarios = []v1alpha1.Scenario{
		zoneLoss("a", v1alpha1.Outage, a, v1alpha1.Capacity{Lost: roomOf(12, "48Gi"), Needed: roomOf(9.5, "31Gi"), Free: free("b", "c"), ExtraNodes: map[string]int{"b": 1}}),
		zoneLoss("b", v1alpha1.Degraded, b, v1alpha1.Capacity{Lost: roomOf(12, "48Gi"), Needed: roomOf(7, "22Gi"), Free: free("a", "c"), ExtraNodes: map[string]int{}}),
		zoneLoss("c", v1alpha1.Survives, c, v1alpha1.Capacity{Lost: roomOf(12, "48Gi"), Needed: roomOf(6.25, "20Gi"), Free: free("a", "b"), ExtraNodes: map[string]int{}}),
	}
	s := &r.Scenarios[0]
	s.OtherWorld = []v1alpha1.WorldDifference{{
		WorkloadRef: ref("StatefulSet", "db"), World: "delete", Verdict: v1alpha1.Degraded, RecoverySeconds: at(123),
		Why: "the pod's object goes with its node's; the volume is regional",
	}}
	s.Services = []v1alpha1.ServiceOutcome{
		{
			Namespace: "shop", Name: "api", ReadyBefore: 1, ReadyLowest: 0, ReadyAfter: 1, Policy: "",
			Shares: []v1alpha1.Share{{Pods: 1, Share: 1}}, WorstShare: 1, Overload: 1, FailingShare: 1, FailingSeconds: at(43),
		},
		{
			Namespace: "shop", Name: "web", ReadyBefore: 6, ReadyLowest: 4, ReadyAfter: 6, Policy: "externalTrafficPolicy Local",
			Shares: []v1alpha1.Share{{Pods: 1, Share: 0.5}, {Pods: 3, Share: 0.17}}, WorstShare: 0.5, Overload: 1.9, FailingShare: 0.34, FailingSeconds: at(43),
		},
	}
	return r
}

// lose takes the pods of zone z from the DaemonSets and StatefulSets of ws; v
// is the verdict on the latter.
func lose(ws []v1alpha1.WorkloadOutcome, z string, v v1alpha1.Verdict) []v1alpha1.WorkloadOutcome {
	for i, w := range ws {
		after := maps.Clone(w.Before)
		delete(after, z)
		switch w.Kind {
		case "DaemonSet":
			ws[i] = back(w.Kind, w.Name, w.Before, after, w.Before[z], 0)
			ws[i].RecoveryTerms, ws[i].PlacedAgain = nil, 0
		case "StatefulSet":
			ws[i] = lostMember(w.Name, z, after)
			ws[i].Verdict = v
		}
	}
	return ws
}

// lostMember is a StatefulSet of three that waits for its dead pod.
func lostMember(name, zone string, after map[string]int) v1alpha1.WorkloadOutcome {
	w := untouched("StatefulSet", name, perZone(1, 1, 1))
	w.After, w.Lost, w.Lowest, w.NotCreated, w.StuckTerminating = after, 1, 2, 1, 1
	w.RecoverySeconds, w.Verdict = nil, v1alpha1.Degraded
	w.Reasons = []v1alpha1.Reason{{
		Code: "statefulset-waits", Pods: 1,
		Message: fmt.Sprintf("StatefulSet shop/%s waits: node %s-1 is gone, its object is not, so the pod stays Terminating. Its volume lives in zone %s as well.", name, zone, zone),
		Remedy:  "the zone's return · out-of-service taint and a regional volume",
	}}
	return w
}

func zoneLoss(z string, v v1alpha1.Verdict, ws []v1alpha1.WorkloadOutcome, c v1alpha1.Capacity) v1alpha1.Scenario {
	return v1alpha1.Scenario{
		Name:    "zone-" + z,
		Failure: v1alpha1.Failure{Zones: []string{z}, Nodes: []string{z + "-1", z + "-2", z + "-3"}},
		Verdict: v, Workloads: ws, Capacity: c, SettledSeconds: 700,
		Timeline: []v1alpha1.Event{
			{At: 0, Event: "failure", Zone: z, Count: 3},
			{At: 43, Event: "endpoints-removed", Zone: z, Count: 9},
			{At: 50, Event: "nodes-not-ready", Zone: z, Count: 3},
			{At: 350, Event: "evictions-begin", Zone: z},
			{At: 370, Event: "evictions-end", Zone: z, Count: 3},
			{At: 358, Event: "full-count", Workload: "Deployment shop/web"},
			{At: 700, Event: "settled"},
		},
	}
}

// calm is a report with nothing to complain about.
func calm() *v1alpha1.SimulationReport {
	r := &v1alpha1.SimulationReport{
		Verdict: v1alpha1.Survives, Input: input(), DeadNodes: "keep", RecoveryTimeSeconds: 600,
		ExtraNodes: map[string]int{}, Versions: v1alpha1.Versions{Bulkhead: "v0.1.0", Kubernetes: "v1.36.3"},
		Engine: v1alpha1.Engine{Name: "exact", Cycles: 40},
	}
	r.Input.NotConsidered = nil
	for _, z := range []string{"a", "b", "c"} {
		ws := []v1alpha1.WorkloadOutcome{untouched("Deployment", "api", perZone(2, 2, 2)), back("Deployment", "web", perZone(2, 2, 2), perZone(2, 2, 2), 2, 358)}
		delete(ws[1].After, z)
		for other := range ws[1].After {
			ws[1].After[other] = 3
		}
		r.Scenarios = append(r.Scenarios, zoneLoss(z, v1alpha1.Survives, ws, v1alpha1.Capacity{Lost: roomOf(12, "48Gi"), Needed: roomOf(3, "6Gi"), ExtraNodes: map[string]int{}}))
	}
	return r
}

// partitioned is a partition with halves, two of three zones.
func partitioned() *v1alpha1.SimulationReport {
	db := untouched("StatefulSet", "db", perZone(1, 1, 1))
	db.Halves = map[string]int{"a": 1, "b": 1}
	db.Verdict = v1alpha1.Undetermined
	db.Reasons = []v1alpha1.Reason{{Code: "two-halves", Message: "members stand on both sides of the partition: which half goes on is the application's matter", Pods: 2, Remedy: "a quorum of three zones"}}
	return &v1alpha1.SimulationReport{
		Verdict: v1alpha1.Undetermined, Input: input(), DeadNodes: "keep", RecoveryTimeSeconds: 600,
		Scenarios: []v1alpha1.Scenario{{
			Name: "partition-a-b", Failure: v1alpha1.Failure{Partition: []string{"a", "b"}}, Verdict: v1alpha1.Undetermined,
			Workloads: []v1alpha1.WorkloadOutcome{untouched("Deployment", "api", perZone(1, 0, 1)), db},
			Services: []v1alpha1.ServiceOutcome{{
				Namespace: "shop", Name: "db", ReadyBefore: 3, ReadyLowest: 3, ReadyAfter: 3,
				Shares: []v1alpha1.Share{{Pods: 3, Share: 0.33}}, WorstShare: 0.33, Overload: 1,
				FailingShare: 0.22, FailingSeconds: nil, Halves: map[string]int{"a": 1, "b": 1},
			}},
			Timeline: []v1alpha1.Event{{At: 0, Event: "failure"}, {At: 0, Event: "settled"}},
		}},
	}
}

// manyNodes loses n nodes in turn.
func manyNodes(n int) *v1alpha1.SimulationReport {
	r := &v1alpha1.SimulationReport{Verdict: v1alpha1.Outage, Input: input(), DeadNodes: "keep", RecoveryTimeSeconds: 600}
	r.Input.Nodes, r.Input.Workloads, r.Input.Pods = n, 40, 40*6
	r.Input.NodesPerZone = perZone(n/3, n/3, n-2*(n/3))
	for i := range n {
		node := fmt.Sprintf("%s-node-%03d", []string{"a", "b", "c"}[i%3], i)
		var ws []v1alpha1.WorkloadOutcome
		s := v1alpha1.Scenario{
			Name: "node-" + node, Failure: v1alpha1.Failure{Nodes: []string{node}}, Verdict: v1alpha1.Survives, SettledSeconds: 360,
			Timeline: []v1alpha1.Event{{At: 0, Event: "failure", Zone: []string{"a", "b", "c"}[i%3], Count: 1}},
		}
		for k := range 40 {
			w := untouched("Deployment", fmt.Sprintf("svc-%02d", k), perZone(2, 2, 2))
			if k == i%40 {
				w = back("Deployment", w.Name, perZone(2, 2, 2), perZone(2, 2, 2), 1, 358)
				switch {
				case i%7 == 0:
					w.Verdict, w.OutageSeconds, w.Lowest, w.MinAvailable = v1alpha1.Outage, at(358), 5, 6
				case i%5 == 0:
					w.Verdict, w.RecoverySeconds, w.RecoveryTerms = v1alpha1.Degraded, nil, nil
					w.PlacedAgain, w.Pending = 0, 1
					w.Reasons = []v1alpha1.Reason{{
						Code: "unschedulable", Plugin: "NodeResourcesFit", Pods: 1, Nodes: n - 1,
						Message: fmt.Sprintf("0 of %d nodes: %d have too little cpu", n-1, n-1-i%3), Remedy: "1 more node in zone a",
					}}
				}
			}
			s.Verdict = s.Verdict.Worse(w.Verdict)
			ws = append(ws, w)
		}
		s.Workloads = ws
		r.Scenarios = append(r.Scenarios, s)
	}
	return r
}

const markup = `<script>window.hacked=1</script><img src=x onerror="window.hacked=1">"'&`

// hostile has markup, control characters, endless words and wide letters where
// a report can hold text.
func hostile() *v1alpha1.SimulationReport {
	r := shop()
	long := strings.Repeat("very-long-name-", 16) + "end"
	r.Input.Zones = []string{"a", "b", "c", markup}
	r.Input.NodeSource = "\x1b[31mred\x1b[0m " + markup
	r.Assumptions = append([]string{markup + strings.Repeat("x", 400), "right\u202eto left", "線路の長い名前" + strings.Repeat("長", 60)}, r.Assumptions...)
	for i := range r.Scenarios {
		s := &r.Scenarios[i]
		s.Workloads[1].Name = markup
		s.Workloads[3].Name = long
		s.Workloads[7].Name = strings.Repeat("データ", 30)
		s.Workloads[4].Name = strings.Repeat("W", 253)
		for k := range s.Workloads {
			for j := range s.Workloads[k].Reasons {
				s.Workloads[k].Reasons[j].Message += " " + markup + long
				s.Workloads[k].Reasons[j].Remedy += " · " + markup
			}
		}
		for k := range s.Services {
			s.Services[k].Name, s.Services[k].Policy = long, markup
		}
		s.Timeline[1].Message = markup + long
	}
	r.BeforeFailure = []v1alpha1.PendingWorkload{{
		WorkloadRef: ref("Deployment", long), Pending: 2, Replicas: 3,
		Reasons: []v1alpha1.Reason{{Code: "unschedulable", Message: "0 of 9 nodes " + markup, Remedy: markup}},
	}}
	r.Versions.Bulkhead = markup
	return r
}
