package kapsule

import (
	"cmp"
	"strings"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/render/file"
	"bulkhead.dev/bulkhead/internal/render/hcl"
)

// defaultCNI is Kapsule's own default.
const defaultCNI = "cilium"

// Patch upgrades come in a two-hour window that begins at this hour, UTC, of this
// day: in working hours of nobody, before a working day.
const (
	upgradeDay  = "tuesday"
	upgradeHour = 2
)

// cluster is the control plane that Scaleway runs, and the pools.
func cluster(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) file.File {
	blocks := []hcl.Block{controlPlane(c, p)}
	for i, planned := range p.Pools {
		for _, g := range planned.Groups {
			blocks = append(blocks, pool(c, c.Spec.NodePools[i], planned, g))
		}
	}
	blocks = append(blocks,
		hcl.Output("cluster_id", "REGION/ID of the cluster.", hcl.Ref("scaleway_k8s_cluster", clusterName, "id")),
		hcl.Output("apiserver_url", "The API; its load balancer stands in "+p.ControlPlane.PrimaryZone+".", hcl.Ref("scaleway_k8s_cluster", clusterName, "apiserver_url")),
		hcl.Output("private_network_id", "The private network, for what else shall reach the nodes.", hcl.Ref("scaleway_vpc_private_network", privateNetwork, "id")),
	)
	return hcl.File("kapsule/cluster.tf", "The kubeconfig is no output, for it is a secret: scw k8s kubeconfig install fetches\nit. Terraform's state holds it all the same: keep the state encrypted.", blocks...)
}

func controlPlane(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) hcl.Block {
	n := c.Spec.Network
	body := []hcl.Item{
		hcl.Attr("name", hcl.String(p.Name)),
		hcl.Attr("type", hcl.String("kapsule")),
		hcl.Attr("version", hcl.String(p.KubernetesVersion)),
		hcl.Attr("cni", hcl.String(cmp.Or(n.CNI, defaultCNI))),
		hcl.Attr("region", hcl.String(p.Region)),
		hcl.Attr("private_network_id", hcl.Ref("scaleway_vpc_private_network", privateNetwork, "id")),
	}
	if len(p.Network.PodCIDRs) > 0 {
		body = append(body, hcl.Attr("pod_cidr", hcl.String(p.Network.PodCIDRs[0])))
	}
	if len(p.Network.ServiceCIDRs) > 0 {
		body = append(body, hcl.Attr("service_cidr", hcl.String(p.Network.ServiceCIDRs[0])))
	}
	body = append(body,
		hcl.Attribute{Name: "delete_additional_resources", Value: hcl.Bool(false), Comment: "true would take volumes and load balancers along when the cluster is deleted, by\nintent or by mistake."},
		tags(p),
		hcl.Block{
			Type:    "autoscaler_config",
			Comment: "Pools of all zones grow together: a volume's zone always has room, and the loss of\none zone takes no more than its share.",
			Body: []hcl.Item{
				hcl.Attr("balance_similar_node_groups", hcl.Bool(true)),
				hcl.Attr("ignore_daemonsets_utilization", hcl.Bool(true)),
			},
		},
	)
	if minor(p.KubernetesVersion) {
		body = append(body, hcl.Block{Type: "auto_upgrade", Comment: "Patches only; the version above is therefore x.y.", Body: []hcl.Item{
			hcl.Attr("enable", hcl.Bool(true)),
			hcl.Attr("maintenance_window_day", hcl.String(upgradeDay)),
			hcl.Attr("maintenance_window_start_hour", hcl.Int(upgradeHour)),
		}})
	}
	return hcl.Resource("scaleway_k8s_cluster", clusterName, "", body...)
}

// minor tells whether a version is x.y, without a patch.
func minor(version string) bool { return strings.Count(version, ".") == 1 }

// pool is a group of a pool, in its zone.
func pool(c *v1alpha1.Cluster, spec v1alpha1.NodePool, planned v1alpha1.PlannedPool, g v1alpha1.PlannedGroup) hcl.Block {
	body := []hcl.Item{
		hcl.Attr("cluster_id", hcl.Ref("scaleway_k8s_cluster", clusterName, "id")),
		hcl.Attr("name", hcl.String(g.Name)),
		hcl.Attr("region", hcl.String(c.Spec.Region)),
		hcl.Attr("zone", hcl.String(g.Zones[0])),
		hcl.Attr("node_type", hcl.String(planned.MachineType)),
		hcl.Attr("size", hcl.Int(g.Size)),
		hcl.Attr("min_size", hcl.Int(g.Min)),
		hcl.Attr("max_size", hcl.Int(g.Max)),
		hcl.Attr("autoscaling", hcl.Bool(spec.Autoscaling)),
		hcl.Attr("autohealing", hcl.Bool(spec.Autohealing)),
		hcl.Attr("container_runtime", hcl.String("containerd")),
		hcl.Attr("public_ip_disabled", hcl.Bool(isolated(c))),
		hcl.Attr("wait_for_pool_ready", hcl.Bool(true)),
	}
	if spec.RootVolumeGB > 0 {
		body = append(body, hcl.Attr("root_volume_size_in_gb", hcl.Int(spec.RootVolumeGB)))
	}
	if len(spec.Labels) > 0 {
		body = append(body, hcl.Attr("labels", hcl.StringMap(spec.Labels)))
	}
	body = append(body, hcl.Attr("tags", hcl.Strings("bulkhead", c.Metadata.Name)))
	if isolated(c) {
		// Nodes that come up before there is a way out never reach the control plane.
		body = append(body, hcl.Attr("depends_on", hcl.List(hcl.Ref("scaleway_vpc_gateway_network", gateway))))
	}
	body = append(body, hcl.Block{Type: "upgrade_policy", Comment: "A new node first: the zone keeps its room while it is upgraded.", Body: []hcl.Item{
		hcl.Attr("max_surge", hcl.Int(1)), hcl.Attr("max_unavailable", hcl.Int(0)),
	}})
	for _, t := range spec.Taints {
		body = append(body, hcl.Nested("taints", hcl.Attr("key", hcl.String(t.Key)), hcl.Attr("value", hcl.String(t.Value)), hcl.Attr("effect", hcl.String(t.Effect))))
	}
	return hcl.Resource("scaleway_k8s_pool", hcl.Name(spec.Name, g.Zones[0]), "", body...)
}
