package ack

import (
	"slices"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/render/file"
	"bulkhead.dev/bulkhead/internal/render/hcl"
)

// Names in Terraform; what they are called at Alibaba Cloud begins with the
// cluster's.
const (
	vpc         = "main"
	clusterName = "main"
	nas         = "shared"
)

// eipBandwidth of a way out in Mbit/s; paid by traffic, so that it is a limit only.
const eipBandwidth = "200"

func versions(p *v1alpha1.ClusterPlan) file.File {
	return hcl.File("ack/versions.tf", "",
		hcl.Block{Type: "terraform", Body: []hcl.Item{
			hcl.Attr("required_version", hcl.String(">= 1.5")),
			hcl.Nested("required_providers", hcl.Attr("alicloud", hcl.Map(map[string]hcl.Value{
				"source": hcl.String("aliyun/alicloud"), "version": hcl.String("~> 1.289"),
			}))),
		}},
		hcl.Block{Type: "provider", Labels: []string{"alicloud"}, Comment: "Credentials come from the environment: ALIBABA_CLOUD_ACCESS_KEY_ID and\nALIBABA_CLOUD_ACCESS_KEY_SECRET.", Body: []hcl.Item{hcl.Attr("region", hcl.String(p.Region))}})
}

func tags(p *v1alpha1.ClusterPlan) hcl.Item {
	return hcl.Attr("tags", hcl.StringMap(map[string]string{"bulkhead": p.Name}))
}

func vpcID() hcl.Value { return hcl.Ref("alicloud_vpc", vpc, "id") }

// vswitchID refers to the vswitch that a zone's nodes and pods stand in.
func vswitchID(zone string) hcl.Value { return hcl.Ref("alicloud_vswitch", hcl.Name(zone), "id") }

// vswitches refers to those of several zones.
func vswitches(zones []string) hcl.Value {
	out := make([]hcl.Value, 0, len(zones))
	for _, zone := range zones {
		out = append(out, vswitchID(zone))
	}
	return hcl.List(out...)
}

// network is the VPC, the vswitches and the ways out.
func network(p *v1alpha1.ClusterPlan) file.File {
	blocks := []hcl.Block{hcl.Resource("alicloud_vpc", vpc, "", hcl.Attr("vpc_name", hcl.String(p.Name)), hcl.Attr("cidr_block", hcl.String(p.Network.CIDR)), tags(p))}
	for _, s := range p.Network.Subnets {
		blocks = append(blocks, hcl.Resource("alicloud_vswitch", hcl.Name(s.Zone), "",
			hcl.Attr("vpc_id", vpcID()),
			hcl.Attr("vswitch_name", hcl.String(s.Name)),
			hcl.Attr("cidr_block", hcl.String(s.CIDR)),
			hcl.Attr("zone_id", hcl.String(s.Zone)),
			tags(p)))
	}
	for _, g := range p.Network.Gateways {
		blocks = append(blocks, wayOut(p, g)...)
	}
	head := "A vswitch stands in one zone; nodes and pods of the zone take addresses of it."
	switch len(p.Network.Gateways) {
	case 0:
		head += "\nThere is no way out: images come from a registry inside the VPC."
	case 1:
		head += "\nAll zones go out through one NAT gateway."
	default:
		head += "\nEach zone goes out through its own NAT gateway: its loss takes nothing of the others."
	}
	return hcl.File("ack/network.tf", head, blocks...)
}

// wayOut is a NAT gateway with its address and the vswitches that use it. A VPC's
// own route table can name one gateway only, so that with several each zone has a
// table of its own.
func wayOut(p *v1alpha1.ClusterPlan, g v1alpha1.PlannedGateway) []hcl.Block {
	name := hcl.Name(g.Zone)
	single := len(p.Network.Gateways) == 1
	comment := ""
	if single {
		comment = "For all zones. CrossAZ keeps a standby in another zone; without it the loss of\n" + g.Zone + " would take the way out of every zone."
	}
	blocks := []hcl.Block{
		hcl.Resource("alicloud_nat_gateway", name, comment,
			hcl.Attr("vpc_id", vpcID()),
			hcl.Attr("nat_gateway_name", hcl.String(g.Name)),
			hcl.Attr("nat_type", hcl.String("Enhanced")),
			hcl.Attr("availability_mode", hcl.String("CrossAZ")),
			hcl.Attr("payment_type", hcl.String("PayAsYouGo")),
			hcl.Attr("internet_charge_type", hcl.String("PayByLcu")),
			hcl.Attr("vswitch_id", vswitchID(g.Zone)), tags(p)),
		hcl.Resource("alicloud_eip_address", name, "",
			hcl.Attr("address_name", hcl.String(g.Name)),
			hcl.Attr("payment_type", hcl.String("PayAsYouGo")),
			hcl.Attr("internet_charge_type", hcl.String("PayByTraffic")),
			hcl.Attr("bandwidth", hcl.String(eipBandwidth)), tags(p)),
		hcl.Resource("alicloud_eip_association", name, "",
			hcl.Attr("allocation_id", hcl.Ref("alicloud_eip_address", name, "id")),
			hcl.Attr("instance_id", hcl.Ref("alicloud_nat_gateway", name, "id"))),
	}
	for _, zone := range g.Serves {
		blocks = append(blocks, hcl.Resource("alicloud_snat_entry", hcl.Name(zone), "",
			hcl.Attr("snat_table_id", hcl.Ref("alicloud_nat_gateway", name, "snat_table_ids")),
			hcl.Attr("source_vswitch_id", vswitchID(zone)),
			hcl.Attr("snat_ip", hcl.Ref("alicloud_eip_address", name, "ip_address")),
			hcl.Attribute{Name: "depends_on", Value: hcl.List(hcl.Ref("alicloud_eip_association", name)), Comment: "The address must be the gateway's before it can be used."}))
	}
	if !single {
		blocks = append(blocks, routes(p, g)...)
	}
	return blocks
}

// routes send a zone's vswitch to its own gateway.
func routes(p *v1alpha1.ClusterPlan, g v1alpha1.PlannedGateway) []hcl.Block {
	var blocks []hcl.Block
	for _, zone := range g.Serves {
		name := hcl.Name(zone)
		table := hcl.Ref("alicloud_route_table", name, "id")
		blocks = append(blocks,
			hcl.Resource("alicloud_route_table", name, "",
				hcl.Attr("vpc_id", vpcID()), hcl.Attr("route_table_name", hcl.String(p.Name+"-"+zone)), hcl.Attr("associate_type", hcl.String("VSwitch")), tags(p)),
			hcl.Resource("alicloud_route_table_attachment", name, "",
				hcl.Attr("route_table_id", table), hcl.Attr("vswitch_id", vswitchID(zone))),
			hcl.Resource("alicloud_route_entry", name, "",
				hcl.Attr("route_table_id", table),
				hcl.Attr("destination_cidrblock", hcl.String("0.0.0.0/0")),
				hcl.Attr("nexthop_type", hcl.String("NatGateway")),
				hcl.Attr("nexthop_id", hcl.Ref("alicloud_nat_gateway", hcl.Name(g.Zone), "id"))))
	}
	return blocks
}

// waysOut are what a node needs to pull its images, for depends_on.
func waysOut(p *v1alpha1.ClusterPlan, zones []string) []hcl.Value {
	var out []hcl.Value
	for _, g := range p.Network.Gateways {
		for _, zone := range g.Serves {
			if !slices.Contains(zones, zone) {
				continue
			}
			out = append(out, hcl.Ref("alicloud_snat_entry", hcl.Name(zone)))
			if len(p.Network.Gateways) > 1 {
				out = append(out, hcl.Ref("alicloud_route_entry", hcl.Name(zone)), hcl.Ref("alicloud_route_table_attachment", hcl.Name(zone)))
			}
		}
	}
	return out
}

// sharedStorage is a NAS file system and its mount target.
func sharedStorage(p *v1alpha1.ClusterPlan) file.File {
	zone := p.Zones[0]
	return hcl.File("ack/nas.tf", "A NAS file system of the standard kind is mounted from every zone and stands in one:\nthe loss of "+zone+" takes its volumes from all zones until it is back. Keep what must\nsurvive in something that replicates itself.",
		hcl.Resource("alicloud_nas_file_system", nas, "",
			hcl.Attr("file_system_type", hcl.String("standard")),
			hcl.Attr("protocol_type", hcl.String("NFS")),
			hcl.Attr("storage_type", hcl.String("Performance")),
			hcl.Attr("zone_id", hcl.String(zone)),
			hcl.Attr("description", hcl.String(p.Name)), tags(p)),
		hcl.Resource("alicloud_nas_mount_target", nas, "",
			hcl.Attr("file_system_id", hcl.Ref("alicloud_nas_file_system", nas, "id")),
			hcl.Attr("access_group_name", hcl.String("DEFAULT_VPC_GROUP_NAME")),
			hcl.Attr("network_type", hcl.String("Vpc")),
			hcl.Attr("vpc_id", vpcID()),
			hcl.Attr("vswitch_id", vswitchID(zone))),
		hcl.Output("nas_server", "What addons/shared-storage-class.yaml needs.", hcl.Ref("alicloud_nas_mount_target", nas, "mount_target_domain")),
	)
}
