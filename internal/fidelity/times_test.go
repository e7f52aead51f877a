//go:build linux

package fidelity_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/fidelity"
	"bulkhead.dev/bulkhead/internal/kubesched/apiserver"
	"bulkhead.dev/bulkhead/internal/simulate"
	"bulkhead.dev/bulkhead/internal/snapshot"
	"bulkhead.dev/bulkhead/internal/testkit/controlplane"
)

var times = flag.Bool("times", false, "compare the time axis, in default timings: takes a quarter of an hour")

// podStart is what kwok takes to start a pod, with scheduling, rounded up.
const podStart = 1.0

// TestTimes loses a zone in default timings, at three sizes at the same time: they
// mostly wait.
func TestTimes(t *testing.T) {
	if !*times {
		t.Skip("make fidelity runs it")
	}
	for _, size := range []int{3, 10, 30} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			r := loseZone(t, size)
			text, err := json.MarshalIndent(r, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%s", text)
			if err := os.MkdirAll(*folder, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(*folder, fmt.Sprintf("times-%02d.json", size)), text, 0o644); err != nil {
				t.Fatal(err)
			}
			p, o := r.Predicted, r.Observed
			for _, c := range []struct {
				what                string
				predicted, observed *float64
			}{
				{"first NotReady", p.FirstNotReady, o.FirstNotReady}, {"last NotReady", p.LastNotReady, o.LastNotReady},
				{"first eviction", p.FirstEviction, o.FirstEviction}, {"last eviction", p.LastEviction, o.LastEviction},
				{"full count", p.FullCount, o.FullCount},
			} {
				if !fidelity.Within(c.predicted, c.observed) {
					t.Errorf("%s: predicted %s, observed %s", c.what, show(c.predicted), show(c.observed))
				}
			}
		})
	}
}

func show(seconds *float64) string {
	if seconds == nil {
		return "never"
	}
	return fmt.Sprintf("%.1f s", *seconds)
}

// loseZone plays the loss of a zone with so many nodes, and two pods on each.
func loseZone(t *testing.T, size int) *fidelity.TimesResult {
	zones := []string{"a", "b", "c"}
	cp := controlplane.Start(t, controlplane.Options{Zones: zones})
	r := newRig(t, cp)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	rec, err := fidelity.NewRecorder(ctx, r.clients)
	must(err)
	defer rec.Close()
	nodes, web := timesCluster(zones, size)
	must(r.create(ctx, nodes))
	must(rec.Await(ctx, "all nodes are usable", time.Second, func(s fidelity.State) bool { return len(s.Nodes) == len(nodes) && allUsable(s) }))
	must(r.create(ctx, web))
	pods := 6 * size
	must(rec.Await(ctx, "all pods run", 15*time.Second, func(s fidelity.State) bool {
		return len(s.Pods) == pods && allUsable(s) && allServe(s)
	}))
	cluster, err := snapshot.Collect(ctx, snapshot.CollectOptions{Config: cp.Config(), Name: "times"})
	must(err)
	snap, err := snapshot.Read(ctx, snapshot.Options{Base: cluster}, apiserver.New(apiserver.Options{}))
	must(err)
	out := &fidelity.TimesResult{NodesPerZone: size, NewestLease: 3600}
	leases, err := r.clients.CoordinationV1().Leases(corev1.NamespaceNodeLease).List(ctx, metav1.ListOptions{})
	must(err)
	failed := time.Now()
	must(cp.KillZone("b"))
	for _, l := range leases.Items {
		if strings.HasPrefix(l.Name, "b-") {
			age := failed.Sub(l.Spec.RenewTime.Time).Seconds()
			out.OldestLease, out.NewestLease = max(out.OldestLease, age), min(out.NewestLease, age)
		}
	}
	must(rec.Await(ctx, "the loss is over", 5*time.Second, func(s fidelity.State) bool {
		serving := 0
		for _, p := range s.Pods {
			if fidelity.Serves(p) {
				serving++
			}
		}
		return over("b")(s) && serving == pods
	}))
	versions, err := rec.Versions()
	must(err)
	_, out.Observed = fidelity.Observe(versions, "b", failed)
	for _, p := range rec.State().Pods {
		if p.DeletionTimestamp != nil {
			out.Pods++
		}
	}
	start := metav1.Duration{Duration: time.Duration(podStart * float64(time.Second))}
	timings, err := simulate.DefaultTimings().With(v1alpha1.Timings{PodStart: &start})
	must(err)
	predicted, err := fidelity.Predict(ctx, snap, fidelity.Expectation{Zone: "b", Timings: timings, RecoveryTime: 3600})
	must(err)
	out.Predicted = fidelity.PredictedTimes(predicted)
	return out
}

func allServe(s fidelity.State) bool {
	for _, p := range s.Pods {
		if !fidelity.Serves(p) {
			return false
		}
	}
	return true
}

// timesCluster has so many nodes in each zone, and one Deployment that spreads
// two pods a node over nodes and zones.
func timesCluster(zones []string, size int) (nodes, web []runtime.Object) {
	for _, zone := range zones {
		for i := range size {
			n := controlplane.Node(fmt.Sprintf("%s-%02d", zone, i+1), zone)
			n.APIVersion, n.Kind = "v1", "Node"
			nodes = append(nodes, n)
		}
	}
	replicas := int32(6 * size)
	selector := &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}
	spread := func(key string) corev1.TopologySpreadConstraint {
		return corev1.TopologySpreadConstraint{MaxSkew: 1, TopologyKey: key, WhenUnsatisfiable: corev1.ScheduleAnyway, LabelSelector: selector}
	}
	return nodes, []runtime.Object{&appsv1.Deployment{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"},
		ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceDefault, Name: "web"},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas, Selector: selector,
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: selector.MatchLabels},
				Spec: corev1.PodSpec{
					Containers:                []corev1.Container{{Name: "web", Image: "example.com/web"}},
					TopologySpreadConstraints: []corev1.TopologySpreadConstraint{spread(corev1.LabelTopologyZone), spread(corev1.LabelHostname)},
				},
			},
		},
	}}
}
