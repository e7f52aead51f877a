package plan

import (
	"fmt"
	"net/netip"
	"slices"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// The priority of the first HAProxy in VRRP and the step to the next. RFC 9568
// allows 1 to 254 for those that do not own the address; the steps leave room for
// hosts between.
const (
	firstPriority = 200
	priorityStep  = 10
)

// loadBalancers plans what spreads requests over the API servers.
func (m *maker) loadBalancers() {
	cp := &m.p.ControlPlane
	kind := m.c.Spec.ControlPlane.LoadBalancer.Kind
	if kind == "" {
		kind = v1alpha1.LoadBalancerProvider
		if m.provider(v1alpha1.ProviderKubeadm, v1alpha1.ProviderLocal) {
			kind = v1alpha1.LoadBalancerHAProxy
		}
	}
	if kind == v1alpha1.LoadBalancerHAProxy {
		m.haproxies()
		return
	}
	cp.LoadBalancers = append(cp.LoadBalancers, v1alpha1.PlannedLoadBalancer{
		Name: m.c.Metadata.Name + "-apiserver", Kind: kind, Zones: slices.Clone(m.controlPlaneZones()),
	})
	d := v1alpha1.Decision{
		Subject: "control plane", Field: "spec.controlPlane.loadBalancer", Choice: "a network load balancer in " + list(m.controlPlaneZones()) + ", HTTPS check on /readyz",
		Reason: "it passes TLS through, so that client certificates work, and /readyz tells whether the API server can answer (/healthz is deprecated since Kubernetes 1.16)",
	}
	if m.provider(v1alpha1.ProviderCAPA) {
		d.Reason += "; the default of Cluster API Provider AWS is a classic load balancer that checks TCP only, which sends clients to an API server that cannot answer"
	}
	m.decide(d)
}

// haproxies puts a HAProxy on each load-balancer host or, without one, on each
// machine of the control plane.
func (m *maker) haproxies() {
	cp := &m.p.ControlPlane
	on := []v1alpha1.PlannedMember{}
	where := "hosts of their own"
	for _, h := range m.c.Spec.Hosts {
		if h.Role == v1alpha1.RoleLoadBalancer {
			on = append(on, v1alpha1.PlannedMember{Name: h.Name, Zone: h.Zone, Address: h.Address})
		}
	}
	if len(on) == 0 {
		on, where = cp.Members, "the control plane's machines"
	}
	step := priorityStep
	if len(on)*step > firstPriority {
		step = 1
	}
	for i, x := range on {
		cp.LoadBalancers = append(cp.LoadBalancers, v1alpha1.PlannedLoadBalancer{
			Name: x.Name, Kind: v1alpha1.LoadBalancerHAProxy, Zones: []string{x.Zone}, Address: x.Address, Priority: max(firstPriority-i*step, 1),
		})
	}
	m.decide(v1alpha1.Decision{
		Subject: "control plane", Field: "spec.controlPlane.loadBalancer", Choice: fmt.Sprintf("HAProxy on %s, %s; check: HTTPS /readyz", where, spread(on, m.p.Zones)),
		Reason: "it passes TLS through, so that client certificates work, and /readyz tells whether the API server can answer (/healthz is deprecated since Kubernetes 1.16)",
	})
	if zones := m.loadBalancerZones(); len(zones) < 2 && len(m.p.Zones) > 1 {
		m.find(v1alpha1.PlanFinding{
			Code: CodeLoadBalancerInOneZone, Subject: "control plane", Objective: m.zoneObjective(),
			Message: fmt.Sprintf("every HAProxy stands in zone %s: its loss leaves API servers that nobody can reach", list(zones)),
			Remedy:  "load-balancer hosts in at least two zones, or none: HAProxy then runs on the control plane's machines",
		})
	}
	m.virtualIP(on)
}

// loadBalancerZones is the zones with a load balancer, in order.
func (m *maker) loadBalancerZones() []string {
	return slices.DeleteFunc(slices.Clone(m.p.Zones), func(z string) bool {
		return !slices.ContainsFunc(m.p.ControlPlane.LoadBalancers, func(l v1alpha1.PlannedLoadBalancer) bool { return slices.Contains(l.Zones, z) })
	})
}

// virtualIP checks that the virtual IP can move to every HAProxy: it is taken over
// by gratuitous ARP or neighbour advertisements, which do not leave a layer-2
// network (RFC 9568, section 1). The owner's list of subnets tells the networks;
// without one all zones are taken to share one.
func (m *maker) virtualIP(on []v1alpha1.PlannedMember) {
	lb := m.c.Spec.ControlPlane.LoadBalancer
	if lb.VirtualIP == "" && m.provider(v1alpha1.ProviderLocal) {
		return // the zones share a bridge, and the provider gives the address
	}
	if lb.VirtualIP == "" {
		if len(on) > 1 && len(m.p.Zones) > 1 {
			m.find(v1alpha1.PlanFinding{
				Code: CodeVirtualIPMissing, Subject: "control plane",
				Message: fmt.Sprintf("%s and no virtual IP: what %s points to must leave out a lost one by itself", count(len(on), "HAProxy host"), m.p.ControlPlane.Endpoint.Host),
				Remedy:  "spec.controlPlane.loadBalancer.virtualIP and interface, or a name whose addresses are checked",
			})
		}
		return
	}
	vip, err := netip.ParseAddr(lb.VirtualIP)
	if err != nil {
		m.fault("spec.controlPlane.loadBalancer.virtualIP", "", "%q is not an IP address", lb.VirtualIP)
		return
	}
	reached := m.virtualIPZones(vip)
	if reached == nil {
		m.decide(v1alpha1.Decision{
			Subject: "control plane", Field: "spec.controlPlane.loadBalancer.virtualIP", Choice: lb.VirtualIP,
			Reason: "keepalived moves it to the living HAProxy of the highest priority; this takes one layer-2 network over the zones " + list(m.loadBalancerZones()) + ": an address does not move over a router",
		})
		return
	}
	m.find(v1alpha1.PlanFinding{
		Code: CodeVirtualIPOverSubnets, Subject: "control plane", Objective: m.zoneObjective(),
		Message: fmt.Sprintf("the zones have subnets of their own, so that virtual IP %s can be held in %s only: an address does not move over a router", lb.VirtualIP, list(orNowhere(reached))),
		Remedy:  "one layer-2 network over the zones, or an address that is announced by BGP, or a DNS name with health checks in place of the virtual IP",
	})
}

// virtualIPZones is the zones of the load balancers that share a layer-2 network
// with the virtual IP; nil where all of them do.
func (m *maker) virtualIPZones(vip netip.Addr) []string {
	zones := m.loadBalancerZones()
	subnets := m.c.Spec.Network.Subnets
	if len(subnets) == 0 || m.managed() || m.aws() {
		return nil
	}
	in := []string{}
	for _, z := range zones {
		if slices.ContainsFunc(subnets, func(s v1alpha1.SubnetSpec) bool {
			p, err := netip.ParsePrefix(s.CIDR)
			return err == nil && s.Zone == z && p.Contains(vip)
		}) {
			in = append(in, z)
		}
	}
	if len(in) == len(zones) {
		return nil
	}
	return in
}

func orNowhere(zones []string) []string {
	if len(zones) == 0 {
		return []string{"no zone"}
	}
	return zones
}

// managedControlPlane plans a control plane that the provider runs.
func (m *maker) managedControlPlane() {
	cp := &m.p.ControlPlane
	cp.Managed = true
	cp.Endpoint.Port = value(m.c.Spec.ControlPlane.Endpoint.Port, 443)
	lb := v1alpha1.PlannedLoadBalancer{Name: m.c.Metadata.Name + "-apiserver", Kind: v1alpha1.LoadBalancerProvider, Zones: slices.Clone(m.p.Zones)}
	d := v1alpha1.Decision{Subject: "control plane", Choice: "managed by the provider"}
	switch m.c.Spec.Provider {
	case v1alpha1.ProviderEKS:
		d.Reason = "EKS keeps API servers in at least two zones and etcd in three (EKS user guide, \"Amazon EKS architecture\")"
		m.decide(v1alpha1.Decision{
			Subject: "control plane", Choice: "API endpoint: private as well as public",
			Reason: "nodes then reach the API inside the VPC; eksctl's default is the public endpoint only, so that nodes need the NAT gateway to stay Ready",
		})
	case v1alpha1.ProviderKapsule:
		cp.PrimaryZone = m.primaryZone()
		lb.Zones = []string{cp.PrimaryZone}
		d.Field = "spec.controlPlane.primaryZone"
		d.Choice += ", its load balancer in " + cp.PrimaryZone
		d.Reason = "Scaleway puts the load balancer of a cluster's control plane into one zone; while that zone is lost the API answers nobody, though pods run on"
	case v1alpha1.ProviderACK:
		d.Reason = "an ACK managed cluster (Pro) spreads its API servers and etcd over zones; the vswitches given decide in which zones its load balancer can be reached"
	}
	cp.LoadBalancers = append(cp.LoadBalancers, lb)
	m.decide(d)
}

// primaryZone is the spec's, or the region's first: Scaleway numbers zones from 1.
func (m *maker) primaryZone() string {
	if z := m.c.Spec.ControlPlane.PrimaryZone; z != "" {
		return z
	}
	if m.o.Catalog != nil && len(m.o.Catalog.Zones) > 0 {
		return sorted(m.o.Catalog.Zones)[0]
	}
	return m.c.Spec.Region + "-1"
}
