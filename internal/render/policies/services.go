package policies

import (
	"fmt"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
)

func services() []admissionv1.NamedRuleWithOperations {
	return []admissionv1.NamedRuleWithOperations{written("", "v1", "services")}
}

// trafficDistribution is about older ways to ask for traffic within a zone.
func trafficDistribution() policy {
	return policy{
		name: "bulkhead-traffic-distribution", advisory: true, rules: services(),
		validations: []admissionv1.Validation{
			{Expression: "!has(object.spec.trafficDistribution) || object.spec.trafficDistribution != 'PreferClose'", Message: "trafficDistribution PreferClose is deprecated: write PreferSameZone, which means the same (Kubernetes 1.35)."},
			{
				Expression: "!has(object.metadata.annotations) || !('service.kubernetes.io/topology-mode' in object.metadata.annotations || 'service.kubernetes.io/topology-aware-hints' in object.metadata.annotations)",
				Message:    "topology-aware hints fall back to all zones without a word: use spec.trafficDistribution: PreferSameZone.",
			},
		},
	}
}

// zoneLabel on a Service says that it is one of several, one for each zone
// (internal/render/kapsule sets it).
const zoneLabel = "bulkhead.dev/zone"

// externalTraffic is about load balancers that send only to nodes with a pod. Where
// the load balancer targets pods (no node ports), or each zone has its own Service,
// that is as it should be.
func externalTraffic() policy {
	return policy{
		name: "bulkhead-external-traffic", advisory: true, rules: services(),
		conditions: []admissionv1.MatchCondition{
			{Name: "load-balancer", Expression: "object.spec.type == 'LoadBalancer'"},
			{Name: "through-node-ports", Expression: "!has(object.spec.allocateLoadBalancerNodePorts) || object.spec.allocateLoadBalancerNodePorts"},
			{Name: "for-all-zones", Expression: "!has(object.metadata.labels) || !('" + zoneLabel + "' in object.metadata.labels)"},
		},
		validations: []admissionv1.Validation{{
			Expression: "!has(object.spec.externalTrafficPolicy) || object.spec.externalTrafficPolicy != 'Local'",
			Message:    "externalTrafficPolicy Local gives each node with a pod the same share: unevenly spread pods are unevenly loaded, more so when a zone is lost. Spread them evenly over nodes, or use Cluster.",
		}},
	}
}

// lateBinding is about zonal volumes that are made before their pod has a zone.
func lateBinding(p Parameters) policy {
	return policy{
		name:  "bulkhead-late-binding",
		rules: []admissionv1.NamedRuleWithOperations{written("storage.k8s.io", "v1", "storageclasses")},
		conditions: []admissionv1.MatchCondition{
			{Name: "zonal-volumes", Expression: fmt.Sprintf("!(object.provisioner in [%s])", quoted(p.SharedProvisioners))},
			{Name: "not-asked-for", Expression: fmt.Sprintf("!(object.metadata.name in [%s])", quoted(p.ImmediateClasses))},
		},
		validations: []admissionv1.Validation{{
			Expression: "has(object.volumeBindingMode) && object.volumeBindingMode == 'WaitForFirstConsumer'",
			Message:    "volumeBindingMode Immediate makes the volume in some zone before its pod has one: the pod must go there, spread or not. Use WaitForFirstConsumer.",
		}},
	}
}

// quoted are strings for a list in CEL. Names of provisioners and classes hold no
// quotes.
func quoted(names []string) string {
	out := make([]string, 0, len(names))
	for _, name := range names {
		out = append(out, "'"+name+"'")
	}
	return strings.Join(out, ", ")
}
