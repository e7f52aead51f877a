package simulate

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	resourcehelpers "k8s.io/component-helpers/resource"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// room is an amount of CPU in milli-cores and of memory in bytes.
type room struct{ cpu, memory int64 }

func (r *room) add(o room) { r.cpu += o.cpu; r.memory += o.memory }
func (r *room) sub(o room) { r.cpu -= o.cpu; r.memory -= o.memory }

// requests returns what a pod asks for, as the scheduler counts it: the sum of
// its containers, or its init containers' largest, and overhead.
func requests(spec *corev1.PodSpec) room {
	if len(spec.Containers) == 1 && len(spec.InitContainers) == 0 && spec.Overhead == nil && spec.Resources == nil {
		only := spec.Containers[0].Resources.Requests
		return room{cpu: only.Cpu().MilliValue(), memory: only.Memory().Value()}
	}
	list := resourcehelpers.PodRequests(&corev1.Pod{Spec: *spec}, resourcehelpers.PodResourcesOptions{})
	return room{cpu: list.Cpu().MilliValue(), memory: list.Memory().Value()}
}

// Requests returns what a pod asks for, as the scheduler counts it.
func Requests(spec *corev1.PodSpec) (cpu, memory resource.Quantity) {
	r := requests(spec)
	return *resource.NewMilliQuantity(r.cpu, resource.DecimalSI), *resource.NewQuantity(r.memory, resource.BinarySI)
}

func allocatable(n *corev1.Node) room {
	return room{cpu: n.Status.Allocatable.Cpu().MilliValue(), memory: n.Status.Allocatable.Memory().Value()}
}

func (r room) report() v1alpha1.Room {
	return v1alpha1.Room{CPU: float64(r.cpu) / 1000, Memory: *resource.NewQuantity(r.memory, resource.BinarySI)}
}
