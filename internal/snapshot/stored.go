package snapshot

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// admitted is what became of an object.
type admitted struct {
	source   *object
	object   runtime.Object
	warnings []string
	faults   field.ErrorList
}

// placed is an object with where it came from; seq is its place in the input.
type placed[T any] struct {
	object T
	source *object
	seq    int
}

// stored is every accepted object by kind, in the order of the input.
type stored struct {
	namespaces      []placed[*corev1.Namespace]
	nodes           []placed[*corev1.Node]
	pods            []placed[*corev1.Pod]
	services        []placed[*corev1.Service]
	quotas          []placed[*corev1.ResourceQuota]
	volumes         []placed[*corev1.PersistentVolume]
	claims          []placed[*corev1.PersistentVolumeClaim]
	controllers     []placed[*corev1.ReplicationController]
	deployments     []placed[*appsv1.Deployment]
	replicaSets     []placed[*appsv1.ReplicaSet]
	statefulSets    []placed[*appsv1.StatefulSet]
	daemonSets      []placed[*appsv1.DaemonSet]
	jobs            []placed[*batchv1.Job]
	cronJobs        []placed[*batchv1.CronJob]
	autoscalers     []placed[*autoscalingv2.HorizontalPodAutoscaler]
	budgets         []placed[*policyv1.PodDisruptionBudget]
	priorityClasses []placed[*schedulingv1.PriorityClass]
	storageClasses  []placed[*storagev1.StorageClass]
	csiNodes        []placed[*storagev1.CSINode]
}

// keep sorts accepted objects into their kinds. An object that is there twice is
// a fault, also when one of the two was refused.
func (b *builder) keep(all []admitted) {
	first := map[string]*object{}
	for seq, a := range all {
		if a.object != nil {
			if m, err := meta.Accessor(a.object); err == nil {
				// From here on, messages name what was stored.
				a.source.namespace, a.source.name = m.GetNamespace(), m.GetName()
			}
		}
		ref := a.source.ref(b.options.Namespace)
		if a.source.name != "" {
			if other := first[ref]; other != nil {
				b.fault(a.source, "", fmt.Sprintf("already defined at %s:%d", other.file, other.lineOf("")), "")
				continue
			}
			first[ref] = a.source
		}
		b.sort(a, seq)
	}
}

func (b *builder) sort(a admitted, seq int) {
	switch o := a.object.(type) {
	case *corev1.Namespace:
		add(&b.namespaces, o, a, seq)
	case *corev1.Node:
		add(&b.nodes, o, a, seq)
	case *corev1.Pod:
		add(&b.pods, o, a, seq)
	case *corev1.Service:
		add(&b.services, o, a, seq)
	case *corev1.ResourceQuota:
		add(&b.quotas, o, a, seq)
	case *corev1.PersistentVolume:
		add(&b.volumes, o, a, seq)
	case *corev1.PersistentVolumeClaim:
		add(&b.claims, o, a, seq)
	case *corev1.ReplicationController:
		add(&b.controllers, o, a, seq)
	case *appsv1.Deployment:
		add(&b.deployments, o, a, seq)
	case *appsv1.ReplicaSet:
		add(&b.replicaSets, o, a, seq)
	case *appsv1.StatefulSet:
		add(&b.statefulSets, o, a, seq)
	case *appsv1.DaemonSet:
		add(&b.daemonSets, o, a, seq)
	case *batchv1.Job:
		add(&b.jobs, o, a, seq)
	case *batchv1.CronJob:
		add(&b.cronJobs, o, a, seq)
	case *autoscalingv2.HorizontalPodAutoscaler:
		add(&b.autoscalers, o, a, seq)
	case *policyv1.PodDisruptionBudget:
		add(&b.budgets, o, a, seq)
	case *schedulingv1.PriorityClass:
		add(&b.priorityClasses, o, a, seq)
	case *storagev1.StorageClass:
		add(&b.storageClasses, o, a, seq)
	case *storagev1.CSINode:
		add(&b.csiNodes, o, a, seq)
	}
}

func add[T any](list *[]placed[T], o T, a admitted, seq int) {
	*list = append(*list, placed[T]{o, a.source, seq})
}

// only drops the places.
func only[T any](list []placed[T]) []T {
	all := make([]T, len(list))
	for i := range list {
		all[i] = list[i].object
	}
	return all
}
