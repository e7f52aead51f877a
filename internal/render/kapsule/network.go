package kapsule

import (
	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/render/file"
	"bulkhead.dev/bulkhead/internal/render/hcl"
)

// gatewayType is the smallest public gateway (100 Mbit/s and up): VPC-GW-S.
const gatewayType = "VPC-GW-S"

// Names in Terraform; what they are called at Scaleway begins with the cluster's.
const (
	vpc            = "main"
	privateNetwork = "private"
	gateway        = "out"
	clusterName    = "main"
)

func versions(p *v1alpha1.ClusterPlan) file.File {
	return hcl.File("kapsule/versions.tf", "", requirements(),
		hcl.Block{Type: "provider", Labels: []string{"scaleway"}, Comment: "Credentials come from the environment or ~/.config/scw/config.yaml.", Body: []hcl.Item{
			hcl.Attr("region", hcl.String(p.Region)),
			hcl.Attr("zone", hcl.String(p.Zones[0])),
		}})
}

func requirements() hcl.Block {
	return hcl.Block{Type: "terraform", Body: []hcl.Item{
		hcl.Attr("required_version", hcl.String(">= 1.5")),
		hcl.Nested("required_providers", hcl.Attr("scaleway", hcl.Map(map[string]hcl.Value{
			"source": hcl.String("scaleway/scaleway"), "version": hcl.String("~> 2.81"),
		}))),
	}}
}

func tags(p *v1alpha1.ClusterPlan) hcl.Item {
	return hcl.Attr("tags", hcl.Strings("bulkhead", p.Name))
}

// network is the VPC, the regional private network and, with full isolation, the
// public gateway.
func network(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) file.File {
	blocks := []hcl.Block{
		hcl.Resource("scaleway_vpc", vpc, "", hcl.Attr("name", hcl.String(p.Name)), hcl.Attr("region", hcl.String(p.Region)), tags(p)),
		hcl.Resource("scaleway_vpc_private_network", privateNetwork, "Regional: all zones share it, and the loss of one takes nothing of it.",
			hcl.Attr("name", hcl.String(p.Network.Subnets[0].Name)),
			hcl.Attr("vpc_id", hcl.Ref("scaleway_vpc", vpc, "id")),
			hcl.Attr("region", hcl.String(p.Region)),
			tags(p),
			hcl.Nested("ipv4_subnet", hcl.Attr("subnet", hcl.String(p.Network.Subnets[0].CIDR))),
		),
	}
	if !isolated(c) {
		return hcl.File("kapsule/network.tf", "Controlled isolation: nodes have public addresses, and Kapsule's security group lets\nnothing in. Each reaches the API by its own address, so no zone needs another's\ngateway.", blocks...)
	}
	g := p.Network.Gateways[0]
	zone := hcl.Attr("zone", hcl.String(g.Zone))
	blocks = append(blocks,
		hcl.Resource("scaleway_vpc_public_gateway_ip", gateway, "", zone, tags(p)),
		hcl.Resource("scaleway_vpc_public_gateway", gateway,
			"The only way out, even to the control plane, for the nodes of all zones: when\n"+g.Zone+" is lost, every node of every zone becomes NotReady. A private network\nhas one default route, so a second gateway would not help; controlled isolation\nwould.",
			hcl.Attr("name", hcl.String(g.Name)), hcl.Attr("type", hcl.String(gatewayType)), zone,
			hcl.Attr("ip_id", hcl.Ref("scaleway_vpc_public_gateway_ip", gateway, "id")), tags(p)),
		hcl.Resource("scaleway_vpc_gateway_network", gateway, "",
			hcl.Attr("gateway_id", hcl.Ref("scaleway_vpc_public_gateway", gateway, "id")),
			hcl.Attr("private_network_id", hcl.Ref("scaleway_vpc_private_network", privateNetwork, "id")),
			hcl.Attr("enable_masquerade", hcl.Bool(true)), zone,
			hcl.Nested("ipam_config", hcl.Attr("push_default_route", hcl.Bool(true)))),
	)
	return hcl.File("kapsule/network.tf", "Full isolation: nodes have no public address and go out through the public gateway.", blocks...)
}

// isolated: nodes have no public addresses.
func isolated(c *v1alpha1.Cluster) bool {
	return c.Spec.Network.Isolation == v1alpha1.IsolationFull
}
