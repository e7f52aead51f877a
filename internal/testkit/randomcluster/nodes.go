package randomcluster

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	region     = "r"
	diskLabel  = "example.com/disk"
	poolTaint  = "example.com/pool"
	batchPool  = "batch"
	flakyTaint = "example.com/flaky"
)

// makeNodes makes n nodes, at least two in each zone; the others fall where they
// may. Zones come in turn, as an autoscaler brings them.
func (g *generator) makeNodes(n int) {
	perZone := map[string]int{}
	kinds := 1 + g.IntN(3)
	tainted, flaky := g.chance(60), g.chance(40)
	imaged := g.varied && g.chance(30)
	for i := range n {
		zone := Zones()[i%3]
		if i >= 6 && g.chance(20) {
			zone = pick(g, Zones()...)
		}
		perZone[zone]++
		node := g.node(fmt.Sprintf("%s-%03d", zone, perZone[zone]), zone, g.IntN(kinds))
		switch {
		case tainted && i >= 3 && g.chance(15):
			node.Labels[poolTaint] = batchPool
			node.Spec.Taints = append(node.Spec.Taints, corev1.Taint{Key: poolTaint, Value: batchPool, Effect: corev1.TaintEffectNoSchedule})
		case flaky && g.chance(10):
			node.Spec.Taints = append(node.Spec.Taints, corev1.Taint{Key: flakyTaint, Effect: corev1.TaintEffectPreferNoSchedule})
		}
		if imaged {
			node.Status.Images = g.imagesOf()
		}
		g.nodes = append(g.nodes, node)
	}
}

// imagesOf returns some of the images, as a kubelet reports those that it has.
func (g *generator) imagesOf() []corev1.ContainerImage {
	var out []corev1.ContainerImage
	for i, name := range images {
		if g.chance(40) {
			out = append(out, corev1.ContainerImage{Names: []string{name}, SizeBytes: int64(i+1) * 150 << 20})
		}
	}
	return out
}

// node makes one of a kind: what kubelets report about machines of 2, 4 and 8
// cores with kubelet's reservations taken off.
func (g *generator) node(name, zone string, kind int) *corev1.Node {
	cpu := []int64{3920, 1930, 7910}[kind]
	mem := []int64{14 << 10, 7 << 10, 29 << 10}[kind]
	pods := []int64{58, 29, 110}[kind]
	if g.chance(5) {
		pods = 4
	}
	g.cpuRoom, g.memRoom, g.podRoom = g.cpuRoom+cpu, g.memRoom+mem, g.podRoom+int(pods)
	if g.smallest == 0 || cpu < g.smallest {
		g.smallest = cpu
	}
	size := corev1.ResourceList{
		corev1.ResourceCPU:              *resource.NewMilliQuantity(cpu, resource.DecimalSI),
		corev1.ResourceMemory:           *resource.NewQuantity(mem<<20, resource.BinarySI),
		corev1.ResourceEphemeralStorage: resource.MustParse("80Gi"),
		corev1.ResourcePods:             *resource.NewQuantity(pods, resource.DecimalSI),
	}
	disk := "hdd"
	if g.chance(50) {
		disk = "ssd"
	}
	return typed(&corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name:        name,
			Annotations: map[string]string{"kwok.x-k8s.io/node": "fake"},
			Labels: map[string]string{
				corev1.LabelHostname:           name,
				corev1.LabelOSStable:           "linux",
				corev1.LabelArchStable:         "amd64",
				corev1.LabelInstanceTypeStable: []string{"medium", "small", "large"}[kind],
				corev1.LabelTopologyZone:       zone,
				corev1.LabelTopologyRegion:     region,
				diskLabel:                      disk,
			},
		},
		Status: corev1.NodeStatus{
			Capacity:    size,
			Allocatable: size.DeepCopy(),
			Addresses:   []corev1.NodeAddress{{Type: corev1.NodeHostName, Address: name}},
			NodeInfo:    corev1.NodeSystemInfo{OperatingSystem: "linux", Architecture: "amd64"},
		},
	})
}
