package plan_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/plan"
)

// run holds every setting in seconds, Kubernetes' defaults where t has none.
type run struct {
	toleration, rate, grace, period, lease, timeout, leaderLease, deadline, retry float64
}

func runOf(t *v1alpha1.PlannedTimings) run {
	r := run{300, 0.1, 50, 5, 40, 10, 15, 10, 2}
	if t == nil {
		return r
	}
	set := func(to *float64, d *metav1.Duration) {
		if d != nil {
			*to = d.Seconds()
		}
	}
	set(&r.grace, t.NodeMonitorGracePeriod)
	set(&r.period, t.NodeMonitorPeriod)
	set(&r.timeout, t.NodeStatusUpdateFrequency)
	set(&r.leaderLease, t.LeaderLeaseDuration)
	set(&r.deadline, t.LeaderRenewDeadline)
	set(&r.retry, t.LeaderRetryPeriod)
	if t.DefaultTolerationSeconds != nil {
		r.toleration = float64(*t.DefaultTolerationSeconds)
	}
	if t.NodeEvictionRate != nil {
		r.rate = *t.NodeEvictionRate
	}
	if t.NodeLeaseSeconds != 0 {
		r.lease = float64(t.NodeLeaseSeconds)
	}
	return r
}

// worst is the recovery with the leader lost: lease, retry, 6 s of start and a look,
// then grace, queue, toleration and 8 s of a pod's start.
func (r run) worst(nodes int) float64 {
	return r.leaderLease + r.retry + 6 + r.period + r.grace + float64(nodes-1)/r.rate + r.toleration + 8
}

// String is what differs from the defaults.
func (r run) String() string {
	d, out := runOf(nil), ""
	add := func(differs bool, format string, args ...any) {
		if differs {
			out += fmt.Sprintf(format, args...)
		}
	}
	add(r.toleration != d.toleration, "toleration %g ", r.toleration)
	add(r.rate != d.rate, "rate %g ", r.rate)
	add(r.grace != d.grace, "grace %g/%g lease %g/%g ", r.grace, r.period, r.lease, r.timeout)
	add(r.leaderLease != d.leaderLease, "leader %g/%g/%g ", r.leaderLease, r.deadline, r.retry)
	return out
}

func TestTune(t *testing.T) {
	const fastest = "toleration 10 rate 10 grace 16/2 lease 16/4 leader 8/6/1 "
	for _, test := range []struct {
		asked time.Duration
		nodes int
		want  string
		worst float64
	}{
		{10 * time.Minute, 3, "", 406},
		{10 * time.Minute, 10, "", 476},
		{10 * time.Minute, 22, "", 596},
		{10 * time.Minute, 23, "toleration 120 ", 426},
		{406 * time.Second, 3, "", 406},
		{405 * time.Second, 3, "toleration 120 ", 226},
		{5 * time.Minute, 1, "toleration 120 ", 206},
		{5 * time.Minute, 3, "toleration 120 ", 226},
		{5 * time.Minute, 10, "toleration 60 ", 236},
		{2 * time.Minute, 1, "toleration 10 ", 96},
		{2 * time.Minute, 3, "toleration 10 rate 1 ", 98},
		{2 * time.Minute, 10, "toleration 10 rate 1 ", 105},
		{90 * time.Second, 3, "toleration 10 rate 10 grace 30/5 lease 24/6 ", 76.2},
		{time.Minute, 3, fastest, 51.2},
		{time.Minute, 4, fastest, 51.3},
		{time.Minute, 10, fastest, 51.9},
		// A lone node has no queue, and its rate is left alone.
		{time.Minute, 1, "toleration 10 grace 16/2 lease 16/4 leader 8/6/1 ", 51},
		// Less than any setting gives.
		{20 * time.Second, 3, fastest, 51.2},
		{time.Minute, 333, fastest, 84.2},
		// The queue of many nodes is shortened before the toleration.
		{10 * time.Minute, 100, "rate 1 ", 485},
		{20 * time.Minute, 333, "rate 1 ", 718},
		{8 * time.Minute, 333, "rate 10 ", 419.2},
	} {
		got := runOf(plan.Tune(test.asked.Seconds(), test.nodes))
		if got.String() != test.want {
			t.Errorf("%s, %d nodes: %q, want %q", test.asked, test.nodes, got, test.want)
		}
		if diff := got.worst(test.nodes) - test.worst; diff < -0.01 || diff > 0.01 {
			t.Errorf("%s, %d nodes: %g s with the leader lost, want %g", test.asked, test.nodes, got.worst(test.nodes), test.worst)
		}
	}
}

// TestTuneHolds: whatever is asked for, every component takes the settings, a shorter
// objective never gives slower ones, and the objective is met where any settings do.
func TestTuneHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nodes := rapid.OneOf(rapid.IntRange(1, 40), rapid.IntRange(1, 5000)).Draw(t, "nodes")
		asked := rapid.OneOf(rapid.Float64Range(1, 700), rapid.Float64Range(1, 100000)).Draw(t, "asked")
		r := runOf(plan.Tune(asked, nodes))
		switch {
		case r.leaderLease <= r.deadline || r.deadline <= 1.2*r.retry || r.retry <= 0:
			t.Fatalf("leader election refuses %+v", r)
		case r.grace < 2*r.lease/4+r.period || r.grace < r.lease/4+2*r.timeout+r.period:
			t.Fatalf("a late heartbeat makes nodes NotReady: %+v", r)
		case r.grace < 16 || r.toleration < 10 || r.rate > 10 || r.rate < 0.1:
			t.Fatalf("below the floor: %+v", r)
		case r.timeout > r.lease:
			t.Fatalf("heartbeats wait longer than the lease: %+v", r)
		}
		fastest := runOf(plan.Tune(0, nodes))
		if r.worst(nodes) > asked && (fastest.worst(nodes) <= asked || r != fastest) {
			t.Fatalf("%g s asked, %g s given, %g s possible", asked, r.worst(nodes), fastest.worst(nodes))
		}
		shorter := runOf(plan.Tune(rapid.Float64Range(0, asked).Draw(t, "shorter"), nodes))
		a := []float64{shorter.toleration, -shorter.rate, shorter.grace, shorter.period, shorter.lease, shorter.timeout, shorter.leaderLease, shorter.deadline, shorter.retry}
		b := []float64{r.toleration, -r.rate, r.grace, r.period, r.lease, r.timeout, r.leaderLease, r.deadline, r.retry}
		for i := range a {
			if a[i] > b[i] {
				t.Fatalf("asked for less, slower: %+v, then %+v", r, shorter)
			}
		}
	})
}

// TestFlags: what the components are given.
func TestFlags(t *testing.T) {
	p := &v1alpha1.ClusterPlan{Timings: plan.Tune(60, 4)}
	leader := []plan.Flag{{Name: "leader-elect-lease-duration", Value: "8s"}, {Name: "leader-elect-renew-deadline", Value: "6s"}, {Name: "leader-elect-retry-period", Value: "1s"}}
	client := append([]plan.Flag{{Name: "kube-api-qps", Value: "1200"}, {Name: "kube-api-burst", Value: "1800"}}, leader...)
	for component, want := range map[plan.Component][]plan.Flag{
		plan.APIServer: {{Name: "default-not-ready-toleration-seconds", Value: "10"}, {Name: "default-unreachable-toleration-seconds", Value: "10"}},
		plan.ControllerManager: append([]plan.Flag{
			{Name: "node-monitor-grace-period", Value: "16s"}, {Name: "node-monitor-period", Value: "2s"}, {Name: "node-eviction-rate", Value: "10"},
		}, client...),
		plan.Scheduler: client,
	} {
		if diff := cmp.Diff(want, plan.Flags(p, component)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", component, diff)
		}
		if got := plan.Flags(&v1alpha1.ClusterPlan{}, component); got != nil {
			t.Errorf("%s: defaults are flags: %v", component, got)
		}
	}
	if got := plan.NodeLeaseSeconds(p); got != 16 {
		t.Errorf("lease %d, want 16", got)
	}
	if got := plan.NodeLeaseSeconds(&v1alpha1.ClusterPlan{}); got != 40 {
		t.Errorf("lease %d by default, want 40", got)
	}
}
