package plan

import (
	"fmt"
	"slices"
	"strings"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/quorum"
)

// controlPlaneZones is where members stand.
func (m *maker) controlPlaneZones() []string {
	if z := m.c.Spec.ControlPlane.Zones; len(z) > 0 {
		return z
	}
	return m.p.Zones
}

// controlPlane plans the API servers, etcd and what spreads requests over them.
func (m *maker) controlPlane() {
	spec := m.c.Spec.ControlPlane
	cp := &m.p.ControlPlane
	cp.Members, cp.Etcd, cp.LoadBalancers = []v1alpha1.PlannedMember{}, []v1alpha1.PlannedMember{}, []v1alpha1.PlannedLoadBalancer{}
	cp.Endpoint = v1alpha1.PlannedEndpoint{Host: spec.Endpoint.Host, Port: value(spec.Endpoint.Port, 6443)}
	if m.managed() {
		m.managedControlPlane()
		return
	}
	replicas := value(spec.Replicas, 3)
	cp.Topology = spec.Etcd.Topology
	if cp.Topology == "" {
		cp.Topology = v1alpha1.EtcdStacked
	}
	cp.Members = m.members(v1alpha1.RoleControlPlane, "cp", "spec.controlPlane.replicas", replicas)
	cp.Etcd = slices.Clone(cp.Members)
	if cp.Topology == v1alpha1.EtcdExternal {
		cp.Etcd = m.members(v1alpha1.RoleEtcd, "etcd", "spec.controlPlane.etcd.replicas", value(spec.Etcd.Replicas, 3))
	}
	if len(m.faults) > 0 {
		return
	}
	m.decide(v1alpha1.Decision{
		Subject: "control plane", Field: "spec.controlPlane.replicas",
		Choice: fmt.Sprintf("%s: %s", count(len(cp.Members), "API server"), spread(cp.Members, m.p.Zones)),
		Reason: "any one API server is enough; one a zone keeps each zone's loss from taking the others",
	})
	m.voters()
	m.replacement()
	m.loadBalancers()
}

// members are the hosts of the role, or as many new machines spread over the
// zones of the control plane.
func (m *maker) members(role v1alpha1.HostRole, short, path string, n int) []v1alpha1.PlannedMember {
	out := []v1alpha1.PlannedMember{}
	if !m.provider(v1alpha1.ProviderKubeadm) {
		for i, z := range quorum.Place(n, m.controlPlaneZones()) {
			out = append(out, v1alpha1.PlannedMember{Name: fmt.Sprintf("%s-%s-%d", m.c.Metadata.Name, short, i+1), Zone: z})
		}
		return out
	}
	for _, h := range m.c.Spec.Hosts {
		if h.Role == role {
			out = append(out, v1alpha1.PlannedMember{Name: h.Name, Zone: h.Zone, Address: h.Address})
		}
	}
	if len(out) != n {
		m.fault("spec.hosts", "as many hosts as "+path, "%s with role %s, but %s is %d", count(len(out), "host"), role, path, n)
	}
	return out
}

// voters decides about etcd and tells what its voters do not survive.
func (m *maker) voters() {
	cp := m.p.ControlPlane
	voters := zonesOf(cp.Etcd)
	n := len(cp.Etcd)
	where := "on the control plane's machines (stacked): fewer machines, but one's loss takes an API server and a voter together"
	if cp.Topology == v1alpha1.EtcdExternal {
		where = "on machines of its own (external): an API server's load or loss does not touch a voter, for " + count(n, "machine") + " more"
	}
	m.decide(v1alpha1.Decision{
		Subject: "etcd", Field: "spec.controlPlane.etcd.topology",
		Choice: fmt.Sprintf("%s: %s", count(n, "voter"), spread(cp.Etcd, m.p.Zones)),
		Reason: fmt.Sprintf("%s; %d must agree, so that %d may fail and no zone may hold more than %d", where, quorum.Majority(n), quorum.MaxFaults(n), quorum.MaxFaults(n)),
	})
	if n%2 == 0 {
		m.find(v1alpha1.PlanFinding{
			Code: CodeEvenVoters, Subject: "etcd",
			Message: fmt.Sprintf("%d voters survive the loss of %d, as %d would: the %s only adds a machine that can fail", n, quorum.MaxFaults(n), n-1, ordinal(n)),
			Remedy:  fmt.Sprintf("%d or %d voters", n-1, n+1),
		})
	}
	if n < 3 {
		m.find(v1alpha1.PlanFinding{
			Code: CodeQuorumOnOneMachine, Subject: "etcd", Objective: true,
			Message: fmt.Sprintf("with %s the loss of any one machine stops the API", count(n, "voter")),
			Remedy:  "three voters in three zones",
		})
	}
	for _, z := range m.p.Zones {
		if quorum.Survives(voters, z) {
			continue
		}
		m.find(v1alpha1.PlanFinding{
			Code: CodeQuorumInOneZone, Subject: "etcd", Objective: m.zoneObjective(),
			Message: fmt.Sprintf("losing zone %s takes %d of %d voters and leaves %d, but %d must agree: the API stops until the zone is back", z, voters[z], n, n-voters[z], quorum.Majority(n)),
			Remedy:  m.quorumRemedy(n),
		})
	}
}

// replacement tells what stands where while members are replaced, which Cluster
// API does at every change of the machines and of the version.
func (m *maker) replacement() {
	etcd := m.p.ControlPlane.Etcd
	if !m.provider(v1alpha1.ProviderCAPA) || len(etcd) == 0 || len(etcd)%2 == 0 {
		return
	}
	n := len(etcd)
	d := v1alpha1.Decision{
		Subject: "etcd", Field: "spec.controlPlane.replicas", Choice: "members are replaced one at a time, the new one first (maxSurge 1)",
		Reason: fmt.Sprintf("with the old one first %d voters would be left, and more zones exposed", n-1),
	}
	if _, exposed := roll(etcd, m.controlPlaneZones()); len(exposed) > 0 {
		d.Reason += fmt.Sprintf("; for those minutes %d voters stand over %s, %d must agree, and a loss of the zone with two in turn costs the majority: %s",
			n+1, count(len(m.controlPlaneZones()), "zone"), quorum.Majority(n+1), list(exposed))
	} else {
		d.Reason += fmt.Sprintf("; the %s voter stands in a zone of its own meanwhile, so that any zone may be lost", ordinal(n+1))
	}
	m.decide(d)
}

func (m *maker) quorumRemedy(n int) string {
	if len(m.controlPlaneZones()) < 3 {
		return "voters in three zones"
	}
	if n%2 == 0 {
		return fmt.Sprintf("%d voters, or one in each of %d zones", n+1, n)
	}
	return fmt.Sprintf("at most %d of %d voters in a zone", quorum.MaxFaults(n), n)
}

// zonesOf counts members by zone.
func zonesOf(members []v1alpha1.PlannedMember) map[string]int {
	zones := make([]string, len(members))
	for i, x := range members {
		zones[i] = x.Zone
	}
	return quorum.Count(zones)
}

// spread tells how many stand in which zone, for people.
func spread(members []v1alpha1.PlannedMember, zones []string) string {
	by := zonesOf(members)
	out := []string{}
	for _, z := range zones {
		if by[z] > 0 {
			out = append(out, fmt.Sprintf("%s %d", z, by[z]))
		}
	}
	return list(out)
}

// count is a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, strings.TrimSuffix(noun, "s"))
}

func ordinal(n int) string {
	switch n {
	case 2:
		return "second"
	case 4:
		return "fourth"
	case 6:
		return "sixth"
	case 8:
		return "eighth"
	}
	return "last"
}
