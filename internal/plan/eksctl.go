package plan

import (
	"fmt"
	"net/netip"
	"slices"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// eksctl cuts a VPC that it makes by a rule of its own and takes no other: in 8
// parts for up to 4 zones and in 16 for up to 8, the first parts public, the next
// ones private, in the order of availabilityZones (eksctl, pkg/vpc/vpc.go,
// SetSubnets). The VPC is a /16 to /24.
const (
	eksctlShortest, eksctlLongest = 16, 24
	eksctlZones                   = 8
)

// cutEKS plans the subnets that eksctl makes.
func (m *maker) cutEKS(v4 netip.Prefix) {
	const path = "spec.network.cidr"
	zones := m.eksctlZones()
	switch {
	case !v4.IsValid() || !v4.Addr().Is4():
		m.fault(path, "for example 10.0.0.0/16", "eksctl cuts subnets from an IPv4 CIDR")
		return
	case v4.Bits() < eksctlShortest || v4.Bits() > eksctlLongest:
		m.fault(path, "", "eksctl takes a VPC of /%d to /%d, not %s", eksctlShortest, eksctlLongest, v4)
		return
	case len(zones) > eksctlZones:
		m.fault("spec.zones", "", "eksctl cuts a VPC for at most %d zones, not %d", eksctlZones, len(zones))
		return
	}
	parts := 8
	if 2*len(zones) > parts {
		parts = 16
	}
	bits := v4.Bits() + log2(parts)
	for _, z := range m.p.Zones {
		i := slices.Index(zones, z)
		m.p.Network.Subnets = append(m.p.Network.Subnets,
			v1alpha1.PlannedSubnet{Name: m.subnetName("public", z), Zone: z, Public: true, CIDR: part(v4, bits, i).String()},
			v1alpha1.PlannedSubnet{Name: m.subnetName("private", z), Zone: z, CIDR: part(v4, bits, i+len(zones)).String()})
	}
	m.decide(v1alpha1.Decision{
		Subject: "subnets", Field: path, Choice: fmt.Sprintf("a public and a private /%d a zone", bits),
		Reason: fmt.Sprintf("eksctl cuts the VPC in %d parts by a rule of its own; a zone added later cannot be cut from it and needs subnets made by hand", parts),
	})
}

// eksctlZones are the plan's, with the zone of a single gateway first: that is
// where eksctl puts it (pkg/cfn/builder/vpc_ipv4.go, singleNAT).
func (m *maker) eksctlZones() []string {
	if m.gatewayMode() != v1alpha1.GatewaysSingle {
		return m.p.Zones
	}
	first := m.gatewayZone()
	return append([]string{first}, without(m.p.Zones, first)...)
}
