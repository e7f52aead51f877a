package eks

import (
	"fmt"
	"strings"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/render/aws"
)

// clusterComment says where the file leaves eksctl's defaults, and why.
func clusterComment(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) (string, error) {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("A cluster of eksctl. What differs from eksctl's defaults, and why:")
	if existing(p) {
		line("vpc.subnets: the owner's. eksctl changes no route of theirs: that a zone's way out")
		line("stands in this zone is for the owner to see to.")
	} else {
		switch natMode(c) {
		case "HighlyAvailable":
			line("nat HighlyAvailable: a gateway a zone. The default is Single: one zone's loss takes")
			line("every zone's way out.")
		case "Single":
			line("nat Single, as asked: the loss of %s takes the way out of all zones.", orderedZones(p)[0])
		default:
			line("nat Disable, as asked: nodes reach nothing outside the VPC. Images and the APIs of")
			line("AWS need VPC endpoints, which are not made here.")
		}
		line("%s", cutComment(p))
	}
	line("privateAccess: nodes reach the API inside the VPC. By default they go out through the")
	line("NAT gateway for it, and are lost with the gateway.")
	line("zonalShiftConfig: traffic can be moved out of a zone, by hand or by AWS.")
	line("privateNetworking: nodes have no public addresses.")
	for _, pool := range p.Pools {
		if pool.Scope == v1alpha1.ScopeRegional {
			line("Pool %s: one group over its zones. The Auto Scaling group spreads nodes, not the", pool.Name)
			line("autoscaler: a pod whose volume is in one zone may wait in vain for a node there.")
			continue
		}
		line("Pool %s: a group a zone, so that the autoscaler can grow the zone that a pod's", pool.Name)
		line("volume is in.")
	}
	if len(aws.Autoscaled(c)) > 0 {
		line("propagateASGTags: labels, taints and tags reach the Auto Scaling group, from which the")
		line("autoscaler learns what a node of an empty group would be.")
	}
	for _, pool := range c.Spec.NodePools {
		if pool.Autohealing {
			line("nodeRepairConfig: one node at a time, and none while a zone's worth is unhealthy:")
			line("those would come back with the zone, and new ones cannot start there.")
			break
		}
	}
	line("coredns: a replica a zone, and no zone with two before each has one.")
	return strings.TrimRight(b.String(), "\n"), nil
}
