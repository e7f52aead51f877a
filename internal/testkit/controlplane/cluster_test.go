//go:build linux

package controlplane_test

import (
	"context"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"bulkhead.dev/bulkhead/internal/testkit/controlplane"
)

// cluster is what the tests do with a control plane, until ctx ends.
type cluster struct {
	ctx     context.Context
	t       *testing.T
	clients kubernetes.Interface
	objects informers.SharedInformerFactory
	changed chan struct{} // one node or pod did, or several
}

func newCluster(ctx context.Context, t *testing.T, cp *controlplane.ControlPlane) *cluster {
	t.Helper()
	clients, err := kubernetes.NewForConfig(cp.Config())
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{ctx: ctx, t: t, clients: clients, objects: informers.NewSharedInformerFactory(clients, 0), changed: make(chan struct{}, 1)}
	signal := func() {
		select {
		case c.changed <- struct{}{}:
		default:
		}
	}
	for _, informer := range []cache.SharedIndexInformer{c.objects.Core().V1().Nodes().Informer(), c.objects.Core().V1().Pods().Informer()} {
		if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc:    func(any) { signal() },
			UpdateFunc: func(any, any) { signal() },
			DeleteFunc: func(any) { signal() },
		}); err != nil {
			t.Fatal(err)
		}
	}
	c.objects.Start(ctx.Done())
	c.objects.WaitForCacheSync(ctx.Done())
	return c
}

func (c *cluster) createNode(name, zone string) {
	c.t.Helper()
	if _, err := c.clients.CoreV1().Nodes().Create(c.ctx, controlplane.Node(name, zone), metav1.CreateOptions{}); err != nil {
		c.t.Fatal(err)
	}
}

// createDeployment creates one whose pods spread over the zones and stay for 2 s
// on a node that is not there any more.
func (c *cluster) createDeployment(name string, replicas int32) {
	c.t.Helper()
	seconds := int64(2)
	selector := &metav1.LabelSelector{MatchLabels: map[string]string{"app": name}}
	deployment := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas,
			Selector: selector,
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: selector.MatchLabels},
				Spec: corev1.PodSpec{
					InitContainers: []corev1.Container{{Name: "init", Image: "example.com/init"}},
					Containers:     []corev1.Container{{Name: "web", Image: "example.com/web"}},
					Tolerations: []corev1.Toleration{
						{Key: corev1.TaintNodeNotReady, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: &seconds},
						{Key: corev1.TaintNodeUnreachable, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: &seconds},
					},
					TopologySpreadConstraints: []corev1.TopologySpreadConstraint{{
						MaxSkew: 1, TopologyKey: corev1.LabelTopologyZone, WhenUnsatisfiable: corev1.ScheduleAnyway, LabelSelector: selector,
					}},
				},
			},
		},
	}
	if _, err := c.clients.AppsV1().Deployments(metav1.NamespaceDefault).Create(c.ctx, deployment, metav1.CreateOptions{}); err != nil {
		c.t.Fatal(err)
	}
}

// awaitNodes returns when every node is as wanted.
func (c *cluster) awaitNodes(what string, wanted func(*corev1.Node) bool) {
	c.t.Helper()
	c.await(what, func() bool {
		return !slices.ContainsFunc(c.nodes(), func(n *corev1.Node) bool { return !wanted(n) })
	})
}

// awaitPods returns the pods when all of them together are as wanted.
func (c *cluster) awaitPods(what string, wanted func([]*corev1.Pod) bool) []*corev1.Pod {
	c.t.Helper()
	var pods []*corev1.Pod
	c.await(what, func() bool {
		pods = c.pods()
		return wanted(pods)
	})
	return pods
}

func (c *cluster) nodes() []*corev1.Node {
	c.t.Helper()
	nodes, err := c.objects.Core().V1().Nodes().Lister().List(labels.Everything())
	if err != nil {
		c.t.Fatal(err)
	}
	return nodes
}

func (c *cluster) pods() []*corev1.Pod {
	c.t.Helper()
	pods, err := c.objects.Core().V1().Pods().Lister().List(labels.Everything())
	if err != nil {
		c.t.Fatal(err)
	}
	return pods
}

// await asks again after each change of a node or a pod.
func (c *cluster) await(what string, wanted func() bool) {
	c.t.Helper()
	for !wanted() {
		select {
		case <-c.changed:
		case <-c.ctx.Done():
			for _, pod := range c.pods() {
				c.t.Logf("pod %s on %q: %s, deleted %v", pod.Name, pod.Spec.NodeName, pod.Status.Phase, pod.DeletionTimestamp != nil)
			}
			for _, node := range c.nodes() {
				c.t.Logf("node %s: Ready %s, taints %v", node.Name, ready(node), node.Spec.Taints)
			}
			c.t.Fatalf("waiting until %s: %v", what, c.ctx.Err())
		}
	}
}
