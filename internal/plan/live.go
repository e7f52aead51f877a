package plan

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/model"
)

// Labels by which providers name a node's group or pool.
var groupLabels = []string{
	PoolLabel,
	"eks.amazonaws.com/nodegroup",
	"alpha.eksctl.io/nodegroup-name",
	"k8s.scaleway.com/pool-name",
	"cluster.x-k8s.io/deployment-name",
	"alibabacloud.com/nodepool-name",
}

const controlPlaneLabel = "node-role.kubernetes.io/control-plane"

// FromNodes returns the plan that a live cluster's nodes come to, to be compared with
// the plan to: zones, members of the control plane, sizes of groups and the version.
// What nodes do not tell (network, gateways, load balancers, the bounds of groups) is
// taken to be as planned. Members and groups are matched with planned ones by name,
// else by zone; a group that the autoscaler may move counts as planned while its size
// is within the bounds.
func FromNodes(to *v1alpha1.ClusterPlan, nodes []*corev1.Node, version string) *v1alpha1.ClusterPlan {
	from := *to
	from.KubernetesVersion = asPrecise(version, to.KubernetesVersion)
	var zones []string
	var members, workers []*corev1.Node
	for _, n := range nodes {
		if zone := model.ZoneOf(n); zone != "" && !slices.Contains(zones, zone) {
			zones = append(zones, zone)
		}
		if _, ok := n.Labels[controlPlaneLabel]; ok {
			members = append(members, n)
		} else {
			workers = append(workers, n)
		}
	}
	from.Zones = inOrder(zones, to.Zones)
	if !to.ControlPlane.Managed {
		from.ControlPlane.Members = liveMembers(to.ControlPlane.Members, members)
		if to.ControlPlane.Topology == v1alpha1.EtcdStacked {
			from.ControlPlane.Etcd = from.ControlPlane.Members
		}
	}
	from.Pools = livePools(to.Pools, workers)
	return &from
}

// asPrecise cuts a version to as many parts as the planned one has.
func asPrecise(version, planned string) string {
	parts := strings.Split(strings.TrimPrefix(version, "v"), ".")
	return strings.Join(parts[:min(len(parts), strings.Count(planned, ".")+1)], ".")
}

// inOrder sorts names as the planned ones are, others after them by name.
func inOrder(names, planned []string) []string {
	out := []string{}
	for _, p := range planned {
		if slices.Contains(names, p) {
			out = append(out, p)
		}
	}
	for _, n := range sorted(names) {
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// liveMembers names each member as the plan does where one of that name or, in its
// zone, one that is not there yet is planned.
func liveMembers(planned []v1alpha1.PlannedMember, nodes []*corev1.Node) []v1alpha1.PlannedMember {
	out := []v1alpha1.PlannedMember{}
	taken := map[string]bool{}
	for _, n := range nodes {
		taken[n.Name] = slices.ContainsFunc(planned, func(p v1alpha1.PlannedMember) bool { return p.Name == n.Name })
	}
	for _, n := range nodes {
		m := v1alpha1.PlannedMember{Name: n.Name, Zone: model.ZoneOf(n)}
		for _, p := range planned {
			if p.Name == n.Name || p.Zone == m.Zone && !taken[p.Name] && !taken[n.Name] {
				m.Name, m.Address = p.Name, p.Address
				taken[p.Name] = true
				break
			}
		}
		out = append(out, m)
	}
	return out
}

// livePools counts the nodes of each planned group; the others make groups of their
// own.
func livePools(planned []v1alpha1.PlannedPool, nodes []*corev1.Node) []v1alpha1.PlannedPool {
	out := slices.Clone(planned)
	counts := map[string]int{} // by planned group
	var others []*corev1.Node
	for _, n := range nodes {
		if g := groupOf(planned, n); g != "" {
			counts[g]++
		} else {
			others = append(others, n)
		}
	}
	for i := range out {
		out[i].Groups = slices.Clone(planned[i].Groups)
		for j := range out[i].Groups {
			g := &out[i].Groups[j]
			n := counts[g.Name]
			if out[i].Autoscaling && n >= g.Min && n <= g.Max {
				continue
			}
			g.Size = n
		}
	}
	for _, n := range others {
		name := liveGroup(n)
		i := slices.IndexFunc(out, func(p v1alpha1.PlannedPool) bool { return p.Name == name })
		if i < 0 {
			out = append(out, v1alpha1.PlannedPool{
				Name: name, Scope: v1alpha1.ScopeRegional, MachineType: n.Labels[corev1.LabelInstanceTypeStable],
				Groups: []v1alpha1.PlannedGroup{{Name: name}},
			})
			i = len(out) - 1
		}
		g := &out[i].Groups[0]
		g.Size, g.Min, g.Max = g.Size+1, g.Min+1, g.Max+1
		if zone := model.ZoneOf(n); !slices.Contains(g.Zones, zone) {
			g.Zones = sorted(append(g.Zones, zone))
		}
	}
	return out
}

// groupOf returns the planned group that the node belongs to: the one its labels name,
// or one of the pool they name that stands in its zone; where nothing is named and one
// pool is planned, its group in the zone.
func groupOf(planned []v1alpha1.PlannedPool, n *corev1.Node) string {
	zone := model.ZoneOf(n)
	name := liveGroup(n)
	for _, p := range planned {
		for _, g := range p.Groups {
			inZone := slices.Contains(g.Zones, zone)
			switch {
			case g.Name == name, p.Name == name && inZone, slices.Contains(g.Nodes, n.Name):
				return g.Name
			case name == "" && len(planned) == 1 && inZone:
				return g.Name
			}
		}
	}
	return ""
}

// liveGroup is the group that the node's labels name, or "".
func liveGroup(n *corev1.Node) string {
	for _, label := range groupLabels {
		if v := n.Labels[label]; v != "" {
			return v
		}
	}
	return ""
}
