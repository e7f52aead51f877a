package plan

import (
	"fmt"
	"strconv"
	"strings"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// version is a Kubernetes version; patch is -1 where it is not given.
type version struct{ major, minor, patch int }

func parseVersion(text string) (version, bool) {
	parts := strings.Split(strings.TrimPrefix(text, "v"), ".")
	if len(parts) < 2 || len(parts) > 3 {
		return version{}, false
	}
	n := [3]int{0, 0, -1}
	for i, p := range parts {
		x, err := strconv.Atoi(p)
		if err != nil || x < 0 {
			return version{}, false
		}
		n[i] = x
	}
	return version{n[0], n[1], n[2]}, true
}

// release is the version with its patch, for a command.
func (v version) release() string {
	if v.patch < 0 {
		return fmt.Sprintf("v%d.%d.PATCH", v.major, v.minor)
	}
	return "v" + v.String()
}

func (v version) String() string {
	if v.patch < 0 {
		return fmt.Sprintf("%d.%d", v.major, v.minor)
	}
	return fmt.Sprintf("%d.%d.%d", v.major, v.minor, v.patch)
}

// hops are the versions to pass, one minor at a time: API servers may be one
// minor apart while they are upgraded, and kubeadm skips none (Kubernetes,
// "Version skew policy"). The minors between are taken at their newest patch.
func hops(from, to version) []version {
	out := []version{}
	for minor := from.minor + 1; minor < to.minor; minor++ {
		out = append(out, version{to.major, minor, -1})
	}
	return append(out, to)
}

// upgrade changes the version last, when the cluster stands as it will. etcd and
// Kubernetes never change together, so that what breaks is known; the control
// plane goes before the nodes, which may be older but not newer.
func (d *differ) upgrade() {
	if d.from.KubernetesVersion == d.to.KubernetesVersion {
		return
	}
	from, okFrom := parseVersion(d.from.KubernetesVersion)
	to, okTo := parseVersion(d.to.KubernetesVersion)
	switch {
	case !okFrom || !okTo || from.major != to.major:
		d.impossible("control plane", newCluster, "no way is known from Kubernetes %s to %s", d.from.KubernetesVersion, d.to.KubernetesVersion)
		return
	case to.minor < from.minor || to.minor == from.minor && to.patch >= 0 && to.patch < from.patch:
		d.impossible("control plane", "restore a snapshot of the older version, or make a new cluster", "Kubernetes does not go back from %s to %s", from, to)
		return
	}
	for _, v := range hops(from, to) {
		d.upgradeControlPlane(v, v.minor != from.minor)
		for _, p := range d.to.Pools {
			for _, g := range p.Groups {
				d.upgradeGroup(v, g)
			}
		}
	}
}

func (d *differ) upgradeGroup(v version, g v1alpha1.PlannedGroup) {
	s := v1alpha1.Step{
		Action: "upgrade-group", Object: g.Name, Zone: oneOf(g.Zones),
		Reason: fmt.Sprintf("nodes to Kubernetes %s, one at a time, after the control plane; one zone before the next", v),
	}
	for _, n := range g.Nodes {
		s.Commands = append(s.Commands,
			"kubectl drain "+n+" --ignore-daemonsets --delete-emptydir-data",
			"on "+n+": kubeadm upgrade node; then the new kubelet",
			"kubectl uncordon "+n)
	}
	d.step(s)
}

func (d *differ) upgradeControlPlane(v version, etcd bool) {
	cp := d.to.ControlPlane
	switch {
	case cp.Managed:
		d.step(v1alpha1.Step{Action: "upgrade-control-plane", Object: d.to.Name, Reason: fmt.Sprintf("the provider's, to Kubernetes %s; nodes follow", v)})
	case d.to.Provider == v1alpha1.ProviderCAPA:
		d.roll("upgrade-control-plane", fmt.Sprintf("to Kubernetes %s, etcd's image kept at the version that runs", v))
		if etcd {
			d.roll("upgrade-etcd", fmt.Sprintf("etcd's image to the version that kubeadm %s pairs with, after every API server has Kubernetes %s", v, v))
		}
	default:
		d.upgradeHosts(v, etcd)
	}
}

// upgradeHosts upgrades machines in place, one at a time.
func (d *differ) upgradeHosts(v version, etcd bool) {
	cp := d.to.ControlPlane
	external := cp.Topology == v1alpha1.EtcdExternal
	if etcd && external {
		for _, x := range cp.Etcd {
			d.step(v1alpha1.Step{
				Action: "upgrade-etcd", Object: x.Name, Zone: x.Zone,
				Reason: fmt.Sprintf("to the etcd that kubeadm %s pairs with, before Kubernetes; the next one when this one is healthy: until then a zone's loss may cost the majority", v),
			})
		}
	}
	for i, x := range cp.Members {
		command := "kubeadm upgrade node --etcd-upgrade=false"
		if i == 0 {
			command = fmt.Sprintf("kubeadm upgrade apply %s --etcd-upgrade=false", v.release())
		}
		d.step(v1alpha1.Step{
			Action: "upgrade-control-plane", Object: x.Name, Zone: x.Zone, Reason: fmt.Sprintf("API server, controller-manager and scheduler to Kubernetes %s; etcd stays", v),
			Commands: []string{"on " + x.Name + ": " + command},
		})
	}
	if etcd && !external {
		for i, x := range cp.Etcd {
			command := "kubeadm upgrade node --etcd-upgrade=true"
			if i == 0 {
				command = fmt.Sprintf("kubeadm upgrade apply %s --etcd-upgrade=true", v.release())
			}
			d.step(v1alpha1.Step{
				Action: "upgrade-etcd", Object: x.Name, Zone: x.Zone,
				Reason:   "etcd alone; the next one when this one is healthy: until then a zone's loss may cost the majority",
				Commands: []string{"on " + x.Name + ": " + command, "etcdctl endpoint health --cluster"},
			})
		}
	}
}
