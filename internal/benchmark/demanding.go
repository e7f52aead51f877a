package benchmark

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// priorityClasses are those of the demanding mix. Pods of the low one make room
// for others when the nodes that are left are full.
func priorityClasses() []any {
	var out []any
	for _, c := range []struct {
		name  string
		value int32
	}{{"high", 1000}, {"low", -10}} {
		out = append(out, &schedulingv1.PriorityClass{
			TypeMeta:   metav1.TypeMeta{APIVersion: "scheduling.k8s.io/v1", Kind: "PriorityClass"},
			ObjectMeta: metav1.ObjectMeta{Name: c.name}, Value: c.value,
		})
	}
	return out
}

// demand makes the workload demanding, and returns the objects that it needs.
// Of ten workloads
//
//	two prefer to stand near the one before them, by zone
//	one must stand in a zone with pods of its own kind
//	one prefers nodes without pods of its team, in namespaces chosen by label
//	one mounts a claim whose volume reaches every zone
//	one has high priority, and its pods ask for more than is often free
//	two have low priority
//	two are as in the plain mix
func (g *generator) demand(w int, spec *corev1.PodSpec) []any {
	affinity := &corev1.Affinity{}
	if spec.Affinity != nil {
		affinity = spec.Affinity
	}
	switch w % workloadsPerNamespace {
	case 1, 2:
		affinity.PodAffinity = &corev1.PodAffinity{PreferredDuringSchedulingIgnoredDuringExecution: []corev1.WeightedPodAffinityTerm{{
			Weight: 50, PodAffinityTerm: near(corev1.LabelTopologyZone, appLabels(w-1)),
		}}}
	case 3:
		affinity.PodAffinity = &corev1.PodAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{
			near(corev1.LabelTopologyZone, appLabels(w)),
		}}
	case 4:
		term := near(corev1.LabelHostname, appLabels(w))
		term.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"team": teamOf(w)}}
		affinity.PodAntiAffinity = &corev1.PodAntiAffinity{PreferredDuringSchedulingIgnoredDuringExecution: []corev1.WeightedPodAffinityTerm{{Weight: 20, PodAffinityTerm: term}}}
	case 5:
		return g.mountClaim(w, spec)
	case 6:
		spec.PriorityClassName = "high"
		spec.Containers[0].Resources.Requests[corev1.ResourceCPU] = *resource.NewQuantity(3, resource.DecimalSI)
		return nil
	case 7, 8:
		spec.PriorityClassName = "low"
		return nil
	default:
		return nil
	}
	spec.Affinity = affinity
	return nil
}

func appLabels(w int) map[string]string { return map[string]string{"app": fmt.Sprintf("app-%05d", w)} }

func near(key string, app map[string]string) corev1.PodAffinityTerm {
	return corev1.PodAffinityTerm{TopologyKey: key, LabelSelector: &metav1.LabelSelector{MatchLabels: app}}
}

// mountClaim gives the pods one bound claim, as a file system in every zone.
func (g *generator) mountClaim(w int, spec *corev1.PodSpec) []any {
	name := fmt.Sprintf("data-%05d", w)
	spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{
		PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: name},
	}}}
	size := corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("10Gi")}
	modes := []corev1.PersistentVolumeAccessMode{corev1.ReadWriteMany}
	class := ""
	claim := &corev1.PersistentVolumeClaim{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "PersistentVolumeClaim"},
		ObjectMeta: metav1.ObjectMeta{Namespace: namespaceName(w), Name: name},
		Spec:       corev1.PersistentVolumeClaimSpec{AccessModes: modes, StorageClassName: &class, VolumeName: name, Resources: corev1.VolumeResourceRequirements{Requests: size}},
		Status:     corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimBound},
	}
	volume := &corev1.PersistentVolume{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "PersistentVolume"},
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PersistentVolumeSpec{
			Capacity: size, AccessModes: modes,
			ClaimRef:               &corev1.ObjectReference{Namespace: claim.Namespace, Name: name},
			PersistentVolumeSource: corev1.PersistentVolumeSource{NFS: &corev1.NFSVolumeSource{Server: "files.example", Path: "/" + name}},
		},
		Status: corev1.PersistentVolumeStatus{Phase: corev1.VolumeBound},
	}
	return []any{claim, volume}
}
