package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ClusterPlanKind is the kind of a ClusterPlan.
const ClusterPlanKind = "ClusterPlan"

// ClusterPlan is what a Cluster comes to: what stands in which zone, each decision
// with its reason. The same Cluster, catalogue and application give the same plan.
type ClusterPlan struct {
	metav1.TypeMeta `json:",inline"`

	// Name, Provider, Region and KubernetesVersion as in the Cluster.
	Name              string   `json:"name"`
	Provider          Provider `json:"provider"`
	Region            string   `json:"region,omitempty"`
	KubernetesVersion string   `json:"kubernetesVersion"`
	// Zones that are taken, in the order of the selection; Refused ones with why.
	Zones   []string      `json:"zones"`
	Refused []RefusedZone `json:"refused"`

	Network      PlannedNetwork      `json:"network"`
	ControlPlane PlannedControlPlane `json:"controlPlane"`
	Pools        []PlannedPool       `json:"pools"`
	// Timings that the control plane and the kubelets are run with, so that the
	// recovery time that is asked for is met; nil: Kubernetes' defaults.
	Timings *PlannedTimings `json:"timings,omitempty"`
	// Dependencies that failures run through.
	Dependencies []Dependency `json:"dependencies"`
	// Losses tells for each zone, alone, what its loss takes.
	Losses     []ZoneLoss       `json:"losses"`
	Objectives ObjectiveOutcome `json:"objectives"`
	Decisions  []Decision       `json:"decisions"`
	// Findings are what the plan cannot give: objectives that are not met, losses
	// that are not survived. Empty when the plan holds.
	Findings []PlanFinding `json:"findings"`
	Catalog  CatalogRef    `json:"catalog"`
	Versions Versions      `json:"versions"`
}

// RefusedZone is a zone that was not taken.
type RefusedZone struct {
	Zone   string `json:"zone"`
	Reason string `json:"reason"`
}

// PlannedNetwork is the addresses.
type PlannedNetwork struct {
	CIDR         string   `json:"cidr,omitempty"`
	IPv6CIDR     string   `json:"ipv6CIDR,omitempty"`
	PodCIDRs     []string `json:"podCIDRs,omitempty"`
	ServiceCIDRs []string `json:"serviceCIDRs,omitempty"`
	// Subnets by zone in the order of Zones, public before private.
	Subnets []PlannedSubnet `json:"subnets"`
	// Spare prefixes of CIDR that nothing uses.
	Spare []string `json:"spare,omitempty"`
	// Gateways for the way out.
	Gateways []PlannedGateway `json:"gateways"`
}

// PlannedSubnet is one subnet. A regional one (kapsule) has no zone.
type PlannedSubnet struct {
	Name     string `json:"name"`
	Zone     string `json:"zone,omitempty"`
	CIDR     string `json:"cidr,omitempty"`
	IPv6CIDR string `json:"ipv6CIDR,omitempty"`
	Public   bool   `json:"public"`
	// Existing: the owner named it by the provider's ID; it is not made.
	Existing bool `json:"existing,omitempty"`
}

// PlannedGateway is a NAT or public gateway.
type PlannedGateway struct {
	Name string `json:"name"`
	Zone string `json:"zone"`
	// Serves are the zones whose nodes go out through it.
	Serves []string `json:"serves"`
}

// PlannedControlPlane is where the API servers and etcd stand.
type PlannedControlPlane struct {
	// Managed: the provider runs it; Members and Etcd are empty.
	Managed bool `json:"managed"`
	// PrimaryZone that a managed control plane's load balancer stands in; empty
	// when it is not bound to one.
	PrimaryZone string          `json:"primaryZone,omitempty"`
	Members     []PlannedMember `json:"members"`
	Topology    EtcdTopology    `json:"topology,omitempty"`
	// Etcd holds etcd's voters: the same machines as Members when stacked.
	Etcd          []PlannedMember       `json:"etcd"`
	Endpoint      PlannedEndpoint       `json:"endpoint"`
	LoadBalancers []PlannedLoadBalancer `json:"loadBalancers"`
}

// PlannedMember is a machine of the control plane or of etcd.
type PlannedMember struct {
	// Name of the machine: the host's for kubeadm, else NAME-cp-1, NAME-etcd-1.
	Name string `json:"name"`
	Zone string `json:"zone"`
	// Address of the host; empty where the provider gives it.
	Address string `json:"address,omitempty"`
}

// PlannedEndpoint is the API's address.
type PlannedEndpoint struct {
	Host string `json:"host,omitempty"`
	Port int    `json:"port"`
}

// PlannedLoadBalancer spreads requests over the API servers.
type PlannedLoadBalancer struct {
	Name string           `json:"name"`
	Kind LoadBalancerKind `json:"kind"`
	// Zones that it stands in: one for a HAProxy; all for a network load balancer.
	Zones   []string `json:"zones"`
	Address string   `json:"address,omitempty"`
	// Priority of VRRP, 1 to 254; the highest that is alive holds the virtual IP.
	Priority int `json:"priority,omitempty"`
}

// PlannedPool is a node pool, its groups and the room it has.
type PlannedPool struct {
	Name        string    `json:"name"`
	Scope       PoolScope `json:"scope"`
	MachineType string    `json:"machineType,omitempty"`
	// Allocatable room of one node.
	CPU    resource.Quantity `json:"cpu"`
	Memory resource.Quantity `json:"memory"`
	Pods   int               `json:"pods"`
	// EphemeralStorage of one node: 90 % of its root disk.
	EphemeralStorage resource.Quantity `json:"ephemeralStorage"`
	// Labels and Taints of its nodes, beside the well-known labels.
	Labels map[string]string `json:"labels,omitempty"`
	Taints []PoolTaint       `json:"taints,omitempty"`
	// Autoscaling: the autoscaler moves the size between min and max.
	Autoscaling bool           `json:"autoscaling,omitempty"`
	Groups      []PlannedGroup `json:"groups"`
	// Smallest is the smallest min and max, as the scope counts, with which any
	// zone's loss (a node's, where no more is to be survived) is carried by the
	// others; nil where nothing tells the load.
	Smallest *PoolBounds `json:"smallest,omitempty"`
	// Survivors is the share of the load that the other zones carry at their max
	// when the largest zone is lost, 1 for all; nil where nothing tells the load.
	Survivors *float64 `json:"survivors,omitempty"`
}

// PoolBounds are sizes of a pool.
type PoolBounds struct {
	Min int `json:"min"`
	Max int `json:"max"`
}

// PlannedGroup is a set of machines that the provider keeps at a size.
type PlannedGroup struct {
	Name  string   `json:"name"`
	Zones []string `json:"zones"`
	Size  int      `json:"size"`
	Min   int      `json:"min"`
	Max   int      `json:"max"`
	// Nodes names the hosts (kubeadm); empty where the provider names them.
	Nodes []string `json:"nodes,omitempty"`
}

// PlannedTimings are flags of the control plane and fields of the kubelet's
// configuration. What is absent keeps Kubernetes' default.
type PlannedTimings struct {
	// Timings that a simulation of the plan goes by, too.
	Timings `json:",inline"`
	// LeaderRenewDeadline: --leader-elect-renew-deadline; longer than the retry
	// period, shorter than the lease.
	LeaderRenewDeadline *metav1.Duration `json:"leaderRenewDeadline,omitempty"`
	// NodeLeaseSeconds: the kubelet's nodeLeaseDurationSeconds, of which it renews
	// its lease every quarter; 40 when 0.
	NodeLeaseSeconds int `json:"nodeLeaseSeconds,omitempty"`
	// NodeStatusUpdateFrequency: the kubelet's; each of its heartbeats waits so long
	// for an answer.
	NodeStatusUpdateFrequency *metav1.Duration `json:"nodeStatusUpdateFrequency,omitempty"`
}

// Dependency is something that nodes, the API or traffic need. Dependencies of one
// Group stand in for each other: Need of them must be up.
type Dependency struct {
	Name string         `json:"name"`
	Kind DependencyKind `json:"kind"`
	// Zones that it stands in; it is down when all of them are. None: it is not
	// bound to a zone.
	Zones []string `json:"zones,omitempty"`
	// Serves are the zones whose nodes need its group.
	Serves []string `json:"serves"`
	Group  string   `json:"group"`
	// Need is how many of the group must be up, at least 1.
	Need int `json:"need"`
	// Effect is what the served zones lose with the group.
	Effect DependencyEffect `json:"effect"`
	// Requires names groups that must be up for this one to be.
	Requires []string `json:"requires,omitempty"`
}

// DependencyKind is what a dependency is.
type DependencyKind string

// The kinds of dependency.
const (
	DependencyGateway      DependencyKind = "gateway"
	DependencyLoadBalancer DependencyKind = "api-load-balancer"
	DependencyVirtualIP    DependencyKind = "virtual-ip"
	DependencyControlPlane DependencyKind = "control-plane"
	DependencyEtcd         DependencyKind = "etcd"
	DependencyDNS          DependencyKind = "dns"
	DependencyRegistry     DependencyKind = "registry"
	DependencyCloudAPI     DependencyKind = "cloud-api"
	DependencyIngress      DependencyKind = "ingress"
)

// DependencyEffect is what is lost with a group of dependencies.
type DependencyEffect string

// The effects.
const (
	// EffectNodes: nodes of the served zones cannot reach the API, become NotReady
	// and are evicted; their pods run on, but nobody is told of them.
	EffectNodes DependencyEffect = "nodes"
	// EffectAPI: the API answers nobody. Pods run on; nothing is replaced.
	EffectAPI DependencyEffect = "api"
	// EffectEgress: pods and nodes of the served zones reach nothing outside.
	EffectEgress DependencyEffect = "egress"
	// EffectPull: nodes of the served zones cannot pull images.
	EffectPull DependencyEffect = "pull"
	// EffectTraffic: users reach nothing in the served zones.
	EffectTraffic DependencyEffect = "traffic"
	// EffectScaling: no machine is made or replaced.
	EffectScaling DependencyEffect = "scaling"
)

// ZoneLoss is what the loss of one zone takes with it.
type ZoneLoss struct {
	Zone string `json:"zone"`
	// Down names the dependencies that are down.
	Down []string `json:"down"`
	// Effects by kind: the zones, other than the lost one, that lose it. For api
	// all zones.
	Effects []LostEffect `json:"effects"`
	// AutoscalerStops: more than 45 % of the nodes, and more than 3, are unready,
	// so that the Cluster Autoscaler stops.
	AutoscalerStops bool `json:"autoscalerStops"`
	// Survived: the API answers and no zone but the lost one loses its nodes.
	Survived bool `json:"survived"`
}

// LostEffect is an effect on surviving zones.
type LostEffect struct {
	Effect DependencyEffect `json:"effect"`
	Zones  []string         `json:"zones"`
	// Group of dependencies behind it.
	Group string `json:"group"`
}

// ObjectiveOutcome compares the objectives with what the plan gives.
type ObjectiveOutcome struct {
	// Availability in percent, and the downtime that it allows in a year of
	// 365.25 days, in seconds. Nil where not asked for.
	Availability           *float64 `json:"availability,omitempty"`
	AllowedDowntimeSeconds *float64 `json:"allowedDowntimeSeconds,omitempty"`
	// RecoveryTimeSeconds asked for, and predicted: the slowest workload after the
	// worst zone's loss, or by arithmetic without an application. Null is never.
	RecoveryTimeSeconds float64  `json:"recoveryTimeSeconds"`
	PredictedSeconds    *float64 `json:"predictedSeconds"`
	// Terms of the prediction, in order; Dominating names the largest.
	Terms      []RecoveryTerm `json:"terms"`
	Dominating string         `json:"dominating"`
	// APIPredictedSeconds is how long the API answers nobody after the loss of any
	// one zone, with APITerms in order. Null is until the zone is back, or not
	// known of a managed control plane: then there are no terms.
	APIPredictedSeconds *float64       `json:"apiPredictedSeconds"`
	APITerms            []RecoveryTerm `json:"apiTerms"`
	// RecoveryPointSeconds asked for, and RecoveryPointGiven: 0 while a quorum
	// lives, the backup interval when it does not; -1 without a backup: there is
	// no bound.
	RecoveryPointSeconds       *float64 `json:"recoveryPointSeconds,omitempty"`
	RecoveryPointGivenSeconds  float64  `json:"recoveryPointGivenSeconds"`
	RecoveryPointBackupSeconds *float64 `json:"recoveryPointBackupSeconds,omitempty"`
	// LossesPerYear is how many zone losses a year the downtime bears; nil where
	// there is no availability objective or a loss costs nothing.
	LossesPerYear *float64 `json:"lossesPerYear,omitempty"`
	// DowntimePerLossSeconds is what one zone's loss costs.
	DowntimePerLossSeconds *float64 `json:"downtimePerLossSeconds"`
}

// RecoveryTerm is one part of the time to recover.
type RecoveryTerm struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
	// Source of the figure.
	Source string `json:"source"`
}

// Decision is something that the plan chose or changed, and why.
type Decision struct {
	// Subject as in the first column of the table: zones, subnets, gateways,
	// control plane, etcd, timings, pools, storage, dns, backup, objective.
	Subject string `json:"subject"`
	// Field of the Cluster that it is about, for example spec.zones; optional.
	Field  string `json:"field,omitempty"`
	Choice string `json:"choice"`
	Reason string `json:"reason"`
}

// PlanFinding is something that the plan cannot give.
type PlanFinding struct {
	// Code is stable, for example api-in-one-zone.
	Code string `json:"code"`
	// Subject as in Decision.
	Subject string `json:"subject"`
	Message string `json:"message"`
	Remedy  string `json:"remedy,omitempty"`
	// Objective: the finding breaks an objective, and the plan does not hold.
	Objective bool `json:"objective"`
}

// CatalogRef says where machine types came from.
type CatalogRef struct {
	Source string `json:"source"`
	// Date on which it was true.
	Date string `json:"date"`
}

// MachineCatalogKind is the kind of a MachineCatalog.
const MachineCatalogKind = "MachineCatalog"

// MachineCatalog tells which zones of a region offer which machine types.
type MachineCatalog struct {
	metav1.TypeMeta `json:",inline"`

	Provider Provider `json:"provider"`
	Region   string   `json:"region"`
	// Source and Date, for people.
	Source string `json:"source"`
	Date   string `json:"date"`
	// Zones of the region.
	Zones        []string      `json:"zones"`
	MachineTypes []MachineType `json:"machineTypes"`
}

// MachineType is what one kind of machine has.
type MachineType struct {
	Name   string            `json:"name"`
	CPU    resource.Quantity `json:"cpu"`
	Memory resource.Quantity `json:"memory"`
	// Pods that the provider lets one node run; 110 when 0.
	Pods int `json:"pods,omitempty"`
	// Zones that offer it; none: all of the catalogue's.
	Zones []string `json:"zones,omitempty"`
}

// ClusterChangesKind is the kind of ClusterChanges.
const ClusterChangesKind = "ClusterChanges"

// ClusterChanges are the steps from one plan to another, in order. After each step
// the cluster survives any zone whose loss is survived before the first and after
// the last; where no order does that, Impossible says so and the steps are the
// least exposed.
type ClusterChanges struct {
	metav1.TypeMeta `json:",inline"`

	Name  string `json:"name"`
	From  string `json:"from"`
	Steps []Step `json:"steps"`
	// Impossible names changes that cannot be made in place, with what to do.
	Impossible []PlanFinding `json:"impossible"`
}

// Step is one change.
type Step struct {
	// Action, for example add-member, promote-member, remove-member, add-subnet,
	// resize-group, upgrade-etcd.
	Action string `json:"action"`
	// Object that it is about.
	Object string `json:"object"`
	Zone   string `json:"zone,omitempty"`
	Reason string `json:"reason"`
	// Commands for people, where the provider has them.
	Commands []string `json:"commands,omitempty"`
	// Voters of etcd after the step, by zone; nil where the step changes none.
	Voters map[string]int `json:"voters,omitempty"`
	// Survives are the zones any one of whose loss leaves a quorum after the step.
	Survives []string `json:"survives,omitempty"`
}
