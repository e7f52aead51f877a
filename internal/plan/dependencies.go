package plan

import (
	"slices"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/quorum"
)

// Groups of dependencies. Those of a zone end in its name.
const (
	GroupEtcd         = "etcd"
	GroupControlPlane = "control-plane"
	GroupLoadBalancer = "api-load-balancer"
	GroupVirtualIP    = "api-virtual-ip"
	GroupGateway      = "gateway"
	GroupRegistry     = "registry"
	GroupCloudAPI     = "cloud-api"
	GroupDNS          = "dns"
	GroupIngress      = "ingress"
)

// dependencies writes down what nodes, the API and users need:
//
//	etcd ◄── control-plane ◄── api-load-balancer ◄── api-virtual-ip
//	gateway-ZONE ◄── registry (outside), or a mirror by itself
//	dns ◄── ingress
//	cloud-api
func (m *maker) dependencies() {
	if m.p.ControlPlane.Managed {
		m.managedAPI()
	} else {
		m.ownAPI()
	}
	m.gatewayDependencies()
	m.registry()
	if !m.provider(v1alpha1.ProviderKubeadm, v1alpha1.ProviderLocal) {
		m.depend(v1alpha1.Dependency{Name: "cloud API", Kind: v1alpha1.DependencyCloudAPI, Group: GroupCloudAPI, Effect: v1alpha1.EffectScaling})
	}
	m.ingress()
}

// depend adds a dependency that serves all zones and that one of is enough,
// unless it says otherwise.
func (m *maker) depend(d v1alpha1.Dependency) {
	if d.Serves == nil {
		d.Serves = slices.Clone(m.p.Zones)
	}
	d.Need = max(d.Need, 1)
	m.p.Dependencies = append(m.p.Dependencies, d)
}

func (m *maker) managedAPI() {
	m.depend(v1alpha1.Dependency{Name: "managed control plane", Kind: v1alpha1.DependencyControlPlane, Group: GroupControlPlane, Effect: v1alpha1.EffectAPI})
	for _, lb := range m.p.ControlPlane.LoadBalancers {
		m.depend(v1alpha1.Dependency{
			Name: lb.Name, Kind: v1alpha1.DependencyLoadBalancer, Zones: lb.Zones, Group: GroupLoadBalancer,
			Effect: v1alpha1.EffectAPI, Requires: []string{GroupControlPlane},
		})
	}
}

func (m *maker) ownAPI() {
	cp := m.p.ControlPlane
	for _, x := range cp.Etcd {
		m.depend(v1alpha1.Dependency{
			Name: "etcd on " + x.Name, Kind: v1alpha1.DependencyEtcd, Zones: []string{x.Zone}, Group: GroupEtcd,
			Need: quorum.Majority(len(cp.Etcd)), Effect: v1alpha1.EffectAPI,
		})
	}
	for _, x := range cp.Members {
		m.depend(v1alpha1.Dependency{
			Name: "API server on " + x.Name, Kind: v1alpha1.DependencyControlPlane, Zones: []string{x.Zone}, Group: GroupControlPlane,
			Effect: v1alpha1.EffectAPI, Requires: []string{GroupEtcd},
		})
	}
	for _, lb := range cp.LoadBalancers {
		name := lb.Name
		if lb.Kind == v1alpha1.LoadBalancerHAProxy {
			name = "HAProxy on " + lb.Name
		}
		m.depend(v1alpha1.Dependency{
			Name: name, Kind: v1alpha1.DependencyLoadBalancer, Zones: lb.Zones, Group: GroupLoadBalancer,
			Effect: v1alpha1.EffectAPI, Requires: []string{GroupControlPlane},
		})
	}
	m.virtualIPDependency()
}

// virtualIPDependency: the address is up where a HAProxy that is alive can hold
// it, so it is bound to the zones of its layer-2 network.
func (m *maker) virtualIPDependency() {
	lbs := m.p.ControlPlane.LoadBalancers
	if len(lbs) == 0 || lbs[0].Kind != v1alpha1.LoadBalancerHAProxy {
		return
	}
	vip := m.c.Spec.ControlPlane.LoadBalancer.VirtualIP
	if vip == "" && !m.provider(v1alpha1.ProviderLocal) {
		return
	}
	d := v1alpha1.Dependency{
		Name: "virtual IP", Kind: v1alpha1.DependencyVirtualIP, Group: GroupVirtualIP, Zones: m.loadBalancerZones(),
		Effect: v1alpha1.EffectAPI, Requires: []string{GroupLoadBalancer},
	}
	if vip != "" {
		d.Name += " " + vip
		if addr, ok := parseAddr(vip); ok {
			if zones := m.virtualIPZones(addr); len(zones) > 0 {
				d.Zones = zones
			}
		}
	}
	m.depend(d)
}

// gatewayDependencies: what a lost way out takes differs by how nodes reach the
// API.
//
//	kapsule  full isolation: through the public gateway ("nodes will no longer be
//	         able to reach their control plane": Scaleway, Securing a cluster with
//	         a Private Network): the nodes
//	capa     the API's load balancer faces the Internet, as is CAPA's default:
//	         through the NAT gateway: the nodes
//	eks, ack inside the VPC: the way out only
func (m *maker) gatewayDependencies() {
	effect := v1alpha1.EffectEgress
	if m.provider(v1alpha1.ProviderKapsule, v1alpha1.ProviderCAPA) {
		effect = v1alpha1.EffectNodes
	}
	for i, g := range m.p.Network.Gateways {
		m.depend(v1alpha1.Dependency{
			Name: g.Name, Kind: v1alpha1.DependencyGateway, Zones: []string{g.Zone}, Serves: g.Serves, Group: m.gatewayGroup(i), Effect: effect,
		})
	}
}

// gatewayGroup names the group of the i-th gateway: each serves zones of its own.
func (m *maker) gatewayGroup(i int) string {
	if g := m.p.Network.Gateways; len(g) > 1 {
		return GroupGateway + "-" + g[i].Zone
	}
	return GroupGateway
}

func (m *maker) registry() {
	d := v1alpha1.Dependency{Name: "registries outside", Kind: v1alpha1.DependencyRegistry, Group: GroupRegistry, Effect: v1alpha1.EffectPull}
	if mirror := m.c.Spec.Network.RegistryMirror; mirror != nil {
		d.Name, d.Zones = "registry mirror "+mirror.Endpoint, mirror.Zones
		m.depend(d)
		if len(mirror.Zones) == 1 && len(m.p.Zones) > 1 {
			m.find(v1alpha1.PlanFinding{
				Code: CodeRegistryInOneZone, Subject: "pools", Objective: m.zoneObjective(),
				Message: "the registry mirror stands in zone " + mirror.Zones[0] + " only: while it is lost no node pulls an image, so that replacements do not start",
				Remedy:  "mirrors in two zones, or nodes that fall back to the registries outside",
			})
		}
		return
	}
	if len(m.p.Network.Gateways) == 0 {
		m.depend(d)
		return
	}
	for i, g := range m.p.Network.Gateways {
		d.Name, d.Serves, d.Group = "registries outside, through "+g.Name, g.Serves, GroupRegistry
		if len(m.p.Network.Gateways) > 1 {
			d.Group += "-" + g.Zone
		}
		d.Requires = []string{m.gatewayGroup(i)}
		m.depend(d)
	}
}

// ingress: a load balancer over the zones is down with all of them. Of one in each
// zone, with a DNS record that leaves the sick out, any is enough for all users;
// without the record each zone's users have their own only.
func (m *maker) ingress() {
	s := m.c.Spec
	if s.DNS != nil {
		m.depend(v1alpha1.Dependency{Name: "DNS " + recordName(s.DNS), Kind: v1alpha1.DependencyDNS, Group: GroupDNS, Effect: v1alpha1.EffectTraffic})
	}
	if s.Ingress == nil {
		return
	}
	if !m.zonalIngress() {
		m.depend(v1alpha1.Dependency{Name: "ingress", Kind: v1alpha1.DependencyIngress, Zones: slices.Clone(m.p.Zones), Group: GroupIngress, Effect: v1alpha1.EffectTraffic})
		return
	}
	for _, z := range m.p.Zones {
		d := v1alpha1.Dependency{
			Name: "ingress in " + z, Kind: v1alpha1.DependencyIngress, Zones: []string{z}, Group: GroupIngress, Effect: v1alpha1.EffectTraffic,
		}
		if s.DNS != nil {
			d.Requires = []string{GroupDNS}
		} else {
			d.Group, d.Serves = GroupIngress+"-"+z, []string{z}
		}
		m.depend(d)
	}
}
