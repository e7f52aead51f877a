//go:build linux

package fidelity_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"bulkhead.dev/bulkhead/internal/fidelity"
	"bulkhead.dev/bulkhead/internal/testkit/randomcluster"
)

// empty takes everything away that a cluster has brought, and returns when nothing
// is left and every zone has kubelets of its own again. A kwok that has seen nodes
// go and others of the same name come renews their leases twice over, and the two
// hinder each other until nodes are taken for lost: so each cluster gets new ones.
func (r *rig) empty(ctx context.Context, rec *fidelity.Recorder) error {
	ctx, cancel := context.WithTimeout(ctx, phaseTimeout)
	defer cancel()
	own := randomcluster.Namespaces()
	background := metav1.DeletePropagationBackground
	soft := metav1.DeleteOptions{PropagationPolicy: &background}
	now := int64(0)
	hard := metav1.DeleteOptions{GracePeriodSeconds: &now, PropagationPolicy: &background}
	all := metav1.ListOptions{}
	for _, ns := range own {
		apps, core := r.clients.AppsV1(), r.clients.CoreV1()
		for _, err := range []error{
			apps.Deployments(ns).DeleteCollection(ctx, soft, all),
			apps.StatefulSets(ns).DeleteCollection(ctx, soft, all),
			apps.DaemonSets(ns).DeleteCollection(ctx, soft, all),
			apps.ReplicaSets(ns).DeleteCollection(ctx, soft, all),
			core.Pods(ns).DeleteCollection(ctx, hard, all),
		} {
			if err != nil {
				return fmt.Errorf("emptying %s: %w", ns, err)
			}
		}
	}
	for {
		if len(rec.State().Pods) == 0 {
			break
		}
		for _, ns := range own {
			if err := r.clients.CoreV1().Pods(ns).DeleteCollection(ctx, hard, all); err != nil {
				return err
			}
		}
		short, cancel := context.WithTimeout(ctx, time.Second)
		err := rec.Await(short, "no pod is left", 0, func(s fidelity.State) bool { return len(s.Pods) == 0 })
		cancel()
		if err != nil && ctx.Err() != nil {
			return err
		}
	}
	for _, ns := range own {
		if err := r.clients.CoreV1().PersistentVolumeClaims(ns).DeleteCollection(ctx, soft, all); err != nil {
			return err
		}
		if err := r.clients.PolicyV1().PodDisruptionBudgets(ns).DeleteCollection(ctx, soft, all); err != nil {
			return err
		}
		services, err := r.clients.CoreV1().Services(ns).List(ctx, all)
		if err != nil {
			return err
		}
		for _, s := range services.Items {
			if err := r.clients.CoreV1().Services(ns).Delete(ctx, s.Name, soft); err != nil {
				return err
			}
		}
	}
	for _, err := range []error{
		r.clients.CoreV1().PersistentVolumes().DeleteCollection(ctx, soft, all),
		r.clients.CoreV1().Nodes().DeleteCollection(ctx, soft, all),
		r.clients.CoordinationV1().Leases(corev1.NamespaceNodeLease).DeleteCollection(ctx, soft, all),
		r.clients.StorageV1().StorageClasses().DeleteCollection(ctx, soft, all),
		r.clients.StorageV1().VolumeAttachments().DeleteCollection(ctx, soft, all),
	} {
		if err != nil {
			return fmt.Errorf("emptying the control plane: %w", err)
		}
	}
	priorities, err := r.clients.SchedulingV1().PriorityClasses().List(ctx, all)
	if err != nil {
		return err
	}
	for _, p := range priorities.Items {
		if !strings.HasPrefix(p.Name, "system-") { // Kubernetes has two of its own
			if err := r.clients.SchedulingV1().PriorityClasses().Delete(ctx, p.Name, soft); err != nil {
				return err
			}
		}
	}
	if err := rec.Await(ctx, "no node, volume or claim is left", 0, func(s fidelity.State) bool {
		return len(s.Nodes)+len(s.Volumes)+len(s.Claims)+len(s.Budgets)+len(s.Pods) == 0
	}); err != nil {
		return err
	}
	if err := r.verifyEmpty(ctx); err != nil {
		return err
	}
	for _, zone := range randomcluster.Zones() {
		if r.cp.PID("kwok-"+zone) != 0 {
			if err := r.cp.KillZone(zone); err != nil {
				return err
			}
		}
		if err := r.cp.RestoreZone(ctx, zone); err != nil {
			return err
		}
	}
	return nil
}

// leftovers are the kinds of which nothing may be left.
var leftovers = []schema.GroupVersionResource{
	{Version: "v1", Resource: "pods"}, {Version: "v1", Resource: "nodes"},
	{Version: "v1", Resource: "persistentvolumes"}, {Version: "v1", Resource: "persistentvolumeclaims"},
	{Group: "apps", Version: "v1", Resource: "deployments"}, {Group: "apps", Version: "v1", Resource: "replicasets"},
	{Group: "apps", Version: "v1", Resource: "statefulsets"}, {Group: "apps", Version: "v1", Resource: "daemonsets"},
	{Group: "policy", Version: "v1", Resource: "poddisruptionbudgets"},
	{Group: "storage.k8s.io", Version: "v1", Resource: "storageclasses"},
	{Group: "storage.k8s.io", Version: "v1", Resource: "volumeattachments"},
}

// verifyEmpty returns when there is nothing left of the kinds that clusters
// bring: what owned objects are left are collected some moments later.
func (r *rig) verifyEmpty(ctx context.Context) error {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		left := ""
		for _, resource := range leftovers {
			list, err := r.dynamic.Resource(resource).List(ctx, metav1.ListOptions{Limit: 1})
			if err != nil {
				return fmt.Errorf("looking for what is left: %w", err)
			}
			if len(list.Items) > 0 {
				left = resource.Resource + " " + list.Items[0].GetName()
				break
			}
		}
		if left == "" {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("emptying the control plane: %s is left: %w", left, ctx.Err())
		}
	}
}
