package kapsule

import (
	"fmt"
	"strings"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/render/file"
)

// Files returns kapsule/. It is an error to ask for what Kapsule lacks.
func Files(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) ([]file.File, error) {
	if err := check(c, p); err != nil {
		return nil, err
	}
	files := []file.File{versions(p), network(c, p), cluster(c, p)}
	if c.Spec.Ingress != nil {
		f, err := file.YAML("kapsule/addons/ingress.yaml",
			"A load balancer for each zone. "+policy(c), ingress(c, p)...)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	if class := storageClass(c); class != nil {
		f, err := file.YAML("kapsule/addons/storage-class.yaml", "Block volumes live in one zone: they are made where their pod is placed.", class)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	if c.Spec.DNS != nil {
		files = append(files, dns(c, p)...)
	}
	return files, nil
}

func policy(c *v1alpha1.Cluster) string {
	if c.Spec.Ingress.ExternalTrafficPolicy == "Cluster" {
		return "Every node takes traffic and passes it on."
	}
	return "It sends only to nodes that have a ready pod (externalTrafficPolicy Local)."
}

// check refuses what spec lets through for others, and plans that are not of this
// spec.
func check(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) error {
	if len(p.Zones) == 0 || len(p.Network.Subnets) != 1 || len(p.Pools) != len(c.Spec.NodePools) {
		return fmt.Errorf("rendering cluster %q for Kapsule: the plan has %d zones, %d subnets and %d pools; want some zones, one regional subnet and the spec's %d pools",
			p.Name, len(p.Zones), len(p.Network.Subnets), len(p.Pools), len(c.Spec.NodePools))
	}
	if isolated(c) && len(p.Network.Gateways) != 1 {
		return fmt.Errorf("rendering cluster %q for Kapsule: spec.network.isolation: full needs exactly one public gateway, the plan has %d", p.Name, len(p.Network.Gateways))
	}
	for i, pool := range p.Pools {
		if pool.Scope != v1alpha1.ScopeZonal {
			return fmt.Errorf("rendering cluster %q for Kapsule: spec.nodePools[%d].scope is %s: a pool of Kapsule stands in one zone, want zonal", p.Name, i, pool.Scope)
		}
	}
	if in := c.Spec.Ingress; in != nil && len(in.Ports) == 0 {
		return fmt.Errorf("rendering cluster %q for Kapsule: spec.ingress.ports is empty: a Service needs a port", p.Name)
	}
	if d := c.Spec.DNS; d != nil {
		if c.Spec.Ingress == nil {
			return fmt.Errorf("rendering cluster %q for Kapsule: spec.dns points at load balancers, and spec.ingress asks for none", p.Name)
		}
		if d.HealthCheck.MustContain == "" {
			return fmt.Errorf("rendering cluster %q for Kapsule: spec.dns.healthCheck.mustContain is empty: Scaleway's check looks for a text in the answer", p.Name)
		}
	}
	return nil
}

// Steps tells how to make the cluster of the files.
func Steps(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) []file.Step {
	steps := []file.Step{
		{Title: "Make the network and the cluster", Text: "Terraform reads credentials from the environment or from `scw init`'s file. Its state holds the kubeconfig: keep it in an encrypted backend.", Commands: []string{
			"terraform -chdir=kapsule init", "terraform -chdir=kapsule plan -out=cluster.tfplan", "terraform -chdir=kapsule apply cluster.tfplan",
		}},
		{Title: "Reach the API", Text: fmt.Sprintf("The API's load balancer stands in %s. The kubeconfig is a secret, so it is no output.", p.ControlPlane.PrimaryZone), Commands: []string{
			`cluster=$(terraform -chdir=kapsule output -raw cluster_id)`,
			fmt.Sprintf(`scw k8s kubeconfig install "${cluster#*/}" region=%s`, p.Region),
			"kubectl get nodes --label-columns=topology.kubernetes.io/zone",
		}},
	}
	if storageClass(c) != nil {
		steps = append(steps, file.Step{Title: "Make the StorageClass", Text: "Volumes are made in the zone of the pod that asks for them.", Commands: []string{"kubectl apply --filename=kapsule/addons/storage-class.yaml"}})
	} else {
		steps = append(steps, file.Step{
			Title:    "Look at the StorageClass",
			Text:     fmt.Sprintf("Kapsule has made %#q itself. It must print %#q; if it does not, set `spec.storage.className` to a name of your own and render again.", c.Spec.Storage.ClassName, c.Spec.Storage.BindingMode),
			Commands: []string{fmt.Sprintf("kubectl get storageclass %s --output=jsonpath='{.volumeBindingMode}{\"\\n\"}'", c.Spec.Storage.ClassName)},
		})
	}
	if in := c.Spec.Ingress; in != nil {
		steps = append(steps, file.Step{Title: "Open a way in in each zone", Text: "Each zone gets a load balancer of its own, which sends to nodes of every zone.", Commands: []string{
			fmt.Sprintf("kubectl create namespace %s --dry-run=client --output=yaml | kubectl apply --filename=-", in.Namespace),
			"kubectl apply --filename=kapsule/addons/ingress.yaml",
			fmt.Sprintf("kubectl --namespace=%s wait --for=jsonpath='{.status.loadBalancer.ingress}' --timeout=10m service --selector=bulkhead.dev/zone", in.Namespace),
		}})
	}
	if d := c.Spec.DNS; d != nil {
		name := strings.TrimPrefix(d.Record+"."+d.Zone, ".")
		steps = append(steps, file.Step{Title: "Point DNS at them", Text: fmt.Sprintf("%#q answers with the addresses that pass the check. Read the addresses into a file of variables, then apply the second module.", name), Commands: []string{
			ReadAddresses(c.Spec.Ingress.Namespace) + " > kapsule/dns/terraform.tfvars",
			"terraform -chdir=kapsule/dns init", "terraform -chdir=kapsule/dns apply",
			fmt.Sprintf("dig +short %s", name),
		}})
	}
	return steps
}

// ReadAddresses is the command that prints the load balancers' addresses as a file
// of Terraform variables.
func ReadAddresses(namespace string) string {
	const template = `ingress_ips = { {{- range .items}}{{"\n"}}  "{{index .metadata.labels "bulkhead.dev/zone"}}" = "{{(index .status.loadBalancer.ingress 0).ip}}"{{end}}{{"\n"}}}{{"\n"}}`
	return "kubectl --namespace=" + namespace + " get services --selector=bulkhead.dev/zone --output=go-template='" + template + "'"
}
