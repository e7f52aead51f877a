package plan_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/plan"
)

func TestNodes(t *testing.T) {
	p := &v1alpha1.ClusterPlan{Name: "shop", Region: "r", Pools: []v1alpha1.PlannedPool{
		{
			Name: "general", MachineType: "m", CPU: resource.MustParse("4"), Memory: resource.MustParse("16Gi"), Pods: 58,
			Labels: map[string]string{"team": "shop", corev1.LabelTopologyZone: "elsewhere"},
			Groups: []v1alpha1.PlannedGroup{{Name: "shop-general", Zones: []string{"a", "b"}, Size: 3, Min: 1, Max: 4}},
		},
		{
			Name: "hosts", Taints: []v1alpha1.PoolTaint{{Key: "k", Value: "v", Effect: "NoSchedule"}},
			Groups: []v1alpha1.PlannedGroup{{Name: "shop-hosts-c", Zones: []string{"c"}, Size: 1, Min: 1, Max: 1, Nodes: []string{"metal-7"}}},
		},
	}}
	for size, want := range map[plan.Size][]string{
		plan.SizeMin: {"shop-general-1@a", "metal-7@c"},
		plan.SizeNow: {"shop-general-1@a", "shop-general-2@b", "shop-general-3@a", "metal-7@c"},
		plan.SizeMax: {"shop-general-1@a", "shop-general-2@b", "shop-general-3@a", "shop-general-4@b", "metal-7@c"},
	} {
		got := []string{}
		for _, n := range plan.Nodes(p, size) {
			got = append(got, n.Name+"@"+n.Labels[corev1.LabelTopologyZone])
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s:\n%s", size, diff)
		}
	}
	nodes := plan.Nodes(p, plan.SizeMin)
	want := map[string]string{
		"team": "shop", "kubernetes.io/hostname": "shop-general-1", "topology.kubernetes.io/zone": "a", "topology.kubernetes.io/region": "r",
		"node.kubernetes.io/instance-type": "m", "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64", plan.PoolLabel: "general",
	}
	if diff := cmp.Diff(want, nodes[0].Labels); diff != "" {
		t.Errorf("labels:\n%s", diff)
	}
	if got := nodes[0].Status.Allocatable; got.Cpu().String() != "4" || got.Memory().String() != "16Gi" || got.Pods().Value() != 58 {
		t.Errorf("allocatable %v", got)
	}
	if diff := cmp.Diff([]corev1.Taint{{Key: "k", Value: "v", Effect: corev1.TaintEffectNoSchedule}}, nodes[1].Spec.Taints); diff != "" {
		t.Errorf("taints:\n%s", diff)
	}
	if p.Pools[0].Labels[plan.PoolLabel] != "" {
		t.Error("the plan's labels were changed")
	}
}

// TestAllocatable: what is left of a machine, by hand.
func TestAllocatable(t *testing.T) {
	for _, c := range []struct {
		provider    v1alpha1.Provider
		cpu, memory string // of the machine
		pods        int
		wantCPU     string
		wantMemory  string
	}{
		// 60 + 10 + 5 + 5 milli cores; 255 + 11*58 + 100 Mi.
		{v1alpha1.ProviderEKS, "4", "16Gi", 58, "3920m", "15391Mi"},
		// The smaller of 255 + 11*64 Mi and a quarter.
		{v1alpha1.ProviderACK, "4", "16Gi", 64, "3920m", "15125Mi"},
		{v1alpha1.ProviderACK, "1", "2Gi", 64, "940m", "1236Mi"},
		// 1Gi + 0.8Gi of 8Gi, rounded down to whole Mi.
		{v1alpha1.ProviderKapsule, "2", "8Gi", 0, "1930m", "6248Mi"},
		// 1024 + 819.2 + 819.2 + 6881.28 (112Gi at 6 %) + 2621.44 (128Gi at 2 %) + 100 Mi of 256Gi.
		{v1alpha1.ProviderKapsule, "64", "256Gi", 0, "63770m", "249878Mi"},
		{v1alpha1.ProviderCAPA, "4", "16Gi", 58, "4", "16284Mi"},
	} {
		cluster := &v1alpha1.Cluster{Metadata: v1alpha1.ClusterMetadata{Name: "shop"}, Spec: v1alpha1.ClusterSpec{
			Provider: c.provider, Region: "r", Zones: v1alpha1.ZoneSelection{Names: []string{"a"}},
			Network:   v1alpha1.NetworkSpec{CIDR: "10.0.0.0/16"},
			NodePools: []v1alpha1.NodePool{{Name: "general", MachineType: "m"}},
		}}
		catalog := &v1alpha1.MachineCatalog{Zones: []string{"a"}, MachineTypes: []v1alpha1.MachineType{
			{Name: "m", CPU: resource.MustParse(c.cpu), Memory: resource.MustParse(c.memory), Pods: c.pods},
		}}
		p, err := plan.Make(cluster, plan.Options{Catalog: catalog})
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Pools[0]; got.CPU.String() != c.wantCPU || got.Memory.String() != c.wantMemory {
			t.Errorf("%s, %s cpu, %s: %s and %s, want %s and %s", c.provider, c.cpu, c.memory, got.CPU.String(), got.Memory.String(), c.wantCPU, c.wantMemory)
		}
	}
}
