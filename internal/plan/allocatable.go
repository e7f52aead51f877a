package plan

import (
	"math"
	"slices"

	"k8s.io/apimachinery/pkg/api/resource"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// Kubernetes' own limit on the pods of a node (kubelet --max-pods), and what the
// kubelet keeps free before it evicts (evictionHard memory.available), both from
// k8s.io/kubernetes v1.36.3 pkg/kubelet/apis/config/v1beta1/defaults*.go. ACK's
// threshold is what its page's example leaves unexplained otherwise.
const (
	defaultPods     = 110
	evictionHard    = 100 << 20
	evictionHardACK = 300 << 20
)

// rootVolumeGB is the root disk where the Cluster does not say: the smallest of the
// providers' defaults (Amazon Linux and Scaleway: 20 GB).
const rootVolumeGB = 20

// ephemeralStorage is what pods may take of a root disk: the kubelet evicts when
// less than 10 % is free (evictionHard nodefs.available).
func ephemeralStorage(gb int) resource.Quantity {
	if gb == 0 {
		gb = rootVolumeGB
	}
	return *resource.NewQuantity(int64(gb)*1e9*9/10, resource.DecimalSI)
}

// allocatable sets the room of one node: the pool's own resources as they are,
// else the machine type's less what the kubelet of the provider keeps for
// itself:
//
//	kubeadm, local, capa  nothing reserved (kubelet's default: no kubeReserved),
//	                      100Mi held back for eviction
//	eks                   cpu as tiers below; memory 255Mi + 11Mi a pod, 100Mi for
//	                      eviction (amazon-eks-ami, nodeadm kubelet config)
//	ack                   cpu as tiers below; memory the smaller of 255Mi + 11Mi a
//	                      pod and a quarter, 300Mi for eviction (ACK, "Resource
//	                      reservation policy", Kubernetes 1.28 and later)
//	kapsule               cpu as tiers below; memory 25 % of the first 4Gi, 20 % of
//	                      the next 4, 10 % of the next 8, 6 % to 128Gi, 2 % above,
//	                      100Mi for eviction: the tiers that GKE published and most
//	                      providers use. Scaleway publishes none: assumed.
//
// Tiers of cpu: 6 % of the first core, 1 % of the second, 0.5 % of the next two,
// 0.25 % of the rest.
func (m *maker) allocatable(out *v1alpha1.PlannedPool, p v1alpha1.NodePool) {
	t, _ := m.machineType(p.MachineType)
	out.EphemeralStorage = ephemeralStorage(p.RootVolumeGB)
	if q, ok := p.Resources["ephemeral-storage"]; ok {
		out.EphemeralStorage = q.DeepCopy()
	}
	out.Pods = t.Pods
	if out.Pods == 0 {
		out.Pods = defaultPods
	}
	cpu, memory := t.CPU.MilliValue(), t.Memory.Value()
	if cpu > 0 && memory > 0 {
		memory -= evictionHard
		switch m.c.Spec.Provider {
		case v1alpha1.ProviderEKS:
			cpu -= reservedCPU(cpu)
			memory -= podsMemory(out.Pods)
		case v1alpha1.ProviderACK:
			cpu -= reservedCPU(cpu)
			memory -= min(podsMemory(out.Pods), t.Memory.Value()/4) + evictionHardACK - evictionHard
		case v1alpha1.ProviderKapsule:
			cpu -= reservedCPU(cpu)
			memory -= tieredMemory(t.Memory.Value())
		}
	}
	out.CPU = *resource.NewMilliQuantity(cpu, resource.DecimalSI)
	out.Memory = *resource.NewQuantity(max(memory, 0)>>20<<20, resource.BinarySI)
	if q, ok := p.Resources["cpu"]; ok {
		out.CPU = q.DeepCopy()
	}
	if q, ok := p.Resources["memory"]; ok {
		out.Memory = q.DeepCopy()
	}
	if q, ok := p.Resources["pods"]; ok {
		out.Pods = int(q.Value())
	}
}

// tier is a share of what lies between the previous tier's end and its own.
type tier struct {
	upTo  int64
	share float64
}

func tiered(n int64, tiers []tier) int64 {
	sum, from := 0.0, int64(0)
	for _, t := range tiers {
		if n <= from {
			break
		}
		sum += float64(min(n, t.upTo)-from) * t.share
		from = t.upTo
	}
	return int64(math.Ceil(sum))
}

// reservedCPU of milli cores.
func reservedCPU(milli int64) int64 {
	return tiered(milli, []tier{{1000, 0.06}, {2000, 0.01}, {4000, 0.005}, {math.MaxInt64, 0.0025}})
}

// tieredMemory of bytes.
func tieredMemory(bytes int64) int64 {
	const gi = 1 << 30
	return tiered(bytes, []tier{{4 * gi, 0.25}, {8 * gi, 0.2}, {16 * gi, 0.1}, {128 * gi, 0.06}, {math.MaxInt64, 0.02}})
}

func podsMemory(pods int) int64 { return int64(255+11*pods) << 20 }

// zonalVolumes reports whether volumes of the default class live in one zone.
func (m *maker) zonalVolumes() bool {
	return !m.provider(v1alpha1.ProviderKubeadm, v1alpha1.ProviderLocal)
}

// tainted reports whether ordinary pods stay off the pool.
func tainted(p v1alpha1.PlannedPool) bool {
	return slices.ContainsFunc(p.Taints, func(t v1alpha1.PoolTaint) bool { return t.Effect != "PreferNoSchedule" })
}
