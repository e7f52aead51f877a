package kubesched

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"

	"bulkhead.dev/bulkhead/internal/simulate"
)

// plain makes the session take no short cut: a pod of the lowest priority could
// always be preempted, so every pod is tried and preemption with it.
func plain(s *session) *session {
	s.priorities[math.MinInt32] = 1
	return s
}

func openSession(t testing.TB, o Options) *session {
	SilenceLogs()
	scheduler, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := scheduler.Open(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	s, ok := opened.(*session)
	if !ok {
		t.Fatalf("session is a %T", opened)
	}
	return s
}

func testNode(name, zone, cpu string) *corev1.Node {
	room := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse("16Gi"), corev1.ResourcePods: resource.MustParse("110")}
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name), Labels: map[string]string{corev1.LabelHostname: name, corev1.LabelTopologyZone: zone}},
		Status:     corev1.NodeStatus{Allocatable: room, Capacity: room},
	}
}

// testTemplates are pods of different owners: plain, hard spread that ignores or
// honours taints, anti-affinity, and two of higher priority, one with a spread.
func testTemplates() []*corev1.Pod {
	var out []*corev1.Pod
	for i, cpu := range []string{"1", "1500m", "700m", "1", "2", "1"} {
		app := fmt.Sprintf("app-%d", i)
		yes := true
		p := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: "test", Name: app, Labels: map[string]string{"app": app},
				OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: app, UID: types.UID(app), Controller: &yes}}},
			Spec: corev1.PodSpec{SchedulerName: corev1.DefaultSchedulerName, Priority: new(int32), Containers: []corev1.Container{{
				Name: "c", Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu)}},
			}}},
			Status: corev1.PodStatus{Phase: corev1.PodPending},
		}
		selector := &metav1.LabelSelector{MatchLabels: p.Labels}
		honor := corev1.NodeInclusionPolicyHonor
		switch i {
		case 1, 2, 5:
			p.Spec.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{{MaxSkew: 1, TopologyKey: corev1.LabelTopologyZone, WhenUnsatisfiable: corev1.DoNotSchedule, LabelSelector: selector}}
			if i == 2 {
				p.Spec.TopologySpreadConstraints[0].NodeTaintsPolicy = &honor
			}
			if i == 5 {
				*p.Spec.Priority = 10
			}
		case 3:
			p.Spec.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{{LabelSelector: selector, TopologyKey: corev1.LabelHostname}}}}
		case 4:
			*p.Spec.Priority = 10
		}
		out = append(out, p)
	}
	return out
}

// nextChange returns the next decision that changes something. Failures in
// between are passed over: with short cuts a pod may be tried in vain more often,
// because the plugins that refused it are those of its last real try.
func nextChange(s *session) (*simulate.Decision, error) {
	for {
		d, err := s.Next(context.Background())
		if err != nil || d == nil || d.Placed() || d.Nominated != "" {
			return d, err
		}
	}
}

// said is what a decision says, with the pod's owner in place of its name: pods
// of one owner cannot be told apart.
func said(d *simulate.Decision) string {
	if d == nil {
		return "nothing"
	}
	return fmt.Sprintf("%s on %q, nominated %q, %d victims", d.Pod.OwnerReferences[0].Name, d.Pod.Spec.NodeName, d.Nominated, len(d.Victims))
}

// TestShortcutsChangeNothing drives two schedulers with the same changes, one
// without short cuts, and compares every decision.
func TestShortcutsChangeNothing(t *testing.T) {
	templates := testTemplates()
	rapid.Check(t, func(rt *rapid.T) {
		fast, slow := openSession(t, Options{}), plain(openSession(t, Options{Engine: Exact}))
		defer fast.Close()
		defer slow.Close()
		both := func(f func(s *session) error) {
			for _, s := range []*session{fast, slow} {
				if err := f(s); err != nil {
					rt.Fatal(err)
				}
			}
		}
		nodes := map[string]*corev1.Node{}
		pods := map[string]*corev1.Pod{}
		serial := 0
		for i := range rapid.IntRange(2, 6).Draw(rt, "nodes") {
			n := testNode(fmt.Sprintf("n%d", i), string(rune('a'+i%3)), "3")
			nodes[n.Name] = n
			both(func(s *session) error { return s.Set(n) })
		}
		for range rapid.IntRange(3, 25).Draw(rt, "steps") {
			switch action := rapid.SampledFrom([]string{"create", "create", "create", "terminate", "delete", "taint", "add", "retry"}).Draw(rt, "action"); action {
			case "create":
				template := templates[rapid.IntRange(0, len(templates)-1).Draw(rt, "template")]
				for range rapid.IntRange(1, 4).Draw(rt, "count") {
					serial++
					p := *template
					p.Name = fmt.Sprintf("%s-%d", template.Name, serial)
					p.UID = types.UID(p.Name)
					pods[p.Name] = &p
					both(func(s *session) error { return s.Set(&p) })
				}
			case "terminate", "delete":
				if len(pods) == 0 {
					continue
				}
				p := pods[rapid.SampledFrom(slices.Sorted(maps.Keys(pods))).Draw(rt, "pod")]
				if action == "delete" {
					delete(pods, p.Name)
					both(func(s *session) error { return s.Delete(p) })
				} else if p.Spec.NodeName != "" {
					dying := *p
					dying.DeletionTimestamp = &metav1.Time{}
					pods[p.Name] = &dying
					both(func(s *session) error { return s.Set(&dying) })
				}
			case "taint":
				n := nodes[rapid.SampledFrom(slices.Sorted(maps.Keys(nodes))).Draw(rt, "node")].DeepCopy()
				n.Spec.Taints = append(n.Spec.Taints, corev1.Taint{Key: fmt.Sprintf("t%d", len(n.Spec.Taints)), Effect: corev1.TaintEffectNoSchedule})
				nodes[n.Name] = n
				both(func(s *session) error { return s.Set(n) })
			case "add":
				serial++
				n := testNode(fmt.Sprintf("m%d", serial), "a", "2")
				nodes[n.Name] = n
				both(func(s *session) error { return s.Set(n) })
			case "retry":
				fast.Retry()
				slow.Retry()
			}
			for {
				f, err := nextChange(fast)
				if err != nil {
					rt.Fatal(err)
				}
				s, err := nextChange(slow)
				if err != nil {
					rt.Fatal(err)
				}
				if said(f) != said(s) {
					rt.Fatalf("with short cuts: %s\nwithout: %s", said(f), said(s))
				}
				if f == nil {
					break
				}
				pods[f.Pod.Name] = f.Pod
				for _, v := range f.Victims {
					delete(pods, v.Name)
					both(func(s *session) error { return s.Delete(v) })
				}
			}
		}
	})
}
