//go:build linux

package snapshot_test

import (
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"

	"bulkhead.dev/bulkhead/internal/testkit/controlplane"
)

// live is a cluster in a real control plane.
type live struct {
	cp      *controlplane.ControlPlane
	clients kubernetes.Interface
	dynamic dynamic.Interface
	mapper  meta.RESTMapper
}

func newLive(cp *controlplane.ControlPlane) (*live, error) {
	config := cp.Config()
	clients, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	kinds, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	return &live{
		cp: cp, clients: clients, dynamic: kinds,
		mapper: restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(clients.Discovery())),
	}, nil
}

// fill creates the cluster and returns when all its pods are Ready.
func (l *live) fill(ctx context.Context, c *cluster, planted canaries, log func(string, ...any)) error {
	start := time.Now()
	token := planted.plant("annotation of a Node")
	if err := each(ctx, len(c.nodes), func(ctx context.Context, i int) error {
		node := controlplane.Node(c.nodes[i], c.zones[i])
		node.Annotations["wombat.example/token"] = token
		node.Labels["wombat.example/rack"] = fmt.Sprintf("wombat-rack-%d", i%7)
		created, err := l.clients.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{})
		if err == nil && i == 0 {
			c.FirstUID = created.UID
		}
		return err
	}); err != nil {
		return err
	}
	stages, err := c.objects(planted)
	if err != nil {
		return err
	}
	for i, objects := range stages {
		if err := each(ctx, len(objects), func(ctx context.Context, i int) error { return l.create(ctx, objects[i]) }); err != nil {
			return err
		}
		log("%5.1f s: stage %d, %d objects", time.Since(start).Seconds(), i, len(objects))
		switch i {
		case 0:
			err = l.awaitAccounts(ctx, c.Namespaces)
		case 1:
			err = l.awaitNodes(ctx, len(c.nodes))
		case 2:
			err = l.awaitPods(ctx, c.pods, log)
		}
		if err != nil {
			return err
		}
	}
	log("%5.1f s: %d pods are Ready", time.Since(start).Seconds(), c.pods)
	return nil
}

func (l *live) create(ctx context.Context, u *unstructured.Unstructured) error {
	mapping, err := l.mapper.RESTMapping(u.GroupVersionKind().GroupKind(), u.GroupVersionKind().Version)
	if err != nil {
		return err
	}
	var client dynamic.ResourceInterface = l.dynamic.Resource(mapping.Resource)
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		client = l.dynamic.Resource(mapping.Resource).Namespace(u.GetNamespace())
	}
	if _, err = client.Create(ctx, u, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("creating %s %s/%s: %w", u.GetKind(), u.GetNamespace(), u.GetName(), err)
	}
	return nil
}

// atOnce is how many objects are created at the same time.
const atOnce = 16

// each does something n times, several at a time, and returns the first error.
func each(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	slots := make(chan struct{}, atOnce)
	var group sync.WaitGroup
	for i := range n {
		slots <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		group.Go(func() {
			defer func() { <-slots }()
			if err := do(ctx, i); err != nil {
				cancel(err)
			}
		})
	}
	group.Wait()
	return context.Cause(ctx)
}

// awaitAccounts returns when pods can be created in the namespaces.
func (l *live) awaitAccounts(ctx context.Context, namespaces []string) error {
	missing := map[string]bool{}
	for _, ns := range namespaces {
		missing[ns] = true
	}
	only := fields.OneTermEqualSelector(metav1.ObjectNameField, "default")
	return l.await(ctx, "serviceaccounts", only, &corev1.ServiceAccount{}, func(e watch.Event) bool {
		delete(missing, e.Object.(*corev1.ServiceAccount).Namespace)
		return len(missing) == 0
	})
}

// awaitNodes returns when pods can be placed on n nodes.
func (l *live) awaitNodes(ctx context.Context, n int) error {
	usable := map[string]bool{}
	return l.await(ctx, "nodes", fields.Everything(), &corev1.Node{}, func(e watch.Event) bool {
		node := e.Object.(*corev1.Node)
		if delete(usable, node.Name); len(node.Spec.Taints) == 0 {
			usable[node.Name] = true
		}
		return len(usable) == n
	})
}

// awaitPods returns when n pods are Ready, those of Jobs not counted.
func (l *live) awaitPods(ctx context.Context, n int, log func(string, ...any)) error {
	last := time.Now()
	all, running := map[types.UID]bool{}, map[types.UID]bool{}
	return l.await(ctx, "pods", fields.Everything(), &corev1.Pod{}, func(e watch.Event) bool {
		pod := e.Object.(*corev1.Pod)
		if owner := metav1.GetControllerOf(pod); owner != nil && owner.Kind == "Job" {
			return false
		}
		all[pod.UID] = true
		if delete(running, pod.UID); ready(pod) {
			running[pod.UID] = true
		}
		if time.Since(last) > 5*time.Second {
			last = time.Now()
			log("         %d of %d pods, %d Ready", len(all), n, len(running))
		}
		return len(running) == n
	})
}

// await watches objects until they are as wanted.
func (l *live) await(ctx context.Context, resource string, which fields.Selector, object runtime.Object, wanted func(watch.Event) bool) error {
	source := cache.NewListWatchFromClient(l.clients.CoreV1().RESTClient(), resource, metav1.NamespaceAll, which)
	_, err := watchtools.UntilWithSync(ctx, source, object, nil, func(e watch.Event) (bool, error) {
		return e.Type != watch.Deleted && wanted(e), nil
	})
	if err != nil {
		return fmt.Errorf("waiting for %s: %w", resource, err)
	}
	return nil
}

// ready says whether a pod serves.
func ready(p *corev1.Pod) bool {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}
