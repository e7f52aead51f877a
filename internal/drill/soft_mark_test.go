//go:build linux

package drill

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

// marked says what a soft drill does to nodes: "name mark cordoned".
func marked(t *testing.T, api *fake.Clientset) []string {
	t.Helper()
	nodes, err := api.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, n := range nodes.Items {
		text := n.Name + " " + n.Annotations[DrillAnnotation]
		if n.Spec.Unschedulable {
			text += " cordoned"
		}
		out = append(out, text)
	}
	return out
}

func fakeNodes(nodes ...corev1.Node) *fake.Clientset {
	var objects []runtime.Object
	for i := range nodes {
		objects = append(objects, &nodes[i])
	}
	return fake.NewClientset(objects...)
}

func TestMarkCordonUncordon(t *testing.T) {
	api := fakeNodes(softNode("a1", "a"), softNode("b1", "b"), softNode("b2", "b"), softNode("c1", "c", cordoned))
	m := &marks{api: api, name: "d", value: "d until x", nodes: []string{"b1", "b2"}}
	if err := m.set(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a1 ", "b1 d until x", "b2 d until x", "c1  cordoned"}, marked(t, api)); diff != "" {
		t.Error(diff)
	}
	if err := m.cordon(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a1 ", "b1 d until x cordoned", "b2 d until x cordoned", "c1  cordoned"}, marked(t, api)); diff != "" {
		t.Error(diff)
	}
	if nodes, err := uncordon(t.Context(), api, "another"); err != nil || len(nodes) != 0 {
		t.Errorf("the nodes of another drill: %v, %v", nodes, err)
	}
	lines, err := healSoft(t.Context(), api)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"node b1 uncordoned (d until x)", "node b2 uncordoned (d until x)"}, lines); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"a1 ", "b1 ", "b2 ", "c1  cordoned"}, marked(t, api)); diff != "" {
		t.Error(diff)
	}
}

func TestMarkRefuses(t *testing.T) {
	another := func(n *corev1.Node) { n.Annotations[DrillAnnotation] = "other until y" }
	for name, nodes := range map[string][]corev1.Node{
		"the node is in another drill":    {softNode("b1", "b", another)},
		"another drill began beside this": {softNode("a1", "a", another), softNode("b1", "b")},
	} {
		m := &marks{api: fakeNodes(nodes...), name: "d", value: "d until x", nodes: []string{"b1"}}
		if err := m.set(t.Context()); err == nil || !strings.Contains(err.Error(), "other until y") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A node that somebody else cordons between the mark and the cordon stays cordoned.
func TestCordonedMeanwhile(t *testing.T) {
	api := fakeNodes(softNode("b1", "b"), softNode("b2", "b"))
	m := &marks{api: api, name: "d", value: "d until x", nodes: []string{"b1", "b2"}}
	if err := m.set(t.Context()); err != nil {
		t.Fatal(err)
	}
	n, err := api.CoreV1().Nodes().Get(t.Context(), "b2", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	n.Spec.Unschedulable = true
	if _, err := api.CoreV1().Nodes().Update(t.Context(), n, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := m.cordon(t.Context()); err == nil || !strings.Contains(err.Error(), "cordoning node b2: somebody else cordoned it") {
		t.Fatal(err)
	}
	if _, err := uncordon(t.Context(), api, "d"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"b1 ", "b2  cordoned"}, marked(t, api)); diff != "" {
		t.Error(diff)
	}
}

func TestHealDeletesTheLoadOfTheDrill(t *testing.T) {
	space := func(name string) *corev1.Namespace {
		return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{loadLabel: "true"}}}
	}
	n := softNode("b1", "b", cordoned, func(n *corev1.Node) { n.Annotations[DrillAnnotation] = "bulkhead-drill-1 until x" })
	api := fake.NewClientset(&n, space("bulkhead-drill-1"), space("bulkhead-drill-2"))
	lines, err := healSoft(t.Context(), api)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{
		"node b1 uncordoned (bulkhead-drill-1 until x)", "namespace bulkhead-drill-1 deleted",
		"namespace bulkhead-drill-2 is left, of a drill that marks no node: kubectl delete namespace bulkhead-drill-2, if none is under way",
	}, lines); diff != "" {
		t.Error(diff)
	}
}

func TestEvict(t *testing.T) {
	budget := apierrors.NewTooManyRequests("Cannot evict pod as it would violate the pod's disruption budget.", 0)
	budget.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: policyv1.DisruptionBudgetCause, Message: "The disruption budget web needs 2 healthy pods and has 2 currently"}}
	api := fake.NewClientset()
	var asked atomic.Int32
	api.PrependReactor("create", "pods", func(a clienttesting.Action) (bool, runtime.Object, error) {
		if a.GetSubresource() != "eviction" {
			return false, nil, nil
		}
		e := a.(clienttesting.CreateAction).GetObject().(*policyv1.Eviction)
		if e.DeleteOptions.Preconditions == nil || *e.DeleteOptions.Preconditions.UID != "u" {
			t.Errorf("eviction of %s without its UID", e.Name)
		}
		switch e.Name {
		case "gone":
			return true, nil, apierrors.NewNotFound(corev1.Resource("pods"), e.Name)
		case "later":
			if asked.Add(1) == 1 {
				return true, nil, budget
			}
		case "never":
			return true, nil, budget
		}
		return true, nil, nil
	})
	var taken atomic.Int32
	e := &evictor{api: api, evicted: func(*corev1.Pod) { taken.Add(1) }, round: func(int, int) error { return nil }}
	pods := func(names ...string) (out []corev1.Pod) {
		for _, n := range names {
			out = append(out, corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: n, UID: "u"}})
		}
		return out
	}
	done, left, err := e.evict(t.Context(), pods("gone", "later", "now"))
	if done != 3 || len(left) != 0 || err != nil || taken.Load() != 2 || asked.Load() != 2 {
		t.Errorf("done %d, left %v, %v, taken %d, asked %d", done, left, err, taken.Load(), asked.Load())
	}
	rounds := 0
	e.round = func(int, int) error {
		if rounds++; rounds == 2 {
			return errors.New("enough")
		}
		return nil
	}
	done, left, err = e.evict(t.Context(), pods("never", "now"))
	if done != 1 || err == nil || len(left) != 1 || left[0].why != "its eviction is refused: The disruption budget web needs 2 healthy pods and has 2 currently" {
		t.Errorf("done %d, left %v, %v", done, left, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	e.round = func(int, int) error { return nil }
	if done, left, err = e.evict(ended, pods("never")); done != 0 || err != nil || len(left) != 1 {
		t.Errorf("done %d, left %v, %v", done, left, err)
	}
}
