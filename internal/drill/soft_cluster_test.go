//go:build linux

package drill

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/local"
	"bulkhead.dev/bulkhead/internal/testkit/controlplane"
	"bulkhead.dev/bulkhead/internal/verdict"
)

// TestSoftDrill makes soft drills on a real control plane whose kubelets are kwok's.
func TestSoftDrill(t *testing.T) {
	cp := controlplane.Start(t, controlplane.Options{Zones: []string{"a", "b", "c"}})
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	api, err := kubernetes.NewForConfig(cp.Config())
	if err != nil {
		t.Fatal(err)
	}
	c := &softCluster{t: t, ctx: ctx, api: api, target: SoftTarget{Config: cp.Config(), Name: "test", Heal: "bulkhead drill heal --soft --context test"}}
	c.fill()

	t.Run("dry run", c.dryRun)
	t.Run("zone", c.zone)
	t.Run("interrupted", c.interrupted)
	t.Run("crashed", c.crashed)
	t.Run("no room", c.noRoom)
}

type softCluster struct {
	t      *testing.T
	ctx    context.Context
	api    kubernetes.Interface
	target SoftTarget
}

const replicas = 6

// fill makes two nodes a zone, a Deployment that spreads with a budget, a DaemonSet,
// and a pod without a controller in zone b.
func (c *softCluster) fill() {
	must := func(_ any, err error) {
		c.t.Helper()
		if err != nil {
			c.t.Fatal(err)
		}
	}
	for _, zone := range []string{"a", "b", "c"} {
		for i := range 2 {
			must(c.api.CoreV1().Nodes().Create(c.ctx, controlplane.Node(fmt.Sprintf("%s-%d", zone, i), zone), metav1.CreateOptions{}))
		}
	}
	c.await("the nodes are ready", func() error {
		for _, n := range c.nodes() {
			if !local.NodeReady(&n) || len(n.Spec.Taints) > 0 {
				return fmt.Errorf("%s is not", n.Name)
			}
		}
		return nil
	})
	container := []corev1.Container{{Name: "web", Image: "example.com/web"}}
	selector := &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}
	count, one := int32(replicas), intstr.FromInt32(1)
	must(c.api.PolicyV1().PodDisruptionBudgets("default").Create(c.ctx, &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: policyv1.PodDisruptionBudgetSpec{MaxUnavailable: &one, Selector: selector},
	}, metav1.CreateOptions{}))
	must(c.api.AppsV1().Deployments("default").Create(c.ctx, &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: appsv1.DeploymentSpec{Replicas: &count, Selector: selector, Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: selector.MatchLabels},
			Spec: corev1.PodSpec{Containers: container, TopologySpreadConstraints: []corev1.TopologySpreadConstraint{{
				MaxSkew: 1, TopologyKey: corev1.LabelTopologyZone, WhenUnsatisfiable: corev1.ScheduleAnyway, LabelSelector: selector,
			}}},
		}},
	}, metav1.CreateOptions{}))
	agent := &metav1.LabelSelector{MatchLabels: map[string]string{"app": "agent"}}
	must(c.api.AppsV1().DaemonSets("default").Create(c.ctx, &appsv1.DaemonSet{
		ObjectMeta: metav1.ObjectMeta{Name: "agent"},
		Spec:       appsv1.DaemonSetSpec{Selector: agent, Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: agent.MatchLabels}, Spec: corev1.PodSpec{Containers: container}}},
	}, metav1.CreateOptions{}))
	must(c.api.CoreV1().Pods("default").Create(c.ctx, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "bare"}, Spec: corev1.PodSpec{NodeName: "b-0", Containers: container},
	}, metav1.CreateOptions{}))
	c.await("every pod is ready", func() error {
		if n := len(c.ready("web", "a", "b", "c")); n != replicas {
			return fmt.Errorf("%d of %d", n, replicas)
		}
		if n := len(c.ready("agent", "a", "b", "c")); n != 6 {
			return fmt.Errorf("%d of 6 agents", n)
		}
		if len(c.ready("web", "b")) == 0 {
			return errors.New("none in zone b")
		}
		if b, err := c.api.PolicyV1().PodDisruptionBudgets("default").Get(c.ctx, "web", metav1.GetOptions{}); err != nil || b.Status.DisruptionsAllowed != 1 {
			return fmt.Errorf("the budget is not counted: %w", err)
		}
		return nil
	})
}

func (c *softCluster) await(what string, ask func() error) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.ctx, time.Minute)
	defer cancel()
	if err := local.Await(ctx, what, ask); err != nil {
		c.t.Fatal(err)
	}
}

func (c *softCluster) nodes() []corev1.Node {
	nodes, err := c.api.CoreV1().Nodes().List(c.ctx, metav1.ListOptions{})
	if err != nil {
		c.t.Error(err)
		return nil
	}
	return nodes.Items
}

// ready pods of an app in zones.
func (c *softCluster) ready(app string, zones ...string) (names []string) {
	pods, err := c.api.CoreV1().Pods("default").List(c.ctx, metav1.ListOptions{LabelSelector: "app=" + app})
	if err != nil {
		c.t.Error(err)
		return nil
	}
	for i := range pods.Items {
		p := &pods.Items[i]
		zone, _, _ := strings.Cut(p.Spec.NodeName, "-")
		if podReady(p) && p.DeletionTimestamp == nil && slices.Contains(zones, zone) {
			names = append(names, p.Name)
		}
	}
	return names
}

// untouched fails unless every node is as it was, and no namespace is left.
func (c *softCluster) untouched(t *testing.T) {
	t.Helper()
	for _, n := range c.nodes() {
		if n.Spec.Unschedulable || n.Annotations[DrillAnnotation] != "" {
			t.Errorf("node %s: unschedulable %v, annotations %v", n.Name, n.Spec.Unschedulable, n.Annotations)
		}
	}
	spaces, err := c.api.CoreV1().Namespaces().List(c.ctx, metav1.ListOptions{LabelSelector: loadLabel})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range spaces.Items {
		if n.DeletionTimestamp == nil {
			t.Errorf("namespace %s is left", n.Name)
		}
	}
}

func (c *softCluster) options(t *testing.T) Options {
	t.Helper()
	f, err := zonePowerLoss.Soft()
	if err != nil {
		t.Fatal(err)
	}
	return Options{Fault: f, Zones: []string{"b"}, Seed: 1, For: 5 * time.Second, Steady: 2 * time.Second, Writes: 10, Reads: 10, Say: func(line string) { t.Log(line) }}
}

func (c *softCluster) dryRun(t *testing.T) {
	text, err := DescribeSoft(c.ctx, c.target, c.options(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range append(c.ready("web", "b"),
		"cordon    nodes: 2\n  b-0\n  b-1\n", "default/bare on b-0: "+leftUnreplaced, "on b-1: "+leftDaemon, "provider  kwok",
		"the rest holds everything", "beware    nothing beside this program", c.target.Heal) {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	o := c.options(t)
	if o.Fault, err = nodeLoss.Soft(); err != nil {
		t.Fatal(err)
	}
	o.Node = "b-1"
	if text, err = DescribeSoft(c.ctx, c.target, o); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text, "cordon    nodes: 1\n  b-1\n") || strings.Contains(text, "b-0") {
		t.Error(text)
	}
	c.untouched(t)
}

func (c *softCluster) zone(t *testing.T) {
	old := c.ready("web", "b")
	o := c.options(t)
	var mu sync.Mutex
	lasting := 0
	o.Progress = func(what string, _, _ int) {
		if !strings.HasPrefix(what, "fault ") {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		lasting++
		for _, n := range c.nodes() {
			in := strings.HasPrefix(n.Name, "b-")
			if n.Spec.Unschedulable != in || (n.Annotations[DrillAnnotation] != "") != in {
				t.Errorf("during the drill, node %s: unschedulable %v, annotations %v", n.Name, n.Spec.Unschedulable, n.Annotations)
			}
		}
		if in := c.ready("web", "b"); len(in) > 0 {
			t.Errorf("during the drill, in zone b: %v", in)
		}
	}
	e, err := RunSoft(c.ctx, c.target, o)
	if err != nil {
		t.Fatal(err)
	}
	c.untouched(t)
	if lasting < 2 {
		t.Errorf("looked %d times during the drill", lasting)
	}
	if all := c.ready("web", "a", "c"); len(all) != replicas {
		t.Errorf("elsewhere are %v", all)
	}
	if _, err := c.api.CoreV1().Pods("default").Get(c.ctx, "bare", metav1.GetOptions{}); err != nil {
		t.Error(err)
	}
	r := c.judge(t, e)
	if !r.Soft || r.Provider != "kwok" || r.Zone != "b" || r.FaultSeconds < 5 {
		t.Errorf("soft %v, provider %s, zone %s, %.1f s", r.Soft, r.Provider, r.Zone, r.FaultSeconds)
	}
	if len(r.Proof) != 2 || r.Proof[0].Text != "2 of 2 nodes of zone b are unschedulable" || r.Proof[1].Text != fmt.Sprintf("%d of %d pods evicted from zone b", len(old), len(old)) {
		t.Errorf("proof: %v", r.Proof)
	}
	if len(r.APIGapParts) > 0 {
		t.Errorf("it tells of the API's layers: %v", r.APIGapParts)
	}
	if !slices.ContainsFunc(r.Notes, func(n string) bool { return strings.Contains(n, c.target.Heal) }) {
		t.Errorf("no note says that there is no dead-man: %v", r.Notes)
	}
	evicted := 0
	for _, x := range r.Timeline {
		if x.Event == "evicted" {
			evicted += x.Count
		}
	}
	if evicted != len(old) {
		t.Errorf("the timeline tells of %d evictions, not %d", evicted, len(old))
	}
	i := slices.IndexFunc(r.Workloads, func(w v1alpha1.DrillWorkload) bool { return w.Name == "web" })
	if i < 0 {
		t.Fatal("no workload web")
	}
	w := r.Workloads[i]
	if w.MinAvailable != replicas-1 || w.Lowest < w.MinAvailable {
		t.Errorf("the budget was not respected: at least %d, lowest %d", w.MinAvailable, w.Lowest)
	}
	if w.PredictedSeconds != nil || w.Agrees != nil || w.ObservedSeconds == nil || *w.ObservedSeconds <= 0 {
		t.Errorf("predicted %v, observed %v", w.PredictedSeconds, w.ObservedSeconds)
	}
	if diff := cmp.Diff(map[string]int{"b": len(old)}, map[string]int{"b": w.Before["b"]}); diff != "" || w.During["b"] != 0 {
		t.Errorf("before %v, during %v", w.Before, w.During)
	}
	if r.Verdict == v1alpha1.DrillFails {
		t.Errorf("it fails: %s", r.Why)
	}
	folder := filepath.Join(t.TempDir(), "drill")
	if _, err := Save(folder, e); err != nil {
		t.Fatal(err)
	}
	if _, err := Check(folder); err != nil {
		t.Error(err)
	}
}

func (c *softCluster) judge(t *testing.T, e *verdict.Evidence) *v1alpha1.DrillReport {
	t.Helper()
	r, err := verdict.Judge(*e, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %s", r.Verdict, r.Why)
	return r
}

// interrupted drills heal before they end.
func (c *softCluster) interrupted(t *testing.T) {
	ctx, cancel := context.WithCancelCause(c.ctx)
	defer cancel(nil)
	o := c.options(t)
	o.Zones, o.For = []string{"a"}, time.Minute
	o.Progress = func(what string, _, _ int) {
		if strings.HasPrefix(what, "fault ") {
			cancel(errors.New("by the test"))
		}
	}
	e, err := RunSoft(ctx, c.target, o)
	if err != nil {
		t.Fatal(err)
	}
	c.untouched(t)
	if r := c.judge(t, e); r.Aborted != "interrupted: by the test" || !r.Healed || r.FaultSeconds > 50 {
		t.Errorf("aborted %q, healed %v after %.1f s", r.Aborted, r.Healed, r.FaultSeconds)
	}
}

// crashed drills leave what HealSoft takes back, and nobody begins another before.
func (c *softCluster) crashed(t *testing.T) {
	m := &marks{api: c.api, name: "bulkhead-drill-1", value: markOf("bulkhead-drill-1", time.Now()), nodes: []string{"b-0", "b-1"}}
	if err := errors.Join(m.set(c.ctx), m.cordon(c.ctx)); err != nil {
		t.Fatal(err)
	}
	_, err := c.api.CoreV1().Namespaces().Create(c.ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: m.name, Labels: map[string]string{loadLabel: "true"}}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	cordon := func(how string) {
		if _, err := c.api.CoreV1().Nodes().Patch(c.ctx, "c-0", "application/merge-patch+json", []byte(`{"spec":{"unschedulable":`+how+`}}`), metav1.PatchOptions{}); err != nil {
			t.Error(err)
		}
	}
	cordon("true")
	o := c.options(t)
	o.Zones = []string{"a"}
	if _, err := RunSoft(c.ctx, c.target, o); !errors.As(err, &Refused{}) || !strings.Contains(err.Error(), "node b-0 is in a drill") {
		t.Errorf("a drill beside another: %v", err)
	}
	lines, err := HealSoft(c.ctx, c.target)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"node b-0 uncordoned (" + m.value + ")", "node b-1 uncordoned (" + m.value + ")", "namespace bulkhead-drill-1 deleted"}, lines[:min(3, len(lines))]); diff != "" {
		t.Error(diff)
	}
	n, err := c.api.CoreV1().Nodes().Get(c.ctx, "c-0", metav1.GetOptions{})
	if err != nil || !n.Spec.Unschedulable {
		t.Errorf("c-0, which somebody else cordoned, is not any more: %v", err)
	}
	o.Zones = []string{"c"}
	if _, err := RunSoft(c.ctx, c.target, o); !errors.As(err, &Refused{}) || !strings.Contains(err.Error(), "node c-0 of zone c is cordoned already") {
		t.Errorf("a drill where somebody works: %v", err)
	}
	cordon("null")
	c.untouched(t)
}

// noRoom refuses what the rest could not hold.
func (c *softCluster) noRoom(t *testing.T) {
	_, err := c.api.CoreV1().Pods("default").Get(c.ctx, "bare", metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		t.Fatal(err)
	}
	d, err := c.api.AppsV1().Deployments("default").Get(c.ctx, "web", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	// Two of them fit on a node with 8 CPUs, and an agent.
	d.Spec.Template.Spec.Containers[0].Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: *controlplane.Node("", "").Status.Allocatable.Cpu()}
	if _, err := c.api.AppsV1().Deployments("default").Update(c.ctx, d, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	c.await("the pods are as large as a node", func() error {
		d, err := c.api.AppsV1().Deployments("default").Get(c.ctx, "web", metav1.GetOptions{})
		if err != nil || d.Status.ObservedGeneration < d.Generation || d.Status.UpdatedReplicas < 4 || d.Status.ReadyReplicas < replicas-1 {
			return fmt.Errorf("%d updated, %d ready, %w", d.Status.UpdatedReplicas, d.Status.ReadyReplicas, err)
		}
		return nil
	})
	if _, err := RunSoft(c.ctx, c.target, c.options(t)); !errors.As(err, &Refused{}) || !strings.Contains(err.Error(), "would find none") {
		t.Errorf("a drill without room: %v", err)
	}
	c.untouched(t)
}
