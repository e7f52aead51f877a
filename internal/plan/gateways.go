package plan

import (
	"slices"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// gatewayMode is the spec's, or the provider's default.
func (m *maker) gatewayMode() v1alpha1.GatewayMode {
	n := m.c.Spec.Network
	switch {
	case n.Gateways != "":
		return n.Gateways
	case m.aws(), m.provider(v1alpha1.ProviderACK):
		return v1alpha1.GatewaysZonal
	case m.provider(v1alpha1.ProviderKapsule) && n.Isolation == v1alpha1.IsolationFull:
		return v1alpha1.GatewaysSingle
	}
	return v1alpha1.GatewaysNone
}

// gatewayZone is where a single gateway stands.
func (m *maker) gatewayZone() string {
	if z := m.c.Spec.Network.GatewayZone; z != "" {
		return z
	}
	return m.p.Zones[0]
}

// gateways plans the ways out.
func (m *maker) gateways() {
	name := m.c.Metadata.Name
	kind := "nat"
	if m.provider(v1alpha1.ProviderKapsule) {
		kind = "gateway"
	}
	switch m.gatewayMode() {
	case v1alpha1.GatewaysZonal:
		for _, z := range m.p.Zones {
			m.p.Network.Gateways = append(m.p.Network.Gateways, v1alpha1.PlannedGateway{Name: name + "-" + kind + "-" + z, Zone: z, Serves: []string{z}})
		}
		reason := "a zone's loss takes only its own way out"
		switch m.c.Spec.Provider {
		case v1alpha1.ProviderCAPA:
			reason += "; nodes reach the API through it as well, because its load balancer faces the Internet"
		case v1alpha1.ProviderACK:
			reason += "; the NAT gateway that ACK makes with a cluster is one for all zones"
		case v1alpha1.ProviderEKS:
			reason += "; eksctl's default is one NAT gateway for all zones (nat.gateway: Single), whose zone's loss would take every zone's way out"
		}
		m.decide(v1alpha1.Decision{Subject: "gateways", Field: "spec.network.gateways", Choice: "one a zone", Reason: reason})
	case v1alpha1.GatewaysSingle:
		z := m.gatewayZone()
		m.p.Network.Gateways = append(m.p.Network.Gateways, v1alpha1.PlannedGateway{Name: name + "-" + kind, Zone: z, Serves: slices.Clone(m.p.Zones)})
		reason := "asked for; its zone's loss takes the way out of every zone"
		if m.provider(v1alpha1.ProviderKapsule) {
			reason = "with full isolation nodes have no public address and reach even their control plane through the public gateway; its zone's loss takes the nodes of every zone"
		}
		m.decide(v1alpha1.Decision{Subject: "gateways", Field: "spec.network.gateways", Choice: "one, in " + z, Reason: reason})
	case v1alpha1.GatewaysNone:
		m.noGateways()
	}
}

func (m *maker) noGateways() {
	d := v1alpha1.Decision{Subject: "gateways", Field: "spec.network.gateways", Choice: "none"}
	switch {
	case m.provider(v1alpha1.ProviderKubeadm, v1alpha1.ProviderLocal):
		d.Reason = "the owner's network has its own way out"
	case m.provider(v1alpha1.ProviderKapsule) && m.c.Spec.Network.Isolation != v1alpha1.IsolationFull:
		d.Reason = "with controlled isolation each node goes out by its own public address, so that no zone needs another's gateway"
	case slices.ContainsFunc(m.p.Network.Subnets, func(s v1alpha1.PlannedSubnet) bool { return s.Existing }):
		d.Reason = "the subnets exist, with routes of the owner's: whose loss takes them is not known here"
	default:
		d.Reason = "asked for"
		m.find(v1alpha1.PlanFinding{
			Code: CodeNoWayOut, Subject: "gateways",
			Message: "nodes have neither a public address nor a gateway: they reach nothing outside the network",
			Remedy:  "spec.network.gateways: zonal, or a registry mirror and private endpoints of every service that nodes need",
		})
	}
	m.decide(d)
}
