package fast

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"pgregory.net/rapid"
)

func testEngine(nodes ...*corev1.Node) *Engine {
	e := &Engine{groups: newGroups(), groupings: map[string]*grouping{}}
	for _, n := range nodes {
		info := framework.NewNodeInfo()
		info.SetNode(n)
		e.nodes = append(e.nodes, info)
	}
	return e
}

func testNode(name, zone string, taints ...string) *corev1.Node {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelHostname: name}}}
	if zone != "" {
		n.Labels[corev1.LabelTopologyZone] = zone
	}
	for _, t := range taints {
		n.Spec.Taints = append(n.Spec.Taints, corev1.Taint{Key: t, Effect: corev1.TaintEffectNoSchedule})
	}
	return n
}

func TestGrouping(t *testing.T) {
	e := testEngine(testNode("a1", "a"), testNode("a2", "a"), testNode("b1", "b"), testNode("a3", "a", "gpu"), testNode("x", ""))
	zone := []string{corev1.LabelTopologyZone}
	host := []string{corev1.LabelHostname}
	for _, tt := range []struct {
		distinction
		want     []int32
		complete string
	}{
		{distinction{keys: zone}, []int32{0, 0, 1, 0, 2}, "[true true false]"},
		{distinction{keys: zone, taints: true}, []int32{0, 0, 1, 2, 3}, "[true true true false]"},
		{distinction{keys: host}, []int32{0, 1, 2, 3, 4}, "[true true true true true]"},
		{distinction{has: host}, []int32{0, 0, 0, 0, 0}, "[true]"},
		{distinction{name: true}, []int32{0, 1, 2, 3, 4}, "[true true true true true]"},
	} {
		g := e.groupingFor(tt.distinction)
		if fmt.Sprint(g.of) != fmt.Sprint(tt.want) || fmt.Sprint(g.complete) != tt.complete {
			t.Errorf("%+v: groups %v, complete %v, want %v, %s", tt.distinction, g.of, g.complete, tt.want, tt.complete)
		}
		if again := e.groupingFor(tt.distinction); again != g {
			t.Errorf("%+v: not shared", tt.distinction)
		}
	}
}

func TestGroupingUpdate(t *testing.T) {
	e := testEngine(testNode("a1", "a"), testNode("a2", "a"), testNode("b1", "b"))
	g := e.groupingFor(distinction{keys: []string{corev1.LabelTopologyZone}, taints: true})
	g.update(0, testNode("a1", "a"))
	if len(g.moves) != 0 {
		t.Error("a node that stays in its group is no change")
	}
	g.update(0, testNode("a1", "a", "dead"))
	if got := fmt.Sprint(g.of, g.first, g.size, g.moves); got != "[2 0 1] [1 2 0] [1 1 1] [{0 0 2}]" {
		t.Errorf("one of two left: %s", got)
	}
	g.update(1, testNode("a2", "a", "dead"))
	if got := fmt.Sprint(g.of, g.first, g.size, g.moves); got != "[2 2 1] [-1 2 0] [0 1 2] [{0 0 2} {1 0 2}]" {
		t.Errorf("both left: %s", got)
	}
	if n := len(newSums(g, newViewset(e, nil, func(*group) bool { return false })).current()); n != 2 {
		t.Errorf("%d groups are shown, want the 2 that have nodes", n)
	}
}

// TestViews compares view sets and their sums, after random changes, with counts
// made anew.
func TestViews(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		e := testEngine(testNode("n0", "a"), testNode("n1", "a"), testNode("n2", "b"))
		var templates []*corev1.Pod
		for _, app := range []string{"x", "y", "z"} {
			templates = append(templates, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Labels: map[string]string{"app": app}}})
		}
		isX := func(g *group) bool { return g.rep.Pod.Labels["app"] != "z" }
		var early, late *viewset
		early = newViewset(e, nil, isX)
		byZone := e.groupingFor(distinction{keys: []string{corev1.LabelTopologyZone}, taints: true})
		summed := newSums(byZone, early)
		type key struct {
			app, node int
			dying     bool
		}
		counts := map[key]int32{}
		for range rapid.IntRange(0, 40).Draw(rt, "steps") {
			k := key{rapid.IntRange(0, 2).Draw(rt, "app"), rapid.IntRange(0, 2).Draw(rt, "node"), rapid.Bool().Draw(rt, "dying")}
			pod := *templates[k.app]
			if k.dying {
				pod.DeletionTimestamp = &metav1.Time{}
			}
			by := int32(1)
			if counts[k] > 0 && rapid.Bool().Draw(rt, "remove") {
				by = -1
			}
			counts[k] += by
			e.groups.add(&pod, int32(k.node), by)
			switch rapid.IntRange(0, 3).Draw(rt, "look") {
			case 0:
				summed.current()
			case 1:
				i := rapid.IntRange(0, 2).Draw(rt, "tainted")
				byZone.update(int32(i), testNode(fmt.Sprintf("n%d", i), "a", rapid.SampledFrom([]string{"x", "y"}).Draw(rt, "taint")))
			}
			if late == nil && rapid.Bool().Draw(rt, "open") {
				late = newViewset(e, e.groups.inNamespace["ns"], isX)
			}
		}
		inGroups := map[string]int32{}
		for k, n := range counts {
			if k.app < 2 && n > 0 {
				inGroups[fmt.Sprintf("%d %s %t", byZone.of[k.node], []string{"x", "y"}[k.app], k.dying)] += n
			}
		}
		summed.current()
		sum := map[string]int32{}
		for group, w := range summed.byGroup {
			for _, p := range w.GetPods() {
				sum[fmt.Sprintf("%d %s %t", group, p.GetPod().Labels["app"], p.GetPod().DeletionTimestamp != nil)]++
			}
		}
		if fmt.Sprint(sum) != fmt.Sprint(inGroups) {
			rt.Fatalf("sums show %v, want %v", sum, inGroups)
		}
		want := map[string]int32{}
		for k, n := range counts {
			if k.app < 2 && n > 0 {
				want[fmt.Sprintf("n%d %s %t", k.node, []string{"x", "y"}[k.app], k.dying)] += n
			}
		}
		for _, v := range []*viewset{early, late} {
			if v == nil {
				continue
			}
			got := map[string]int32{}
			for _, n := range v.current() {
				for _, p := range n.GetPods() {
					got[fmt.Sprintf("%s %s %t", n.Node().Name, p.GetPod().Labels["app"], p.GetPod().DeletionTimestamp != nil)]++
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				rt.Fatalf("views show %v, want %v", got, want)
			}
		}
	})
}

var _ fwk.NodeInfo = (*view)(nil)
