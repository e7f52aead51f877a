package plan

import (
	"fmt"
	"slices"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// The Cluster Autoscaler stops when more than this share of the nodes, and more
// than this many, are unready: its flags --max-total-unready-percentage and
// --ok-total-unready-count (kubernetes/autoscaler, cluster-autoscaler/FAQ.md and
// clusterstate.IsClusterHealthy).
const (
	maxUnreadyPercent = 45
	okUnreadyCount    = 3
)

// losses tells what the loss of each zone alone takes, and finds what is not
// survived. A primary zone that holds none of the nodes can be lost as well.
func (m *maker) losses() {
	zones := slices.Clone(m.p.Zones)
	if z := m.p.ControlPlane.PrimaryZone; z != "" && !slices.Contains(zones, z) {
		zones = append(zones, z)
	}
	for _, z := range zones {
		e := Walk(m.p.Dependencies, Lost{Zones: []string{z}})
		unready, total, stops := autoscalerStops(m.p, []string{z}, e)
		others := len(without(m.p.Zones, z)) > 0
		loss := v1alpha1.ZoneLoss{
			Zone: z, Down: e.Down, Effects: e.Lost,
			AutoscalerStops: stops,
			Survived:        others && !e.Has(v1alpha1.EffectAPI) && !e.Has(v1alpha1.EffectNodes),
		}
		m.p.Losses = append(m.p.Losses, loss)
		m.lossFindings(loss, unready, total)
	}
	m.partition()
}

// autoscalerStops counts the nodes that a loss of zones and its effects leave unready,
// and tells whether the Cluster Autoscaler, where a pool has it, stops for that.
func autoscalerStops(p *v1alpha1.ClusterPlan, zones []string, e Effects) (unready, total int, stops bool) {
	cut := e.Zones(v1alpha1.EffectNodes)
	for zone, n := range readyNodes(p) {
		total += n
		if slices.Contains(zones, zone) || slices.Contains(cut, zone) {
			unready += n
		}
	}
	return unready, total, autoscaled(p) && unready > okUnreadyCount && unready*100 > maxUnreadyPercent*total
}

func autoscaled(p *v1alpha1.ClusterPlan) bool {
	return slices.ContainsFunc(p.Pools, func(p v1alpha1.PlannedPool) bool { return p.Autoscaling })
}

// readyNodes counts the nodes of a plan by zone: those of the pools at their size,
// and the control plane's machines.
func readyNodes(p *v1alpha1.ClusterPlan) map[string]int {
	out := zonesOf(p.ControlPlane.Members)
	for _, pool := range p.Pools {
		for z, n := range poolNodes(pool, SizeNow) {
			out[z] += n
		}
	}
	return out
}

func (m *maker) lossFindings(loss v1alpha1.ZoneLoss, unready, total int) {
	for _, l := range loss.Effects {
		switch {
		case l.Effect == v1alpha1.EffectAPI && l.Group == GroupEtcd:
			// voters has said so, with the arithmetic.
		case l.Effect == v1alpha1.EffectAPI:
			m.find(v1alpha1.PlanFinding{
				Code: CodeAPIInOneZone, Subject: "control plane", Objective: m.zoneObjective(),
				Message: fmt.Sprintf("losing zone %s stops the API (%s): pods run on, but nothing that was lost is replaced until the zone is back", loss.Zone, l.Group),
				Remedy:  m.apiRemedy(),
			})
		case l.Effect == v1alpha1.EffectNodes:
			m.find(v1alpha1.PlanFinding{
				Code: CodeNodesThroughOneGateway, Subject: "gateways", Objective: m.zoneObjective(),
				Message: fmt.Sprintf("losing zone %s takes the nodes of every zone (%s): they reach the API through the gateway there only, and all become NotReady", loss.Zone, list(l.Zones)),
				Remedy:  m.gatewayRemedy(),
			})
		case l.Effect == v1alpha1.EffectEgress:
			m.find(v1alpha1.PlanFinding{
				Code: CodeEgressInOneZone, Subject: "gateways", Objective: m.zoneObjective(),
				Message: fmt.Sprintf("losing zone %s takes the way out of %s: their pods reach nothing outside, and their nodes pull no image", loss.Zone, list(l.Zones)),
				Remedy:  m.gatewayRemedy(),
			})
		}
	}
	if loss.AutoscalerStops {
		m.find(v1alpha1.PlanFinding{
			Code: CodeAutoscalerStops, Subject: "pools",
			Message: fmt.Sprintf("losing zone %s leaves %d of %d nodes unready, more than %d %%: the Cluster Autoscaler stops and adds none", loss.Zone, unready, total, maxUnreadyPercent),
			Remedy:  m.autoscalerRemedy(loss),
		})
	}
}

func (m *maker) autoscalerRemedy(loss v1alpha1.ZoneLoss) string {
	if slices.ContainsFunc(loss.Effects, func(l v1alpha1.LostEffect) bool { return l.Effect == v1alpha1.EffectNodes }) {
		return m.gatewayRemedy()
	}
	return "three zones, or a higher --max-total-unready-percentage where it can be set, or sizes that need no new node"
}

func (m *maker) apiRemedy() string {
	switch {
	case m.provider(v1alpha1.ProviderKapsule):
		return "nothing in Kapsule: keep enough replicas in the other zones to serve without the API, or choose another provider for this objective"
	case m.provider(v1alpha1.ProviderKubeadm):
		return "HAProxy in at least two zones, and one layer-2 network for the virtual IP"
	}
	return "the control plane and its load balancer in three zones"
}

func (m *maker) gatewayRemedy() string {
	if m.provider(v1alpha1.ProviderKapsule) {
		return "spec.network.isolation: controlled, so that each node has its own way out"
	}
	return "spec.network.gateways: zonal"
}

// partition tells what no plan prevents: zones that cannot reach each other but
// reach the API. Only where each node reaches the API by a way of its own is it
// worth a finding.
func (m *maker) partition() {
	if m.provider(v1alpha1.ProviderKapsule) && m.c.Spec.Network.Isolation != v1alpha1.IsolationFull && len(m.p.Zones) > 1 {
		m.find(v1alpha1.PlanFinding{
			Code: CodePartitionHidden, Subject: "gateways",
			Message: "with controlled isolation each node reaches the API by its own public address: when the private network between zones breaks, nodes stay Ready while their pods cannot talk, and nothing is evicted",
			Remedy:  "health checks that reach across zones, and alerts on them; simulate --fail partition shows what it takes",
		})
	}
}
