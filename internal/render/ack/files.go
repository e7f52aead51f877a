package ack

import (
	"fmt"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/render/file"
)

// Files returns ack/. It is an error to ask for what ACK lacks.
func Files(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) ([]file.File, error) {
	if err := check(c, p); err != nil {
		return nil, err
	}
	files := []file.File{versions(p), network(p), cluster(c, p)}
	var addons []addon
	if class := diskClass(c); class != nil {
		addons = append(addons, addon{"storage-class", "Disks live in one zone: they are made where their pod is placed.", class})
	}
	if class := sharedClass(c); class != nil {
		files = append(files, sharedStorage(p))
		addons = append(addons, addon{"shared-storage-class", "NAS volumes are mounted from every zone, and stand in one (see nas.tf). " + nasServer + "\nis put in when the file is applied.", class})
	}
	if c.Spec.Ingress != nil {
		addons = append(addons, addon{"ingress", "One load balancer, in a primary zone with a standby in a secondary one.", ingressService(c, p)})
	}
	for _, a := range addons {
		f, err := file.YAML("ack/addons/"+a.name+".yaml", a.comment, a.object)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

type addon struct {
	name, comment string
	object        any
}

// check refuses what spec lets through for others, and plans that are not of this
// spec.
func check(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) error {
	fail := func(format string, arguments ...any) error {
		return fmt.Errorf("rendering cluster %q for ACK: %s", p.Name, fmt.Sprintf(format, arguments...))
	}
	if len(p.Zones) == 0 || len(p.Pools) != len(c.Spec.NodePools) || len(p.Network.ServiceCIDRs) == 0 {
		return fail("the plan has %d zones, %d pools and %d service CIDRs; want some zones, the spec's %d pools and a CIDR",
			len(p.Zones), len(p.Pools), len(p.Network.ServiceCIDRs), len(c.Spec.NodePools))
	}
	inZone := map[string]int{}
	for _, s := range p.Network.Subnets {
		if s.Existing {
			return fail("subnet %s exists already: its VPC is unknown here; leave spec.network.subnets without IDs", s.Name)
		}
		inZone[s.Zone]++
	}
	for _, zone := range p.Zones {
		if inZone[zone] != 1 {
			return fail("zone %s has %d subnets; want one vswitch in each zone", zone, inZone[zone])
		}
	}
	if flannel(p) && len(p.Network.Gateways) > 1 {
		return fail("spec.network.podCIDRs asks for flannel, whose routes ACK writes to the VPC's own route table only; a gateway a zone needs a table a zone: leave podCIDRs empty (Terway), or set spec.network.gateways: single")
	}
	for i, pool := range p.Pools {
		if pool.Scope == v1alpha1.ScopeInstances {
			return fail("spec.nodePools[%d].scope is instances: nodes of ACK stand in a node pool, want zonal or regional", i)
		}
		for _, g := range pool.Groups {
			if c.Spec.NodePools[i].Autoscaling && g.Max <= g.Min {
				return fail("spec.nodePools[%d] grows from %d to %d nodes: with autoscaling ACK wants max above min", i, g.Min, g.Max)
			}
		}
	}
	if in := c.Spec.Ingress; in != nil && len(in.Ports) == 0 {
		return fail("spec.ingress.ports is empty: a Service needs a port")
	}
	if c.Spec.DNS != nil {
		return fail("spec.dns: records with a health check are written for Scaleway only")
	}
	return nil
}

// Steps tells how to make the cluster of the files.
func Steps(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) []file.Step {
	version := minorVersion(p.KubernetesVersion)
	steps := []file.Step{
		{Title: "Choose the exact version", Text: "Alibaba Cloud's builds of Kubernetes " + version + " carry a suffix of their own. Take the newest that this prints.", Commands: []string{
			fmt.Sprintf(`aliyun cs GET /api/v1/metadata/versions --Region %s --ClusterType ManagedKubernetes | jq --raw-output '.[].version | select(startswith(%q))'`, p.Region, prefix(p.KubernetesVersion)),
			"read -r TF_VAR_" + versionVariable + " && export TF_VAR_" + versionVariable,
		}},
		{Title: "Make the network and the cluster", Text: "Terraform reads credentials from the environment. Keep its state in an encrypted backend.", Commands: []string{
			"terraform -chdir=ack init", "terraform -chdir=ack plan -out=cluster.tfplan", "terraform -chdir=ack apply cluster.tfplan",
		}},
		{Title: "Reach the API", Text: "The kubeconfig is a secret, so it is no output.", Commands: []string{
			"umask 077 && mkdir -p ~/.kube",
			`aliyun cs DescribeClusterUserKubeconfig --ClusterId "$(terraform -chdir=ack output -raw cluster_id)" | jq --raw-output .config > ~/.kube/` + p.Name + ".yaml",
			"export KUBECONFIG=~/.kube/" + p.Name + ".yaml",
			"kubectl get nodes --label-columns=topology.kubernetes.io/zone",
		}},
	}
	if diskClass(c) != nil {
		steps = append(steps, file.Step{Title: "Make the class of disks", Text: "A disk is made in the zone of the pod that asks for it, and stays there.", Commands: []string{"kubectl apply --filename=ack/addons/storage-class.yaml"}})
	}
	if sharedClass(c) != nil {
		steps = append(steps, file.Step{Title: "Make the class of NAS volumes", Text: fmt.Sprintf("Every zone mounts them, but the file system stands in %s: its loss takes them from all zones.", p.Zones[0]), Commands: []string{
			fmt.Sprintf(`sed "s/%s/$(terraform -chdir=ack output -raw nas_server)/" ack/addons/shared-storage-class.yaml | kubectl apply --filename=-`, nasServer),
		}})
	}
	if in := c.Spec.Ingress; in != nil {
		steps = append(steps, file.Step{Title: "Open a way in", Text: "The load balancer moves to its secondary zone when the primary is lost.", Commands: []string{
			fmt.Sprintf("kubectl create namespace %s --dry-run=client --output=yaml | kubectl apply --filename=-", in.Namespace),
			"kubectl apply --filename=ack/addons/ingress.yaml",
		}})
	}
	return steps
}
