package spec

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// userName is what useradd takes (shadow-utils, at most 32 characters).
var userName = regexp.MustCompile(`^[a-z_][a-z0-9_-]{0,31}$`)

func (v *validator) hosts(hosts []v1alpha1.Host) {
	const path = "spec.hosts"
	kubeadm := v.cluster.Spec.Provider == v1alpha1.ProviderKubeadm
	switch {
	case !v.known:
	case !kubeadm && len(hosts) > 0:
		v.lacks(path, "it has its own machines")
		return
	case kubeadm && len(hosts) == 0:
		v.fault(path, "at least one: - {name: …, address: …, zone: …, role: …}", "is missing: kubeadm sets up the owner's machines")
		return
	}
	at := func(i int) string { return fmt.Sprintf("%s[%d]", path, i) }
	var names []string
	for i := range hosts {
		names = append(names, hosts[i].Name)
		v.host(at(i), &hosts[i])
	}
	v.distinct(names, func(i int) string { return at(i) + ".name" })
	for i := range hosts {
		// Whose role is not known is counted nowhere.
		kubeadm = kubeadm && hosts[i].Role != "" && !v.taken[at(i)+".role"] && !v.taken[at(i)+".pool"]
	}
	if kubeadm {
		v.counts()
	}
}

func (v *validator) host(path string, h *v1alpha1.Host) {
	s := &v.cluster.Spec
	v.subdomain(path+".name", h.Name)
	if h.Address != "" {
		a, err := netip.ParseAddr(h.Address)
		switch {
		case err != nil:
			v.fault(path+".address", "", "is %s: want an IP address", shown(h.Address))
		case a.IsLoopback() || a.IsUnspecified() || a.IsMulticast() || a.Zone() != "":
			v.fault(path+".address", "", "is %s: want an address that other machines reach", a)
		}
	}
	v.zone(path+".zone", h.Zone)
	if !userName.MatchString(h.User) {
		v.fault(path+".user", "", "is %s: want a user's name, a-z, 0-9, _ and -", shown(h.User))
	}
	v.between(path+".port", h.Port, 1, mostPort)
	switch h.Role {
	case v1alpha1.RoleControlPlane:
		if !hasZone(s.ControlPlane.Zones, h.Zone) {
			v.fault(path+".zone", "", "%s is not in spec.controlPlane.zones: %s", shown(h.Zone), strings.Join(s.ControlPlane.Zones, ", "))
		}
	case v1alpha1.RoleWorker:
		v.worker(path, h)
		return
	}
	if h.Pool != "" && h.Role != "" {
		v.fault(path+".pool", "leave it out", "is for workers, and role is %s", h.Role)
	}
}

func (v *validator) worker(path string, h *v1alpha1.Host) {
	pools := v.cluster.Spec.NodePools
	i := slices.IndexFunc(pools, func(p v1alpha1.NodePool) bool { return p.Name == h.Pool })
	switch {
	case len(pools) == 0: // found elsewhere
	case i < 0:
		var names []string
		for _, p := range pools {
			names = append(names, p.Name)
		}
		v.fault(path+".pool", didYouMean(h.Pool, names), "is %s: want a node pool: %s", shown(h.Pool), listed(names, "or"))
	case !hasZone(pools[i].Zones, h.Zone):
		v.fault(path+".zone", "", "%s is not a zone of pool %s: %s", shown(h.Zone), h.Pool, strings.Join(pools[i].Zones, ", "))
	}
}

// counts compares the hosts with what the spec asks for.
func (v *validator) counts() {
	s := &v.cluster.Spec
	cp := &s.ControlPlane
	const path = "spec.controlPlane"
	v.count(path+".replicas", v1alpha1.RoleControlPlane, *cp.Replicas)
	if cp.Etcd.Topology == v1alpha1.EtcdExternal {
		v.count(path+".etcd.replicas", v1alpha1.RoleEtcd, *cp.Etcd.Replicas)
	} else if n := v.hostsOf(v1alpha1.RoleEtcd); n > 0 {
		v.fault(path+".etcd.topology", "topology: external", "is stacked%s, but %s role etcd", v.unlessGiven(path+".etcd.topology"), have(n))
	}
	if n := v.hostsOf(v1alpha1.RoleLoadBalancer); n == 1 {
		v.fault("spec.hosts", "two or more in different zones, or none: HAProxy then runs on the control plane's machines",
			"1 host has role load-balancer: with it the API is lost")
	}
	for i, p := range s.NodePools {
		if n := workersOf(s, p.Name); *p.Size != n {
			at := fmt.Sprintf("spec.nodePools[%d].size", i)
			v.fault(at, "leave it out: it is the number of the pool's hosts", "is %d%s, but %s role worker in pool %s", *p.Size, v.unlessGiven(at), have(n), p.Name)
		}
	}
}

// count checks the number of hosts of a role.
func (v *validator) count(path string, role v1alpha1.HostRole, want int) {
	if n := v.hostsOf(role); n != want {
		v.fault(path, "", "is %d%s, but %s role %s", want, v.unlessGiven(path), have(n), role)
	}
}

func have(n int) string {
	switch n {
	case 0:
		return "no host has"
	case 1:
		return "1 host has"
	}
	return fmt.Sprintf("%d hosts have", n)
}
