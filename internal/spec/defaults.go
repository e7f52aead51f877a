package spec

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// The defaults that are the same for every provider. Descriptions in the JSON
// schema and `bulkhead explain` are checked against them.
const (
	defaultZones          = 3
	defaultReserve        = 4
	defaultReplicas       = 3
	defaultPort           = 6443
	defaultRouterID       = 51
	defaultTTL            = time.Minute
	defaultProbe          = 10 * time.Second
	defaultUserAgent      = "bulkhead"
	defaultBackupInterval = 6 * time.Hour
	defaultKeep           = 28
	defaultRecovery       = 10 * time.Minute
	defaultUser           = "root"
	defaultSSHPort        = 22

	// eksPort is where an EKS cluster's endpoint listens.
	eksPort = 443
	// sharedPort is for HAProxy on a machine whose port 6443 is the API server's.
	sharedPort = 8443
)

// fill sets a field that is not set.
func fill[T comparable](field *T, value T) {
	var none T
	if *field == none {
		*field = value
	}
}

// fillPtr sets a pointer that is nil.
func fillPtr[T any](field **T, value T) {
	if *field == nil {
		*field = ptr.To(value)
	}
}

// setDefaults fills in what the owner left out. Of a provider that is not known
// it fills what all have in common.
func setDefaults(c *v1alpha1.Cluster) {
	s := &c.Spec
	t := traitsOf(s.Provider)
	if len(s.Zones.Names) == 0 {
		fillPtr(&s.Zones.Limit, defaultZones)
		fill(&s.Zones.Selection, v1alpha1.SelectionOrdered)
	}
	defaultNetwork(s, t)
	if t.known {
		defaultControlPlane(s, t)
	}
	for i := range s.NodePools {
		defaultPool(s, t, &s.NodePools[i])
	}
	fill(&s.Storage.ClassName, t.storageClass)
	fill(&s.Storage.BindingMode, "WaitForFirstConsumer")
	if s.Ingress != nil {
		fill(&s.Ingress.ExternalTrafficPolicy, "Local")
	}
	if d := s.DNS; d != nil {
		fillPtr(&d.TTL, metav1.Duration{Duration: defaultTTL})
		fill(&d.Strategy, "all")
		fillPtr(&d.HealthCheck.Interval, metav1.Duration{Duration: defaultProbe})
		fill(&d.HealthCheck.UserAgent, defaultUserAgent)
	}
	if b := s.Backup; b != nil {
		fillPtr(&b.Every, metav1.Duration{Duration: defaultBackupInterval})
		fillPtr(&b.Keep, defaultKeep)
	}
	fillPtr(&s.Objectives.RecoveryTime, metav1.Duration{Duration: defaultRecovery})
	fill(&s.Objectives.Survive, "zone")
	for i := range s.Hosts {
		h := &s.Hosts[i]
		fill(&h.User, defaultUser)
		fillPtr(&h.Port, defaultSSHPort)
		if h.Role == v1alpha1.RoleWorker && len(s.NodePools) > 0 {
			fill(&h.Pool, s.NodePools[0].Name)
		}
	}
}

func defaultNetwork(s *v1alpha1.ClusterSpec, t traits) {
	n := &s.Network
	zones := len(s.Zones.Names)
	if zones == 0 && s.Zones.Limit != nil {
		zones = *s.Zones.Limit
	}
	fillPtr(&n.ReserveZones, max(defaultReserve, zones))
	if !t.known {
		return
	}
	if n.IPv6CIDR == "" {
		fill(&n.CIDR, t.cidr)
	}
	if s.Provider == v1alpha1.ProviderKapsule {
		fill(&n.Isolation, v1alpha1.IsolationControlled)
	}
	gateways := v1alpha1.GatewaysNone
	switch {
	case s.Provider == v1alpha1.ProviderKapsule && n.Isolation == v1alpha1.IsolationFull:
		gateways = v1alpha1.GatewaysSingle
	case slices.Contains(t.gateways, v1alpha1.GatewaysZonal):
		gateways = v1alpha1.GatewaysZonal
	}
	fill(&n.Gateways, gateways)
	if len(n.PodCIDRs) == 0 {
		n.PodCIDRs = families(n, t, t.podCIDRs, podCIDR6)
	}
	if len(n.ServiceCIDRs) == 0 {
		n.ServiceCIDRs = families(n, t, t.serviceCIDRs, serviceCIDR6)
	}
}

// families returns a CIDR for each IP family of the network. Managed control
// planes give out IPv6 themselves.
func families(n *v1alpha1.NetworkSpec, t traits, four []string, six string) []string {
	var all []string
	if n.CIDR != "" || n.IPv6CIDR == "" {
		all = append(all, four...)
	}
	if n.IPv6CIDR != "" && !t.managed {
		all = append(all, six)
	}
	return all
}

func defaultControlPlane(s *v1alpha1.ClusterSpec, t traits) {
	cp := &s.ControlPlane
	if s.Provider == v1alpha1.ProviderKapsule && s.Region != "" {
		fill(&cp.PrimaryZone, s.Region+"-1")
	}
	kind := v1alpha1.LoadBalancerHAProxy
	if t.cloud {
		kind = v1alpha1.LoadBalancerProvider
	}
	fill(&cp.LoadBalancer.Kind, kind)
	if t.managed {
		port := defaultPort
		if s.Provider == v1alpha1.ProviderEKS {
			port = eksPort
		}
		fillPtr(&cp.Endpoint.Port, port)
		return
	}
	if cp.LoadBalancer.Kind == v1alpha1.LoadBalancerHAProxy {
		fillPtr(&cp.LoadBalancer.VirtualRouterID, defaultRouterID)
	}
	port := defaultPort
	if sharesMachines(s) {
		port = sharedPort
	}
	fillPtr(&cp.Endpoint.Port, port)
	fillPtr(&cp.Replicas, defaultReplicas)
	fill(&cp.Etcd.Topology, v1alpha1.EtcdStacked)
	if cp.Etcd.Topology == v1alpha1.EtcdExternal {
		fillPtr(&cp.Etcd.Replicas, defaultReplicas)
	} else {
		fillPtr(&cp.Etcd.Replicas, *cp.Replicas)
	}
}

// sharesMachines: HAProxy runs beside API servers, which hold port 6443 of every
// address.
func sharesMachines(s *v1alpha1.ClusterSpec) bool {
	return s.Provider == v1alpha1.ProviderKubeadm &&
		!slices.ContainsFunc(s.Hosts, func(h v1alpha1.Host) bool { return h.Role == v1alpha1.RoleLoadBalancer })
}

func defaultPool(s *v1alpha1.ClusterSpec, t traits, p *v1alpha1.NodePool) {
	scope := v1alpha1.ScopeZonal
	if len(t.scopes) > 0 {
		scope = t.scopes[0]
	}
	fill(&p.Scope, scope)
	size := 1
	switch hosts := workersOf(s, p.Name); {
	case s.Provider == v1alpha1.ProviderKubeadm && hosts > 0:
		size = hosts // the machines that there are
	case p.Min != nil:
		size = *p.Min
	case p.Max != nil:
		size = min(1, *p.Max)
	}
	fillPtr(&p.Size, size)
	fillPtr(&p.Min, *p.Size)
	fillPtr(&p.Max, *p.Size)
}

// workersOf counts the hosts of a pool; a worker without a pool is of the first.
func workersOf(s *v1alpha1.ClusterSpec, pool string) int {
	n := 0
	for _, h := range s.Hosts {
		if h.Role == v1alpha1.RoleWorker && (h.Pool == pool || h.Pool == "" && pool == s.NodePools[0].Name) {
			n++
		}
	}
	return n
}
