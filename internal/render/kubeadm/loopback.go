package kubeadm

import (
	"fmt"
	"net/netip"
	"slices"

	upstream "sigs.k8s.io/cluster-api/bootstrap/kubeadm/pkg/types/upstreamv1beta4"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/render/file"
)

// perZone is how many machines of a zone have the same third byte in their address.
const perZone = 250

// LayLoopback is Lay for provider local without root: machines have no network of
// their own, only an address of the host's loopback.
//
//	127.NUMBER.ZONE.x   a machine: zones from 1, machines from 2
//	127.NUMBER.ZONE.1   clients that are in the zone
//	127.0.0.1:port      the API: whoever listens there passes connections on to an
//	                    HAProxy; there is no virtual IP and no keepalived
//
// From the 251st machine of a zone on ZONE is 16 more: there are at most nine zones.
// Number is the cluster's: two on one machine differ in it.
func LayLoopback(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan, number, port int) (*Layout, error) {
	l, err := Lay(c, p)
	if err != nil {
		return nil, err
	}
	l.Loopback = true
	l.VirtualIP = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	l.EndpointHost, l.EndpointPort, l.BalancerPort, l.APIPort = l.VirtualIP.String(), port, APIPort, sharedAPIPort
	seen := map[string]int{}
	for i := range l.Machines {
		m := &l.Machines[i]
		n := seen[m.Zone]
		seen[m.Zone]++
		zone := slices.Index(p.Zones, m.Zone) + 1 + 16*(n/perZone)
		if zone > 255 {
			return nil, fmt.Errorf("rendering kubeadm: zone %q has more machines than loopback addresses", m.Zone)
		}
		m.Address = netip.AddrFrom4([4]byte{127, byte(number), byte(zone), byte(2 + n%perZone)})
	}
	if err := l.check(p); err != nil {
		return nil, fmt.Errorf("rendering kubeadm: %w", err)
	}
	return l, nil
}

// LoopbackPorts are what the machines of a layout on loopback addresses listen on,
// each on its own.
func LoopbackPorts() []int {
	return []int{APIPort, sharedAPIPort, etcdClientPort, etcdPeerPort, etcdMetricsPort, statusPort, MetricsPort, managerPort, schedulerPort}
}

// The ports of controllers and schedulers (kubeadm's constants,
// KubeControllerManagerPort and KubeSchedulerPort).
const (
	managerPort   = 10257
	schedulerPort = 10259
)

// Advertised is what an API server says its address is. Nobody may say that of a
// loopback address (kubeadm's VerifyAPIServerBindAddress, the API server's check of
// --advertise-address): it is one of those for documentation (RFC 5737) then, which
// nobody has and nobody connects to.
func (l *Layout) Advertised(m Machine) netip.Addr {
	if !l.Loopback {
		return m.Address
	}
	i := slices.IndexFunc(l.Machines, func(x Machine) bool { return x.Name == m.Name })
	return netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 1)})
}

// onLoopback has every server of a machine listen on the machine's address alone,
// as the other machines' listen on the same ports of theirs, and puts the address
// into its certificates. The folder of certificates is written out, so that it can
// be put elsewhere.
func (l *Layout) onLoopback(cluster *upstream.ClusterConfiguration, m Machine) {
	if !l.Loopback {
		return
	}
	own := m.Address.String()
	cluster.CertificatesDir = "/etc/kubernetes/pki"
	if m.Role == v1alpha1.RoleControlPlane {
		for _, list := range []*[]upstream.Arg{&cluster.APIServer.ExtraArgs, &cluster.ControllerManager.ExtraArgs, &cluster.Scheduler.ExtraArgs} {
			setArgument(list, "bind-address", own)
		}
		if !slices.Contains(cluster.APIServer.CertSANs, own) {
			cluster.APIServer.CertSANs = append(cluster.APIServer.CertSANs, own)
		}
	}
	etcd := cluster.Etcd.Local
	if etcd == nil {
		return
	}
	clients, peers := "https://"+hostPort(own, etcdClientPort), "https://"+hostPort(own, etcdPeerPort)
	// kubeadm gives advertise-client-urls to the API server as its etcd.
	setArgument(&etcd.ExtraArgs, "advertise-client-urls", clients)
	setArgument(&etcd.ExtraArgs, "listen-client-urls", clients)
	setArgument(&etcd.ExtraArgs, "initial-advertise-peer-urls", peers)
	setArgument(&etcd.ExtraArgs, "listen-peer-urls", peers)
	setArgument(&etcd.ExtraArgs, "listen-metrics-urls", "http://"+hostPort(own, etcdMetricsPort))
	etcd.ServerCertSANs, etcd.PeerCertSANs = []string{own}, []string{own}
}

// setArgument gives an argument a value, whatever it had.
func setArgument(list *[]upstream.Arg, name, value string) {
	others := slices.DeleteFunc(slices.Clone(*list), func(a upstream.Arg) bool { return a.Name == name })
	*list = slices.Concat(others, []upstream.Arg{{Name: name, Value: value}})
}

// LocalFiles returns what Files does for provider local, for a layout: of LayLoopback
// too.
func (l *Layout) LocalFiles(c *v1alpha1.Cluster) ([]file.File, error) { return l.common(c) }
