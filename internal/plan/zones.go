package plan

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// zones chooses the zones:
//
//	names given   catalogue   taken                               refused
//	yes           no          all of them                         -
//	yes           yes         all; a fault for one that lacks a   -
//	                          machine type asked for there
//	no            yes         the first that offer everything,    those that lack one,
//	                          to the limit, in the selection's    and those beyond the
//	                          order                               limit
//	no            no          kubeadm: the hosts' zones; local:   beyond the limit
//	                          a, b, c, …; else a fault
func (m *maker) zones() {
	sel := m.c.Spec.Zones
	if len(sel.Names) > 0 {
		m.namedZones(sel.Names)
	} else {
		m.chosenZones(sel)
	}
	if len(m.p.Zones) == 0 {
		return
	}
	m.zonesNamedElsewhere()
	m.unknownTypes()
	switch len(m.p.Zones) {
	case 1:
		m.find(v1alpha1.PlanFinding{
			Code: CodeOneZone, Subject: "zones", Objective: m.zoneObjective(),
			Message: fmt.Sprintf("everything stands in zone %s: its loss takes the whole cluster, and no setting changes that", m.p.Zones[0]),
			Remedy:  "give three zones",
		})
	case 2:
		m.find(v1alpha1.PlanFinding{
			Code: CodeTwoZones, Subject: "zones", Message: m.twoZones(), Remedy: m.thirdZone(),
		})
	}
}

// twoZones says what two zones can never survive, by who runs etcd.
func (m *maker) twoZones() string {
	if m.managed() {
		return "two zones: the provider keeps etcd, but a zone's loss takes half of the nodes, so that each zone must hold everything, and an autoscaler stops above 45 % unready nodes"
	}
	return "two zones: one of them always holds half of etcd's voters or more, so that the loss of that zone stops the API; with equal halves either loss does"
}

func (m *maker) thirdZone() string {
	if m.managed() {
		return "a third zone: a loss then takes a third of the nodes"
	}
	return "a third zone; for etcd a single small machine there that votes is enough"
}

func (m *maker) namedZones(names []string) {
	m.p.Zones = slices.Clone(names)
	for i, z := range names {
		path := fmt.Sprintf("spec.zones.names[%d]", i)
		if slices.Contains(names[:i], z) {
			m.fault(path, "", "zone %q is named twice", z)
		}
		if m.o.Catalog == nil {
			continue
		}
		if !slices.Contains(m.o.Catalog.Zones, z) {
			m.fault(path, "zones of the catalogue: "+list(sorted(m.o.Catalog.Zones)), "zone %q is not a zone of %s", z, m.o.Catalog.Region)
			continue
		}
		for _, lack := range m.lacks(z) {
			m.fault(path, "zones that do: "+list(m.offering(lack.machineType)), "zone %q does not offer machine type %s, which %s asks for there", z, lack.machineType, lack.by)
		}
	}
	reason := "named in the spec"
	if m.o.Catalog != nil {
		if types := m.typesAsked(); len(types) > 0 {
			reason += "; each offers " + list(types)
		}
	}
	m.decide(v1alpha1.Decision{Subject: "zones", Field: "spec.zones.names", Choice: list(names), Reason: reason})
}

func (m *maker) chosenZones(sel v1alpha1.ZoneSelection) {
	candidates := m.candidates()
	if len(m.faults) > 0 {
		return
	}
	how := "in alphabetical order"
	if sel.Selection == v1alpha1.SelectionRandom {
		candidates = shuffled(m.c.Metadata.Name, candidates)
		how = "in an order seeded by the cluster's name, the same each time"
	}
	limit := value(sel.Limit, 3)
	m.p.Zones = []string{}
	for _, z := range candidates {
		lacks := m.lacks(z)
		switch {
		case len(lacks) > 0:
			m.p.Refused = append(m.p.Refused, v1alpha1.RefusedZone{Zone: z, Reason: fmt.Sprintf("does not offer %s, which %s asks for", lacks[0].machineType, lacks[0].by)})
		case len(m.p.Zones) == limit:
			m.p.Refused = append(m.p.Refused, v1alpha1.RefusedZone{Zone: z, Reason: fmt.Sprintf("not needed: the limit is %d", limit)})
		default:
			m.p.Zones = append(m.p.Zones, z)
		}
	}
	slices.SortFunc(m.p.Refused, func(a, b v1alpha1.RefusedZone) int { return compare(a.Zone, b.Zone) })
	if len(m.p.Zones) == 0 {
		m.fault("spec.zones", "choose other machine types, or --catalog FILE", "no zone of %d offers every machine type asked for: %s", len(candidates), list(m.typesAsked()))
		return
	}
	reason := fmt.Sprintf("the first %d of %d, %s", len(m.p.Zones), len(candidates), how)
	if types := m.typesAsked(); m.o.Catalog != nil && len(types) > 0 {
		reason += ", of those that offer " + list(types)
	}
	if m.provider(v1alpha1.ProviderCAPA) {
		reason += "; Cluster API Provider AWS picks three the same way but never checks that a zone offers the machine type"
	}
	m.decide(v1alpha1.Decision{Subject: "zones", Field: "spec.zones.limit", Choice: list(m.p.Zones), Reason: reason})
	if len(m.p.Zones) < limit {
		m.find(v1alpha1.PlanFinding{
			Code: CodeFewerZones, Subject: "zones",
			Message: fmt.Sprintf("%d zones asked for, %d offer what is asked for", limit, len(m.p.Zones)),
			Remedy:  "choose machine types that more zones offer, or lower spec.zones.limit",
		})
	}
}

// candidates are the zones that there are, in alphabetical order.
func (m *maker) candidates() []string {
	switch {
	case m.o.Catalog != nil:
		return sorted(m.o.Catalog.Zones)
	case m.provider(v1alpha1.ProviderLocal):
		out := []string{}
		for i := range value(m.c.Spec.Zones.Limit, 3) {
			out = append(out, string(rune('a'+i)))
		}
		return out
	case m.provider(v1alpha1.ProviderKubeadm):
		out := []string{}
		for _, h := range m.c.Spec.Hosts {
			out = append(out, h.Zone)
		}
		if out = sorted(out); len(out) == 0 {
			m.fault("spec.hosts", "", "there are no hosts, and the zones are those that hosts stand in")
		}
		return out
	}
	m.fault("spec.zones", "name the zones, or give --catalog FILE", "nothing tells which zones region %q has", m.c.Spec.Region)
	return nil
}

// shuffled is the zones in an order that the name seeds: FNV-1a of 64 bits of
// the name is the first word of the seed of a PCG (math/rand/v2), the second is
// 0. A longer prefix of it holds every shorter one, so that a raised limit adds
// zones and moves none.
func shuffled(name string, zones []string) []string {
	h := fnv.New64a()
	h.Write([]byte(name))
	out := slices.Clone(zones)
	r := rand.New(rand.NewPCG(h.Sum64(), 0))
	r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// asked is a machine type with who asks for it.
type asked struct{ machineType, by string }

// askedIn lists the machine types that are needed in the zone.
func (m *maker) askedIn(zone string) []asked {
	out := []asked{}
	add := func(machineType, by string, zones []string) {
		if machineType != "" && (len(zones) == 0 || slices.Contains(zones, zone)) {
			out = append(out, asked{machineType, by})
		}
	}
	cp := m.c.Spec.ControlPlane
	add(cp.MachineType, "the control plane", cp.Zones)
	if cp.Etcd.Topology == v1alpha1.EtcdExternal {
		add(cp.Etcd.MachineType, "etcd", cp.Zones)
	}
	for _, p := range m.c.Spec.NodePools {
		add(p.MachineType, "node pool "+p.Name, p.Zones)
	}
	return out
}

// lacks lists what is asked for in the zone that the catalogue knows and the
// zone does not offer.
func (m *maker) lacks(zone string) []asked {
	out := []asked{}
	for _, a := range m.askedIn(zone) {
		if t, ok := m.machineType(a.machineType); ok && len(t.Zones) > 0 && !slices.Contains(t.Zones, zone) {
			out = append(out, a)
		}
	}
	return out
}

// offering is the zones that offer a machine type.
func (m *maker) offering(name string) []string {
	t, _ := m.machineType(name)
	if len(t.Zones) == 0 {
		return sorted(m.o.Catalog.Zones)
	}
	return sorted(t.Zones)
}

func (m *maker) machineType(name string) (v1alpha1.MachineType, bool) {
	if m.o.Catalog != nil {
		for _, t := range m.o.Catalog.MachineTypes {
			if t.Name == name {
				return t, true
			}
		}
	}
	return v1alpha1.MachineType{}, false
}

// typesAsked is every machine type asked for anywhere, sorted.
func (m *maker) typesAsked() []string {
	cp := m.c.Spec.ControlPlane
	out := []string{cp.MachineType}
	if cp.Etcd.Topology == v1alpha1.EtcdExternal {
		out = append(out, cp.Etcd.MachineType)
	}
	for _, p := range m.c.Spec.NodePools {
		out = append(out, p.MachineType)
	}
	return slices.DeleteFunc(sorted(out), func(s string) bool { return s == "" })
}

// unknownTypes tells of machine types that nothing is known of.
func (m *maker) unknownTypes() {
	for _, name := range m.typesAsked() {
		if _, ok := m.machineType(name); ok {
			continue
		}
		why := "there is no catalogue"
		if m.o.Catalog != nil {
			why = fmt.Sprintf("the catalogue of %s (%s) does not have it", m.o.Catalog.Date, m.o.Catalog.Source)
		}
		m.find(v1alpha1.PlanFinding{
			Code: CodeMachineTypeUnknown, Subject: "zones",
			Message: fmt.Sprintf("machine type %s: %s, so that it was not checked whether the zones offer it", name, why),
			Remedy:  "give --catalog FILE, or ask the provider",
		})
	}
}

// zonesNamedElsewhere faults zones that fields name and that are not taken.
func (m *maker) zonesNamedElsewhere() {
	check := func(path string, zones ...string) {
		for _, z := range zones {
			if z == "" || slices.Contains(m.p.Zones, z) {
				continue
			}
			hint := "the zones are " + list(m.p.Zones)
			if len(m.c.Spec.Zones.Names) == 0 {
				hint += "; name it in spec.zones.names to be sure of it"
			}
			m.fault(path, hint, "zone %q is not a zone of the cluster", z)
		}
	}
	s := m.c.Spec
	for i, sub := range s.Network.Subnets {
		check(fmt.Sprintf("spec.network.subnets[%d].zone", i), sub.Zone)
	}
	check("spec.network.gatewayZone", s.Network.GatewayZone)
	check("spec.controlPlane.zones", s.ControlPlane.Zones...)
	for i, p := range s.NodePools {
		check(fmt.Sprintf("spec.nodePools[%d].zones", i), p.Zones...)
	}
	for i, h := range s.Hosts {
		check(fmt.Sprintf("spec.hosts[%d].zone", i), h.Zone)
	}
}
