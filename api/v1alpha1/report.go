package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// SimulationReportKind is the kind of a SimulationReport.
const SimulationReportKind = "SimulationReport"

// Verdict says how a workload, a scenario or a whole report fared.
type Verdict string

// The verdicts, from best to worst. Undetermined stands between survives and
// degraded: it never hides a loss that is certain.
const (
	// Survives: enough serves throughout, and the full count is ready again
	// within the objective's recovery time.
	Survives Verdict = "survives"
	// Undetermined: the question has no answer with this input (for example,
	// nothing ran before the failure either).
	Undetermined Verdict = "undetermined"
	// Degraded: enough serves throughout, but the full count is not back in
	// time, or at all.
	Degraded Verdict = "degraded"
	// Outage: less than the minimum serves at some moment.
	Outage Verdict = "outage"
)

var severity = map[Verdict]int{Survives: 0, Undetermined: 1, Degraded: 2, Outage: 3}

// Worse returns the worse of v and w.
func (v Verdict) Worse(w Verdict) Verdict {
	if severity[w] > severity[v] {
		return w
	}
	return v
}

// SimulationReport is the result of `bulkhead simulate`: what each failure
// does to every workload and service, by the kube-scheduler's own code.
type SimulationReport struct {
	metav1.TypeMeta `json:",inline"`

	// Verdict is the worst of the scenarios' verdicts.
	Verdict Verdict `json:"verdict"`
	// Input says what was read.
	Input Input `json:"input"`
	// BeforeFailure lists the pods that do not fit even with every zone alive,
	// one entry a workload.
	BeforeFailure []PendingWorkload `json:"beforeFailure"`
	// Scenarios holds one outcome a failure, in the order asked for.
	Scenarios []Scenario `json:"scenarios"`
	// ExtraNodes is the fewest nodes to add in each zone so that no scenario
	// leaves a pod pending for want of room; found by simulating. Empty when
	// nothing is short; null when more nodes of the present shape do not help.
	ExtraNodes map[string]int `json:"extraNodes"`
	// DeadNodes is the world that the scenarios were simulated in: what becomes
	// of the objects of lost nodes: keep, delete or out-of-service.
	DeadNodes string `json:"deadNodes"`
	// RecoveryTimeSeconds is the objective: a workload whose full count is ready
	// again later than this is degraded.
	RecoveryTimeSeconds float64 `json:"recoveryTimeSeconds"`
	// Timings are the constants of the time axis, each with its source.
	Timings []Timing `json:"timings"`
	// Assumptions are statements that hold for this report and that the input
	// did not decide, for people.
	Assumptions []string `json:"assumptions"`
	// Warnings are things in the input that the API server would warn of or
	// drop, with file and line.
	Warnings []string `json:"warnings"`
	// Versions names the Kubernetes and bulkhead versions behind the answer.
	Versions Versions `json:"versions"`
	// Engine says how the scheduler's answers were found.
	Engine Engine `json:"engine"`
}

// Engine is how the scheduler's answers were found, and what checking them gave.
type Engine struct {
	// Name is fast or exact; empty where the program did not say.
	Name string `json:"name"`
	// Cycles counts the scheduling cycles of the whole run.
	Cycles int `json:"cycles"`
	// Checked counts those of the fast engine that were compared, plugin by plugin
	// and node by node, with kube-scheduler's own framework, and Diverged those in
	// which an answer differed; there the framework's answer was taken.
	Checked  int `json:"checked"`
	Diverged int `json:"diverged"`
}

// Versions of what made a report.
type Versions struct {
	Bulkhead   string `json:"bulkhead"`
	Kubernetes string `json:"kubernetes"`
}

// Input says what a report was made from.
type Input struct {
	// Source names the cluster and when it was read, for people; empty when
	// manifests are the whole input.
	Source string `json:"source,omitempty"`
	// Zones in alphabetical order.
	Zones []string `json:"zones"`
	// Nodes, Pods and Workloads count the objects taken part in.
	Nodes     int `json:"nodes"`
	Pods      int `json:"pods"`
	Workloads int `json:"workloads"`
	// NodeSource tells where the nodes come from, for people, for example
	// "virtual: 4 cpu, 16Gi each".
	NodeSource string `json:"nodeSource"`
	// NodesPerZone counts nodes in each zone.
	NodesPerZone map[string]int `json:"nodesPerZone"`
	// NotConsidered counts the objects that play no part in the simulation, by
	// kind, sorted.
	NotConsidered []KindCount `json:"notConsidered"`
}

// KindCount counts objects of a kind.
type KindCount struct {
	Kind  string `json:"kind"`
	Count int    `json:"count"`
}

// PendingWorkload is a workload with pods that fit nowhere, before any failure.
type PendingWorkload struct {
	WorkloadRef `json:",inline"`
	// Pending counts pods without a node, of Replicas wanted.
	Pending  int      `json:"pending"`
	Replicas int      `json:"replicas"`
	Reasons  []Reason `json:"reasons"`
}

// WorkloadRef names a workload.
type WorkloadRef struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
}

// Failure is what was taken away.
type Failure struct {
	// Zones and Nodes that are lost. Nodes lists every lost node, also those of
	// lost zones, sorted.
	Zones []string `json:"zones,omitempty"`
	Nodes []string `json:"nodes,omitempty"`
	// Partition names two zones that cannot reach each other, both alive.
	Partition []string `json:"partition,omitempty"`
	// Dependency of the Cluster that is lost alone.
	Dependency string `json:"dependency,omitempty"`
}

// DependencyLoss is what a failure takes through what nodes, the API and traffic
// depend on.
type DependencyLoss struct {
	// Down names the dependencies that are down.
	Down []string `json:"down"`
	// Effects on zones that are not lost themselves.
	Effects []LostEffect `json:"effects"`
	// ScalingStops says why no machine is made; empty when machines are.
	ScalingStops string `json:"scalingStops,omitempty"`
}

// Scenario is the outcome of one failure.
type Scenario struct {
	Name    string  `json:"name"`
	Failure Failure `json:"failure"`
	// Verdict is the worst of the workloads' verdicts; at least degraded where
	// surviving zones lose the API, their way out or their traffic.
	Verdict Verdict `json:"verdict"`
	// Dependencies that are down, with a Cluster (simulate --cluster); null without.
	Dependencies *DependencyLoss `json:"dependencies,omitempty"`
	// Workloads, sorted by namespace, kind, name.
	Workloads []WorkloadOutcome `json:"workloads"`
	// Services, sorted by namespace, name.
	Services []ServiceOutcome `json:"services"`
	Capacity Capacity         `json:"capacity"`
	// Timeline, in order of time.
	Timeline []Event `json:"timeline"`
	// OtherWorld tells, when workloads fare otherwise if the dead nodes'
	// objects are treated otherwise, which and why.
	OtherWorld []WorldDifference `json:"otherWorld"`
	// SettledSeconds is the time of the last event after which nothing moves
	// any more, counted from the failure.
	SettledSeconds float64 `json:"settledSeconds"`
}

// WorkloadOutcome is what became of one workload in one scenario.
type WorkloadOutcome struct {
	WorkloadRef `json:",inline"`
	// Replicas wanted. For a DaemonSet: the nodes that should run one, before.
	Replicas int `json:"replicas"`
	// MinAvailable is how many must be ready at every moment, and
	// MinAvailableFrom says who said so: "PodDisruptionBudget NAME",
	// "annotation bulkhead.dev/min-available" or "default".
	MinAvailable     int    `json:"minAvailable"`
	MinAvailableFrom string `json:"minAvailableFrom"`
	// Before and After are ready replicas per zone, before the failure and when
	// everything has settled. Zones with none are left out.
	Before map[string]int `json:"before"`
	After  map[string]int `json:"after"`
	// Lost counts ready replicas that the failure stopped.
	Lost int `json:"lost"`
	// Preempted counts ready replicas evicted to make room for others.
	Preempted int `json:"preempted"`
	// Lowest is the fewest ready replicas at any moment.
	Lowest int `json:"lowest"`
	// PlacedAgain counts replacements that found a node.
	PlacedAgain int `json:"placedAgain"`
	// Pending counts replacements that found no node when all has settled.
	Pending int `json:"pending"`
	// NotCreated counts replacements that were never created (quota, a
	// StatefulSet that waits, a bare pod, evictions that are stopped).
	NotCreated int `json:"notCreated"`
	// StuckTerminating counts pods deleted but still there when all has settled.
	StuckTerminating int `json:"stuckTerminating"`
	// OutageSeconds is how long fewer than MinAvailable were ready; null when
	// that never ends; 0 when it never happens.
	OutageSeconds *float64 `json:"outageSeconds"`
	// RecoverySeconds is the time to full count; 0 when nothing was lost; null
	// is never.
	RecoverySeconds *float64 `json:"recoverySeconds"`
	// RecoveryTerms add up to RecoverySeconds of the last pod that came back.
	RecoveryTerms []Term `json:"recoveryTerms,omitempty"`
	// DataLost names data that is gone with the nodes.
	DataLost []DataLost `json:"dataLost"`
	Verdict  Verdict    `json:"verdict"`
	// Reasons explain what is not back, worst first.
	Reasons []Reason `json:"reasons"`
	// Halves counts ready replicas on each side of a partition.
	Halves map[string]int `json:"halves,omitempty"`
}

// Term is one part of a time.
type Term struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
}

// DataLost is data that is gone with its node.
type DataLost struct {
	// Kind is emptyDir, hostPath or volume.
	Kind string `json:"kind"`
	// Name of the volume in the pod.
	Name string `json:"name"`
	// Pods that lost it.
	Pods int `json:"pods"`
}

// Reason says, for people and programs, why pods of a class are not back.
type Reason struct {
	// Code is stable; docs/codes.md lists them.
	Code string `json:"code"`
	// Message for people: what blocks, on how many nodes of which zone.
	Message string `json:"message"`
	// Plugin of the scheduler that blocked, or "".
	Plugin string `json:"plugin"`
	// Pods it holds for, and Nodes that said so.
	Pods  int `json:"pods"`
	Nodes int `json:"nodes"`
	// Remedy is what would let the pods in, tried by simulation where it is a
	// scheduler's matter; several are joined by " · ". Empty if none is known.
	Remedy string `json:"remedy"`
}

// ServiceOutcome is what became of one Service.
type ServiceOutcome struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// ReadyBefore, ReadyLowest and ReadyAfter count ready endpoints.
	ReadyBefore int `json:"readyBefore"`
	ReadyLowest int `json:"readyLowest"`
	ReadyAfter  int `json:"readyAfter"`
	// Policy says how traffic is spread, for people, for example
	// "externalTrafficPolicy Local" or "trafficDistribution PreferSameZone".
	Policy string `json:"policy"`
	// Shares of the service's traffic that single pods take at the worst moment
	// with endpoints, largest first: Pods pods take Share each.
	Shares []Share `json:"shares"`
	// WorstShare is the largest share (0 to 1) that one pod takes at any moment
	// from the failure until all has settled.
	WorstShare float64 `json:"worstShare"`
	// Overload is the largest ratio of a pod's share to its share before the
	// failure (for a pod that is new: to an even share).
	Overload float64 `json:"overload"`
	// FailingShare (0 to 1) of requests goes to endpoints that are dead, for
	// FailingSeconds: until they are withdrawn and, where no other is ready,
	// until one is; null if that never comes. In a partition: to endpoints on
	// the other side, for as long as it lasts (null).
	FailingShare   float64  `json:"failingShare"`
	FailingSeconds *float64 `json:"failingSeconds"`
	// Halves counts ready endpoints on each side of a partition.
	Halves map[string]int `json:"halves,omitempty"`
}

// Share of a service's traffic.
type Share struct {
	Pods  int     `json:"pods"`
	Share float64 `json:"share"`
}

// Capacity is the room lost and left.
type Capacity struct {
	// Lost is the allocatable room of the lost nodes.
	Lost Room `json:"lost"`
	// Needed is what the pods on lost nodes had requested.
	Needed Room `json:"needed"`
	// Free is the allocatable room without requests in each zone with living
	// nodes, when all has settled.
	Free map[string]Room `json:"free"`
	// ExtraNodes is the fewest nodes to add in each zone so that this scenario
	// leaves no pod pending for want of room. Empty when nothing is short; null
	// when more nodes do not help.
	ExtraNodes map[string]int `json:"extraNodes"`
}

// Room is an amount of resources: CPU in cores, Memory as a quantity.
type Room struct {
	CPU    float64           `json:"cpu"`
	Memory resource.Quantity `json:"memory"`
}

// Event is something that happens in a scenario.
type Event struct {
	// At is in seconds after the failure.
	At float64 `json:"at"`
	// Event is stable: failure, dependencies-down, nodes-cut-off, nodes-not-ready, endpoints-removed,
	// evictions-stopped, nodes-deleted, nodes-out-of-service, pods-collected,
	// pods-created, pods-placed, pods-ready,
	// pods-pending, preempted, quota-blocked, job-failed, outage-begins, outage-ends,
	// full-count, settled.
	Event string `json:"event"`
	// Zone it happens in, if in one.
	Zone string `json:"zone,omitempty"`
	// Workload it happens to, as "Kind namespace/name", if to one.
	Workload string `json:"workload,omitempty"`
	// Count of nodes or pods.
	Count int `json:"count,omitempty"`
	// Message for people.
	Message string `json:"message,omitempty"`
}

// WorldDifference is a workload that fares otherwise in another world.
type WorldDifference struct {
	WorkloadRef `json:",inline"`
	// World is what else could become of the dead nodes' objects.
	World string `json:"world"`
	// Verdict and RecoverySeconds in that world.
	Verdict         Verdict  `json:"verdict"`
	RecoverySeconds *float64 `json:"recoverySeconds"`
	// Why, for people.
	Why string `json:"why"`
}

// Timing is a constant of the time axis.
type Timing struct {
	Name    string  `json:"name"`
	Value   float64 `json:"value"`
	Unit    string  `json:"unit"`
	Source  string  `json:"source"`
	Changed bool    `json:"changed,omitempty"`
}
