package apiserver

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/registry/rest"
	_ "k8s.io/kubernetes/pkg/apis/apps/install"        // registers apps in legacyscheme
	_ "k8s.io/kubernetes/pkg/apis/autoscaling/install" // registers autoscaling in legacyscheme
	_ "k8s.io/kubernetes/pkg/apis/batch/install"       // registers batch in legacyscheme
	_ "k8s.io/kubernetes/pkg/apis/core/install"        // registers v1 in legacyscheme
	_ "k8s.io/kubernetes/pkg/apis/policy/install"      // registers policy in legacyscheme
	_ "k8s.io/kubernetes/pkg/apis/scheduling/install"  // registers scheduling.k8s.io in legacyscheme
	_ "k8s.io/kubernetes/pkg/apis/storage/install"     // registers storage.k8s.io in legacyscheme
	"k8s.io/kubernetes/pkg/registry/apps/daemonset"
	"k8s.io/kubernetes/pkg/registry/apps/deployment"
	"k8s.io/kubernetes/pkg/registry/apps/replicaset"
	"k8s.io/kubernetes/pkg/registry/apps/statefulset"
	"k8s.io/kubernetes/pkg/registry/autoscaling/horizontalpodautoscaler"
	"k8s.io/kubernetes/pkg/registry/batch/cronjob"
	"k8s.io/kubernetes/pkg/registry/batch/job"
	"k8s.io/kubernetes/pkg/registry/core/namespace"
	"k8s.io/kubernetes/pkg/registry/core/node"
	"k8s.io/kubernetes/pkg/registry/core/persistentvolume"
	"k8s.io/kubernetes/pkg/registry/core/persistentvolumeclaim"
	"k8s.io/kubernetes/pkg/registry/core/pod"
	"k8s.io/kubernetes/pkg/registry/core/replicationcontroller"
	"k8s.io/kubernetes/pkg/registry/core/resourcequota"
	"k8s.io/kubernetes/pkg/registry/core/service"
	"k8s.io/kubernetes/pkg/registry/policy/poddisruptionbudget"
	"k8s.io/kubernetes/pkg/registry/scheduling/priorityclass"
	"k8s.io/kubernetes/pkg/registry/storage/csinode"
	"k8s.io/kubernetes/pkg/registry/storage/storageclass"
)

// Kubernetes is the minor version whose API server is imitated.
const Kubernetes = "1.36"

// served is a kind that Accept understands.
type served struct {
	group, kind string
	// versions that can be read, preferred first: the one that Accept returns.
	versions []string
	// retired are those of versions that Kubernetes no longer serves but whose
	// decoders it still carries.
	retired  []string
	strategy rest.RESTCreateStrategy
}

// kinds lists what Accept understands, one entry a kind.
func kinds() []served {
	v1 := []string{"v1"}
	apps := []string{"v1", "v1beta2", "v1beta1"}
	oldApps := []string{"v1beta2", "v1beta1"}
	return []served{
		{"", "Namespace", v1, nil, namespace.Strategy},
		{"", "Node", v1, nil, node.Strategy},
		{"", "PersistentVolume", v1, nil, persistentvolume.Strategy},
		{"", "PersistentVolumeClaim", v1, nil, persistentvolumeclaim.Strategy},
		{"", "Pod", v1, nil, pod.Strategy},
		{"", "ReplicationController", v1, nil, replicationcontroller.Strategy},
		{"", "ResourceQuota", v1, nil, resourcequota.Strategy},
		{"", "Service", v1, nil, service.Strategy},
		{"apps", "DaemonSet", []string{"v1", "v1beta2"}, []string{"v1beta2"}, daemonset.Strategy},
		{"apps", "Deployment", apps, oldApps, deployment.Strategy},
		{"apps", "ReplicaSet", []string{"v1", "v1beta2"}, []string{"v1beta2"}, replicaset.Strategy},
		{"apps", "StatefulSet", apps, oldApps, statefulset.Strategy},
		{"autoscaling", "HorizontalPodAutoscaler", []string{"v2", "v1"}, nil, horizontalpodautoscaler.Strategy},
		{"batch", "CronJob", []string{"v1", "v1beta1"}, []string{"v1beta1"}, cronjob.Strategy},
		{"batch", "Job", v1, nil, job.Strategy},
		{"policy", "PodDisruptionBudget", []string{"v1", "v1beta1"}, []string{"v1beta1"}, poddisruptionbudget.Strategy},
		{"scheduling.k8s.io", "PriorityClass", []string{"v1", "v1beta1"}, []string{"v1beta1"}, priorityclass.Strategy},
		{"storage.k8s.io", "CSINode", []string{"v1", "v1beta1"}, []string{"v1beta1"}, csinode.Strategy},
		{"storage.k8s.io", "StorageClass", []string{"v1", "v1beta1"}, []string{"v1beta1"}, storageclass.Strategy},
	}
}

// Known says whether Accept understands the kind. For a kind of Kubernetes' own
// groups in an apiVersion that does not have it, known is false and err says
// which apiVersion has it. A kind of the same name in somebody else's group
// (serving.knative.dev Service) is neither known nor a fault.
func (s *Server) Known(gvk schema.GroupVersionKind) (known bool, err error) {
	if k, ok := s.kinds[gvk.GroupKind()]; ok && slices.Contains(k.versions, gvk.Version) {
		return true, nil
	}
	// Groups of custom resources are domain names: they hold a dot
	// (apiextensions validation, ValidateCustomResourceDefinition).
	if strings.Contains(gvk.Group, ".") && !s.groups[gvk.Group] {
		return false, nil
	}
	k, ok := s.byName[gvk.Kind]
	if !ok {
		return false, nil
	}
	return false, fmt.Errorf("no kind %q in apiVersion %q; Kubernetes %s serves %s",
		gvk.Kind, gvk.GroupVersion().String(), Kubernetes, k.servedVersions())
}

// servedVersions returns "apps/v1", or several joined by "and".
func (k served) servedVersions() string {
	var all []string
	for _, v := range k.versions {
		if !slices.Contains(k.retired, v) {
			all = append(all, schema.GroupVersion{Group: k.group, Version: v}.String())
		}
	}
	return strings.Join(all, " and ")
}

func (k served) preferred() schema.GroupVersion {
	return schema.GroupVersion{Group: k.group, Version: k.versions[0]}
}
