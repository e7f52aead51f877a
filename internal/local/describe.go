//go:build linux

package local

import (
	"fmt"
	"path/filepath"
	"strings"

	"bulkhead.dev/bulkhead/internal/plan"
)

// Describe tells what Apply would make, for people.
func Describe(o Options) (string, error) {
	name := o.Cluster.Metadata.Name
	m := &maker{Options: o, c: &Cluster{Folder: filepath.Join(o.Home, name), Record: Record{Cluster: o.Cluster, Plan: o.Plan, Loopback: o.Loopback}}}
	var err error
	if m.c.Layout, err = m.c.lay(); err != nil {
		return "", err
	}
	config := m.fabricConfig()
	var b strings.Builder
	fmt.Fprintf(&b, "%s: would be made in %s\n", name, m.c.Folder)
	if o.Loopback {
		fmt.Fprintf(&b, "network   127.0.ZONE.x, or 127.N.ZONE.x beside other clusters; API at a free port of 127.0.0.1\n%s\n", WithoutRoot)
	} else {
		fmt.Fprintf(&b, "network   %s on a bridge in a namespace of its own; API at %s and at a free port of 127.0.0.1\n", networkOf(o.Cluster, o.Plan), m.c.Layout.Endpoint())
	}
	for _, x := range config.Machines {
		fmt.Fprintf(&b, "machine   %s, zone %s, %s: %s\n", x.Name, x.Zone, x.Address, strings.Join(m.runs(x.Name), ", "))
	}
	perZone := map[string]int{}
	for _, n := range plan.Nodes(o.Plan, plan.SizeNow) {
		perZone[n.Labels["topology.kubernetes.io/zone"]]++
	}
	for _, z := range o.Plan.Zones {
		fmt.Fprintf(&b, "nodes     %d in zone %s\n", perZone[z], z)
	}
	return b.String(), nil
}

// runs names the processes of a machine.
func (m *maker) runs(name string) []string {
	var out []string
	for _, x := range m.c.Layout.Machines {
		if x.Name != name {
			continue
		}
		if x.Etcd {
			out = append(out, "etcd")
		}
		if x.Role == "control-plane" {
			out = append(out, "kube-apiserver", "kube-controller-manager", "kube-scheduler")
		}
		if x.Balancer {
			for _, s := range m.balancerServices(x) {
				out = append(out, s.Name)
			}
		}
		if x.Role == "worker" {
			out = append(out, kwokName)
		}
	}
	if len(out) == 0 {
		out = append(out, kwokName)
	}
	return out
}
