package snapshot

import (
	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Admission is what the API server does to objects. It is used concurrently.
type Admission interface {
	// Known says whether Accept understands the kind. An error says that a kind
	// of Kubernetes does not exist in this apiVersion.
	Known(gvk schema.GroupVersionKind) (bool, error)
	// Accept returns the object as it would be stored, in its group's v1
	// (autoscaling: v2), or all reasons to refuse it. Namespace is for objects
	// without one, suffix for names to generate.
	Accept(document []byte, gvk schema.GroupVersionKind, namespace, suffix string) (runtime.Object, []string, field.ErrorList)
	// Pods returns a function that makes of an accepted workload, or Pod, the
	// pod that would be stored for it, given the priority classes. Field paths
	// are those of the workload.
	Pods(classes []*schedulingv1.PriorityClass) func(owner runtime.Object) (*corev1.Pod, []string, field.ErrorList)
}
