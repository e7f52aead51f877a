package plan

import (
	"fmt"
	"net/netip"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// awsReserved is how many addresses of a subnet Amazon keeps for itself (VPC user
// guide, "Subnet CIDR blocks").
const awsReserved = 5

// addresses checks that the private subnets of a zone have an address for every
// node and, where pods have addresses of the VPC (Amazon VPC CNI, EKS's default),
// for every pod, with each group at its max.
func (m *maker) addresses() {
	if !m.provider(v1alpha1.ProviderEKS) || len(m.c.Spec.Network.PodCIDRs) > 0 {
		return
	}
	need := map[string]int{}
	for _, p := range m.p.Pools {
		for z, n := range poolNodes(p, SizeMax) {
			need[z] += n * (1 + p.Pods)
		}
	}
	for _, z := range m.p.Zones {
		have, known := 0, true
		for _, s := range m.p.Network.Subnets {
			if s.Zone != z || s.Public {
				continue
			}
			c, err := netip.ParsePrefix(s.CIDR)
			if known = known && err == nil; known {
				have += 1<<(32-c.Bits()) - awsReserved
			}
		}
		if known && have < need[z] {
			m.find(v1alpha1.PlanFinding{
				Code: CodeFewAddresses, Subject: "subnets",
				Message: fmt.Sprintf("zone %s has %d addresses for nodes and pods, and at their max they take %d: pods would wait for one", z, have, need[z]),
				Remedy:  "a larger spec.network.cidr, or a network plugin whose pods have addresses of their own",
			})
		}
	}
}
