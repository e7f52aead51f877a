package plan

import (
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/quorum"
)

// Size says how many nodes each group has.
type Size string

// The sizes of a PlannedGroup.
const (
	SizeNow Size = "size"
	SizeMin Size = "min"
	SizeMax Size = "max"
)

func (s Size) of(g v1alpha1.PlannedGroup) int {
	switch s {
	case SizeMin:
		return g.Min
	case SizeMax:
		return g.Max
	}
	return g.Size
}

// PoolLabel is on every node of a plan: the name of its pool.
const PoolLabel = "bulkhead.dev/pool"

// Nodes makes the nodes of the plan's pools, every group at the size, in the
// order of pools and groups. A group over several zones has its nodes in turn in
// each. The machines of the control plane are not among them: no pod of an
// application runs there.
func Nodes(p *v1alpha1.ClusterPlan, size Size) []*corev1.Node {
	out := []*corev1.Node{}
	for _, pool := range p.Pools {
		for _, g := range pool.Groups {
			for i, z := range quorum.Place(size.of(g), g.Zones) {
				name := fmt.Sprintf("%s-%d", g.Name, i+1)
				if i < len(g.Nodes) {
					name = g.Nodes[i]
				}
				out = append(out, node(p, pool, name, z))
			}
		}
	}
	return out
}

func node(p *v1alpha1.ClusterPlan, pool v1alpha1.PlannedPool, name, zone string) *corev1.Node {
	labels := maps.Clone(pool.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	for k, v := range map[string]string{
		corev1.LabelHostname:           name,
		corev1.LabelTopologyZone:       zone,
		corev1.LabelTopologyRegion:     p.Region,
		corev1.LabelInstanceTypeStable: pool.MachineType,
		corev1.LabelOSStable:           "linux",
		corev1.LabelArchStable:         "amd64",
		PoolLabel:                      pool.Name,
	} {
		if v != "" {
			labels[k] = v
		}
	}
	room := corev1.ResourceList{
		corev1.ResourceCPU:              pool.CPU.DeepCopy(),
		corev1.ResourceMemory:           pool.Memory.DeepCopy(),
		corev1.ResourceEphemeralStorage: pool.EphemeralStorage.DeepCopy(),
		corev1.ResourcePods:             *resource.NewQuantity(int64(pool.Pods), resource.DecimalSI),
	}
	n := &corev1.Node{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Node"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
		Status: corev1.NodeStatus{
			Capacity: room, Allocatable: room.DeepCopy(),
			Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}},
		},
	}
	for _, t := range pool.Taints {
		n.Spec.Taints = append(n.Spec.Taints, corev1.Taint{Key: t.Key, Value: t.Value, Effect: corev1.TaintEffect(t.Effect)})
	}
	return n
}
