//go:build linux

package drill

import (
	"bulkhead.dev/bulkhead/internal/local/fabric"
	"bulkhead.dev/bulkhead/internal/model"
)

// gapOfZone is how long writes may stop when a zone goes, whatever led in it: an
// election of etcd and two keepalived timers, with room for a busy machine.
const gapOfZone = 4.0

var zonePowerLoss = Fault{
	Name: "zone-power-loss", Zones: 1, Gap: gapOfZone,
	What: "every machine of the zone loses its cable and its power at the same moment",
	Aim: func(s *site) (*aim, error) {
		a := zoneAim(s, s.zones[0])
		a.fault.PowerOff = s.machinesIn(s.zones[0])
		return a, nil
	},
	Proves: func(s *site, a *aim) []sign { return s.allUnreachable(outside, a.machines) },
}

var zoneBlackhole = Fault{
	Name: "zone-blackhole", Zones: 1, Gap: gapOfZone, Drops: true,
	What: "every packet from and to the zone is lost; its machines run on",
	Aim: func(s *site) (*aim, error) {
		a := zoneAim(s, s.zones[0])
		a.fault.Drop, a.fault.Zones = fabric.DropBlackhole, s.zones
		return a, nil
	},
	Proves: func(s *site, a *aim) []sign {
		signs := s.allUnreachable(outside, a.machines)
		for _, m := range s.membersElsewhere(s.zones[0]) {
			signs = append(signs, s.unreachable(s.zones[0], m))
		}
		return signs
	},
}

var zoneEgress = Fault{
	Name: "zone-egress", Zones: 1, Gap: gapOfZone, Drops: true,
	What: "what leaves the zone is lost; what is sent to it arrives",
	Aim: func(s *site) (*aim, error) {
		a := zoneAim(s, s.zones[0])
		a.fault.Drop, a.fault.Zones = fabric.DropEgress, s.zones
		return a, nil
	},
	Proves: func(s *site, a *aim) []sign { return s.allUnreachable(outside, a.machines) },
}

var zonePartition = Fault{
	Name: "zone-partition", Zones: 2, Gap: gapOfZone, Drops: true,
	What: "two zones do not see each other; the others see both",
	Aim: func(s *site) (*aim, error) {
		return &aim{
			fault:   fabric.Fault{Drop: fabric.DropPartition, Zones: s.zones},
			failure: &model.FailureSpec{Partition: s.zones},
		}, nil
	},
	Proves: func(s *site, _ *aim) []sign {
		var signs []sign
		for i, zone := range s.zones {
			other := s.zones[1-i]
			for _, m := range s.membersIn(other) {
				signs = append(signs, s.unreachable(zone, m))
			}
			for _, m := range s.membersElsewhere(zone, other) {
				signs = append(signs, s.reachable(zone, m))
			}
		}
		return signs
	},
}

// gateway loses the way between the zones and outside. The API goes on for the
// zones; who asks from outside waits.
var gateway = Fault{
	Name: "gateway", Gap: 1, Drops: true,
	What: "the way between the zones and outside is lost for all zones; the zones see each other",
	Aim: func(*site) (*aim, error) {
		return &aim{fault: fabric.Fault{Drop: fabric.DropGateway}}, nil
	},
	Proves: func(s *site, _ *aim) []sign {
		signs := s.allUnreachable(outside, s.membersElsewhere())
		for _, zone := range s.allZones {
			for _, m := range s.membersElsewhere(zone) {
				signs = append(signs, s.reachable(zone, m))
			}
		}
		return signs
	},
}

func (s *site) allUnreachable(from string, machines []string) []sign {
	var signs []sign
	for _, m := range machines {
		signs = append(signs, s.unreachable(from, m))
	}
	return signs
}
