package apiserver

import (
	"fmt"
	"math"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// The scheduler counts CPU in thousandths and everything else in units, in 64
// bits with a sign (k8s.io/kube-scheduler framework.Resource). The API server
// cuts larger quantities down in silence (resource.ParseQuantity, maxAllowed),
// and sums of them turn negative. They are faults here.
const (
	mostCPU   = math.MaxInt64 / 1000
	mostUnits = math.MaxInt64
)

// oversized returns a fault for each quantity of the object that takes part in
// scheduling and does not fit.
func oversized(obj runtime.Object) field.ErrorList {
	spec := field.NewPath("spec")
	inTemplate := spec.Child("template", "spec")
	switch o := obj.(type) {
	case *corev1.Pod:
		return oversizedPod(&o.Spec, spec)
	case *corev1.ReplicationController:
		if o.Spec.Template == nil {
			return nil
		}
		return oversizedPod(&o.Spec.Template.Spec, inTemplate)
	case *appsv1.Deployment:
		return oversizedPod(&o.Spec.Template.Spec, inTemplate)
	case *appsv1.ReplicaSet:
		return oversizedPod(&o.Spec.Template.Spec, inTemplate)
	case *appsv1.DaemonSet:
		return oversizedPod(&o.Spec.Template.Spec, inTemplate)
	case *appsv1.StatefulSet:
		faults := oversizedPod(&o.Spec.Template.Spec, inTemplate)
		for i := range o.Spec.VolumeClaimTemplates {
			faults = append(faults, oversizedList(o.Spec.VolumeClaimTemplates[i].Spec.Resources.Requests,
				spec.Child("volumeClaimTemplates").Index(i).Child("spec", "resources", "requests"))...)
		}
		return faults
	case *batchv1.Job:
		return oversizedPod(&o.Spec.Template.Spec, inTemplate)
	case *batchv1.CronJob:
		return oversizedPod(&o.Spec.JobTemplate.Spec.Template.Spec, spec.Child("jobTemplate", "spec", "template", "spec"))
	case *corev1.Node:
		status := field.NewPath("status")
		return append(oversizedList(o.Status.Capacity, status.Child("capacity")),
			oversizedList(o.Status.Allocatable, status.Child("allocatable"))...)
	case *corev1.PersistentVolume:
		return oversizedList(o.Spec.Capacity, spec.Child("capacity"))
	case *corev1.PersistentVolumeClaim:
		return oversizedList(o.Spec.Resources.Requests, spec.Child("resources", "requests"))
	}
	return nil
}

func oversizedPod(p *corev1.PodSpec, path *field.Path) field.ErrorList {
	var faults field.ErrorList
	sum := map[corev1.ResourceName]float64{}
	for _, group := range []struct {
		name string
		list []corev1.Container
	}{{"initContainers", p.InitContainers}, {"containers", p.Containers}} {
		for i := range group.list {
			at := path.Child(group.name).Index(i).Child("resources")
			r := &group.list[i].Resources
			faults = append(faults, oversizedList(r.Requests, at.Child("requests"))...)
			faults = append(faults, oversizedList(r.Limits, at.Child("limits"))...)
			for name, q := range r.Requests {
				sum[name] += q.AsApproximateFloat64()
			}
		}
	}
	faults = append(faults, oversizedList(p.Overhead, path.Child("overhead"))...)
	if p.Resources != nil {
		faults = append(faults, oversizedList(p.Resources.Requests, path.Child("resources", "requests"))...)
		faults = append(faults, oversizedList(p.Resources.Limits, path.Child("resources", "limits"))...)
	}
	if len(faults) > 0 {
		return faults
	}
	for _, name := range sortedNames(sum) {
		if most := mostOf(name); sum[name] > float64(most) {
			faults = append(faults, field.Invalid(path.Child("containers"), field.OmitValueType{},
				fmt.Sprintf("requests of %s add up to more than %d", name, most)))
		}
	}
	return faults
}

func oversizedList(list corev1.ResourceList, path *field.Path) field.ErrorList {
	var faults field.ErrorList
	for _, name := range sortedNames(list) {
		q := list[name]
		// ParseQuantity leaves exactly the largest number where it cut.
		if most := mostOf(name); q.CmpInt64(most) >= 0 {
			faults = append(faults, field.Invalid(path.Key(string(name)), field.OmitValueType{},
				fmt.Sprintf("must be less than %d", most)))
		}
	}
	return faults
}

func mostOf(name corev1.ResourceName) int64 {
	if name == corev1.ResourceCPU {
		return mostCPU
	}
	return mostUnits
}

func sortedNames[V any](m map[corev1.ResourceName]V) []corev1.ResourceName {
	names := make([]corev1.ResourceName, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}
