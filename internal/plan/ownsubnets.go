package plan

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// ownSubnets takes the owner's list and checks it.
func (m *maker) ownSubnets(v4, v6 netip.Prefix) {
	type placed struct {
		path string
		p    netip.Prefix
	}
	taken := []placed{}
	for i, s := range m.c.Spec.Network.Subnets {
		path := fmt.Sprintf("spec.network.subnets[%d]", i)
		existing := m.existing(s.Name)
		if s.CIDR == "" && s.IPv6CIDR == "" && !existing {
			m.fault(path+".cidr", "a CIDR, or the ID of a subnet that exists as its name", "the subnet in zone %s has neither a CIDR nor an ID", s.Zone)
			continue
		}
		for _, f := range []struct {
			field, text string
			outer       netip.Prefix
		}{{".cidr", s.CIDR, v4}, {".ipv6CIDR", s.IPv6CIDR, v6}} {
			p := m.prefix(path+f.field, f.text)
			if !p.IsValid() {
				continue
			}
			if f.field == ".ipv6CIDR" && p.Bits() != ipv6SubnetBits {
				m.fault(path+f.field, "", "%s is not a /64", p)
			}
			if f.outer.IsValid() && !within(p, f.outer) {
				m.fault(path+f.field, "", "%s is not inside the network's %s", p, f.outer)
			}
			for _, t := range taken {
				if t.p.Overlaps(p) {
					m.fault(path+f.field, "", "%s overlaps %s %s", p, t.path, t.p)
				}
			}
			taken = append(taken, placed{path + f.field, p})
		}
		name := s.Name
		if name == "" {
			role := "private"
			if s.Public {
				role = "public"
			}
			name = m.subnetName(role, s.Zone)
		} else if slices.ContainsFunc(m.p.Network.Subnets, func(o v1alpha1.PlannedSubnet) bool { return o.Name == name }) {
			m.fault(path+".name", "", "two subnets are named %q", name)
		}
		m.p.Network.Subnets = append(m.p.Network.Subnets, v1alpha1.PlannedSubnet{
			Name: name, Zone: s.Zone, CIDR: s.CIDR, IPv6CIDR: s.IPv6CIDR, Public: s.Public, Existing: existing,
		})
	}
	slices.SortStableFunc(m.p.Network.Subnets, func(a, b v1alpha1.PlannedSubnet) int {
		if d := slices.Index(m.p.Zones, a.Zone) - slices.Index(m.p.Zones, b.Zone); d != 0 {
			return d
		}
		switch {
		case a.Public == b.Public:
			return 0
		case a.Public:
			return -1
		}
		return 1
	})
	m.missingSubnets()
	m.decide(v1alpha1.Decision{
		Subject: "subnets", Field: "spec.network.subnets", Choice: fmt.Sprintf("%d subnets of the owner's", len(m.p.Network.Subnets)),
		Reason: "listed in the spec; checked: none overlaps another, all lie in the network, no zone lacks one that it needs",
	})
}

// existing reports whether the name is a provider's ID of a subnet.
func (m *maker) existing(name string) bool {
	switch {
	case m.aws():
		return strings.HasPrefix(name, "subnet-")
	case m.provider(v1alpha1.ProviderACK):
		return strings.HasPrefix(name, "vsw-")
	}
	return false
}

// missingSubnets faults zones without a subnet that something in them needs:
//
//	private   on AWS and ACK every zone, for its machines. Cluster API Provider AWS
//	          puts a machine whose zone has none nowhere at all.
//	public    on AWS: a zone of the control plane (the load balancer answers only
//	          in zones where it has a subnet) and a zone with a gateway of its own
//	          (a NAT gateway stands in a public subnet; Cluster API Provider AWS
//	          v2.13.0, natgateways.go, refuses a zone without).
func (m *maker) missingSubnets() {
	if !m.aws() && !m.provider(v1alpha1.ProviderACK) {
		return
	}
	for _, z := range m.p.Zones {
		if !m.hasSubnet(z, false) {
			m.fault("spec.network.subnets", "add one, or leave the list out and have it cut", "zone %q has no private subnet: no machine can stand there", z)
		}
		if !m.aws() || m.hasSubnet(z, true) {
			continue
		}
		switch {
		case m.provider(v1alpha1.ProviderCAPA) && slices.Contains(m.controlPlaneZones(), z):
			m.fault("spec.network.subnets", "add one, or take the zone out of spec.controlPlane.zones", "zone %q of the control plane has no public subnet: the API's load balancer cannot stand there", z)
		case m.gatewayMode() == v1alpha1.GatewaysZonal, m.gatewayMode() == v1alpha1.GatewaysSingle && m.gatewayZone() == z:
			m.fault("spec.network.subnets", "add one, or choose spec.network.gateways", "zone %q has no public subnet: its gateway cannot stand there", z)
		}
	}
}

func (m *maker) hasSubnet(zone string, public bool) bool {
	return slices.ContainsFunc(m.p.Network.Subnets, func(s v1alpha1.PlannedSubnet) bool { return s.Zone == zone && s.Public == public })
}
