package snapshot

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/component-helpers/storage/volume"
)

// Annotations that mark a StorageClass as the default (k8s.io/kubernetes
// pkg/volume/util/storageclass.go, IsDefaultStorageClassAnnotation and its beta).
var defaultClassAnnotations = []string{
	"storageclass.kubernetes.io/is-default-class",
	"storageclass.beta.kubernetes.io/is-default-class",
}

// defaultClass names the StorageClass of claims that name none: of several
// defaults the newest, then the first by name (GetDefaultClass, same file).
func (b *builder) defaultClass() string {
	var found *storagev1.StorageClass
	for _, c := range b.storageClasses {
		isDefault := false
		for _, a := range defaultClassAnnotations {
			isDefault = isDefault || c.object.Annotations[a] == "true"
		}
		if !isDefault {
			continue
		}
		if found == nil || found.CreationTimestamp.Before(&c.object.CreationTimestamp) ||
			found.CreationTimestamp.Equal(&c.object.CreationTimestamp) && c.object.Name < found.Name {
			found = c.object
		}
	}
	if found == nil {
		return ""
	}
	return found.Name
}

// inputClaims are the claims of the input with their classes.
func (a *assembly) inputClaims() []*corev1.PersistentVolumeClaim {
	all := make([]*corev1.PersistentVolumeClaim, len(a.claims))
	for i, c := range a.claims {
		if c.source.uid != "" && c.object.Spec.VolumeName != "" {
			all[i] = c.object // bound: no plugin touches it any more
			continue
		}
		all[i] = a.withClass(c.object)
	}
	return all
}

// withClass writes the claim's class into spec.storageClassName: the one of the
// old annotation, which Kubernetes still prefers, else, as the admission plugin
// DefaultStorageClass would, the default.
func (a *assembly) withClass(c *corev1.PersistentVolumeClaim) *corev1.PersistentVolumeClaim {
	name := a.class
	if volume.PersistentVolumeClaimHasClass(c) {
		name = volume.GetPersistentVolumeClaimClass(c)
	} else if name == "" {
		return c
	}
	if c.Spec.StorageClassName != nil && *c.Spec.StorageClassName == name {
		return c
	}
	c = c.DeepCopy()
	c.Spec.StorageClassName = &name
	return c
}

// classes are the priority classes of the input; a second global default is
// refused, as by the admission plugin Priority.
func (a *assembly) classes() []*schedulingv1.PriorityClass {
	var first string
	for _, c := range a.priorityClasses {
		if !c.object.GlobalDefault {
			continue
		}
		if first != "" {
			a.fault(c.source, "globalDefault", fmt.Sprintf("forbidden: PriorityClass %s is the default already", first), "")
			continue
		}
		first = c.object.Name
	}
	return only(a.priorityClasses)
}
