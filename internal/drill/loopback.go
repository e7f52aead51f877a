//go:build linux

package drill

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"bulkhead.dev/bulkhead/internal/local"
	"bulkhead.dev/bulkhead/internal/local/fabric"
)

// leadingInterval is how often logs are looked at for who leads: often, beside the
// seconds that a lease lasts.
const leadingInterval = 100 * time.Millisecond

// host is the network of a cluster on loopback: this machine's own, with the source
// address of a zone, or none from outside.
type host struct{ source net.IP }

func (h host) dial(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{}
	if h.source != nil {
		d.LocalAddr = &net.TCPAddr{IP: h.source}
	}
	return d.DialContext(ctx, network, address)
}

func (host) close() {}

// hostIn is where clients of a zone are: at the first address of its machines'.
func (s *site) hostIn(zone string) (host, error) {
	for _, m := range s.layout.Machines {
		if m.Zone == zone {
			source := m.Address.As4()
			source[3] = 1
			return host{net.IP(source[:])}, nil
		}
	}
	return host{}, fmt.Errorf("zone %s has no machine", zone)
}

// possible refuses a fault that loses packets in a cluster on loopback.
func (f Fault) possible(c *local.Cluster) error {
	if !f.Drops || !c.Loopback {
		return nil
	}
	names := []string{}
	for _, x := range Faults() {
		if !x.Drops {
			names = append(names, x.Name)
		}
	}
	return Refused{fmt.Errorf("fault %s loses packets: %w\nhint: possible here are %s; a cluster that root made has them all", f.Name, fabric.ErrNoPackets, strings.Join(names, ", "))}
}

// watchLogs notes which controllers and schedulers lead, by what they say.
func (l *leaders) watchLogs(ctx context.Context, group *sync.WaitGroup) {
	leading := l.site.cluster.Leading()
	group.Go(func() {
		every(ctx, leadingInterval, func() {
			for _, component := range []string{controllerManager, scheduler} {
				if m := leading.Of(component); m != "" {
					l.set(component, m, "")
				}
			}
		})
	})
}

// moved is what --worst-case moves.
func moved(c *local.Cluster) string {
	if c.Loopback {
		return "leaders of etcd, controller-manager and scheduler"
	}
	return "leaders of etcd, controller-manager, scheduler and the virtual IP"
}

// notesOf are what a reader of a drill on loopback has to know.
func notesOf(c *local.Cluster) []string {
	if !c.Loopback {
		return nil
	}
	return []string{
		"made without root: zones are addresses of one machine's loopback, there is no virtual IP, and the API's address is a port of 127.0.0.1 that passes connections on to the first HAProxy that takes them",
		"what is killed has its connections closed by the kernel, so that the others see it at once: a zone that loses its power falls silent instead",
		"clients of a zone go on while its machines have no power: they are processes of this machine as all are",
	}
}

// firstBalancer is the machine whose HAProxy the API's address leads to: the first by
// zone.
func (s *site) firstBalancer() string {
	for _, zone := range s.allZones {
		for _, m := range s.layout.Balancers() {
			if m.Zone == zone {
				return m.Name
			}
		}
	}
	return ""
}
