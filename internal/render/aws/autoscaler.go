package aws

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// defaultUnready is the Cluster Autoscaler's --max-total-unready-percentage: above
// it, and above 3 nodes (--ok-total-unready-count), it makes and removes nothing.
const defaultUnready = 45

// unreadyMargin is added to a zone's share, in percent of all nodes, for nodes of
// other zones that happen to be unready at the same time.
const unreadyMargin = 5

// AutoscalerValues are values of the chart cluster-autoscaler of
// https://kubernetes.github.io/autoscaler.
type AutoscalerValues struct {
	CloudProvider              string                            `json:"cloudProvider"`
	AWSRegion                  string                            `json:"awsRegion,omitempty"`
	AutoDiscovery              AutoDiscovery                     `json:"autoDiscovery"`
	ClusterAPIMode             string                            `json:"clusterAPIMode,omitempty"`
	ClusterAPIKubeconfigSecret string                            `json:"clusterAPIKubeconfigSecret,omitempty"`
	RBAC                       *RBAC                             `json:"rbac,omitempty"`
	ReplicaCount               int                               `json:"replicaCount"`
	PriorityClassName          string                            `json:"priorityClassName"`
	TopologySpreadConstraints  []corev1.TopologySpreadConstraint `json:"topologySpreadConstraints"`
	ExtraArgs                  map[string]string                 `json:"extraArgs"`
}

// AutoDiscovery says which groups are scaled.
type AutoDiscovery struct {
	ClusterName string `json:"clusterName"`
	// Namespace of the objects of Cluster API.
	Namespace string `json:"namespace,omitempty"`
}

// RBAC names the account that has the rights to scale.
type RBAC struct {
	ServiceAccount ServiceAccount `json:"serviceAccount"`
}

// ServiceAccount of the autoscaler.
type ServiceAccount struct {
	Create bool   `json:"create"`
	Name   string `json:"name"`
}

// Autoscaled returns the pools that the autoscaler sizes, in the spec's order.
func Autoscaled(c *v1alpha1.Cluster) []v1alpha1.NodePool {
	var out []v1alpha1.NodePool
	for _, pool := range c.Spec.NodePools {
		if pool.Autoscaling {
			out = append(out, pool)
		}
	}
	return out
}

// Autoscaler returns the values that both providers share: two replicas in
// different zones (the one in the lost zone may be the leader), groups of like
// nodes kept at like sizes, and the limit of Unready. The release is the name of
// the Helm release, by which the replicas know each other.
func Autoscaler(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan, release string) AutoscalerValues {
	return AutoscalerValues{
		AutoDiscovery:     AutoDiscovery{ClusterName: c.Metadata.Name},
		ReplicaCount:      2,
		PriorityClassName: "system-cluster-critical",
		TopologySpreadConstraints: []corev1.TopologySpreadConstraint{{
			MaxSkew: 1, TopologyKey: corev1.LabelTopologyZone, WhenUnsatisfiable: corev1.DoNotSchedule,
			// A lost zone's nodes stay listed, tainted, and must not count as an
			// empty zone that is owed a pod (kubernetes#116978).
			NodeTaintsPolicy: new(corev1.NodeInclusionPolicyHonor),
			LabelSelector:    &metav1.LabelSelector{MatchLabels: map[string]string{"app.kubernetes.io/instance": release}},
		}},
		ExtraArgs: map[string]string{
			"balance-similar-node-groups":   "true",
			"expander":                      "least-waste",
			"max-total-unready-percentage":  strconv.Itoa(Unready(p)),
			"skip-nodes-with-local-storage": "false",
		},
	}
}

// Unready returns the --max-total-unready-percentage with which the loss of any
// one zone does not stop the autoscaler: the largest share that a zone can have,
// at its groups' max with the others at their min, and a margin; the default
// where it is enough, or where there is one zone only.
func Unready(p *v1alpha1.ClusterPlan) int {
	limit := defaultUnready
	if len(p.Zones) < 2 {
		return limit
	}
	for _, zone := range p.Zones {
		lost, rest := 0, 0
		for _, pool := range p.Pools {
			for _, g := range pool.Groups {
				in := slices.Contains(g.Zones, zone)
				switch {
				case in && len(g.Zones) == 1:
					lost += g.Max
				case in:
					// The provider spreads a group evenly over its zones.
					lost += perZone(g.Max, len(g.Zones))
					rest += max(g.Min-perZone(g.Min, len(g.Zones)), 0)
				default:
					rest += g.Min
				}
			}
		}
		if lost > 0 {
			share := int(math.Ceil(100 * float64(lost) / float64(lost+rest)))
			limit = max(limit, min(share+unreadyMargin, 100))
		}
	}
	return limit
}

func perZone(n, zones int) int { return (n + zones - 1) / zones }

// AutoscalerComment explains the values, above them.
func AutoscalerComment(p *v1alpha1.ClusterPlan) string {
	limit := Unready(p)
	text := fmt.Sprintf("max-total-unready-percentage %d: by default the autoscaler stops when more than\n%d %% of the nodes (and more than 3) are unready, ", limit, defaultUnready)
	if limit == defaultUnready {
		text += "which no zone's loss reaches here."
	} else {
		text += "which a zone's loss can be: just\nwhen the others have to grow, nothing would."
	}
	return `Values of the chart cluster-autoscaler.
balance-similar-node-groups: groups that differ in their zone only grow evenly.
` + text + `
skip-nodes-with-local-storage false: a pod with an emptyDir does not keep a node
for ever. Two replicas, in different zones: the leader may be in the lost one.`
}
