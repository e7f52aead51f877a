//go:build linux

package drill

import (
	"fmt"
	"slices"
	"time"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/local/fabric"
	"bulkhead.dev/bulkhead/internal/model"
)

// nodeLoss stops one kubelet: the first node of the zone, or one that the seed
// chooses.
var nodeLoss = Fault{
	Name: "node", Zones: 1, Gap: 1,
	What: "one node's kubelet stops: no lease, no status, no pod started or ended there",
	Aim: func(s *site) (*aim, error) {
		var names []string
		for name, zone := range s.nodeZones {
			if zone == s.zones[0] {
				names = append(names, name)
			}
		}
		if len(names) == 0 {
			return nil, fmt.Errorf("zone %s has no node", s.zones[0])
		}
		slices.Sort(names)
		name := names[s.random.IntN(len(names))]
		return &aim{
			fault: fabric.Fault{Nodes: []string{name}}, target: name, nodes: []string{name},
			failure: &model.FailureSpec{Nodes: []string{name}},
		}, nil
	},
	Proves: func(s *site, a *aim) []sign {
		return []sign{{text: "no kubelet carries " + a.target, ask: func() bool { return s.kubeletOf(a.target) == "stopped" }}}
	},
}

// etcdLeader ends the member of etcd that leads, and keeps it down.
var etcdLeader = Fault{
	Name: "etcd-leader", Gap: 4,
	What: "the leading member of etcd is killed and stays down",
	Aim: func(s *site) (*aim, error) {
		m := s.leaders.etcd()
		if m == "" {
			return nil, fmt.Errorf("etcd has no leader")
		}
		return s.aimAt(m, "etcd", false), nil
	},
}

// apiServerHang freezes an API server: connections stay, nothing answers.
var apiServerHang = Fault{
	Name: "api-server-hang", Zones: 1, Gap: 4,
	What: "the zone's API server is frozen: it takes connections and never answers",
	Aim: func(s *site) (*aim, error) {
		for _, m := range s.layout.ControlPlane() {
			if m.Zone == s.zones[0] {
				return s.aimAt(m.Name, "kube-apiserver", true), nil
			}
		}
		return nil, fmt.Errorf("zone %s has no API server", s.zones[0])
	},
	Proves: func(s *site, a *aim) []sign {
		return []sign{{text: "kube-apiserver on " + a.target + " takes a connection and does not answer", ask: func() bool { return !s.answers(a.target) }}}
	},
}

// controllerLeader ends the kube-controller-manager that leads, and keeps it down.
var controllerLeader = Fault{
	Name: "controller-leader", Gap: 1,
	What: "the leading kube-controller-manager is killed and stays down",
	Aim: func(s *site) (*aim, error) {
		m := s.leaders.of(controllerManager)
		if m == "" {
			return nil, fmt.Errorf("no kube-controller-manager leads")
		}
		return s.aimAt(m, controllerManager, false), nil
	},
}

// loadBalancer ends HAProxy where the virtual IP is, and keeps it down: keepalived
// finds out by its check, two in a row a second apart.
var loadBalancer = Fault{
	Name: "load-balancer", Gap: 5,
	What: "HAProxy is killed on the machine that holds the API's address, and stays down",
	Aim: func(s *site) (*aim, error) {
		m := s.leaders.vip()
		if m == "" {
			return nil, fmt.Errorf("no machine holds the API's address")
		}
		return s.aimAt(m, "haproxy", false), nil
	},
}

// aimAt is a process of a machine; freeze it, or end it.
func (s *site) aimAt(machine, service string, freeze bool) *aim {
	p := []fabric.Process{{Machine: machine, Service: service}}
	a := &aim{target: machine, fault: fabric.Fault{Hold: p}}
	if freeze {
		a.fault = fabric.Fault{Freeze: p}
	}
	return a
}

// answers tells whether an API server answers its readiness question.
func (s *site) answers(machine string) bool {
	c := s.client(outside, time.Second)
	defer c.CloseIdleConnections()
	response, err := c.Get("https://" + s.apiOf(machine) + "/readyz")
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == 200
}

// machinesIn are all machines of a zone, membersIn those of the control plane with
// an API server or etcd.
func (s *site) machinesIn(zone string) []string {
	var out []string
	for _, m := range s.status.Machines {
		if m.Zone == zone {
			out = append(out, m.Name)
		}
	}
	return out
}

func (s *site) membersIn(zone string) []string {
	var out []string
	for _, m := range s.layout.Machines {
		if m.Zone == zone && (m.Role == v1alpha1.RoleControlPlane || m.Etcd) {
			out = append(out, m.Name)
		}
	}
	return out
}

// membersElsewhere are the members outside the zones.
func (s *site) membersElsewhere(zones ...string) []string {
	var out []string
	for _, zone := range s.allZones {
		if !slices.Contains(zones, zone) {
			out = append(out, s.membersIn(zone)...)
		}
	}
	return out
}
