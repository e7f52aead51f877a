package snapshot

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"bulkhead.dev/bulkhead/internal/model"
)

// ownerKey names the controller of an object.
type ownerKey struct{ group, kind, namespace, name string }

// groupOf is the API group of each kind that keeps pods.
var groupOf = map[string]string{
	model.KindDeployment:            "apps",
	model.KindReplicaSet:            "apps",
	model.KindStatefulSet:           "apps",
	model.KindDaemonSet:             "apps",
	model.KindReplicationController: "",
	model.KindJob:                   "batch",
	model.KindCronJob:               "batch",
}

// controllerKey returns the controller of an object, if it has one.
func controllerKey(m metav1.Object) (ownerKey, *metav1.OwnerReference) {
	ref := metav1.GetControllerOfNoCopy(m)
	if ref == nil {
		return ownerKey{}, nil
	}
	gv, err := schema.ParseGroupVersion(ref.APIVersion)
	if err != nil {
		return ownerKey{}, nil
	}
	group := gv.Group
	if group == "extensions" {
		group = "apps" // ReplicaSets and DaemonSets of clusters before 1.16
	}
	return ownerKey{group, ref.Kind, m.GetNamespace(), ref.Name}, ref
}

// ownedPods holds the living pods of the input by their controller.
type ownedPods struct {
	byOwner map[ownerKey][]placed[*corev1.Pod]
	// owners in the order of their first pod.
	owners []ownerKey
	// bare pods have no controller, or are mirrors of a kubelet's static pods.
	bare []placed[*corev1.Pod]
}

// living sorts the pods that run or wait. Ended pods are dropped; so are those
// being deleted, which will be gone or replaced when a failure comes.
func (b *builder) living(admit podMaker) *ownedPods {
	all := &ownedPods{byOwner: map[ownerKey][]placed[*corev1.Pod]{}}
	deleted := 0
	var last *object
	for _, p := range b.pods {
		if p.object.Status.Phase == corev1.PodSucceeded || p.object.Status.Phase == corev1.PodFailed {
			continue
		}
		if p.object.DeletionTimestamp != nil {
			deleted, last = deleted+1, p.source
			continue
		}
		if p.source.uid == "" {
			pod, ok := b.admit(admit, p.object, p.source)
			if !ok {
				continue
			}
			p.object = pod
		}
		key, ref := controllerKey(p.object)
		if _, mirror := p.object.Annotations[corev1.MirrorPodAnnotationKey]; mirror || ref == nil {
			all.bare = append(all.bare, p)
			continue
		}
		if _, ok := all.byOwner[key]; !ok {
			all.owners = append(all.owners, key)
		}
		all.byOwner[key] = append(all.byOwner[key], p)
	}
	if deleted > 0 {
		b.warn(last, "", fmt.Sprintf("%d pods that are being deleted are left out; this is the last", deleted))
	}
	return all
}

// take returns the pods of a controller and removes them. An owner reference of
// another incarnation of the controller does not count.
func (o *ownedPods) take(kind string, namespace, name string, source *object) []placed[*corev1.Pod] {
	key := ownerKey{groupOf[kind], kind, namespace, name}
	pods := o.byOwner[key]
	var own, others []placed[*corev1.Pod]
	for _, p := range pods {
		_, ref := controllerKey(p.object)
		if source == nil || sameIncarnation(source, ref) {
			own = append(own, p)
		} else {
			others = append(others, p)
		}
	}
	o.byOwner[key] = others
	return own
}

// sameIncarnation compares UIDs where both sides have been given one by an API
// server.
func sameIncarnation(owner *object, ref *metav1.OwnerReference) bool {
	return owner.uid == "" || ref.UID == "" || owner.uid == string(ref.UID)
}

// takeOrphansOf returns pods of ReplicaSets that are not in the input but whose
// names and labels say that they are the Deployment's.
func (o *ownedPods) takeOrphansOf(namespace, name string, present map[ownerKey]bool) []placed[*corev1.Pod] {
	var found []placed[*corev1.Pod]
	for _, key := range o.owners {
		if key.kind != model.KindReplicaSet || key.namespace != namespace || present[key] || !strings.HasPrefix(key.name, name+"-") {
			continue
		}
		o.byOwner[key] = slices.DeleteFunc(o.byOwner[key], func(p placed[*corev1.Pod]) bool {
			hash := p.object.Labels["pod-template-hash"]
			own := hash != "" && key.name == name+"-"+hash
			if own {
				found = append(found, p)
			}
			return own
		})
	}
	return found
}
