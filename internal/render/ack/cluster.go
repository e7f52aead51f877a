package ack

import (
	"strconv"
	"strings"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/render/file"
	"bulkhead.dev/bulkhead/internal/render/hcl"
)

// clusterSpec is the managed control plane of the Professional edition, which stands
// in several zones and has an SLA.
const clusterSpec = "ack.pro.small"

// controlPlaneVSwitches is the most that a control plane takes (vswitch_ids).
const controlPlaneVSwitches = 5

// versionVariable holds the exact version: Alibaba Cloud's builds carry a suffix of
// their own (1.36.1-aliyun.1), which no one can know beforehand.
const versionVariable = "kubernetes_version"

// flannel: pods have a CIDR of their own. Otherwise Terway gives them addresses of
// the vswitches.
func flannel(p *v1alpha1.ClusterPlan) bool { return len(p.Network.PodCIDRs) > 0 }

// cluster is the managed control plane and the node pools.
func cluster(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) file.File {
	version := minorVersion(p.KubernetesVersion)
	blocks := []hcl.Block{
		{Type: "variable", Labels: []string{versionVariable}, Body: []hcl.Item{
			hcl.Attr("description", hcl.String("Exact version of Kubernetes "+version+" at Alibaba Cloud, with its suffix: "+version+".1-aliyun.1.")),
			hcl.Attr("type", hcl.Type("string")),
			hcl.Nested("validation",
				hcl.Attr("condition", hcl.Call("startswith", hcl.Ref("var", versionVariable), hcl.String(prefix(p.KubernetesVersion)))),
				hcl.Attr("error_message", hcl.String("The cluster was planned with Kubernetes "+p.KubernetesVersion+"."))),
		}},
		controlPlane(p),
	}
	for i, planned := range p.Pools {
		for _, g := range planned.Groups {
			blocks = append(blocks, pool(p, c.Spec.NodePools[i], planned, g))
		}
	}
	blocks = append(blocks,
		hcl.Output("cluster_id", "ID of the cluster.", hcl.Ref("alicloud_cs_managed_kubernetes", clusterName, "id")),
		hcl.Output("vpc_id", "ID of the VPC.", vpcID()),
	)
	return hcl.File("ack/cluster.tf", "The kubeconfig is no output, for it is a secret: the aliyun CLI fetches it.", blocks...)
}

// minorVersion is x.y of x.y or x.y.z.
func minorVersion(version string) string {
	parts := strings.SplitN(version, ".", 3)
	return strings.Join(parts[:min(2, len(parts))], ".")
}

// prefix of the exact version: of the patch, where the spec names one.
func prefix(version string) string {
	if strings.Count(version, ".") == 2 {
		return version + "-"
	}
	return version + "."
}

// proxyMode: Kubernetes 1.35 deprecates IPVS, and nftables is Alibaba Cloud's advice
// from then on.
func proxyMode(version string) string {
	parts := strings.Split(version, ".")
	if len(parts) >= 2 {
		if minor, err := strconv.Atoi(parts[1]); err == nil && parts[0] == "1" && minor < 35 {
			return "ipvs"
		}
	}
	return "nftables"
}

func controlPlane(p *v1alpha1.ClusterPlan) hcl.Block {
	zones := p.Zones[:min(controlPlaneVSwitches, len(p.Zones))]
	body := []hcl.Item{
		hcl.Attr("name", hcl.String(p.Name)),
		hcl.Attr("cluster_spec", hcl.String(clusterSpec)),
		hcl.Attr("version", hcl.Ref("var", versionVariable)),
		hcl.Attribute{Name: "vswitch_ids", Value: vswitches(zones), Comment: "The control plane reaches each zone by a vswitch there."},
	}
	addons := []string{"terway-eniip"}
	if flannel(p) {
		addons = []string{"flannel"}
		body = append(body, hcl.Attr("pod_cidr", hcl.String(p.Network.PodCIDRs[0])))
	} else {
		body = append(body, hcl.Attribute{Name: "pod_vswitch_ids", Value: vswitches(p.Zones), Comment: "Terway: a pod's address is of its zone's vswitch."})
	}
	body = append(body,
		hcl.Attr("service_cidr", hcl.String(p.Network.ServiceCIDRs[0])),
		hcl.Attr("proxy_mode", hcl.String(proxyMode(p.KubernetesVersion))),
		hcl.Attribute{Name: "new_nat_gateway", Value: hcl.Bool(false), Comment: "ACK would make one gateway for all zones; network.tf has them."},
		hcl.Attribute{Name: "slb_internet_enabled", Value: hcl.Bool(true), Comment: "The API has a public address beside its private one."},
		hcl.Attr("is_enterprise_security_group", hcl.Bool(true)),
		hcl.Attr("skip_set_certificate_authority", hcl.Bool(true)),
		hcl.Attribute{Name: "deletion_protection", Value: hcl.Bool(true), Comment: "Set it to false before terraform destroy."},
		tags(p),
	)
	for _, name := range append(addons, "csi-plugin", "csi-provisioner") {
		body = append(body, hcl.Nested("addons", hcl.Attr("name", hcl.String(name))))
	}
	return hcl.Resource("alicloud_cs_managed_kubernetes", clusterName, "", body...)
}

// pool is a group: of one zone, or balanced over several.
func pool(p *v1alpha1.ClusterPlan, spec v1alpha1.NodePool, planned v1alpha1.PlannedPool, g v1alpha1.PlannedGroup) hcl.Block {
	comment, name := "", hcl.Name(spec.Name, g.Zones[0])
	body := []hcl.Item{
		hcl.Attr("cluster_id", hcl.Ref("alicloud_cs_managed_kubernetes", clusterName, "id")),
		hcl.Attr("node_pool_name", hcl.String(g.Name)),
		hcl.Attr("vswitch_ids", vswitches(g.Zones)),
	}
	if planned.Scope == v1alpha1.ScopeRegional {
		name = hcl.Name(spec.Name)
		comment = "One pool over all zones: a node may come up in a zone other than the one whose\ndisk a pending pod needs."
		body = append(body, hcl.Attr("multi_az_policy", hcl.String("BALANCE")))
	}
	body = append(body,
		hcl.Attr("instance_types", hcl.Strings(planned.MachineType)),
		hcl.Attr("system_disk_category", hcl.String("cloud_essd")),
	)
	if spec.RootVolumeGB > 0 {
		body = append(body, hcl.Attr("system_disk_size", hcl.Int(spec.RootVolumeGB)))
	}
	body = append(body,
		hcl.Attr("runtime_name", hcl.String("containerd")),
		hcl.Attr("install_cloud_monitor", hcl.Bool(true)),
		tags(p),
	)
	if out := waysOut(p, g.Zones); len(out) > 0 {
		body = append(body, hcl.Attr("depends_on", hcl.List(out...)))
	}
	if spec.Autoscaling {
		body = append(body, hcl.Nested("scaling_config", hcl.Attr("enable", hcl.Bool(true)), hcl.Attr("min_size", hcl.Int(g.Min)), hcl.Attr("max_size", hcl.Int(g.Max))))
	} else {
		// The two exclude each other: the autoscaler owns the size where it is on.
		body = append(body, hcl.Attr("desired_size", hcl.Int(g.Size)))
	}
	if spec.Autohealing {
		body = append(body, hcl.Nested("management",
			hcl.Attr("enable", hcl.Bool(true)), hcl.Attr("auto_repair", hcl.Bool(true)), hcl.Attr("max_unavailable", hcl.Int(1)),
			hcl.Nested("auto_repair_policy", hcl.Attr("restart_node", hcl.Bool(true)))))
	}
	for _, key := range sortedKeys(spec.Labels) {
		body = append(body, hcl.Nested("labels", hcl.Attr("key", hcl.String(key)), hcl.Attr("value", hcl.String(spec.Labels[key]))))
	}
	for _, t := range spec.Taints {
		body = append(body, hcl.Nested("taints", hcl.Attr("key", hcl.String(t.Key)), hcl.Attr("value", hcl.String(t.Value)), hcl.Attr("effect", hcl.String(t.Effect))))
	}
	return hcl.Resource("alicloud_cs_kubernetes_node_pool", name, comment, body...)
}
