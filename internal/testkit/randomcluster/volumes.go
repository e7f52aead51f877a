package randomcluster

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// claim makes a claim of the class with a volume for it in some zone, and returns
// its name.
func (g *generator) claim(namespace, class string, mode corev1.PersistentVolumeAccessMode) string {
	g.claims++
	name := fmt.Sprintf("c%d", g.claims)
	g.volumes = append(g.volumes, g.volume(class, pick(g, Zones()...), mode), typed(&corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       g.claimSpec(class, mode),
	}))
	return name
}

// claimTemplate returns a claim for each pod of a StatefulSet, and makes volumes
// for it: as many as pods, sometimes one less, in zones as they fall.
func (g *generator) claimTemplate(name string, replicas int32) corev1.PersistentVolumeClaim {
	class := pick(g, lateClass, lateClass, earlyClass)
	volumes := int(replicas)
	if g.chance(15) {
		volumes--
	}
	first := g.IntN(3)
	for i := range volumes {
		zone := Zones()[(first+i)%3]
		if g.chance(20) {
			zone = pick(g, Zones()...)
		}
		g.volumes = append(g.volumes, g.volume(class, zone, corev1.ReadWriteOnce))
	}
	return corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: g.claimSpec(class, corev1.ReadWriteOnce)}
}

func (g *generator) claimSpec(class string, mode corev1.PersistentVolumeAccessMode) corev1.PersistentVolumeClaimSpec {
	class = g.class(class)
	return corev1.PersistentVolumeClaimSpec{
		StorageClassName: &class, AccessModes: []corev1.PersistentVolumeAccessMode{mode},
		Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}},
	}
}

// volume makes a volume of a zone. No two are of one size: among those that fit,
// the smallest is bound, and of equal ones any.
func (g *generator) volume(class, zone string, mode corev1.PersistentVolumeAccessMode) *corev1.PersistentVolume {
	serial := 1 + len(g.volumes)
	return typed(&corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{
			Name:   fmt.Sprintf("s%d-v%d", g.Seed, serial),
			Labels: map[string]string{corev1.LabelTopologyZone: zone, corev1.LabelTopologyRegion: region},
		},
		Spec: corev1.PersistentVolumeSpec{
			StorageClassName:              g.class(class),
			Capacity:                      corev1.ResourceList{corev1.ResourceStorage: *resource.NewQuantity(int64(1<<30+serial<<20), resource.BinarySI)},
			AccessModes:                   []corev1.PersistentVolumeAccessMode{mode},
			PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimRetain,
			PersistentVolumeSource: corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{
				Driver: "zonal.example.com", VolumeHandle: fmt.Sprintf("s%d-v%d", g.Seed, serial),
			}},
			NodeAffinity: &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
				MatchExpressions: []corev1.NodeSelectorRequirement{{Key: corev1.LabelTopologyZone, Operator: corev1.NodeSelectorOpIn, Values: []string{zone}}},
			}}}},
		},
	})
}
