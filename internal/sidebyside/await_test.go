//go:build linux

package sidebyside_test

import (
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
)

// watchPods tells the tally of every change of a pod until ctx ends.
func (r *realSide) watchPods(ctx context.Context) error {
	factory := informers.NewSharedInformerFactory(r.clients, 0)
	informer := factory.Core().V1().Pods().Informer()
	if err := informer.SetTransform(bare); err != nil {
		return err
	}
	if _, err := informer.AddEventHandler(r.tally.handler()); err != nil {
		return err
	}
	factory.StartWithContext(ctx)
	if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
		return fmt.Errorf("watching pods: %w", ctx.Err())
	}
	return nil
}

// bare keeps of a pod what the tally looks at.
func bare(object any) (any, error) {
	p, ok := object.(*corev1.Pod)
	if !ok {
		return object, nil
	}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: p.Namespace, Name: p.Name, UID: p.UID, ResourceVersion: p.ResourceVersion, DeletionTimestamp: p.DeletionTimestamp},
		Spec:       corev1.PodSpec{NodeName: p.Spec.NodeName},
		Status:     corev1.PodStatus{Conditions: p.Status.Conditions},
	}, nil
}

// interval is the time between two lines of progress.
const interval = 5 * time.Second

// await returns when the tally is as wanted, and says meanwhile how far it is.
func (r *realSide) await(ctx context.Context, what string, wanted func(moment) bool) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	start := time.Now()
	for {
		m := r.tally.now()
		if wanted(m) {
			return nil
		}
		select {
		case <-r.tally.changed:
		case <-ticker.C:
			r.log("%4.0f s, until %s: %d pods, %d Ready, %d evicted; %d replacements, %d scheduled, %d Ready", time.Since(start).Seconds(), what,
				m.before.created, m.before.ready, m.before.evicted, m.after.created, m.after.scheduled, m.after.ready)
		case <-ctx.Done():
			return fmt.Errorf("waiting until %s: %w", what, ctx.Err())
		}
	}
}

// awaitAccounts returns when pods can be created in every namespace.
func (r *realSide) awaitAccounts(ctx context.Context) error {
	return r.observe(ctx, "every namespace has a service account", func(f informers.SharedInformerFactory) (cache.SharedIndexInformer, func() (bool, error)) {
		accounts := f.Core().V1().ServiceAccounts()
		return accounts.Informer(), func() (bool, error) {
			for _, ns := range r.namespaces {
				if _, err := accounts.Lister().ServiceAccounts(ns.Name).Get("default"); err != nil {
					return false, nil
				}
			}
			return true, nil
		}
	})
}

// awaitControllers returns when the controllers know of all that was created and
// have nothing left to do.
func (r *realSide) awaitControllers(ctx context.Context) error {
	if err := r.observe(ctx, "no node has a taint", func(f informers.SharedInformerFactory) (cache.SharedIndexInformer, func() (bool, error)) {
		nodes := f.Core().V1().Nodes()
		return nodes.Informer(), func() (bool, error) {
			return all(nodes.Lister().List, len(r.nodes), func(n *corev1.Node) bool { return len(n.Spec.Taints) == 0 })
		}
	}); err != nil {
		return err
	}
	if err := r.observe(ctx, "every Deployment is available", func(f informers.SharedInformerFactory) (cache.SharedIndexInformer, func() (bool, error)) {
		deployments := f.Apps().V1().Deployments()
		return deployments.Informer(), func() (bool, error) {
			return all(deployments.Lister().List, len(r.deployments), func(d *appsv1.Deployment) bool {
				return d.Status.ObservedGeneration == d.Generation && d.Status.AvailableReplicas == *d.Spec.Replicas && d.Status.UpdatedReplicas == *d.Spec.Replicas
			})
		}
	}); err != nil {
		return err
	}
	return r.observe(ctx, "every Service has its endpoints", func(f informers.SharedInformerFactory) (cache.SharedIndexInformer, func() (bool, error)) {
		slices := f.Discovery().V1().EndpointSlices()
		wanted := r.endpoints()
		return slices.Informer(), func() (bool, error) {
			n := 0
			_, err := all(slices.Lister().List, 0, func(s *discoveryv1.EndpointSlice) bool {
				if s.Namespace != metav1.NamespaceDefault { // there is the API server's own
					n += len(s.Endpoints)
				}
				return true
			})
			return n == wanted, err
		}
	})
}

// all says whether there are at least so many objects and every one is as wanted.
func all[T any](list func(labels.Selector) ([]T, error), least int, wanted func(T) bool) (bool, error) {
	objects, err := list(labels.Everything())
	if err != nil || len(objects) < least {
		return false, err
	}
	for _, object := range objects {
		if !wanted(object) {
			return false, nil
		}
	}
	return true, nil
}

// observe watches objects until they are as wanted, and looks at them at most
// once for all changes that have come meanwhile.
func (r *realSide) observe(ctx context.Context, what string, watch func(informers.SharedInformerFactory) (cache.SharedIndexInformer, func() (bool, error))) error {
	ctx, cancel := context.WithCancel(ctx)
	factory := informers.NewSharedInformerFactory(r.clients, 0)
	defer factory.Shutdown()
	defer cancel()
	informer, wanted := watch(factory)
	changed := make(chan struct{}, 1)
	signal := func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { signal() },
		UpdateFunc: func(any, any) { signal() },
	}); err != nil {
		return err
	}
	factory.StartWithContext(ctx)
	for {
		if done, err := wanted(); done || err != nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("waiting until %s: %w", what, ctx.Err())
		}
	}
}
