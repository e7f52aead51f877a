package runbooks

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/plan"
	"bulkhead.dev/bulkhead/internal/quorum"
	"bulkhead.dev/bulkhead/internal/render/kubeadm"
)

// book is what the pages are filled with: this cluster's names.
type book struct {
	Name    string
	Region  string
	Version string
	// Provider in words, and which it is.
	Provider                                string
	Kubeadm, Local, CAPA, EKS, Kapsule, ACK bool
	// Managed: the provider runs the control plane.
	Managed bool
	Zones   []zone
	// First zone and another one, for examples.
	First, Other string
	Endpoint     string
	PrimaryZone  string
	// Members of the control plane and of etcd; none when managed. Majority is how
	// many voters must live.
	Members, Voters []member
	Majority        int
	External        bool
	// Balancers with HAProxy; VirtualIP that moves between them.
	Balancers []member
	VirtualIP string
	// LoadBalancers of the API by name, where the provider has them.
	LoadBalancers []string
	APIPort       int
	Pools         []string
	Autoscaler    bool
	Shared        string
	Isolation     string
	Gateways      []v1alpha1.PlannedGateway
	Domain        string
	Backup        *backup
	// Recovery in words: what the plan predicts and what was asked for.
	Recovery string
	// Evicted in words: how long pods stay on a node that is not ready.
	Evicted string
	// Minor version in use and the one after it.
	Minor, NextMinor string
	// EndpointHost and EndpointPort of the API, Interface and RouterID of VRRP;
	// kubeadm and local.
	EndpointHost, Interface string
	EndpointPort, RouterID  int
}

type zone struct {
	Name     string
	Survived bool
	// Down are dependencies that go with it, Effects what other zones lose by that.
	Down, Effects []string
	// Members, Voters and Balancers that stand there; Survivors is how many voters
	// the other zones have.
	Members, Voters, Balancers []string
	Survivors                  int
	AutoscalerStops            bool
}

// member is a machine of the control plane, of etcd or with HAProxy.
type member struct {
	Name, Zone, Address string
	// machine is nil where the provider names machines.
	machine *kubeadm.Machine
}

type backup struct {
	Every        string
	Keep         int
	Destinations []string
}

func newBook(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) (*book, error) {
	s := c.Spec
	b := &book{
		Name: c.Metadata.Name, Region: s.Region, Version: s.KubernetesVersion,
		Kubeadm: s.Provider == v1alpha1.ProviderKubeadm, Local: s.Provider == v1alpha1.ProviderLocal,
		CAPA: s.Provider == v1alpha1.ProviderCAPA, EKS: s.Provider == v1alpha1.ProviderEKS,
		Kapsule: s.Provider == v1alpha1.ProviderKapsule, ACK: s.Provider == v1alpha1.ProviderACK,
		Provider: providerName(s.Provider),
		Managed:  p.ControlPlane.Managed, PrimaryZone: p.ControlPlane.PrimaryZone,
		Majority: quorum.Majority(len(p.ControlPlane.Etcd)),
		External: p.ControlPlane.Topology == v1alpha1.EtcdExternal,
		Shared:   s.Storage.SharedClassName, Isolation: string(s.Network.Isolation),
		Gateways: p.Network.Gateways, Recovery: recovery(p), Evicted: evicted(p), APIPort: kubeadm.APIPort,
	}
	if len(p.Zones) == 0 {
		return nil, fmt.Errorf("rendering runbooks of %s: the plan has no zones", p.Name)
	}
	b.First, b.Other = p.Zones[0], p.Zones[len(p.Zones)-1]
	var layout *kubeadm.Layout
	if b.Kubeadm || b.Local {
		var err error
		if layout, err = kubeadm.Lay(c, p); err != nil {
			return nil, err
		}
		b.Endpoint, b.APIPort = layout.Endpoint(), layout.APIPort
		b.EndpointHost, b.EndpointPort = layout.EndpointHost, layout.EndpointPort
		b.Interface, b.RouterID = layout.Interface, layout.VirtualRouterID
		b.VirtualIP = layout.VirtualIP.String()
	}
	for _, m := range p.ControlPlane.Members {
		b.Members = append(b.Members, newMember(layout, m.Name, m.Zone))
	}
	for _, m := range p.ControlPlane.Etcd {
		b.Voters = append(b.Voters, newMember(layout, m.Name, m.Zone))
	}
	for _, lb := range p.ControlPlane.LoadBalancers {
		if lb.Kind == v1alpha1.LoadBalancerHAProxy && len(lb.Zones) > 0 {
			b.Balancers = append(b.Balancers, newMember(layout, lb.Name, lb.Zones[0]))
		} else {
			b.LoadBalancers = append(b.LoadBalancers, lb.Name)
		}
	}
	for _, pool := range s.NodePools {
		b.Pools = append(b.Pools, pool.Name)
		b.Autoscaler = b.Autoscaler || pool.Autoscaling
	}
	if s.DNS != nil {
		b.Domain = s.DNS.Zone
		if s.DNS.Record != "" {
			b.Domain = s.DNS.Record + "." + s.DNS.Zone
		}
	}
	if s.Backup != nil && !p.ControlPlane.Managed {
		b.Backup = &backup{Every: "6h", Keep: 28, Destinations: s.Backup.Destinations}
		if s.Backup.Every != nil {
			b.Backup.Every = words(s.Backup.Every.Duration)
		}
		if s.Backup.Keep != nil {
			b.Backup.Keep = *s.Backup.Keep
		}
	}
	for _, name := range p.Zones {
		b.Zones = append(b.Zones, b.newZone(p, name))
	}
	b.Minor, b.NextMinor = minors(s.KubernetesVersion)
	return b, nil
}

func evicted(p *v1alpha1.ClusterPlan) string {
	if s := plan.TolerationSeconds(p); s != 300 {
		return words(time.Duration(s) * time.Second)
	}
	return "five minutes"
}

func newMember(l *kubeadm.Layout, name, zone string) member {
	m := member{Name: name, Zone: zone}
	if l == nil {
		return m
	}
	i := slices.IndexFunc(l.Machines, func(x kubeadm.Machine) bool { return x.Name == name })
	if i >= 0 {
		m.machine = &l.Machines[i]
		m.Address = m.machine.Address.String()
	}
	return m
}

func (b *book) newZone(p *v1alpha1.ClusterPlan, name string) zone {
	z := zone{Name: name, Survivors: len(b.Voters)}
	in := func(all []member) []string {
		var names []string
		for _, m := range all {
			if m.Zone == name {
				names = append(names, m.Name)
			}
		}
		return names
	}
	z.Members, z.Voters, z.Balancers = in(b.Members), in(b.Voters), in(b.Balancers)
	z.Survivors -= len(z.Voters)
	for _, l := range p.Losses {
		if l.Zone != name {
			continue
		}
		z.Survived, z.AutoscalerStops, z.Down = l.Survived, l.AutoscalerStops, l.Down
		for _, e := range l.Effects {
			z.Effects = append(z.Effects, effect(e))
		}
	}
	return z
}

// effect says what surviving zones lose.
func effect(e v1alpha1.LostEffect) string {
	where := strings.Join(e.Zones, ", ")
	switch e.Effect {
	case v1alpha1.EffectAPI:
		return "the API answers nobody; pods run on, nothing is replaced (" + e.Group + ")"
	case v1alpha1.EffectNodes:
		return "nodes in " + where + " cannot reach the API and become NotReady (" + e.Group + ")"
	case v1alpha1.EffectEgress:
		return "pods and nodes in " + where + " reach nothing outside (" + e.Group + ")"
	case v1alpha1.EffectPull:
		return "nodes in " + where + " cannot pull images (" + e.Group + ")"
	case v1alpha1.EffectTraffic:
		return "users reach nothing in " + where + " (" + e.Group + ")"
	case v1alpha1.EffectScaling:
		return "no machine is made or replaced (" + e.Group + ")"
	default:
		return fmt.Sprintf("%s in %s (%s)", e.Effect, where, e.Group)
	}
}

// Run is a line that runs a command as root on the machine, or the command itself
// where the machine has no address yet.
func (m member) Run(command string) string {
	if m.machine == nil || m.machine.User == "" {
		return command
	}
	return m.machine.Run(command)
}

// Etcdctl is a line that asks the machine's own member of etcd.
func (m member) Etcdctl(arguments string) string {
	if m.machine == nil || m.machine.User == "" {
		return "kubectl -n kube-system exec etcd-" + m.Name + " -- etcdctl --cacert=/etc/kubernetes/pki/etcd/ca.crt" +
			" --cert=/etc/kubernetes/pki/etcd/healthcheck-client.crt --key=/etc/kubernetes/pki/etcd/healthcheck-client.key " + arguments
	}
	return m.machine.Run(kubeadm.Etcdctl(arguments))
}

// ZoneNames are the zones in the order of the plan.
func (b *book) ZoneNames() []string {
	var names []string
	for _, z := range b.Zones {
		names = append(names, z.Name)
	}
	return names
}

// MemberNames are those of the control plane's machines.
func (b *book) MemberNames() []string { return names(b.Members) }

// VoterNames are those of etcd's machines.
func (b *book) VoterNames() []string { return names(b.Voters) }

// BalancerNames are those of HAProxy's machines.
func (b *book) BalancerNames() []string { return names(b.Balancers) }

// VoterAddresses are etcd's addresses, or names where the provider gives those.
func (b *book) VoterAddresses() []string {
	var all []string
	for _, m := range b.Voters {
		all = append(all, cmp.Or(m.Address, m.Name))
	}
	return all
}

func names(members []member) []string {
	var all []string
	for _, m := range members {
		all = append(all, m.Name)
	}
	return all
}

// IsS3 tells whether a destination of snapshots is a bucket.
func (b *book) IsS3(destination string) bool { return strings.HasPrefix(destination, "s3://") }

// Folder of a destination that is none.
func (b *book) Folder(destination string) string { return strings.TrimPrefix(destination, "file://") }

// Tolerated is how many voters may be lost.
func (b *book) Tolerated() int { return quorum.MaxFaults(len(b.Voters)) }

func providerName(p v1alpha1.Provider) string {
	switch p {
	case v1alpha1.ProviderEKS:
		return "Amazon EKS"
	case v1alpha1.ProviderKapsule:
		return "Scaleway Kapsule"
	case v1alpha1.ProviderACK:
		return "Alibaba Cloud ACK"
	case v1alpha1.ProviderCAPA:
		return "Cluster API on AWS"
	case v1alpha1.ProviderKubeadm:
		return "own machines (kubeadm)"
	default:
		return "this machine (local)"
	}
}

// recovery says what the plan predicts of a zone's loss.
func recovery(p *v1alpha1.ClusterPlan) string {
	asked := words(time.Duration(p.Objectives.RecoveryTimeSeconds * float64(time.Second)))
	if p.Objectives.PredictedSeconds == nil {
		return "Predicted: at least one workload does not come back by itself (asked for: " + asked + ")."
	}
	text := "Predicted: every workload is back to its full count " +
		words(time.Duration(*p.Objectives.PredictedSeconds*float64(time.Second))) + " after a zone's loss (asked for: " + asked + ")"
	if p.Objectives.Dominating != "" {
		text += "; most of that is " + p.Objectives.Dominating
	}
	return text + "."
}

// words writes a duration without units that are zero.
func words(d time.Duration) string {
	d = d.Round(time.Second)
	var parts []string
	for _, u := range []struct {
		of   time.Duration
		name string
	}{{time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}} {
		if n := d / u.of; n > 0 {
			parts = append(parts, fmt.Sprintf("%d%s", n, u.name))
			d -= n * u.of
		}
	}
	if len(parts) == 0 {
		return "0s"
	}
	return strings.Join(parts, " ")
}

// minors returns 1.y and 1.(y+1) of a version.
func minors(version string) (string, string) {
	var major, minor int
	if _, err := fmt.Sscanf(version, "%d.%d", &major, &minor); err != nil {
		return version, "the next minor version"
	}
	return fmt.Sprintf("%d.%d", major, minor), fmt.Sprintf("%d.%d", major, minor+1)
}
