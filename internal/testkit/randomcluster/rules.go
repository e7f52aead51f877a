package randomcluster

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

const (
	tierLabel = "example.com/tier"
	// lateClass binds its volumes when a pod is placed, earlyClass when a claim is
	// made. Nobody makes volumes: they are there, each in a zone.
	lateClass, earlyClass = "zonal", "zonal-early"
)

// namespaces of all clusters: a control plane that plays one after the other can
// keep them. The first one's tier is front, the next one's back, and so on.
var namespaces = []string{"team-a", "team-b", "team-c"}

// Namespaces returns those that clusters have, some only the first ones.
func Namespaces() []string { return slices.Clone(namespaces) }

// makeRules makes what is not of one workload: namespaces, priorities, classes.
func (g *generator) makeRules() {
	for i := range 1 + g.IntN(3) {
		name := namespaces[i]
		g.names = append(g.names, name)
		g.rules = append(g.rules, typed(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
			Name: name, Labels: map[string]string{tierLabel: []string{"front", "back"}[i%2]},
		}}))
	}
	g.priorities = []string{""}
	if g.chance(60) {
		never, lower := corev1.PreemptNever, corev1.PreemptLowerPriority
		for i, name := range []string{"low", "high", "patient"} {
			policy := &lower
			if name == "patient" {
				policy = &never
			}
			name = fmt.Sprintf("s%d-%s", g.Seed, name)
			g.priorities = append(g.priorities, name)
			g.rules = append(g.rules, typed(&schedulingv1.PriorityClass{
				ObjectMeta: metav1.ObjectMeta{Name: name}, Value: []int32{-10, 1000, 100}[i], PreemptionPolicy: policy,
			}))
		}
	}
	late, early := storagev1.VolumeBindingWaitForFirstConsumer, storagev1.VolumeBindingImmediate
	retain := corev1.PersistentVolumeReclaimRetain
	for i, mode := range []*storagev1.VolumeBindingMode{&late, &early} {
		g.rules = append(g.rules, typed(&storagev1.StorageClass{
			ObjectMeta:  metav1.ObjectMeta{Name: g.class([]string{lateClass, earlyClass}[i])},
			Provisioner: "kubernetes.io/no-provisioner", VolumeBindingMode: mode, ReclaimPolicy: &retain,
		}))
	}
}

// class returns the name of a StorageClass of this seed.
func (g *generator) class(name string) string { return fmt.Sprintf("s%d-%s", g.Seed, name) }

// budget makes a PodDisruptionBudget for the workload.
func (g *generator) budget(a app, selector *metav1.LabelSelector, replicas int32) *policyv1.PodDisruptionBudget {
	b := &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Namespace: a.namespace, Name: a.name},
		Spec:       policyv1.PodDisruptionBudgetSpec{Selector: selector.DeepCopy()},
	}
	switch g.IntN(3) {
	case 0:
		n := intstr.FromInt32(1)
		b.Spec.MaxUnavailable = &n
	case 1:
		n := intstr.FromString(pick(g, "50%", "34%", "75%"))
		b.Spec.MinAvailable = &n
	default:
		n := intstr.FromInt32(max(1, replicas*2/3))
		b.Spec.MinAvailable = &n
	}
	return typed(b)
}
