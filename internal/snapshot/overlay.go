package snapshot

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
)

// overlay lays manifests over a cluster, as after `kubectl apply` and the rollouts
// that follow it: an object takes the place of the one with its kind, namespace
// and name, or is added at the end. Pods of a workload stay where they are unless
// its template changes; then they go, to be placed anew.
func (b *builder) overlay(base, manifests []admitted) []admitted {
	place := map[string]int{}
	for i, a := range base {
		place[a.source.ref("")] = i
	}
	rolled := map[ownerKey]*object{}
	for _, a := range manifests {
		if a.object == nil { // refused
			continue
		}
		m, err := meta.Accessor(a.object)
		if err != nil {
			continue // every kind has metadata
		}
		a.source.namespace, a.source.name = m.GetNamespace(), m.GetName()
		redact(a.object)
		ref := a.source.ref("")
		i, ok := place[ref]
		if !ok {
			base = append(base, a)
			continue
		}
		delete(place, ref) // a second manifest for it is one too many
		if old, now := templateOf(base[i].object), templateOf(a.object); old != nil && now != nil {
			if !equality.Semantic.DeepEqual(old, now) {
				rolled[keyOf(a.source)] = a.source
			} else if was, err := meta.Accessor(base[i].object); err == nil {
				// Its newest ReplicaSet is still the one of this number.
				m.SetAnnotations(withRevision(m.GetAnnotations(), was.GetAnnotations()[revisionAnnotation]))
			}
		}
		base[i] = a
	}
	return b.rollOut(base, rolled)
}

func keyOf(o *object) ownerKey {
	return ownerKey{o.gvk.Group, o.gvk.Kind, o.namespace, o.name}
}

func withRevision(annotations map[string]string, revision string) map[string]string {
	if revision == "" {
		return annotations
	}
	with := map[string]string{revisionAnnotation: revision}
	for k, v := range annotations {
		with[k] = v
	}
	return with
}

// rollOut drops what the controllers of changed workloads had made: the pods, and
// the ReplicaSets and Jobs between.
func (b *builder) rollOut(all []admitted, rolled map[ownerKey]*object) []admitted {
	if len(rolled) == 0 {
		return all
	}
	gone := map[ownerKey]*object{}
	for key, o := range rolled {
		gone[key] = o
	}
	for _, a := range all {
		if owner := ownerAmong(a, rolled); owner != nil && a.source.gvk.Kind != "Pod" {
			gone[keyOf(a.source)] = owner
		}
	}
	counts := map[*object]int{}
	kept := all[:0]
	for _, a := range all {
		owner := ownerAmong(a, gone)
		if owner == nil {
			kept = append(kept, a)
		} else if a.source.gvk.Kind == "Pod" {
			counts[owner]++
		}
	}
	for _, a := range kept {
		if n := counts[a.source]; n > 0 {
			b.warn(a.source, "", fmt.Sprintf("its template is not that of the snapshot: %d pods are placed anew", n))
		}
	}
	return kept
}

// ownerAmong returns what stands for the object's controller in the map.
func ownerAmong(a admitted, owners map[ownerKey]*object) *object {
	if a.source.uid == "" {
		return nil // a manifest
	}
	m, err := meta.Accessor(a.object)
	if err != nil {
		return nil
	}
	key, ref := controllerKey(m)
	if ref == nil {
		return nil
	}
	return owners[key]
}

// templateOf returns the pod template of a workload; nil for other kinds.
func templateOf(obj runtime.Object) *corev1.PodTemplateSpec {
	switch o := obj.(type) {
	case *appsv1.Deployment:
		return &o.Spec.Template
	case *appsv1.ReplicaSet:
		return &o.Spec.Template
	case *appsv1.StatefulSet:
		return &o.Spec.Template
	case *appsv1.DaemonSet:
		return &o.Spec.Template
	case *corev1.ReplicationController:
		return o.Spec.Template
	case *batchv1.Job:
		return &o.Spec.Template
	case *batchv1.CronJob:
		return &o.Spec.JobTemplate.Spec.Template
	}
	return nil
}
