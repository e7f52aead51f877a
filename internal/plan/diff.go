package plan

import (
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/quorum"
)

// Diff lists the steps from one plan to another, in the order in which they can
// be taken. Both must be given; equal plans have no steps.
//
//  1. subnets, gateways, load balancers that are new, then routes
//  2. a snapshot of etcd, then its members, one at a time (members.go)
//  3. groups that are new or grow, then those that shrink or go
//  4. load balancers, gateways and subnets that go
//  5. the control plane's and the kubelets' timings (retime.go)
//  6. the Kubernetes version, a minor at a time (upgrade.go)
//
// What is added is there before anything needs it, and what goes is not needed
// any more. Changes that a cluster cannot take in place are Impossible, and so
// are steps that no order makes safe: the least exposed order is listed then, and
// each step says which zones it survives.
func Diff(from, to *v1alpha1.ClusterPlan) *v1alpha1.ClusterChanges {
	d := &differ{from: from, to: to, out: &v1alpha1.ClusterChanges{
		TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.ClusterChangesKind},
		Name:     to.Name,
		From:     fmt.Sprintf("%s, Kubernetes %s in %s", from.Name, from.KubernetesVersion, list(from.Zones)),
		Steps:    []v1alpha1.Step{}, Impossible: []v1alpha1.PlanFinding{},
	}}
	if d.another() {
		return d.out
	}
	d.unchangeable()
	d.addNetwork()
	d.addLoadBalancers()
	d.controlPlane()
	d.pools()
	d.removeLoadBalancers()
	d.removeNetwork()
	d.retime()
	d.upgrade()
	return d.out
}

// differ collects the changes.
type differ struct {
	from, to *v1alpha1.ClusterPlan
	out      *v1alpha1.ClusterChanges
}

func (d *differ) step(s v1alpha1.Step) { d.out.Steps = append(d.out.Steps, s) }

func (d *differ) impossible(subject, remedy, format string, args ...any) {
	d.out.Impossible = append(d.out.Impossible, v1alpha1.PlanFinding{
		Code: CodeNotInPlace, Subject: subject, Message: fmt.Sprintf(format, args...), Remedy: remedy, Objective: true,
	})
}

const newCluster = "make a new cluster beside the old one, move the workloads and their data, then delete the old one"

// another reports whether the plans are of clusters that do not become each
// other; it says so.
func (d *differ) another() bool {
	for _, x := range []struct{ what, from, to string }{
		{"name", d.from.Name, d.to.Name},
		{"provider", string(d.from.Provider), string(d.to.Provider)},
		{"region", d.from.Region, d.to.Region},
	} {
		if x.from != x.to {
			d.impossible("zones", newCluster, "the %s changes from %q to %q: that is another cluster", x.what, x.from, x.to)
		}
	}
	return len(d.out.Impossible) > 0
}

// unchangeable finds changes of what a cluster is made with and keeps.
func (d *differ) unchangeable() {
	f, t := d.from, d.to
	for _, x := range []struct{ subject, what, from, to, remedy string }{
		{"subnets", "the network's CIDR", f.Network.CIDR, t.Network.CIDR, newCluster},
		{"subnets", "the network's IPv6 CIDR", f.Network.IPv6CIDR, t.Network.IPv6CIDR, newCluster},
		{"subnets", "the pod CIDRs", list(f.Network.PodCIDRs), list(t.Network.PodCIDRs), newCluster},
		{"subnets", "the service CIDRs", list(f.Network.ServiceCIDRs), list(t.Network.ServiceCIDRs), newCluster},
		{"etcd", "etcd's topology", string(f.ControlPlane.Topology), string(t.ControlPlane.Topology), "make a new cluster, or restore a snapshot into an etcd of the other topology while the API is stopped"},
		{"control plane", "the primary zone", f.ControlPlane.PrimaryZone, t.ControlPlane.PrimaryZone, newCluster},
		{"control plane", "the API's host", f.ControlPlane.Endpoint.Host, t.ControlPlane.Endpoint.Host, "keep the old name: certificates and every kubeconfig hold it; point it elsewhere, or add a second name to the certificates"},
		{"control plane", "the API's port", fmt.Sprint(f.ControlPlane.Endpoint.Port), fmt.Sprint(t.ControlPlane.Endpoint.Port), "keep the old port: every kubeconfig holds it; let the load balancer listen on both"},
	} {
		if x.from != x.to {
			d.impossible(x.subject, x.remedy, "%s cannot change in place (%s to %s)", x.what, orNone(x.from), orNone(x.to))
		}
	}
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func (d *differ) addNetwork() {
	for _, s := range d.to.Network.Subnets {
		old, there := find(d.from.Network.Subnets, func(o v1alpha1.PlannedSubnet) bool { return o.Name == s.Name })
		switch {
		case !there && s.Existing:
			d.step(v1alpha1.Step{Action: "use-subnet", Object: s.Name, Zone: s.Zone, Reason: "it exists, and is the owner's"})
		case !there:
			d.step(v1alpha1.Step{Action: "add-subnet", Object: s.Name, Zone: s.Zone, Reason: "machines of the zone need it: " + joined(s.CIDR, s.IPv6CIDR)})
		case old != s && old.CIDR != "" && s.CIDR != "" && d.from.Network.CIDR == d.to.Network.CIDR:
			d.impossible("subnets", "list the subnets as they are in spec.network.subnets; or add one under another name, move what stands in the old one, then remove that", "subnet %s cannot change in place (%s in %s to %s in %s)", s.Name, joined(old.CIDR, old.IPv6CIDR), old.Zone, joined(s.CIDR, s.IPv6CIDR), s.Zone)
		}
	}
	for _, g := range d.to.Network.Gateways {
		old, there := find(d.from.Network.Gateways, func(o v1alpha1.PlannedGateway) bool { return o.Name == g.Name })
		switch {
		case !there:
			d.step(v1alpha1.Step{Action: "add-gateway", Object: g.Name, Zone: g.Zone, Reason: "the way out of " + list(g.Serves)})
		case old.Zone != g.Zone:
			d.impossible("gateways", "add a gateway under another name, move the routes, then remove the old one", "gateway %s cannot move from %s to %s", g.Name, old.Zone, g.Zone)
		}
	}
	for _, z := range d.to.Zones {
		was, is := gatewayOf(d.from, z), gatewayOf(d.to, z)
		if was != "" && is != "" && was != is {
			d.step(v1alpha1.Step{Action: "route-zone", Object: is, Zone: z, Reason: "until now through " + was + "; connections that are open break once"})
		}
	}
}

// gatewayOf names the gateway that the zone goes out through.
func gatewayOf(p *v1alpha1.ClusterPlan, zone string) string {
	g, _ := find(p.Network.Gateways, func(g v1alpha1.PlannedGateway) bool { return slices.Contains(g.Serves, zone) })
	return g.Name
}

func (d *differ) removeNetwork() {
	for _, g := range d.from.Network.Gateways {
		if _, stays := find(d.to.Network.Gateways, func(o v1alpha1.PlannedGateway) bool { return o.Name == g.Name }); !stays {
			d.step(v1alpha1.Step{Action: "remove-gateway", Object: g.Name, Zone: g.Zone, Reason: "no zone goes out through it any more"})
		}
	}
	for _, s := range d.from.Network.Subnets {
		if _, stays := find(d.to.Network.Subnets, func(o v1alpha1.PlannedSubnet) bool { return o.Name == s.Name }); !stays && !s.Existing {
			d.step(v1alpha1.Step{Action: "remove-subnet", Object: s.Name, Zone: s.Zone, Reason: "nothing stands in it any more"})
		}
	}
}

func (d *differ) addLoadBalancers() {
	for _, l := range d.to.ControlPlane.LoadBalancers {
		old, there := find(d.from.ControlPlane.LoadBalancers, func(o v1alpha1.PlannedLoadBalancer) bool { return o.Name == l.Name })
		switch {
		case !there:
			d.step(v1alpha1.Step{Action: "add-load-balancer", Object: l.Name, Zone: oneOf(l.Zones), Reason: "it spreads requests over the API servers that there are"})
		case len(added(old.Zones, l.Zones)) > 0 && l.Kind == v1alpha1.LoadBalancerProvider:
			d.step(v1alpha1.Step{Action: "extend-load-balancer", Object: l.Name, Reason: "to answer in " + list(added(old.Zones, l.Zones)) + " as well"})
		}
	}
}

func (d *differ) removeLoadBalancers() {
	for _, l := range d.to.ControlPlane.LoadBalancers {
		old, there := find(d.from.ControlPlane.LoadBalancers, func(o v1alpha1.PlannedLoadBalancer) bool { return o.Name == l.Name })
		switch {
		case !there:
		case len(added(l.Zones, old.Zones)) > 0 && l.Kind == v1alpha1.LoadBalancerProvider:
			d.step(v1alpha1.Step{Action: "reduce-load-balancer", Object: l.Name, Reason: "no API server stands in " + list(added(l.Zones, old.Zones)) + " any more"})
		case old.Priority != l.Priority:
			d.step(v1alpha1.Step{Action: "set-priority", Object: l.Name, Zone: oneOf(l.Zones), Reason: fmt.Sprintf("VRRP priority %d, was %d", l.Priority, old.Priority)})
		}
	}
	for _, l := range d.from.ControlPlane.LoadBalancers {
		if _, stays := find(d.to.ControlPlane.LoadBalancers, func(o v1alpha1.PlannedLoadBalancer) bool { return o.Name == l.Name }); !stays {
			d.step(v1alpha1.Step{Action: "remove-load-balancer", Object: l.Name, Zone: oneOf(l.Zones), Reason: "another holds the API's address by now"})
		}
	}
}

// controlPlane moves the members.
func (d *differ) controlPlane() {
	f, t := d.from.ControlPlane, d.to.ControlPlane
	if f.Topology != t.Topology || t.Managed {
		return
	}
	stacked := t.Topology != v1alpha1.EtcdExternal
	tr := transition{
		from: f.Etcd, to: t.Etcd, zones: union(d.from.Zones, d.to.Zones), fixed: d.to.Provider == v1alpha1.ProviderKubeadm, stacked: stacked,
	}
	steps, findings := tr.steps()
	if len(steps) > 0 {
		d.step(v1alpha1.Step{
			Action: "save-snapshot", Object: "etcd", Reason: "what goes wrong with a member can be undone from it",
			Commands: []string{"etcdctl snapshot save before-change.db", "etcdutl snapshot status before-change.db"},
			Voters:   zonesOf(f.Etcd), Survives: quorum.Survivors(zonesOf(f.Etcd), tr.zones),
		})
	}
	if !stacked {
		d.apiServers(f.Members, t.Members, true)
	}
	d.out.Steps = append(d.out.Steps, steps...)
	d.out.Impossible = append(d.out.Impossible, findings...)
	if !stacked {
		d.apiServers(f.Members, t.Members, false)
	}
}

// apiServers adds or removes API servers that hold no voter.
func (d *differ) apiServers(from, to []v1alpha1.PlannedMember, add bool) {
	if add {
		for _, x := range missing(from, to) {
			d.step(v1alpha1.Step{Action: "add-control-plane", Object: x.Name, Zone: x.Zone, Reason: "another API server; etcd is not touched"})
		}
		return
	}
	for _, x := range missing(to, from) {
		d.step(v1alpha1.Step{Action: "remove-control-plane", Object: x.Name, Zone: x.Zone, Reason: "the others answer; etcd is not touched"})
	}
}

// missing is what of b is not in a, by name and zone.
func missing(a, b []v1alpha1.PlannedMember) []v1alpha1.PlannedMember {
	out := []v1alpha1.PlannedMember{}
	for _, x := range b {
		if !slices.ContainsFunc(a, func(y v1alpha1.PlannedMember) bool { return x.Name == y.Name && x.Zone == y.Zone }) {
			out = append(out, x)
		}
	}
	return out
}

// added is what of b is not in a.
func added(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(b), func(s string) bool { return slices.Contains(a, s) })
}

// union is a, then what b has beside.
func union(a, b []string) []string { return append(slices.Clone(a), added(a, b)...) }

func find[T any](s []T, is func(T) bool) (T, bool) {
	if i := slices.IndexFunc(s, is); i >= 0 {
		return s[i], true
	}
	var none T
	return none, false
}

func oneOf(zones []string) string {
	if len(zones) == 1 {
		return zones[0]
	}
	return ""
}

func joined(a, b string) string {
	if a != "" && b != "" {
		return a + " and " + b
	}
	return orNone(a + b)
}
