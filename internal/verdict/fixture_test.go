package verdict

import (
	"fmt"
	"testing"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

type (
	op   = v1alpha1.DrillOperation
	seen = v1alpha1.DrillObservation
)

// The phases of the drills that the tests make, in seconds.
const (
	steadyAt, injectedAt, healedAt, againAt, endedAt = 10.0, 100.0, 400.0, 420.0, 450.0
)

var web = v1alpha1.WorkloadRef{Kind: "Deployment", Namespace: "shop", Name: "web"}

// loss is a drill that takes zone a away: m1 with the virtual IP and etcd's leader,
// n1 with one of three replicas. Writes stop for 2 s. Everything is as expected.
func loss() Evidence {
	r := &v1alpha1.DrillRecord{
		Cluster: "test", Provider: "local", Fault: "zone", Zone: "a",
		AllZones:  []string{"a", "b", "c"},
		LostNodes: []string{"n1"}, LostMachines: []string{"m1"},
		Machines:     map[string]string{"m1": "a", "m2": "b", "m3": "c"},
		NodeZones:    map[string]string{"n1": "a", "n2": "b", "n3": "c"},
		AskedSeconds: 300, SteadyAt: steadyAt, InjectedAt: pointer(injectedAt), HealedAt: pointer(healedAt), SteadyAgainAt: pointer(againAt), EndedAt: endedAt,
		HealedBy: "runner",
		Hypothesis: v1alpha1.DrillHypothesis{
			SteadyP99Milliseconds: 100, SteadyFailedShare: 0.01, APIGapSeconds: pointer(30.0),
			RecoverySeconds: pointer(120.0), SteadyAgainSeconds: 60,
		},
		Predicted: v1alpha1.DrillPredicted{
			APIGapSeconds: pointer(3.0),
			Scenario: &v1alpha1.Scenario{
				Workloads: []v1alpha1.WorkloadOutcome{{WorkloadRef: web, RecoverySeconds: pointer(91.0)}},
				Timeline: []v1alpha1.Event{
					{At: 40, Event: "nodes-not-ready"}, {At: 40, Event: "endpoints-removed"}, {At: 85, Event: "pods-created"},
				},
			},
		},
		Workloads: []v1alpha1.DrillSubject{{WorkloadRef: web, Replicas: 3, MinAvailable: 2}},
		Services:  []v1alpha1.DrillSubject{{WorkloadRef: v1alpha1.WorkloadRef{Kind: "Service", Namespace: "shop", Name: "web"}}},
		FinalKeys: []string{},
	}
	e := Evidence{Record: r}
	for i, t := 0, 5.0; t < 440; i, t = i+1, t+0.5 {
		for _, via := range []string{"vip", "m2", "m3"} {
			write := op{From: "outside", Via: via, Kind: "write", Key: via, Value: fmt.Sprint(i), Intended: t, Start: t, End: t + 0.01, Outcome: "ok", Version: fmt.Sprint(100 + i)}
			read := op{From: "outside", Via: via, Kind: "read", Key: via, Value: fmt.Sprint(i), Intended: t + 0.02, Start: t + 0.02, End: t + 0.03, Outcome: "ok", Version: fmt.Sprint(100 + i)}
			if t >= 100 && t < 102 {
				write.Outcome, write.Version, write.Error = "failed", "", "connection refused"
				read.Outcome, read.Value, read.Version = "unknown", "", ""
			}
			e.Operations = append(e.Operations, write, read)
		}
	}
	pod := func(at float64, name, node string, ready bool) seen {
		return seen{At: at, Kind: "pod", Object: "shop/" + name, Workload: "Deployment shop/web", Where: node, Ready: ready}
	}
	gone := pod(146, "web-1", "n1", true)
	gone.Terminating = true
	e.Observations = []seen{
		pod(0, "web-1", "n1", true), pod(0, "web-2", "n2", true), pod(0, "web-3", "n3", true),
		{Kind: "node", Object: "n1", Ready: true}, {Kind: "node", Object: "n2", Ready: true}, {Kind: "node", Object: "n3", Ready: true},
		{Kind: "endpoints", Object: "shop/web", Endpoints: []string{"n1", "n2", "n3"}},
		{Kind: "vip", Object: "vip", Where: "m1"}, {Kind: "leader", Object: "etcd", Where: "m1"},
		{Kind: "server", Object: "m1", Where: "m2", Ready: true}, {Kind: "server", Object: "m1", Where: "m3", Ready: true},
		{At: 100.2, Kind: "proof", Object: "m1", Ready: true, Text: "m1 answers no ping"},
		{At: 101.1, Kind: "server", Object: "m1", Where: "m2"}, {At: 101.4, Kind: "server", Object: "m1", Where: "m3"},
		{At: 100.9, Kind: "vip", Object: "vip", Where: "m2"},
		{At: 101.2, Kind: "leader", Object: "etcd"}, {At: 101.95, Kind: "leader", Object: "etcd", Where: "m3"},
		{At: 141, Kind: "node", Object: "n1", Taints: []string{"node.kubernetes.io/unreachable:NoExecute"}},
		{At: 141.2, Kind: "endpoints", Object: "shop/web", Endpoints: []string{"n2", "n3"}},
		pod(145.9, "web-4", "n2", false), gone, pod(189, "web-4", "n2", true),
		{At: 192, Kind: "endpoints", Object: "shop/web", Endpoints: []string{"n2", "n2", "n3"}},
		{At: 405, Kind: "node", Object: "n1", Ready: true},
	}
	return e
}

func judge(t *testing.T, e Evidence) *v1alpha1.DrillReport {
	t.Helper()
	r, err := Judge(e, 0)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// holds is true, false or null.
func holds(b *bool) string {
	if b == nil {
		return "null"
	}
	return fmt.Sprint(*b)
}

func number(v *float64) string {
	if v == nil {
		return "null"
	}
	return fmt.Sprint(*v)
}
