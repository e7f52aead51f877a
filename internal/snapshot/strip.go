package snapshot

import (
	"maps"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
)

// strip takes out of an accepted object what plays no part and may be secret or
// large. Pod templates of Deployments and ReplicaSets stay whole until their
// hash is taken and they are compared: stripPod takes the rest out of the pods.
func strip(obj runtime.Object) {
	if m, err := meta.Accessor(obj); err == nil {
		m.SetManagedFields(nil)
		if a := m.GetAnnotations(); a[corev1.LastAppliedConfigAnnotation] != "" {
			a = maps.Clone(a)
			delete(a, corev1.LastAppliedConfigAnnotation)
			m.SetAnnotations(a)
		}
	}
	switch o := obj.(type) {
	case *corev1.Pod:
		stripPod(o)
	case *corev1.ReplicationController:
		if o.Spec.Template != nil {
			stripTemplate(o.Spec.Template)
		}
	case *appsv1.StatefulSet:
		stripTemplate(&o.Spec.Template)
	case *appsv1.DaemonSet:
		stripTemplate(&o.Spec.Template)
	case *batchv1.Job:
		stripTemplate(&o.Spec.Template)
	case *batchv1.CronJob:
		stripTemplate(&o.Spec.JobTemplate.Spec.Template)
	}
}

func stripPod(p *corev1.Pod) {
	p.Annotations = plainAnnotations(p.Annotations)
	stripSpec(&p.Spec)
	// What a pod asks for may stand in its status, after a resize in place.
	stripStatuses(p.Status.ContainerStatuses)
	stripStatuses(p.Status.InitContainerStatuses)
	p.Status.EphemeralContainerStatuses = nil
}

func stripStatuses(all []corev1.ContainerStatus) {
	for i, s := range all {
		all[i] = corev1.ContainerStatus{
			Name: s.Name, Ready: s.Ready, AllocatedResources: s.AllocatedResources, Resources: s.Resources,
		}
	}
}

func stripTemplate(t *corev1.PodTemplateSpec) {
	t.Annotations = plainAnnotations(t.Annotations)
	stripSpec(&t.Spec)
}

func stripSpec(s *corev1.PodSpec) {
	for _, containers := range [][]corev1.Container{s.Containers, s.InitContainers} {
		for i := range containers {
			c := &containers[i]
			c.Command, c.Args, c.Env, c.EnvFrom = nil, nil, nil, nil
			c.Lifecycle, c.LivenessProbe, c.ReadinessProbe, c.StartupProbe = nil, nil, nil, nil
		}
	}
	s.EphemeralContainers = nil
	s.HostAliases = nil
	s.DNSConfig = nil
}
