package spec

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// block is a CIDR of the spec that could be read.
type block struct {
	path   string
	prefix netip.Prefix
}

// Prefix lengths that the API server takes for service CIDRs (k8s.io/kubernetes
// v1.36.3 cmd/kube-apiserver/app/options/validation.go: at most 20 bits of hosts).
const (
	widestServices4, widestServices6 = 12, 108
)

// kapsuleCNIs are the plugins of Scaleway's API (k8s/v1 CNI).
var kapsuleCNIs = []string{"cilium", "cilium_native", "calico", "kilo", "none"}

// How AWS names subnets and VPCs that exist.
var (
	existingSubnet = regexp.MustCompile(`^subnet-([0-9a-f]{8}|[0-9a-f]{17})$`)
	existingVPC    = regexp.MustCompile(`^vpc-([0-9a-f]{8}|[0-9a-f]{17})$`)
)

func (v *validator) network(n *v1alpha1.NetworkSpec) {
	const path = "spec.network"
	provider := v.cluster.Spec.Provider
	vpc, hasVPC := v.cidr(path+".cidr", n.CIDR, 4)
	vpc6, hasVPC6 := v.cidr(path+".ipv6CIDR", n.IPv6CIDR, 6)
	if bits := vpc.Bits(); hasVPC && v.shortest > 0 && (bits < v.shortest || bits > v.longest) {
		v.fault(path+".cidr", "", "is a /%d: provider %s takes /%d to /%d", bits, provider, v.shortest, v.longest)
	}
	if hasVPC6 && vpc6.Bits() > 64 {
		v.fault(path+".ipv6CIDR", "", "is a /%d: want a /64 or larger, since each subnet is a /64", vpc6.Bits())
	}
	if why := map[v1alpha1.Provider]string{
		v1alpha1.ProviderCAPA:    "Amazon chooses the IPv6 range of a VPC",
		v1alpha1.ProviderEKS:     "Amazon chooses the IPv6 range of a VPC",
		v1alpha1.ProviderKapsule: "its clusters are IPv4",
		v1alpha1.ProviderACK:     "Alibaba Cloud chooses the IPv6 range of a VPC",
	}[provider]; why != "" && n.IPv6CIDR != "" {
		v.lacks(path+".ipv6CIDR", why)
	}
	if provider == v1alpha1.ProviderEKS && len(n.PodCIDRs) > 0 {
		v.lacks(path+".podCIDRs", "pods take addresses of the subnets")
	}
	pods := v.cidrs(path+".podCIDRs", n.PodCIDRs)
	services := v.cidrs(path+".serviceCIDRs", n.ServiceCIDRs)
	for _, b := range services {
		widest := widestServices4
		if b.prefix.Addr().Is6() {
			widest = widestServices6
		}
		if b.prefix.Bits() < widest {
			v.fault(b.path, "", "is a /%d: the API server takes a /%d at most", b.prefix.Bits(), widest)
		}
	}
	if v.known && !v.managed && !v.taken[path+".cidr"] && !v.taken[path+".ipv6CIDR"] {
		v.sameFamilies(path+".podCIDRs", pods, n)
		v.sameFamilies(path+".serviceCIDRs", services, n)
	}

	all := slices.Concat(pods, services)
	if hasVPC {
		all = append([]block{{path + ".cidr", vpc}}, all...)
	}
	if hasVPC6 {
		all = append([]block{{path + ".ipv6CIDR", vpc6}}, all...)
	}
	v.overlaps(all)
	v.subnets(n.Subnets, vpc, vpc6)
	v.existing(n)
	v.waysOut(n)
	if len(n.Subnets) > 0 && provider == v1alpha1.ProviderKapsule {
		v.lacks(path+".subnets", "a Private Network is regional; spec.network.cidr is its subnet")
	}
	if n.ReserveZones != nil {
		v.between(path+".reserveZones", n.ReserveZones, 1, mostReserve)
		if zones := len(v.cluster.Spec.Zones.Names); *n.ReserveZones < zones {
			v.fault(path+".reserveZones", "", "is %d: there are %d zones already", *n.ReserveZones, zones)
		}
	}
	if provider == v1alpha1.ProviderKapsule && n.CNI != "" && !slices.Contains(kapsuleCNIs, n.CNI) {
		v.fault(path+".cni", didYouMean(n.CNI, kapsuleCNIs), "is %s: Kapsule has %s", shown(n.CNI), listed(kapsuleCNIs, "and"))
	} else if provider != v1alpha1.ProviderKapsule {
		v.name(path+".cni", n.CNI)
	}
	if m := n.RegistryMirror; m != nil {
		v.webURL(path+".registryMirror.endpoint", m.Endpoint)
		v.zoneList(path+".registryMirror.zones", m.Zones)
	}
}

// waysOut checks isolation and gateways.
func (v *validator) waysOut(n *v1alpha1.NetworkSpec) {
	const path = "spec.network"
	provider := v.cluster.Spec.Provider
	kapsule := provider == v1alpha1.ProviderKapsule
	if n.Isolation != "" && v.known && !kapsule {
		v.lacks(path+".isolation", "it is Scaleway Kapsule's")
	}
	switch {
	case !v.known || slices.Contains(v.traits.gateways, n.Gateways):
	case kapsule:
		v.fault(path+".gateways", "gateways: single, or isolation: controlled, which needs none",
			"is zonal: a Private Network has one public gateway, which stands in one zone")
	case provider == v1alpha1.ProviderCAPA && n.VPCID != "": // the owner's routes
	case provider == v1alpha1.ProviderCAPA:
		v.fault(path+".gateways", "gateways: zonal, or subnets that exist, with routes of your own",
			"is %s: Cluster API makes a NAT gateway in each zone", n.Gateways)
	default:
		v.lacks(path+".gateways", "the way out is the machines' own")
	}
	if kapsule && n.Isolation == v1alpha1.IsolationFull && n.Gateways == v1alpha1.GatewaysNone {
		v.fault(path+".gateways", "gateways: single", "is none: fully isolated nodes reach the API through a public gateway only")
	}
	switch {
	case n.GatewayZone == "":
	case n.Gateways != v1alpha1.GatewaysSingle:
		v.fault(path+".gatewayZone", "leave it out", "is for gateways: single, and gateways is %s%s", n.Gateways, v.unlessGiven(path+".gateways"))
	default:
		v.zone(path+".gatewayZone", n.GatewayZone)
	}
}

// cidr checks one CIDR; family 0 is either. An empty one is none.
func (v *validator) cidr(path, text string, family int) (netip.Prefix, bool) {
	if text == "" {
		return netip.Prefix{}, false
	}
	p, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		hint := ""
		if _, err := netip.ParseAddr(text); err == nil {
			hint = "with the length of its prefix, for example 10.50.0.0/16"
		}
		v.fault(path, hint, "is %s: want a CIDR, address/length", shown(text))
	case family == 4 && p.Addr().Is6():
		v.fault(path, "IPv6 goes into spec.network.ipv6CIDR", "is %s: want IPv4", shown(text))
	case family == 6 && p.Addr().Is4():
		v.fault(path, "IPv4 goes into spec.network.cidr", "is %s: want IPv6", shown(text))
	case p.Addr().Is4In6():
		v.fault(path, "", "is %s: want IPv4 or IPv6, not one in the other", shown(text))
	case p.Masked().String() != text:
		v.fault(path, fmt.Sprintf("write %s", p.Masked()), "is %s, which is not how that network is written", shown(text))
	default:
		return p, true
	}
	return p, false
}

// cidrs checks a list of at most one CIDR an IP family.
func (v *validator) cidrs(path string, texts []string) []block {
	var all []block
	for i, text := range texts {
		at := fmt.Sprintf("%s[%d]", path, i)
		if text == "" {
			v.fault(at, "", "is empty")
			continue
		}
		p, ok := v.cidr(at, text, 0)
		if !ok {
			continue
		}
		for _, other := range all {
			if other.prefix.Addr().Is6() == p.Addr().Is6() {
				v.fault(at, "", "is of the same IP family as %s: want one for each", other.prefix)
			}
		}
		all = append(all, block{at, p})
	}
	return all
}

// sameFamilies checks that pods and services have an address of each family that
// nodes have.
func (v *validator) sameFamilies(path string, blocks []block, n *v1alpha1.NetworkSpec) {
	for _, f := range []struct {
		name  string
		six   bool
		field string
	}{{"IPv4", false, n.CIDR}, {"IPv6", true, n.IPv6CIDR}} {
		there := slices.ContainsFunc(blocks, func(b block) bool { return b.prefix.Addr().Is6() == f.six })
		wanted := f.field != "" || n.CIDR == "" && n.IPv6CIDR == "" && !f.six
		switch {
		case v.taken[path], slices.ContainsFunc(blocks, func(b block) bool { return v.taken[b.path] }):
		case wanted && !there:
			v.fault(path, "", "has no %s network, but the nodes have %s addresses", f.name, f.name)
		case !wanted && there && (n.CIDR != "" || n.IPv6CIDR != ""):
			field := map[bool]string{false: "cidr", true: "ipv6CIDR"}[f.six]
			v.fault(path, fmt.Sprintf("set spec.network.%s too, or leave it out here", field), "has an %s network, but the nodes have no %s addresses", f.name, f.name)
		}
	}
}

// overlaps compares all pairs; the fault is the later one's, or the one's that
// the owner wrote.
func (v *validator) overlaps(all []block) {
	for i, b := range all {
		for _, a := range all[:i] {
			if !a.prefix.Overlaps(b.prefix) {
				continue
			}
			at, other := b, a
			if !v.given(b.path) {
				at, other = a, b
			}
			v.fault(at.path, "", "%s overlaps %s %s%s", at.prefix, other.path, other.prefix, v.unlessGiven(other.path))
		}
	}
}

func (v *validator) subnets(subnets []v1alpha1.SubnetSpec, vpc, vpc6 netip.Prefix) {
	at := func(i int) string { return fmt.Sprintf("spec.network.subnets[%d]", i) }
	var names []string
	var all []block
	for i, s := range subnets {
		path := at(i)
		names = append(names, s.Name)
		if !v.isExisting(s) {
			v.name(path+".name", s.Name)
			if v.takesVPC && strings.HasPrefix(s.Name, "subnet-") {
				v.fault(path+".name", "", "is %s, which is no ID of a subnet, but reads like one: want subnet- and 17 of 0-9 and a-f", shown(s.Name))
			}
			if s.CIDR == "" && s.IPv6CIDR == "" {
				v.fault(path+".cidr", "or its ID in name, if it exists: subnet-0a1b2c3d4e5f60718", "is missing")
			}
		}
		v.zone(path+".zone", s.Zone)
		for _, f := range []struct {
			path, text, parent string
			family             int
			vpc                netip.Prefix
		}{
			{path + ".cidr", s.CIDR, "spec.network.cidr", 4, vpc},
			{path + ".ipv6CIDR", s.IPv6CIDR, "spec.network.ipv6CIDR", 6, vpc6},
		} {
			p, ok := v.cidr(f.path, f.text, f.family)
			if !ok {
				continue
			}
			all = append(all, block{f.path, p})
			switch {
			case v.taken[f.parent]:
			case !f.vpc.IsValid():
				v.fault(f.path, "set "+f.parent, "%s lies in no network of the cluster", p)
			case !f.vpc.Contains(p.Addr()) || p.Bits() < f.vpc.Bits():
				v.fault(f.path, "", "%s is not inside %s %s%s", p, f.parent, f.vpc, v.unlessGiven(f.parent))
			case f.family == 6 && p.Bits() != 64:
				v.fault(f.path, "", "is a /%d: want a /64", p.Bits())
			case f.family == 4 && v.shortest > 0 && p.Bits() > v.longest:
				v.fault(f.path, "", "is a /%d: provider %s takes a /%d at least", p.Bits(), v.cluster.Spec.Provider, v.longest)
			}
		}
	}
	v.distinct(names, func(i int) string { return at(i) + ".name" })
	v.overlaps(all)
}

// isExisting: the name is the ID of a subnet that exists.
func (v *validator) isExisting(s v1alpha1.SubnetSpec) bool {
	return v.takesVPC && existingSubnet.MatchString(s.Name)
}

// existing checks what goes together: a VPC that exists, and its subnets.
func (v *validator) existing(n *v1alpha1.NetworkSpec) {
	const path = "spec.network"
	if n.VPCID != "" && v.known && !v.takesVPC {
		v.lacks(path+".vpcID", "it is for networks at AWS that exist")
		return
	}
	if n.VPCID != "" && !existingVPC.MatchString(n.VPCID) {
		v.fault(path+".vpcID", "", "is %s: want an ID like vpc-0a1b2c3d4e5f60718", shown(n.VPCID))
	}
	found := 0
	for _, s := range n.Subnets {
		if v.isExisting(s) {
			found++
		}
	}
	switch {
	case found > 0 && found < len(n.Subnets):
		v.fault(path+".subnets", "", "%d exist and %d do not: name all by their IDs, or none", found, len(n.Subnets)-found)
	case found > 0 && n.VPCID == "":
		v.fault(path+".vpcID", "the VPC that the subnets lie in", "is missing: the subnets exist")
	case found == 0 && n.VPCID != "":
		v.fault(path+".vpcID", "list the VPC's subnets by ID in spec.network.subnets", "names a VPC that exists, but no subnet that does")
	}
}

// addresses checks that the machines' addresses and the virtual IP lie where they
// can be used. It needs networks, hosts and control plane to be checked already.
func (v *validator) addresses() {
	s := &v.cluster.Spec
	type use struct{ path, text, what string }
	var uses []use
	for i, h := range s.Hosts {
		uses = append(uses, use{fmt.Sprintf("spec.hosts[%d].address", i), h.Address, "host " + h.Name})
	}
	uses = append(uses, use{"spec.controlPlane.loadBalancer.virtualIP", s.ControlPlane.LoadBalancer.VirtualIP, "the virtual IP"})
	seen := map[netip.Addr]string{}
	for _, u := range uses {
		a, err := netip.ParseAddr(u.text)
		if err != nil {
			continue
		}
		if other, ok := seen[a]; ok {
			v.fault(u.path, "", "%s is the address of %s", a, other)
			continue
		}
		seen[a] = u.what
		v.address(u.path, a)
	}
}

func (v *validator) address(path string, a netip.Addr) {
	n := &v.cluster.Spec.Network
	network, field := n.CIDR, "spec.network.cidr"
	if a.Is6() {
		network, field = n.IPv6CIDR, "spec.network.ipv6CIDR"
	}
	if p, err := netip.ParsePrefix(network); err == nil && !v.taken[field] {
		switch {
		case !p.Contains(a):
			v.fault(path, "", "%s is not inside %s %s%s", a, field, p, v.unlessGiven(field))
		case p.Bits() < a.BitLen()-1 && (a == p.Addr() || a.Is4() && !p.Contains(a.Next())):
			v.fault(path, "", "%s is the first or last address of %s, which no machine can have", a, p)
		}
		return
	} else if network == "" && n.CIDR+n.IPv6CIDR != "" {
		v.fault(path, "set "+field, "%s lies in no network of the cluster", a)
		return
	}
	for i, list := range [][]string{n.PodCIDRs, n.ServiceCIDRs} {
		for _, text := range list {
			if p, err := netip.ParsePrefix(text); err == nil && p.Contains(a) {
				what := []string{"pods", "services"}[i]
				v.fault(path, "", "%s is inside the network of %s, %s%s", a, what, text, v.unlessGiven("spec.network."+strings.TrimSuffix(what, "s")+"CIDRs"))
			}
		}
	}
}
