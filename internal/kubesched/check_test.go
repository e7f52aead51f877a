package kubesched

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// TestChecksFindWhatMemoryMissed hides a change from the memory: a check of the
// next cycle must see it, and its answer must be the one that counts.
func TestChecksFindWhatMemoryMissed(t *testing.T) {
	s := openSession(t, Options{})
	defer s.Close()
	s.memory.CheckEvery = 1
	set := func(obj *corev1.Pod) {
		if err := s.Set(obj); err != nil {
			t.Fatal(err)
		}
	}
	next := func() string {
		d, err := s.Next(context.Background())
		if err != nil || d == nil {
			t.Fatalf("%v, %v", d, err)
		}
		return d.Pod.Spec.NodeName
	}
	named := func(name string) *corev1.Pod {
		p := *testTemplates()[0]
		p.Name, p.UID = name, types.UID(name)
		return &p
	}
	a, b := testNode("a", "a", "2"), testNode("b", "b", "1")
	for _, n := range []*corev1.Node{a, b} {
		if err := s.Set(n); err != nil {
			t.Fatal(err)
		}
	}
	set(named("first"))
	if got := next(); got != "a" {
		t.Fatalf("first pod on %q, want a, which has more room", got)
	}
	if s.memory.Checks != 1 || s.memory.Divergences != 0 {
		t.Fatalf("%d checks, %d divergences, want 1 and 0", s.memory.Checks, s.memory.Divergences)
	}
	tainted := a.DeepCopy()
	tainted.Spec.Taints = []corev1.Taint{{Key: "x", Effect: corev1.TaintEffectNoSchedule}}
	if _, err := s.factory.set(tainted); err != nil { // past the memory
		t.Fatal(err)
	}
	set(named("second"))
	if got := next(); got != "b" {
		t.Errorf("second pod on %q, want b: a is tainted", got)
	}
	if s.memory.Checks != 2 || s.memory.Divergences != 1 {
		t.Errorf("%d checks, %d divergences, want 2 and 1", s.memory.Checks, s.memory.Divergences)
	}
}
