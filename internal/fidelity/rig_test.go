//go:build linux

package fidelity_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/restmapper"

	"bulkhead.dev/bulkhead/internal/fidelity"
	"bulkhead.dev/bulkhead/internal/testkit/controlplane"
	"bulkhead.dev/bulkhead/internal/testkit/randomcluster"
)

const (
	// quiet is for how long nothing may change for a state to count as steady:
	// longer than the scheduler's backoff and the controller manager's period.
	quiet = 2500 * time.Millisecond
	// phaseTimeout bounds each wait.
	phaseTimeout = 3 * time.Minute
)

// rig is a control plane that plays one cluster after the other.
type rig struct {
	cp      *controlplane.ControlPlane
	clients kubernetes.Interface
	dynamic dynamic.Interface
	mapper  meta.RESTMapper
}

// shortened are the flags of the controller manager that make a zone's loss
// short, and the timings that say the same to the simulation.
func shortened() (flags []string, lease time.Duration, timings string) {
	return []string{
			"--node-monitor-grace-period=6s", "--node-monitor-period=1s", "--node-eviction-rate=10",
			"--concurrent-deployment-syncs=10", "--concurrent-replicaset-syncs=10",
			"--pvclaimbinder-sync-period=1s",
		}, 8 * time.Second, `
nodeMonitorGracePeriod: 6s
nodeMonitorPeriod: 1s
nodeEvictionRate: 10
podStart: 500ms
podStop: 100ms
volumeAttach: 0s
volumeForceDetach: 0s
`
}

func startRig(t testing.TB) *rig {
	t.Helper()
	flags, lease, _ := shortened()
	cp := controlplane.Start(t, controlplane.Options{
		Zones: randomcluster.Zones(), NodeLeaseDuration: lease,
		ControllerManagerFlags: flags,
		Scheduler:              controlplane.SchedulerOptions{Config: fidelity.SchedulerConfiguration, Flags: fidelity.LogFlags()},
	})
	if err := cp.StopComponent(controlplane.Scheduler); err != nil {
		t.Fatal(err)
	}
	return newRig(t, cp)
}

func newRig(t testing.TB, cp *controlplane.ControlPlane) *rig {
	t.Helper()
	config := cp.Config()
	config.ContentType = runtime.ContentTypeProtobuf // decoded soon enough for a watch under load
	clients, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	dyn, err := dynamic.NewForConfig(cp.Config())
	if err != nil {
		t.Fatal(err)
	}
	return &rig{
		cp: cp, clients: clients, dynamic: dyn,
		mapper: restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(clients.Discovery())),
	}
}

// create creates the objects, several at a time.
func (r *rig) create(ctx context.Context, objects []runtime.Object) error {
	errs := make([]error, len(objects))
	slots := make(chan struct{}, 8)
	var group sync.WaitGroup
	for i, obj := range objects {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			errs[i] = r.createOne(ctx, obj)
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

func (r *rig) createOne(ctx context.Context, obj runtime.Object) error {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
	if err != nil {
		return err
	}
	u := &unstructured.Unstructured{Object: content}
	mapping, err := r.mapper.RESTMapping(u.GroupVersionKind().GroupKind(), u.GroupVersionKind().Version)
	if err != nil {
		return err
	}
	client := r.dynamic.Resource(mapping.Resource)
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		_, err = client.Namespace(u.GetNamespace()).Create(ctx, u, metav1.CreateOptions{})
	} else {
		_, err = client.Create(ctx, u, metav1.CreateOptions{})
	}
	if apierrors.IsAlreadyExists(err) && u.GetKind() == "Namespace" {
		return nil // all clusters have the same, and they stay
	}
	if err != nil {
		return fmt.Errorf("creating %s %s/%s: %w", u.GetKind(), u.GetNamespace(), u.GetName(), err)
	}
	return nil
}

// fill puts the cluster into the control plane, while the scheduler is stopped,
// and returns when all pods are there that can be without it.
func (r *rig) fill(ctx context.Context, rec *fidelity.Recorder, c *randomcluster.Cluster) error {
	ctx, cancel := context.WithTimeout(ctx, phaseTimeout)
	defer cancel()
	var first, rest []runtime.Object
	want := map[string]int{} // label app and namespace → pods
	nodes := 0
	for _, obj := range c.Objects() {
		switch obj := obj.(type) {
		case *corev1.Namespace:
			first = append(first, obj)
			continue
		case *corev1.Node:
			nodes++
		case *appsv1.Deployment:
			want[obj.Namespace+"/"+obj.Name] = int(*obj.Spec.Replicas)
		case *appsv1.StatefulSet:
			want[obj.Namespace+"/"+obj.Name] = 1
			if obj.Spec.PodManagementPolicy == appsv1.ParallelPodManagement {
				want[obj.Namespace+"/"+obj.Name] = int(*obj.Spec.Replicas)
			}
		}
		rest = append(rest, obj)
	}
	if err := r.create(ctx, first); err != nil {
		return err
	}
	for _, ns := range first {
		if err := r.awaitAccount(ctx, ns.(*corev1.Namespace).Name); err != nil {
			return err
		}
	}
	var before, workloads []runtime.Object
	for _, obj := range rest {
		switch obj.(type) {
		case *appsv1.Deployment, *appsv1.StatefulSet, *appsv1.DaemonSet:
			workloads = append(workloads, obj)
		default:
			before = append(before, obj)
		}
	}
	if err := r.create(ctx, before); err != nil {
		return err
	}
	if err := rec.Await(ctx, "all nodes are usable", 0, func(s fidelity.State) bool { return len(s.Nodes) == nodes && allUsable(s) }); err != nil {
		return err
	}
	if err := r.create(ctx, workloads); err != nil {
		return err
	}
	return rec.Await(ctx, "all pods are created", time.Second, func(s fidelity.State) bool {
		have := map[string]int{}
		for _, p := range s.Pods {
			have[p.Namespace+"/"+p.Labels["app"]]++
		}
		for name, n := range want {
			if have[name] < n {
				return false
			}
		}
		return allUsable(s)
	})
}

// awaitAccount returns when pods can be created in the namespace.
func (r *rig) awaitAccount(ctx context.Context, namespace string) error {
	w, err := r.clients.CoreV1().ServiceAccounts(namespace).Watch(ctx, metav1.ListOptions{FieldSelector: "metadata.name=default"})
	if err != nil {
		return err
	}
	defer w.Stop()
	select {
	case <-w.ResultChan():
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for the account of %s: %w", namespace, ctx.Err())
	}
}

func allUsable(s fidelity.State) bool {
	for _, n := range s.Nodes {
		if !fidelity.Ready(n) {
			return false
		}
		for _, t := range n.Spec.Taints {
			if t.Key == corev1.TaintNodeNotReady || t.Key == corev1.TaintNodeUnreachable {
				return false
			}
		}
	}
	return true
}

// steady says that every pod runs or was found to fit nowhere.
func steady(s fidelity.State) bool {
	for _, p := range s.Pods {
		switch {
		case p.DeletionTimestamp != nil:
			if n := s.Nodes[p.Spec.NodeName]; n == nil || fidelity.Ready(n) {
				return false
			}
		case p.Spec.NodeName == "" && !fidelity.Refused(p):
			return false
		case p.Spec.NodeName != "" && !fidelity.Serves(p):
			if n := s.Nodes[p.Spec.NodeName]; n == nil || fidelity.Ready(n) {
				return false
			}
		}
	}
	return true
}

// over says that the loss of the zone is over: its nodes are tainted, and the
// pods that do not stay there for ever are deleted.
func over(zone string) func(fidelity.State) bool {
	return func(s fidelity.State) bool {
		for _, n := range s.Nodes {
			if n.Labels[corev1.LabelTopologyZone] == zone && !fidelity.Unreachable(n) {
				return false
			}
		}
		for _, p := range s.Pods {
			n := s.Nodes[p.Spec.NodeName]
			if n == nil || n.Labels[corev1.LabelTopologyZone] != zone {
				continue
			}
			if p.DeletionTimestamp == nil && !fidelity.StaysForEver(p) {
				return false
			}
		}
		return steady(s)
	}
}

// startScheduler starts it with an empty log.
func (r *rig) startScheduler(ctx context.Context) error {
	if err := os.Truncate(r.cp.LogPath(controlplane.Scheduler), 0); err != nil {
		return err
	}
	return r.cp.StartComponent(ctx, controlplane.Scheduler)
}

// fixed returns the objects that do not change while a cluster is played.
func (r *rig) fixed(ctx context.Context) ([]runtime.Object, error) {
	var all []runtime.Object
	o := metav1.ListOptions{}
	for _, list := range []func() (runtime.Object, error){
		func() (runtime.Object, error) { return r.clients.CoreV1().Namespaces().List(ctx, o) },
		func() (runtime.Object, error) { return r.clients.CoreV1().Services("").List(ctx, o) },
		func() (runtime.Object, error) { return r.clients.StorageV1().StorageClasses().List(ctx, o) },
		func() (runtime.Object, error) { return r.clients.AppsV1().ReplicaSets("").List(ctx, o) },
		func() (runtime.Object, error) { return r.clients.AppsV1().StatefulSets("").List(ctx, o) },
	} {
		l, err := list()
		if err != nil {
			return nil, err
		}
		if err := meta.EachListItem(l, func(obj runtime.Object) error {
			all = append(all, obj)
			return nil
		}); err != nil {
			return nil, err
		}
	}
	return all, nil
}
