//go:build linux

package sidebyside_test

import (
	"context"
	"fmt"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"bulkhead.dev/bulkhead/internal/testkit/controlplane"
)

// realSide is a real control plane with a cluster in it.
type realSide struct {
	*manifests
	cp      *controlplane.ControlPlane
	clients kubernetes.Interface
	tally   *tally
	log     func(format string, args ...any) // one line of progress

	// toleration is how long pods stay on a dead node; 0 is what the manifests say.
	// It has to be longer than the time between the first node and the last that
	// are found dead, or else replacements are placed on the last.
	toleration time.Duration
}

func newRealSide(cp *controlplane.ControlPlane, m *manifests, log func(string, ...any)) (*realSide, error) {
	config := cp.Config()
	config.ContentType = runtime.ContentTypeProtobuf // as the components themselves
	clients, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	return &realSide{manifests: m, cp: cp, clients: clients, tally: newTally(m.zones()), log: log}, nil
}

// fill creates the objects, and returns when the cluster is at rest: every pod is
// Ready where its manifest has it, and the controllers have taken it for theirs.
//
// They must create and delete nothing. So they do not run while a ReplicaSet has
// too few pods; and since only the API server gives UIDs, owners are created
// before what they own.
func (r *realSide) fill(ctx context.Context) error {
	if err := each(ctx, r.namespaces, r.createNamespace); err != nil {
		return err
	}
	if err := r.awaitAccounts(ctx); err != nil {
		return err
	}
	if err := r.cp.StopComponent(controlplane.ControllerManager); err != nil {
		return err
	}
	if err := r.watchPods(ctx); err != nil {
		return err
	}
	pods, err := r.create(ctx)
	if err != nil {
		return err
	}
	if err := r.await(ctx, "all pods are Ready", func(m moment) bool { return m.before.ready == len(pods) }); err != nil {
		return err
	}
	if err := r.cp.StartComponent(ctx, controlplane.ControllerManager); err != nil {
		return err
	}
	if err := r.awaitControllers(ctx); err != nil {
		return err
	}
	if m := r.tally.now(); !r.tally.holds(pods) || m.before.evicted > 0 {
		return fmt.Errorf("the controllers created or deleted pods: there are %d where %d were created, %d of them deleted", m.before.created, len(pods), m.before.evicted)
	}
	return nil
}

// create creates all but namespaces, and returns the UIDs of the pods.
func (r *realSide) create(ctx context.Context) ([]types.UID, error) {
	if err := each(ctx, r.nodes, r.createNode); err != nil {
		return nil, err
	}
	if err := each(ctx, r.services, r.createService); err != nil {
		return nil, err
	}
	live := &liveUIDs{of: map[types.UID]types.UID{}}
	if err := each(ctx, r.deployments, func(ctx context.Context, d *appsv1.Deployment) error {
		return live.create(d, func() (metav1.Object, error) {
			return r.clients.AppsV1().Deployments(d.Namespace).Create(ctx, d, metav1.CreateOptions{})
		})
	}); err != nil {
		return nil, err
	}
	if err := each(ctx, r.replicaSets, func(ctx context.Context, rs *appsv1.ReplicaSet) error {
		return live.create(rs, func() (metav1.Object, error) {
			return r.clients.AppsV1().ReplicaSets(rs.Namespace).Create(ctx, rs, metav1.CreateOptions{})
		})
	}); err != nil {
		return nil, err
	}
	if err := each(ctx, r.pods, func(ctx context.Context, pod *corev1.Pod) error {
		r.tolerate(pod)
		return live.create(pod, func() (metav1.Object, error) {
			return r.clients.CoreV1().Pods(pod.Namespace).Create(ctx, pod, metav1.CreateOptions{})
		})
	}); err != nil {
		return nil, err
	}
	pods := make([]types.UID, len(r.pods))
	for i, pod := range r.pods {
		pods[i] = live.of[pod.UID]
	}
	return pods, nil
}

// tolerate shortens how long a pod stays on a dead node, if it is to be: that wait
// is not what is measured.
func (r *realSide) tolerate(pod *corev1.Pod) {
	if r.toleration == 0 {
		return
	}
	seconds := int64(r.toleration / time.Second)
	for i := range pod.Spec.Tolerations {
		if pod.Spec.Tolerations[i].TolerationSeconds != nil {
			pod.Spec.Tolerations[i].TolerationSeconds = &seconds
		}
	}
}

func (r *realSide) createNamespace(ctx context.Context, ns *corev1.Namespace) error {
	_, err := r.clients.CoreV1().Namespaces().Create(ctx, ns, metav1.CreateOptions{})
	return err
}

// createNode creates a node that kwok plays the kubelet of; its status is kwok's.
func (r *realSide) createNode(ctx context.Context, node *corev1.Node) error {
	fake := controlplane.Node(node.Name, node.Labels[corev1.LabelTopologyZone])
	fake.Labels = node.Labels
	fake.Status.Capacity, fake.Status.Allocatable = node.Status.Capacity, node.Status.Allocatable
	_, err := r.clients.CoreV1().Nodes().Create(ctx, fake, metav1.CreateOptions{})
	return err
}

func (r *realSide) createService(ctx context.Context, s *corev1.Service) error {
	_, err := r.clients.CoreV1().Services(s.Namespace).Create(ctx, s, metav1.CreateOptions{})
	return err
}

// liveUIDs knows the UIDs of the objects created so far, by those that the
// manifests give them.
type liveUIDs struct {
	mu sync.Mutex
	of map[types.UID]types.UID
}

// create creates an object, after it has put live UIDs into its owner references.
func (l *liveUIDs) create(object metav1.Object, create func() (metav1.Object, error)) error {
	references := object.GetOwnerReferences()
	l.mu.Lock()
	for i := range references {
		references[i].UID = l.of[references[i].UID]
	}
	l.mu.Unlock()
	object.SetOwnerReferences(references)
	created, err := create()
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.of[object.GetUID()] = created.GetUID()
	l.mu.Unlock()
	return nil
}

// atOnce is how many objects are created at the same time.
const atOnce = 16

// each does something with every object, several at a time, and returns the first
// error.
func each[T any](ctx context.Context, objects []T, do func(context.Context, T) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	slots := make(chan struct{}, atOnce)
	var group sync.WaitGroup
	for _, object := range objects {
		slots <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		group.Go(func() {
			defer func() { <-slots }()
			if err := do(ctx, object); err != nil {
				cancel(err)
			}
		})
	}
	group.Wait()
	return context.Cause(ctx)
}
