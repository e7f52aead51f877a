package plan

import (
	"fmt"
	"slices"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/quorum"
)

// pools plans the node pools and their groups:
//
//	zonal      a group a zone; size, min and max count each zone's nodes
//	regional   one group over the zones; they count all nodes
//	instances  a group a zone of single machines; they count all nodes. For
//	           kubeadm the groups hold the hosts.
func (m *maker) pools() {
	for i, p := range m.c.Spec.NodePools {
		zones := p.Zones
		if len(zones) == 0 {
			zones = m.p.Zones
		}
		out := v1alpha1.PlannedPool{
			Name: p.Name, Scope: p.Scope, MachineType: p.MachineType, Labels: p.Labels, Taints: p.Taints,
			Autoscaling: p.Autoscaling, Groups: []v1alpha1.PlannedGroup{},
		}
		if out.Scope == "" {
			out.Scope = v1alpha1.ScopeZonal
		}
		m.allocatable(&out, p)
		size := value(p.Size, 1)
		g := v1alpha1.PlannedGroup{Size: size, Min: value(p.Min, size), Max: value(p.Max, size)}
		base := m.c.Metadata.Name + "-" + p.Name
		switch out.Scope {
		case v1alpha1.ScopeZonal:
			for _, z := range zones {
				g.Name, g.Zones = base+"-"+z, []string{z}
				out.Groups = append(out.Groups, g)
			}
		case v1alpha1.ScopeRegional:
			g.Name, g.Zones = base, slices.Clone(zones)
			out.Groups = append(out.Groups, g)
		case v1alpha1.ScopeInstances:
			out.Groups = m.instances(i, p, base, zones)
		}
		m.p.Pools = append(m.p.Pools, out)
		m.poolDecision(out, zones)
	}
}

// instances are machines without a group of the provider's. They are kept as one
// group a zone, so that each machine's zone is told.
func (m *maker) instances(i int, p v1alpha1.NodePool, base string, zones []string) []v1alpha1.PlannedGroup {
	groups := []v1alpha1.PlannedGroup{}
	size := value(p.Size, 1)
	if !m.provider(v1alpha1.ProviderKubeadm) {
		by := quorum.Count(quorum.Place(size, zones))
		for _, z := range zones {
			if n := by[z]; n > 0 {
				groups = append(groups, v1alpha1.PlannedGroup{Name: base + "-" + z, Zones: []string{z}, Size: n, Min: n, Max: n})
			}
		}
		return groups
	}
	hosts := 0
	for _, z := range zones {
		g := v1alpha1.PlannedGroup{Name: base + "-" + z, Zones: []string{z}}
		for _, h := range m.c.Spec.Hosts {
			if h.Role == v1alpha1.RoleWorker && h.Zone == z && (h.Pool == p.Name || h.Pool == "" && i == 0) {
				g.Nodes = append(g.Nodes, h.Name)
			}
		}
		if n := len(g.Nodes); n > 0 {
			g.Size, g.Min, g.Max = n, n, n
			hosts += n
			groups = append(groups, g)
		}
	}
	if p.Size != nil && hosts != size {
		m.fault(fmt.Sprintf("spec.nodePools[%d].size", i), "as many as there are hosts", "node pool %q has size %d, but %s with role worker in its zones", p.Name, size, count(hosts, "host"))
	}
	return groups
}

// poolDecision says what a pool's scope means for zonal volumes and for the
// autoscaler.
func (m *maker) poolDecision(p v1alpha1.PlannedPool, zones []string) {
	d := v1alpha1.Decision{Subject: "pools", Field: "spec.nodePools"}
	switch p.Scope {
	case v1alpha1.ScopeZonal:
		d.Choice = fmt.Sprintf("%s: a group in each of %s", p.Name, list(zones))
		d.Reason = "a pod that waits for its zonal volume needs a node in that zone, and an autoscaler can only ask a group that stands in one zone for it"
		if p.Autoscaling {
			d.Reason += "; balance-similar-node-groups keeps the groups level, as one group over zones would"
		}
	case v1alpha1.ScopeRegional:
		d.Choice = fmt.Sprintf("%s: one group over %s", p.Name, list(zones))
		d.Reason = "the provider spreads the nodes and makes lost ones again in the zones that are left; it alone chooses the zone of a new node"
		if len(zones) > 1 && p.Autoscaling && m.zonalVolumes() {
			m.find(v1alpha1.PlanFinding{
				Code: CodeVolumesInGroup, Subject: "pools",
				Message: fmt.Sprintf("node pool %s is one group over %s: when the zone of a pod's zonal volume is full, the autoscaler cannot ask for a node there, and may add nodes elsewhere in vain", p.Name, list(zones)),
				Remedy:  "scope: zonal for pods with zonal volumes, or volumes that every zone reaches",
			})
		}
	case v1alpha1.ScopeInstances:
		d.Choice = fmt.Sprintf("%s: single machines, %s", p.Name, groupSizes(p))
		d.Reason = "nobody makes a lost machine again and no autoscaler adds one: what is left must hold everything"
	}
	m.decide(d)
	if stands := poolZones(p); len(stands) == 1 && len(m.p.Zones) > 1 {
		m.find(v1alpha1.PlanFinding{
			Code: CodePoolInOneZone, Subject: "pools",
			Message: fmt.Sprintf("node pool %s stands in zone %s only: pods that must run on it do not survive its loss", p.Name, stands[0]),
			Remedy:  "leave spec.nodePools.zones out, or let its pods run on other pools as well",
		})
	}
}

// poolZones is the zones that a pool has groups in, in order.
func poolZones(p v1alpha1.PlannedPool) []string {
	out := []string{}
	for _, g := range p.Groups {
		for _, z := range g.Zones {
			if !slices.Contains(out, z) {
				out = append(out, z)
			}
		}
	}
	return out
}

func groupSizes(p v1alpha1.PlannedPool) string {
	out := []string{}
	for _, g := range p.Groups {
		out = append(out, fmt.Sprintf("%s %d", list(g.Zones), g.Size))
	}
	return list(out)
}
