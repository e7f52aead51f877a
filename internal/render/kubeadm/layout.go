package kubeadm

import (
	"cmp"
	"fmt"
	"net/netip"
	"regexp"
	"slices"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// APIPort is what an API server listens on: kubeadm's default, unless HAProxy on
// the same machine has it.
const APIPort = 6443

// sharedAPIPort is the API server's where HAProxy listens on APIPort of the same
// machine. Both listen on every address, so that the port must differ: HAProxy
// bound to the virtual IP alone could start only where that is, and the API server
// would have to leave it out.
const sharedAPIPort = 6444

// localInterface is what a machine of the local provider has: a network namespace
// with one link, named as in a container.
const localInterface = "eth0"

// Machine is one machine and what runs on it.
type Machine struct {
	Name    string
	Zone    string
	Address netip.Addr
	Role    v1alpha1.HostRole
	// Pool of a worker, and Pods that the pool lets one node run.
	Pool string
	Pods int
	// Etcd: a voter runs here.
	Etcd bool
	// Balancer: HAProxy and keepalived run here,
	// with Priority of VRRP.
	Balancer bool
	Priority int
	// User and Port for SSH; zero for the local provider.
	User string
	Port int
}

// Layout is where everything of a cluster stands.
type Layout struct {
	// Machines: the control plane's, etcd's, load balancers', workers; in the order
	// of the plan within each. No two share a name or an address.
	Machines []Machine
	// EndpointHost and EndpointPort are the address that clients use.
	EndpointHost string
	EndpointPort int
	// APIPort is what each API server listens on, BalancerPort each HAProxy.
	APIPort      int
	BalancerPort int
	// VirtualIP that keepalived moves, and the link that carries it.
	VirtualIP       netip.Addr
	Interface       string
	VirtualRouterID int
	// Loopback: the addresses are of LayLoopback.
	Loopback bool
	// plan is where the timings are.
	plan *v1alpha1.ClusterPlan
}

// Lay returns where everything stands. Machines of provider kubeadm are the spec's
// hosts. Those of provider local have no addresses yet: they get the usable ones of
// network.cidr from the second on, in the order of Machines, while the first is the
// bridge's and the last the virtual IP.
//
// An error names the field of the spec that is missing or too small.
func Lay(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) (*Layout, error) {
	l := &Layout{
		plan:            p,
		EndpointHost:    p.ControlPlane.Endpoint.Host,
		EndpointPort:    cmp.Or(p.ControlPlane.Endpoint.Port, APIPort),
		APIPort:         APIPort,
		VirtualRouterID: valueOr(c.Spec.ControlPlane.LoadBalancer.VirtualRouterID, 51),
		Interface:       c.Spec.ControlPlane.LoadBalancer.Interface,
	}
	var err error
	switch c.Spec.Provider {
	case v1alpha1.ProviderLocal:
		err = l.layLocal(c, p)
	case v1alpha1.ProviderKubeadm:
		err = l.layHosts(c, p)
	default:
		return nil, fmt.Errorf("rendering kubeadm: spec.provider %q has no machines of its own", c.Spec.Provider)
	}
	if err != nil {
		return nil, fmt.Errorf("rendering kubeadm: %w", err)
	}
	if err := l.check(p); err != nil {
		return nil, fmt.Errorf("rendering kubeadm: %w", err)
	}
	for _, m := range l.Machines {
		if m.Balancer && m.Role == v1alpha1.RoleControlPlane && l.EndpointPort == APIPort {
			l.APIPort = sharedAPIPort
		}
	}
	l.BalancerPort = l.EndpointPort
	return l, nil
}

// layHosts takes the spec's hosts.
func (l *Layout) layHosts(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) error {
	for i, h := range c.Spec.Hosts {
		address, err := netip.ParseAddr(h.Address)
		if err != nil {
			return fmt.Errorf("spec.hosts[%d] %q: address %q is not an IP address", i, h.Name, h.Address)
		}
		m := Machine{
			Name: h.Name, Zone: h.Zone, Address: address, Role: h.Role,
			User: cmp.Or(h.User, "root"), Port: valueOr(h.Port, 22),
		}
		if h.Role == v1alpha1.RoleWorker {
			m.Pool = h.Pool
			if m.Pool == "" && len(c.Spec.NodePools) > 0 {
				m.Pool = c.Spec.NodePools[0].Name
			}
			m.Pods = podsOf(p, m.Pool)
		}
		l.Machines = append(l.Machines, m)
	}
	l.mark(p)
	slices.SortStableFunc(l.Machines, func(a, b Machine) int { return cmp.Compare(rank(a.Role), rank(b.Role)) })
	vip, err := netip.ParseAddr(c.Spec.ControlPlane.LoadBalancer.VirtualIP)
	if err != nil {
		return fmt.Errorf("spec.controlPlane.loadBalancer.virtualIP %q is not an IP address", c.Spec.ControlPlane.LoadBalancer.VirtualIP)
	}
	l.VirtualIP = vip
	return nil
}

// layLocal makes machines of the plan's members and groups.
func (l *Layout) layLocal(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) error {
	known := map[string]bool{}
	add := func(m Machine) {
		if !known[m.Name] {
			known[m.Name] = true
			l.Machines = append(l.Machines, m)
		}
	}
	for _, m := range p.ControlPlane.Members {
		add(Machine{Name: m.Name, Zone: m.Zone, Role: v1alpha1.RoleControlPlane})
	}
	for _, m := range p.ControlPlane.Etcd {
		add(Machine{Name: m.Name, Zone: m.Zone, Role: v1alpha1.RoleEtcd})
	}
	for _, b := range p.ControlPlane.LoadBalancers {
		if b.Kind == v1alpha1.LoadBalancerHAProxy && len(b.Zones) > 0 {
			add(Machine{Name: b.Name, Zone: b.Zones[0], Role: v1alpha1.RoleLoadBalancer})
		}
	}
	for _, pool := range p.Pools {
		for _, g := range pool.Groups {
			for i := range g.Size {
				name := fmt.Sprintf("%s-%d", g.Name, i+1)
				add(Machine{Name: name, Zone: g.Zones[i%len(g.Zones)], Role: v1alpha1.RoleWorker, Pool: pool.Name, Pods: pool.Pods})
			}
		}
	}
	l.mark(p)

	network, err := netip.ParsePrefix(cmp.Or(p.Network.CIDR, c.Spec.Network.CIDR))
	if err != nil {
		return fmt.Errorf("spec.network.cidr %q is not a prefix", c.Spec.Network.CIDR)
	}
	last := lastUsable(network)
	next := network.Masked().Addr().Next().Next() // the first usable one is the bridge's
	for i := range l.Machines {
		if !next.Less(last) {
			return fmt.Errorf("spec.network.cidr %s is too small for %d machines, a bridge and a virtual IP", network, len(l.Machines))
		}
		l.Machines[i].Address = next
		next = next.Next()
	}
	l.VirtualIP = last
	if vip := c.Spec.ControlPlane.LoadBalancer.VirtualIP; vip != "" {
		if l.VirtualIP, err = netip.ParseAddr(vip); err != nil {
			return fmt.Errorf("spec.controlPlane.loadBalancer.virtualIP %q is not an IP address", vip)
		}
	}
	l.Interface = cmp.Or(l.Interface, localInterface)
	l.EndpointHost = cmp.Or(l.EndpointHost, l.VirtualIP.String())
	return nil
}

// mark notes where the plan's voters and load balancers stand.
func (l *Layout) mark(p *v1alpha1.ClusterPlan) {
	for i := range l.Machines {
		m := &l.Machines[i]
		m.Etcd = slices.ContainsFunc(p.ControlPlane.Etcd, func(e v1alpha1.PlannedMember) bool { return e.Name == m.Name })
		for _, b := range p.ControlPlane.LoadBalancers {
			if b.Kind == v1alpha1.LoadBalancerHAProxy && b.Name == m.Name {
				m.Balancer, m.Priority = true, b.Priority
			}
		}
	}
}

// hostName is what may stand in a template unquoted: a DNS subdomain (RFC 1123).
var hostName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)

// linkName is a name that Linux allows for a link and that needs no quotes
// (IFNAMSIZ in linux/if.h: 15 characters).
var linkName = regexp.MustCompile(`^[A-Za-z0-9][-A-Za-z0-9_.@]{0,14}$`)

// check holds the layout against what templates and kubeadm rely on.
func (l *Layout) check(p *v1alpha1.ClusterPlan) error {
	byAddress := map[netip.Addr]string{l.VirtualIP: "the virtual IP"}
	byName := map[string]bool{}
	for _, m := range l.Machines {
		if !hostName.MatchString(m.Name) {
			return fmt.Errorf("host %q: the name is not a DNS name in lower case", m.Name)
		}
		if byName[m.Name] {
			return fmt.Errorf("host %q: there are two of that name", m.Name)
		}
		byName[m.Name] = true
		if !m.Address.IsValid() {
			return fmt.Errorf("host %q: it has no address", m.Name)
		}
		if other, taken := byAddress[m.Address]; taken {
			return fmt.Errorf("host %q: %s has its address %s as well", m.Name, other, m.Address)
		}
		byAddress[m.Address] = "host " + m.Name
		if m.Balancer && (m.Priority < 1 || m.Priority > 254) {
			return fmt.Errorf("host %q: VRRP priority %d is not in 1 to 254", m.Name, m.Priority)
		}
	}
	for _, m := range p.ControlPlane.Members {
		if !byName[m.Name] {
			return fmt.Errorf("control plane member %q of the plan is no host of the spec", m.Name)
		}
	}
	for _, m := range p.ControlPlane.Etcd {
		if !byName[m.Name] {
			return fmt.Errorf("etcd member %q of the plan is no host of the spec", m.Name)
		}
	}
	switch {
	case len(l.ControlPlane()) == 0:
		return fmt.Errorf("no host has role control-plane")
	case l.EndpointHost == "":
		return fmt.Errorf("spec.controlPlane.endpoint.host is missing: certificates and kubeconfigs name it")
	case len(l.Balancers()) == 0:
		return fmt.Errorf("spec.controlPlane.loadBalancer.kind: the plan has no HAProxy, and this provider has no other load balancer")
	case !linkName.MatchString(l.Interface):
		return fmt.Errorf("spec.controlPlane.loadBalancer.interface %q is not a name of a link", l.Interface)
	}
	if _, err := netip.ParseAddr(l.EndpointHost); err != nil && !hostName.MatchString(l.EndpointHost) {
		return fmt.Errorf("spec.controlPlane.endpoint.host %q is neither a DNS name nor an IP address", l.EndpointHost)
	}
	return nil
}

// ControlPlane returns the machines with an API server; the first makes the cluster.
func (l *Layout) ControlPlane() []Machine {
	return l.with(func(m Machine) bool { return m.Role == v1alpha1.RoleControlPlane })
}

// Voters returns the machines with a member of etcd.
func (l *Layout) Voters() []Machine { return l.with(func(m Machine) bool { return m.Etcd }) }

// Balancers returns the machines with HAProxy.
func (l *Layout) Balancers() []Machine { return l.with(func(m Machine) bool { return m.Balancer }) }

// Workers returns the machines that only carry pods.
func (l *Layout) Workers() []Machine {
	return l.with(func(m Machine) bool { return m.Role == v1alpha1.RoleWorker })
}

// External tells whether etcd has machines of its own.
func (l *Layout) External() bool {
	return slices.ContainsFunc(l.Machines, func(m Machine) bool { return m.Etcd && m.Role == v1alpha1.RoleEtcd })
}

// Endpoint returns host:port of the API, with brackets around an IPv6 address.
func (l *Layout) Endpoint() string { return hostPort(l.EndpointHost, l.EndpointPort) }

func (l *Layout) with(is func(Machine) bool) []Machine {
	var found []Machine
	for _, m := range l.Machines {
		if is(m) {
			found = append(found, m)
		}
	}
	return found
}

// rank orders the roles as Layout.Machines promises.
func rank(r v1alpha1.HostRole) int {
	return slices.Index([]v1alpha1.HostRole{
		v1alpha1.RoleControlPlane, v1alpha1.RoleEtcd, v1alpha1.RoleLoadBalancer, v1alpha1.RoleWorker,
	}, r)
}

// lastUsable is the highest address of a prefix but one: in IPv4 the highest is for
// broadcasts.
func lastUsable(p netip.Prefix) netip.Addr {
	bytes := p.Masked().Addr().AsSlice()
	for bit := p.Bits(); bit < 8*len(bytes); bit++ {
		bytes[bit/8] |= 1 << (7 - bit%8)
	}
	last, _ := netip.AddrFromSlice(bytes)
	return last.Prev()
}

func hostPort(host string, port int) string {
	if a, err := netip.ParseAddr(host); err == nil && a.Is6() {
		return fmt.Sprintf("[%s]:%d", host, port)
	}
	return fmt.Sprintf("%s:%d", host, port)
}

func podsOf(p *v1alpha1.ClusterPlan, pool string) int {
	for _, planned := range p.Pools {
		if planned.Name == pool {
			return planned.Pods
		}
	}
	return 0
}

func valueOr[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}
