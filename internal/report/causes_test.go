package report

import (
	"fmt"
	"testing"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"github.com/google/go-cmp/cmp"
)

// told lists causes as "code: holders".
func told(r *v1alpha1.SimulationReport) []string {
	var out []string
	for _, c := range causesOf(r, fates(r), namesOf(r)) {
		text := fmt.Sprintf("%s %s:", c.verdict, c.reason.Code)
		for _, h := range c.holds {
			text += fmt.Sprintf(" %s%v", h.name, h.labels)
		}
		out = append(out, text+fmt.Sprint(c.remedies))
	}
	return out
}

func hit(name string, v v1alpha1.Verdict, rs ...v1alpha1.Reason) v1alpha1.WorkloadOutcome {
	return v1alpha1.WorkloadOutcome{WorkloadRef: v1alpha1.WorkloadRef{Kind: "Deployment", Namespace: "shop", Name: name}, Replicas: 3, Lost: 1, Verdict: v, Reasons: rs}
}

func TestCausesAreToldOnce(t *testing.T) {
	blocked := func(text, remedy string) v1alpha1.Reason {
		return v1alpha1.Reason{Code: "unschedulable", Plugin: "PodTopologySpread", Message: text, Remedy: remedy}
	}
	scenario := func(z string, ws ...v1alpha1.WorkloadOutcome) v1alpha1.Scenario {
		s := v1alpha1.Scenario{Failure: v1alpha1.Failure{Zones: []string{z}, Nodes: []string{z + "-1"}}, Workloads: ws}
		for _, w := range ws {
			s.Verdict = s.Verdict.Worse(w.Verdict)
		}
		return s
	}
	r := &v1alpha1.SimulationReport{
		Input: v1alpha1.Input{Zones: []string{"a", "b", "c"}},
		Scenarios: []v1alpha1.Scenario{
			scenario("a",
				hit("web", v1alpha1.Degraded, blocked("0 of 6 nodes: zone a counts with 0 pods; a node a-1 holds web-0 after 50s", "deleting a's node objects")),
				hit("api", v1alpha1.Degraded, blocked("0 of 6 nodes: too little cpu", "1 more node"))),
			scenario("b",
				hit("web", v1alpha1.Degraded, blocked("0 of 6 nodes: zone b counts with 0 pods; a node b-1 holds web-2 after 1m 5s", "deleting b's node objects · nodeTaintsPolicy: Honor")),
				hit("cart", v1alpha1.Outage)),
		},
	}
	want := []string{
		"outage outage: cart[b][]",
		"degraded unschedulable: web[b a][deleting b's node objects nodeTaintsPolicy: Honor]",
		"degraded unschedulable: api[a][1 more node]",
	}
	if diff := cmp.Diff(want, told(r)); diff != "" {
		t.Error(diff)
	}
}

// What a time adds up from does not make another cause, what blocks does.
func TestCausesDifferByWhatBlocks(t *testing.T) {
	single := func(sum string) v1alpha1.Reason {
		return v1alpha1.Reason{Code: "below-minimum", Message: "1 replica: nothing serves for " + sum}
	}
	r := &v1alpha1.SimulationReport{
		Input: v1alpha1.Input{Zones: []string{"a"}},
		Scenarios: []v1alpha1.Scenario{{Failure: v1alpha1.Failure{Zones: []string{"a"}}, Verdict: v1alpha1.Outage, Workloads: []v1alpha1.WorkloadOutcome{
			hit("ads", v1alpha1.Outage, single("6m 8s = 50s not ready + 10s eviction queue + 5m toleration")),
			hit("cart", v1alpha1.Outage, single("5m 58s = 50s not ready + 5m toleration")),
			hit("db", v1alpha1.Outage, v1alpha1.Reason{Code: "below-minimum", Message: "1 replica: nothing serves for as long as the failure lasts"}),
		}}},
	}
	want := []string{
		"outage below-minimum: ads[a] cart[a][]",
		"outage below-minimum: db[a][]",
	}
	if diff := cmp.Diff(want, told(r)); diff != "" {
		t.Error(diff)
	}
}
