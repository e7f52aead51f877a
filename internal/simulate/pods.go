package simulate

import (
	"fmt"
	"maps"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"bulkhead.dev/bulkhead/internal/model"
)

// controllerObject returns the object that the scheduler looks up to learn the
// selector of a pod's controller (the default spread constraints use it); nil
// for kinds that it does not look up.
func controllerObject(w *model.Workload) runtime.Object {
	meta := metav1.ObjectMeta{Namespace: w.Namespace, Name: w.Controller.Name, UID: controllerUID(w)}
	switch w.Controller.Kind {
	case model.KindReplicaSet:
		return &appsv1.ReplicaSet{ObjectMeta: meta, Spec: appsv1.ReplicaSetSpec{Selector: w.Selector}}
	case model.KindStatefulSet:
		return &appsv1.StatefulSet{ObjectMeta: meta, Spec: appsv1.StatefulSetSpec{Selector: w.Selector}}
	case model.KindReplicationController:
		rc := &corev1.ReplicationController{ObjectMeta: meta}
		if w.Selector != nil {
			rc.Spec.Selector = w.Selector.MatchLabels
		}
		return rc
	}
	return nil
}

func controllerUID(w *model.Workload) types.UID {
	return types.UID(w.Controller.Kind + "/" + w.Namespace + "/" + w.Controller.Name)
}

// newPod returns a pod of the workload for the slot, as its controller would
// create it. It is not part of the cluster yet. node is the DaemonSet's target;
// a DaemonSet that should not run there gives nil.
func (c *cluster) newPod(index, slot int, node string) *pod {
	w := c.sim.Snapshot.Workloads[index]
	obj := *w.Template
	if w.Daemon != nil {
		d, run := c.sim.Admission.DaemonPod(w.Daemon, w.Template, c.nodes[node])
		if !run {
			return nil
		}
		obj = *d
	}
	c.serial++
	obj.Namespace = w.Namespace
	obj.Name = c.podName(w, slot)
	obj.UID = types.UID("pod-" + strconv.Itoa(c.serial))
	obj.GenerateName = ""
	obj.Spec.NodeName = ""
	obj.Status = corev1.PodStatus{Phase: corev1.PodPending}
	if w.Controller.Name != "" {
		yes := true
		obj.OwnerReferences = []metav1.OwnerReference{{
			APIVersion: w.Controller.APIVersion, Kind: w.Controller.Kind, Name: w.Controller.Name,
			UID: controllerUID(w), Controller: &yes,
		}}
	}
	if w.Kind == model.KindStatefulSet {
		withIdentity(&obj, w, slot)
	}
	return &pod{obj: &obj, workload: index, slot: slot, target: node}
}

// podName names a pod: a StatefulSet's by its ordinal, a bare pod's as it is,
// others by a serial number in place of the random suffix.
func (c *cluster) podName(w *model.Workload, slot int) string {
	switch {
	case w.Kind == model.KindPod:
		return w.Name
	case w.Kind == model.KindStatefulSet:
		return fmt.Sprintf("%s-%d", w.Name, slot)
	}
	return fmt.Sprintf("%s-%05d", w.Controller.Name, c.serial)
}

// withIdentity gives the pod the labels and claims of its ordinal, as the
// StatefulSet controller does (pkg/controller/statefulset/stateful_set_utils.go,
// updateIdentity and updateStorage).
func withIdentity(obj *corev1.Pod, w *model.Workload, ordinal int) {
	obj.Labels = maps.Clone(obj.Labels)
	if obj.Labels == nil {
		obj.Labels = map[string]string{}
	}
	obj.Labels[appsv1.StatefulSetPodNameLabel] = obj.Name
	obj.Labels[appsv1.PodIndexLabel] = strconv.Itoa(ordinal)
	obj.Spec.Hostname = obj.Name
	if len(w.ClaimTemplates) == 0 {
		return
	}
	fromClaims := map[string]bool{}
	var volumes []corev1.Volume
	for _, t := range w.ClaimTemplates {
		fromClaims[t.Name] = true
		volumes = append(volumes, corev1.Volume{Name: t.Name, VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: t.Name + "-" + obj.Name},
		}})
	}
	for _, v := range obj.Spec.Volumes {
		if !fromClaims[v.Name] {
			volumes = append(volumes, v)
		}
	}
	obj.Spec.Volumes = volumes
}

// ensureClaims creates the claims of a StatefulSet's pod that do not exist yet.
func (c *cluster) ensureClaims(p *pod) error {
	w := c.sim.Snapshot.Workloads[p.workload]
	for _, t := range w.ClaimTemplates {
		claim := t.DeepCopy()
		claim.Namespace = w.Namespace
		claim.Name = t.Name + "-" + p.obj.Name
		if _, ok := c.claims[claim.Namespace+"/"+claim.Name]; ok {
			continue
		}
		if err := c.addClaim(claim); err != nil {
			return err
		}
	}
	return nil
}
