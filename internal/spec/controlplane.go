package spec

import (
	"net/netip"
	"regexp"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// interfaceName is what Linux takes for a network interface: at most 15 bytes
// (IFNAMSIZ less the end mark), no slash, no space.
var interfaceName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,14}$`)

func (v *validator) controlPlane(cp *v1alpha1.ControlPlaneSpec) {
	const path = "spec.controlPlane"
	provider := v.cluster.Spec.Provider
	if cp.PrimaryZone != "" && v.known {
		if provider != v1alpha1.ProviderKapsule {
			v.lacks(path+".primaryZone", "it is Scaleway Kapsule's")
		} else {
			// Not of the cluster's zones: the load balancer can stand in another.
			v.regional(path+".primaryZone", cp.PrimaryZone)
		}
	}
	v.endpoint(&cp.Endpoint)
	v.loadBalancer(&cp.LoadBalancer)
	switch {
	case !v.known:
	case v.managed:
		v.managedControlPlane(cp)
	default:
		v.members(cp)
	}
	v.zoneList(path+".zones", cp.Zones)
}

// managedControlPlane refuses what the provider decides.
func (v *validator) managedControlPlane(cp *v1alpha1.ControlPlaneSpec) {
	const path = "spec.controlPlane"
	for _, f := range []struct {
		field string
		given bool
	}{
		{"replicas", cp.Replicas != nil},
		{"machineType", cp.MachineType != ""},
		{"zones", len(cp.Zones) > 0},
		{"etcd.topology", cp.Etcd.Topology != ""},
		{"etcd.replicas", cp.Etcd.Replicas != nil},
		{"etcd.machineType", cp.Etcd.MachineType != ""},
		{"endpoint.host", cp.Endpoint.Host != ""},
	} {
		if f.given {
			v.lacks(path+"."+f.field, "the provider runs the control plane")
		}
	}
	port := defaultPort
	if v.cluster.Spec.Provider == v1alpha1.ProviderEKS {
		port = eksPort
	}
	if cp.Endpoint.Port != nil && *cp.Endpoint.Port != port {
		v.fault(path+".endpoint.port", "leave it out", "is %d: the provider's is %d", *cp.Endpoint.Port, port)
	}
}

// members checks the control plane's and etcd's machines.
func (v *validator) members(cp *v1alpha1.ControlPlaneSpec) {
	const path = "spec.controlPlane"
	v.between(path+".replicas", cp.Replicas, 1, mostReplicas)
	external := cp.Etcd.Topology == v1alpha1.EtcdExternal
	if !external {
		// API servers need no majority, so an even number beside external etcd is
		// as good as any.
		v.odd(path+".replicas", cp.Replicas)
	}
	switch {
	case external:
		v.between(path+".etcd.replicas", cp.Etcd.Replicas, 1, mostReplicas)
		v.odd(path+".etcd.replicas", cp.Etcd.Replicas)
	case *cp.Etcd.Replicas != *cp.Replicas:
		v.fault(path+".etcd.replicas", "leave it out, or take topology: external",
			"is %d: stacked etcd has a member on each of the control plane's %d machines", *cp.Etcd.Replicas, *cp.Replicas)
	}
	if v.cloud && cp.MachineType == "" {
		v.fault(path+".machineType", "for example machineType: "+v.exampleMachine, "is missing: provider %s makes the machines", v.cluster.Spec.Provider)
	}
	if !v.cloud && cp.MachineType != "" {
		v.lacks(path+".machineType", "it makes no machines")
	}
	if v.cloud && external {
		v.fault(path+".etcd.topology", "topology: stacked, or provider: kubeadm", "is external: Cluster API uses an etcd that there is, but makes and repairs none")
	}
	if cp.Etcd.MachineType != "" {
		v.lacks(path+".etcd.machineType", "it makes no machines for etcd")
	}
	v.machineType(path+".machineType", cp.MachineType)
}

// odd refuses even numbers of voters: they survive no more losses than one less
// (etcd.io, "Why an odd number of cluster members").
func (v *validator) odd(path string, n *int) {
	if n != nil && *n > 0 && *n%2 == 0 {
		v.fault(path, "", "is %d%s: %d etcd members survive no more losses than %d; write %d or %d", *n, v.unlessGiven(path), *n, *n-1, *n-1, *n+1)
	}
}

func (v *validator) endpoint(e *v1alpha1.EndpointSpec) {
	const path = "spec.controlPlane.endpoint"
	provider := v.cluster.Spec.Provider
	v.between(path+".port", e.Port, 1, mostPort)
	switch {
	case e.Host == "" && provider == v1alpha1.ProviderKubeadm:
		v.fault(path+".host", "for example host: api.shop.example", "is missing: all clients of the API use it, and certificates hold it")
	case e.Host == "":
	case isAddress(e.Host):
		if vip := v.cluster.Spec.ControlPlane.LoadBalancer.VirtualIP; vip != "" && vip != e.Host {
			v.fault(path+".host", "write a DNS name, or the virtual IP", "is %s, but the virtual IP is %s", e.Host, vip)
		}
	case len(validation.IsDNS1123Subdomain(e.Host)) > 0:
		v.fault(path+".host", "without https:// and port", "is %s: want a DNS name or an IP address", shown(e.Host))
	}
	if provider == v1alpha1.ProviderCAPA && e.Port != nil && *e.Port != defaultPort {
		v.fault(path+".port", "leave it out", "is %d: the load balancer that Cluster API makes listens on %d", *e.Port, defaultPort)
	}
	if sharesMachines(&v.cluster.Spec) && e.Port != nil && *e.Port == defaultPort {
		v.fault(path+".port", "port: 8443, or hosts with role: load-balancer",
			"is %d, which API servers hold on the machines that HAProxy runs on", defaultPort)
	}
}

func isAddress(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}

func (v *validator) loadBalancer(lb *v1alpha1.LoadBalancerSpec) {
	const path = "spec.controlPlane.loadBalancer"
	provider := v.cluster.Spec.Provider
	haproxy := lb.Kind == v1alpha1.LoadBalancerHAProxy
	switch {
	case v.known && v.cloud && haproxy:
		v.fault(path+".kind", "kind: provider", "%s", lacks(provider, "its own load balancer is used"))
	case v.known && !v.cloud && lb.Kind == v1alpha1.LoadBalancerProvider:
		v.fault(path+".kind", "kind: haproxy", "%s", lacks(provider, "it has no load balancers"))
	}
	if provider == v1alpha1.ProviderKubeadm && haproxy {
		if lb.VirtualIP == "" {
			v.fault(path+".virtualIP", "a free address that clients can reach", "is missing: keepalived moves it between HAProxy's machines")
		}
		if lb.Interface == "" {
			v.fault(path+".interface", "for example interface: eth0", "is missing: keepalived sets the virtual IP on it")
		}
	}
	if lb.VirtualIP != "" && !isAddress(lb.VirtualIP) {
		v.fault(path+".virtualIP", "", "is %s: want an IP address", shown(lb.VirtualIP))
	}
	if lb.Interface != "" && !interfaceName.MatchString(lb.Interface) {
		v.fault(path+".interface", "", "is %s: want a network interface, at most 15 characters", shown(lb.Interface))
	}
	v.between(path+".virtualRouterID", lb.VirtualRouterID, 1, 255)
	if !haproxy && lb.Kind != "" && !v.taken[path+".kind"] {
		given := []bool{lb.VirtualIP != "", lb.Interface != "", lb.VirtualRouterID != nil}
		for i, field := range []string{"virtualIP", "interface", "virtualRouterID"} {
			if given[i] {
				v.fault(path+"."+field, "leave it out", "is for kind: haproxy, and kind is %s%s", lb.Kind, v.unlessGiven(path+".kind"))
			}
		}
	}
}

// machineTypeName is how the providers write types: m6i.large, PRO2-XXS,
// ecs.g7.xlarge.
var machineTypeName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$`)

func (v *validator) machineType(path, name string) {
	if name == "" {
		return
	}
	if !machineTypeName.MatchString(name) {
		v.fault(path, "", "is %s: want a machine type, letters, digits, dots and hyphens", shown(name))
		return
	}
	if v.machine != nil && !v.machine.MatchString(name) {
		v.fault(path, "", "is %s: want a machine type like %s", shown(name), v.exampleMachine)
	}
}

// hostsOf counts machines of a role.
func (v *validator) hostsOf(role v1alpha1.HostRole) int {
	n := 0
	for _, h := range v.cluster.Spec.Hosts {
		if h.Role == role {
			n++
		}
	}
	return n
}

// hasZone: the list is empty, which is all, or holds the zone.
func hasZone(zones []string, zone string) bool {
	return len(zones) == 0 || slices.Contains(zones, zone)
}
