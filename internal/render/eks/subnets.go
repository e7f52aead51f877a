package eks

import (
	"fmt"
	"strings"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// orderedZones are the plan's, with the zone of a single gateway first: that is
// where eksctl puts it (pkg/cfn/builder/vpc_ipv4.go, singleNAT).
func orderedZones(p *v1alpha1.ClusterPlan) []string {
	if len(p.Network.Gateways) != 1 {
		return p.Zones
	}
	zones := []string{p.Network.Gateways[0].Zone}
	for _, z := range p.Zones {
		if z != zones[0] {
			zones = append(zones, z)
		}
	}
	return zones
}

// cutComment names the subnets that eksctl will make.
func cutComment(p *v1alpha1.ClusterPlan) string {
	var b strings.Builder
	b.WriteString("eksctl cuts the VPC by a rule of its own; for these zones it makes:")
	for _, z := range orderedZones(p) {
		fmt.Fprintf(&b, "\n  %s", z)
		for _, s := range p.Network.Subnets {
			switch {
			case s.Zone != z:
			case s.Public:
				b.WriteString("  public " + s.CIDR)
			default:
				b.WriteString("  private " + s.CIDR)
			}
		}
	}
	b.WriteString("\nA zone added later cannot be cut from it: it needs subnets made by hand.")
	return b.String()
}
