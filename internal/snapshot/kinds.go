package snapshot

import (
	"reflect"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// kind is a kind of object that a snapshot of a cluster holds, in the version
// that Admission.Accept returns.
type kind struct {
	gvk schema.GroupVersionKind
	// resource is the plural in the API's paths.
	resource   string
	namespaced bool
	// list is an empty list of the kind.
	list runtime.Object
}

// kinds lists what is read of a cluster, in the order of a snapshot file: that of
// the kinds' names. Secrets and ConfigMaps are not among them.
func kinds() []kind {
	core := corev1.SchemeGroupVersion
	apps := appsv1.SchemeGroupVersion
	batch := batchv1.SchemeGroupVersion
	storage := storagev1.SchemeGroupVersion
	return []kind{
		{storage.WithKind("CSINode"), "csinodes", false, &storagev1.CSINodeList{}},
		{batch.WithKind("CronJob"), "cronjobs", true, &batchv1.CronJobList{}},
		{apps.WithKind("DaemonSet"), "daemonsets", true, &appsv1.DaemonSetList{}},
		{apps.WithKind("Deployment"), "deployments", true, &appsv1.DeploymentList{}},
		{autoscalingv2.SchemeGroupVersion.WithKind("HorizontalPodAutoscaler"), "horizontalpodautoscalers", true, &autoscalingv2.HorizontalPodAutoscalerList{}},
		{batch.WithKind("Job"), "jobs", true, &batchv1.JobList{}},
		{core.WithKind("Namespace"), "namespaces", false, &corev1.NamespaceList{}},
		{core.WithKind("Node"), "nodes", false, &corev1.NodeList{}},
		{core.WithKind("PersistentVolume"), "persistentvolumes", false, &corev1.PersistentVolumeList{}},
		{core.WithKind("PersistentVolumeClaim"), "persistentvolumeclaims", true, &corev1.PersistentVolumeClaimList{}},
		{core.WithKind("Pod"), "pods", true, &corev1.PodList{}},
		{policyv1.SchemeGroupVersion.WithKind("PodDisruptionBudget"), "poddisruptionbudgets", true, &policyv1.PodDisruptionBudgetList{}},
		{schedulingv1.SchemeGroupVersion.WithKind("PriorityClass"), "priorityclasses", false, &schedulingv1.PriorityClassList{}},
		{apps.WithKind("ReplicaSet"), "replicasets", true, &appsv1.ReplicaSetList{}},
		{core.WithKind("ReplicationController"), "replicationcontrollers", true, &corev1.ReplicationControllerList{}},
		{core.WithKind("ResourceQuota"), "resourcequotas", true, &corev1.ResourceQuotaList{}},
		{core.WithKind("Service"), "services", true, &corev1.ServiceList{}},
		{apps.WithKind("StatefulSet"), "statefulsets", true, &appsv1.StatefulSetList{}},
		{storage.WithKind("StorageClass"), "storageclasses", false, &storagev1.StorageClassList{}},
	}
}

// required reports whether nothing can be said without the kind.
func (k kind) required() bool { return k.resource == "nodes" || k.resource == "pods" }

// String is the resource as RBAC names it.
func (k kind) String() string {
	return schema.GroupResource{Group: k.gvk.Group, Resource: k.resource}.String()
}

// path of the list in the API, of one namespace or, with "", of all.
func (k kind) path(namespace string) string {
	root := "/apis/" + k.gvk.GroupVersion().String()
	if k.gvk.Group == "" {
		root = "/api/" + k.gvk.Version
	}
	if k.namespaced && namespace != "" {
		root += "/namespaces/" + namespace
	}
	return root + "/" + k.resource
}

// empty returns a new empty list of the kind.
func (k kind) empty() runtime.Object {
	l, _ := reflect.New(reflect.TypeOf(k.list).Elem()).Interface().(runtime.Object) // as k.list is one
	return l
}

// object returns a new empty object of the kind.
func (k kind) object() runtime.Object {
	items, _ := reflect.TypeOf(k.list).Elem().FieldByName("Items") // every list has them
	o, _ := reflect.New(items.Type.Elem()).Interface().(runtime.Object)
	return o
}

func kindsByGVK() map[schema.GroupVersionKind]kind {
	all := map[schema.GroupVersionKind]kind{}
	for _, k := range kinds() {
		all[k.gvk] = k
	}
	return all
}
