package plan

import (
	"fmt"
	"net/netip"
	"slices"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// The longest IPv4 prefix of a subnet by provider: AWS /28 (VPC user guide,
// "Subnet sizing"), Alibaba Cloud /29 (VPC, "Create and manage a vSwitch"). An
// IPv6 subnet is always a /64.
const (
	awsSubnetBits  = 28
	ackVSwitchBits = 29
	ipv6SubnetBits = 64
)

// network plans the addresses. Subnets by provider:
//
//	capa            a public and a private one a zone, or the owner's
//	eks             as eksctl cuts them, or the owner's
//	ack             a vswitch a zone, private, or the owner's
//	kapsule         one private network over the region
//	kubeadm, local  none: the owner's network is there already; a list of its
//	                subnets tells which zones share a layer-2 network
func (m *maker) network() {
	n := m.c.Spec.Network
	m.p.Network = v1alpha1.PlannedNetwork{
		CIDR: n.CIDR, IPv6CIDR: n.IPv6CIDR, PodCIDRs: n.PodCIDRs, ServiceCIDRs: n.ServiceCIDRs,
		Subnets: []v1alpha1.PlannedSubnet{}, Gateways: []v1alpha1.PlannedGateway{},
	}
	v4 := m.prefix("spec.network.cidr", n.CIDR)
	v6 := m.prefix("spec.network.ipv6CIDR", n.IPv6CIDR)
	m.collisions()
	switch {
	case len(n.Subnets) > 0:
		m.ownSubnets(v4, v6)
	case m.provider(v1alpha1.ProviderEKS):
		m.cutEKS(v4)
	case m.aws():
		m.cutAWS(v4, v6)
	case m.provider(v1alpha1.ProviderACK):
		m.cutACK(v4, v6)
	case m.provider(v1alpha1.ProviderKapsule):
		m.p.Network.Subnets = []v1alpha1.PlannedSubnet{{Name: m.c.Metadata.Name + "-private", CIDR: n.CIDR, IPv6CIDR: n.IPv6CIDR}}
		m.decide(v1alpha1.Decision{
			Subject: "subnets", Field: "spec.network.cidr", Choice: "one regional private network " + n.CIDR,
			Reason: "a Scaleway private network reaches every zone of its region: no subnet binds a node to a zone",
		})
	}
	if v4.IsValid() && len(m.p.Network.Subnets) > 0 {
		for _, s := range spare(v4, m.used()) {
			m.p.Network.Spare = append(m.p.Network.Spare, s.String())
		}
	}
}

// used is the IPv4 prefixes of the planned subnets.
func (m *maker) used() []netip.Prefix {
	out := []netip.Prefix{}
	for _, s := range m.p.Network.Subnets {
		if p, err := netip.ParsePrefix(s.CIDR); err == nil {
			out = append(out, p)
		}
	}
	return out
}

// prefix parses the value of a field; the zero prefix where it is empty or
// faulty.
func (m *maker) prefix(path, text string) netip.Prefix {
	if text == "" {
		return netip.Prefix{}
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		m.fault(path, "for example 10.0.0.0/16", "%q is not a CIDR", text)
		return netip.Prefix{}
	}
	if p != p.Masked() {
		m.fault(path, "", "%s has bits set beyond its prefix: %s is meant", p, p.Masked())
		return netip.Prefix{}
	}
	return p
}

// collisions faults pod, service and network CIDRs that overlap. Pods with
// addresses of the VPC itself (EKS, ACK with Terway) have no CIDR of their own.
func (m *maker) collisions() {
	type named struct {
		path string
		p    netip.Prefix
	}
	all := []named{}
	add := func(path, text string) {
		if p, err := netip.ParsePrefix(text); err == nil {
			all = append(all, named{path, p})
		} else if text != "" && path != "spec.network.cidr" && path != "spec.network.ipv6CIDR" {
			m.fault(path, "", "%q is not a CIDR", text)
		}
	}
	n := m.c.Spec.Network
	add("spec.network.cidr", n.CIDR)
	add("spec.network.ipv6CIDR", n.IPv6CIDR)
	for i, c := range n.PodCIDRs {
		add(fmt.Sprintf("spec.network.podCIDRs[%d]", i), c)
	}
	for i, c := range n.ServiceCIDRs {
		add(fmt.Sprintf("spec.network.serviceCIDRs[%d]", i), c)
	}
	for i, b := range all {
		for _, a := range all[:i] {
			if a.p.Overlaps(b.p) {
				m.fault(b.path, "packets for one would go to the other", "%s overlaps %s %s", b.p, a.path, a.p)
			}
		}
	}
}

// reserve is for how many zones room is kept.
func (m *maker) reserve() int {
	return max(len(m.p.Zones), value(m.c.Spec.Network.ReserveZones, 4))
}

// cutAWS cuts a public and a private subnet for each zone as Cluster API Provider
// AWS does by default (v2.13.0, pkg/cloud/services/network/subnets.go,
// getDefaultSubnets, with SubnetSchema PreferPrivate): the CIDR in equal parts,
// one more than zones; the first part is cut again into the public subnets, the
// others are the private ones. Cut for the zones to come rather than for those
// that are, so that a zone added later moves nothing:
//
//	10.0.0.0/16 for 3 zones: 10.0.0.0/18 │ 10.0.64.0/18  10.0.128.0/18  10.0.192.0/18
//	                         └ /20 a zone  └ zone 1        └ zone 2       └ zone 3
//
// IPv6 as there as well: /64s numbered from 2 for the private ones, the public
// ones after them.
func (m *maker) cutAWS(v4, v6 netip.Prefix) {
	zones, reserve := m.p.Zones, m.reserve()
	private, public := make([]v1alpha1.PlannedSubnet, len(zones)), make([]v1alpha1.PlannedSubnet, len(zones))
	for i, z := range zones {
		public[i] = v1alpha1.PlannedSubnet{Name: m.subnetName("public", z), Zone: z, Public: true}
		private[i] = v1alpha1.PlannedSubnet{Name: m.subnetName("private", z), Zone: z}
	}
	choice := ""
	if v4.IsValid() {
		parts, err := split(v4, reserve+1, reserve+1, awsSubnetBits)
		var first []netip.Prefix
		if err == nil {
			first, err = split(parts[0], reserve, reserve, awsSubnetBits)
		}
		if err != nil {
			m.fault("spec.network.cidr", "a larger CIDR, or a smaller spec.network.reserveZones", "%v", err)
			return
		}
		for i := range zones {
			public[i].CIDR, private[i].CIDR = first[i].String(), parts[i+1].String()
		}
		choice = fmt.Sprintf("a public /%d and a private /%d a zone, room for %d zones", first[0].Bits(), parts[1].Bits(), reserve)
	}
	if v6.IsValid() {
		if v6.Bits() > ipv6SubnetBits-log2(2*reserve+2) {
			m.fault("spec.network.ipv6CIDR", "AWS gives a /56", "%s has no room for %d subnets of /64", v6, 2*reserve+2)
			return
		}
		for i := range zones {
			private[i].IPv6CIDR = part(v6, ipv6SubnetBits, i+2).String()
			public[i].IPv6CIDR = part(v6, ipv6SubnetBits, reserve+i+2).String()
		}
		if choice == "" {
			choice = fmt.Sprintf("a public and a private /64 a zone, room for %d zones", reserve)
		}
	}
	for i := range zones {
		m.p.Network.Subnets = append(m.p.Network.Subnets, public[i], private[i])
	}
	m.decide(v1alpha1.Decision{
		Subject: "subnets", Field: "spec.network.cidr", Choice: choice,
		Reason: "cut as Cluster API Provider AWS does by default, but for the zones to come: adding one moves no subnet",
	})
}

// cutACK cuts a vswitch for each zone: equal parts for the zones to come.
func (m *maker) cutACK(v4, v6 netip.Prefix) {
	reserve := m.reserve()
	if !v4.IsValid() {
		m.fault("spec.network.cidr", "", "a vswitch needs an IPv4 CIDR")
		return
	}
	parts, err := split(v4, len(m.p.Zones), reserve, ackVSwitchBits)
	if err != nil {
		m.fault("spec.network.cidr", "a larger CIDR, or a smaller spec.network.reserveZones", "%v", err)
		return
	}
	for i, z := range m.p.Zones {
		s := v1alpha1.PlannedSubnet{Name: m.subnetName("private", z), Zone: z, CIDR: parts[i].String()}
		if v6.IsValid() {
			if v6.Bits() > ipv6SubnetBits-log2(reserve) {
				m.fault("spec.network.ipv6CIDR", "", "%s has no room for %d subnets of /64", v6, reserve)
				return
			}
			s.IPv6CIDR = part(v6, ipv6SubnetBits, i).String()
		}
		m.p.Network.Subnets = append(m.p.Network.Subnets, s)
	}
	m.decide(v1alpha1.Decision{
		Subject: "subnets", Field: "spec.network.cidr",
		Choice: fmt.Sprintf("a vswitch /%d a zone, room for %d zones", parts[0].Bits(), reserve),
		Reason: "a vswitch stands in one zone; cut for the zones to come, so that adding one moves none",
	})
}

// subnetName names a subnet as Cluster API Provider AWS names its default ones;
// a second one of a kind in a zone is numbered.
func (m *maker) subnetName(role, zone string) string {
	base := m.c.Metadata.Name + "-subnet-" + role + "-" + zone
	name := base
	for i := 2; slices.ContainsFunc(m.p.Network.Subnets, func(s v1alpha1.PlannedSubnet) bool { return s.Name == name }); i++ {
		name = fmt.Sprintf("%s-%d", base, i)
	}
	return name
}
