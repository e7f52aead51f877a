package render

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/render/file"
)

// folders tells what is in each folder of an output, in the order of the README.
var folders = []struct{ name, holds string }{
	{"kubeadm", "kubeadm's configuration of each machine"},
	{"haproxy", "HAProxy, which spreads connections over the API servers"},
	{"keepalived", "keepalived, which keeps the virtual IP where HAProxy works"},
	{"systemd", "timers: snapshots of etcd, renewal of certificates"},
	{"host", "scripts for the machines, and what is each machine's own"},
	{"cloud-init", "the same as user data, for machines that start with it"},
	{"capa", "objects for the management cluster of Cluster API"},
	{"eks", "eksctl's configuration and values of charts"},
	{"kapsule", "Terraform, and objects for the cluster"},
	{"ack", "Terraform, and objects for the cluster"},
	{"observability", "rules and dashboards for Prometheus and Grafana"},
	{"policies", "what the API server asks of every workload"},
	{"runbooks", "what to do when something breaks, with this cluster's names"},
}

// readme says what the output is and what to do with it.
func readme(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan, steps []file.Step, files []file.File) file.File {
	var b bytes.Buffer
	where := string(c.Spec.Provider)
	if c.Spec.Region != "" {
		where += " in " + c.Spec.Region
	}
	fmt.Fprintf(&b, "# %s on %s\n\n", c.Metadata.Name, where)
	fmt.Fprintf(&b, "Kubernetes %s in %s. Rendered by bulkhead from `%s`; no file is a secret. Run the commands in this folder, in this order.\n",
		c.Spec.KubernetesVersion, strings.Join(p.Zones, ", "), ClusterFile)

	if len(p.Findings) > 0 {
		b.WriteString("\n## What this plan cannot give\n\n")
		for _, f := range p.Findings {
			fmt.Fprintf(&b, "- %s: %s", f.Subject, f.Message)
			if f.Remedy != "" {
				fmt.Fprintf(&b, ". Remedy: %s", f.Remedy)
			}
			b.WriteString("\n")
		}
	}
	for i, s := range steps {
		fmt.Fprintf(&b, "\n## %d. %s\n", i+1, s.Title)
		if s.Text != "" {
			fmt.Fprintf(&b, "\n%s\n", strings.TrimSpace(s.Text))
		}
		if len(s.Commands) > 0 {
			fmt.Fprintf(&b, "\n```sh\n%s\n```\n", strings.Join(s.Commands, "\n"))
		}
	}
	b.WriteString("\n## What is here\n\n")
	fmt.Fprintf(&b, "- `%s`: the spec with every default\n", ClusterFile)
	listed := map[string]bool{}
	for _, f := range files {
		top, _, nested := strings.Cut(f.Path, "/")
		listed[top] = nested
	}
	for _, folder := range folders {
		if listed[folder.name] {
			fmt.Fprintf(&b, "- `%s/`: %s\n", folder.name, folder.holds)
		}
		delete(listed, folder.name)
	}
	var rest []string
	for top, nested := range listed {
		switch {
		case top == ClusterFile:
		case nested:
			rest = append(rest, top+"/")
		default:
			rest = append(rest, top)
		}
	}
	slices.Sort(rest)
	for _, name := range rest {
		fmt.Fprintf(&b, "- `%s`\n", name)
	}
	return file.File{Path: "README.md", Data: b.Bytes()}
}
