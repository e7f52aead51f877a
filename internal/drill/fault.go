//go:build linux

package drill

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/local/fabric"
	"bulkhead.dev/bulkhead/internal/model"
)

// A Fault is something that can be broken.
type Fault struct {
	Name string
	// What it does, for people, in one line.
	What string
	// Zones it needs: 0, 1 or 2.
	Zones int
	// Gap is how long writes may stop, in seconds; it is the hypothesis.
	Gap float64
	// Drops: packets are lost, which takes a cluster that root made.
	Drops bool
	// Aim decides what is broken, from where everything stands now.
	Aim func(*site) (*aim, error)
	// Proves returns the signs that the fault is in force, beside the fabric's own.
	Proves func(*site, *aim) []sign
}

// aim is what is broken, and what is lost by it.
type aim struct {
	fault fabric.Fault
	// Target is the machine, node or process, where it is one.
	target string
	// Nodes of Kubernetes and machines of the control plane that are lost.
	nodes, machines []string
	// Failure to simulate; nil: the simulation knows no such failure.
	failure *model.FailureSpec
}

// sign is a question whose answer shows that a fault is in force.
type sign struct {
	text string
	ask  func() bool
}

// Faults lists every fault in the order of the documentation.
func Faults() []Fault {
	return []Fault{
		zonePowerLoss, zoneBlackhole, zonePartition, zoneEgress, nodeLoss,
		etcdLeader, apiServerHang, controllerLeader, loadBalancer, gateway,
	}
}

// Find returns the fault of a name. The error lists all.
func Find(name string) (Fault, error) {
	names := []string{}
	for _, f := range Faults() {
		if f.Name == name {
			return f, nil
		}
		names = append(names, f.Name)
	}
	return Fault{}, fmt.Errorf("there is no fault %q: there are %s", name, strings.Join(names, ", "))
}

// zoneAim loses everything of a zone.
func zoneAim(s *site, zone string) *aim {
	a := &aim{failure: &model.FailureSpec{Zones: []string{zone}}}
	for name, z := range s.nodeZones {
		if z == zone {
			a.nodes = append(a.nodes, name)
		}
	}
	slices.Sort(a.nodes)
	for _, m := range s.layout.Machines {
		if m.Zone == zone && m.Role != v1alpha1.RoleWorker {
			a.machines = append(a.machines, m.Name)
		}
	}
	return a
}

// unreachable is the sign that nothing answers at an address, seen from somewhere.
func (s *site) unreachable(from, machine string) sign {
	return sign{
		text: fmt.Sprintf("%s does not answer %s", machine, from),
		ask: func() bool {
			conn, err := s.dial(from, s.serviceOf(machine), 300*time.Millisecond)
			if err == nil {
				_ = conn.Close()
			}
			return err != nil
		},
	}
}

// reachable is the opposite sign.
func (s *site) reachable(from, machine string) sign {
	not := s.unreachable(from, machine)
	return sign{text: fmt.Sprintf("%s answers %s", machine, from), ask: func() bool { return !not.ask() }}
}
