package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// DrillReportKind and DrillRecordKind are the kinds of what a drill leaves.
const (
	DrillReportKind = "DrillReport"
	DrillRecordKind = "DrillRecord"
)

// DrillVerdict says whether what a drill expected held.
type DrillVerdict string

// The verdicts of a drill.
const (
	// DrillHolds: every expectation held.
	DrillHolds DrillVerdict = "holds"
	// DrillFails: one did not.
	DrillFails DrillVerdict = "fails"
	// DrillUndetermined: none is known not to have held, but one could not be
	// judged: the fault did not take effect, the drill was aborted, the history
	// could not be judged in time.
	DrillUndetermined DrillVerdict = "undetermined"
)

// Linearizability is what the history of reads and writes was judged to be.
type Linearizability string

// The judgements. Unknown is not proven: time ran out.
const (
	Linearizable           Linearizability = "ok"
	NotLinearizable        Linearizability = "illegal"
	LinearizabilityUnknown Linearizability = "unknown"
)

// DrillReport is the result of `bulkhead drill`: what a fault that was made for
// real did, beside what the simulation had said. It is a function of the evidence
// (DrillRecord, operations, observations) alone: `bulkhead verdict` makes it again.
// Times without a unit in their name are in seconds after the fault.
type DrillReport struct {
	metav1.TypeMeta `json:",inline"`

	Verdict DrillVerdict `json:"verdict"`
	// Why is the verdict as a sentence.
	Why string `json:"why"`

	Cluster  string `json:"cluster"`
	Provider string `json:"provider"`
	Fault    string `json:"fault"`
	// Zone that the fault is in; Zones where it is between two; Target is the
	// machine, node or process where it is one.
	Zone      string           `json:"zone"`
	Zones     []string         `json:"zones,omitempty"`
	Target    string           `json:"target,omitempty"`
	Seed      int64            `json:"seed"`
	WorstCase bool             `json:"worstCase"`
	Soft      bool             `json:"soft"`
	Started   metav1.MicroTime `json:"started"`
	// FaultSeconds is how long the fault lasted.
	FaultSeconds float64 `json:"faultSeconds"`

	// Checks are the expectations, in the order that they were checked.
	Checks []DrillCheck `json:"checks"`
	// Proof is what shows that the fault took effect; empty: nothing did.
	Proof []DrillProof `json:"proof"`

	// APIGapSeconds is the longest time between two acknowledged writes by the
	// API's address, from outside (fault gateway: from the zones), while the fault
	// lasted; ReturnGapSeconds from the healing until all was as before.
	APIGapSeconds    float64 `json:"apiGapSeconds"`
	ReturnGapSeconds float64 `json:"returnGapSeconds"`
	// APIGapParts say when each layer was back, in seconds after the fault, in the
	// order load balancer, virtual IP, etcd, API server; those that the fault did
	// not touch are left out. They run side by side: they do not add up.
	APIGapParts []DrillPart `json:"apiGapParts"`
	// APIGapLimit names the part that was back last, for people.
	APIGapLimit string `json:"apiGapLimit,omitempty"`
	// Paths are the ways to the API, each from somewhere.
	Paths []DrillPath `json:"paths"`
	// Latency by the API's address from outside, one entry a second.
	Latency []DrillLatency `json:"latency"`

	AcknowledgedWrites     int `json:"acknowledgedWrites"`
	AcknowledgedWritesLost int `json:"acknowledgedWritesLost"`
	// LostWrites names at most 20 of them.
	LostWrites []string `json:"lostWrites,omitempty"`
	// Linearizable, with the operations judged and why it is not proven.
	Linearizable     Linearizability `json:"linearizable"`
	LinearizableWhy  string          `json:"linearizableWhy,omitempty"`
	OperationsJudged int             `json:"operationsJudged"`

	// Predictions are moments of the whole cluster: what simulate had said, what
	// was seen.
	Predictions []DrillPrediction `json:"predictions"`
	// Workloads, sorted by namespace, kind, name.
	Workloads []DrillWorkload `json:"workloads"`
	// Services with endpoints on both sides of a partition, or whose endpoints
	// were withdrawn; sorted by namespace, name.
	Services []DrillService `json:"services"`
	// Timeline of what was seen, in order of time.
	Timeline []DrillEvent `json:"timeline"`

	Healed bool `json:"healed"`
	// HealedBy is runner, or dead-man when the timer beside the cluster did it.
	HealedBy string `json:"healedBy,omitempty"`
	// SteadyAgainSeconds is from the healing until all was as before; null: not
	// seen.
	SteadyAgainSeconds *float64 `json:"steadyAgainSeconds"`
	// Aborted says why the drill was ended early.
	Aborted string `json:"aborted,omitempty"`

	// Notes are what a reader must know to judge the figures.
	Notes []string `json:"notes"`
	// Versions of everything that took part, by name.
	Versions map[string]string `json:"versions"`
	// Evidence lists the files of the evidence but reports of them.
	Evidence []DrillFile `json:"evidence"`
}

// DrillCheck is one expectation as a number.
type DrillCheck struct {
	// Phase is before, during or after the fault.
	Phase string `json:"phase"`
	// Name of what is measured, for people, with its unit.
	Name string `json:"name"`
	Want string `json:"want"`
	Got  string `json:"got"`
	// Holds is null when it could not be judged.
	Holds *bool `json:"holds"`
}

// DrillProof is one sign that the fault took effect.
type DrillProof struct {
	At   float64 `json:"at"`
	Text string  `json:"text"`
}

// DrillPart is when a layer was back.
type DrillPart struct {
	// Name: load balancer, virtual IP, etcd, API server.
	Name string `json:"name"`
	// Back in seconds after the fault.
	Back float64 `json:"back"`
	// What happened, for people.
	Text string `json:"text"`
}

// DrillPath is what one client saw on one way to the API.
type DrillPath struct {
	// From is outside or a zone; Via is the API's address (vip) or a machine.
	From       string `json:"from"`
	Via        string `json:"via"`
	Operations int    `json:"operations"`
	Failed     int    `json:"failed"`
	// GapSeconds is the longest time between two acknowledged operations.
	GapSeconds float64 `json:"gapSeconds"`
	// Milliseconds from the intended send time, before the fault, during and after
	// it; null without an acknowledged operation.
	Before *DrillQuantiles `json:"before"`
	During *DrillQuantiles `json:"during"`
	After  *DrillQuantiles `json:"after"`
}

// DrillQuantiles are of latencies in milliseconds.
type DrillQuantiles struct {
	Count int     `json:"count"`
	P50   float64 `json:"p50"`
	P99   float64 `json:"p99"`
	Max   float64 `json:"max"`
}

// DrillLatency is one second of a path.
type DrillLatency struct {
	// At is the second's begin, in seconds after the fault; negative before it.
	At     float64 `json:"at"`
	P50    float64 `json:"p50"`
	P99    float64 `json:"p99"`
	Max    float64 `json:"max"`
	OK     int     `json:"ok"`
	Failed int     `json:"failed"`
}

// DrillPrediction is one moment, predicted and seen.
type DrillPrediction struct {
	// What: API writes stopped, nodes not ready, endpoints withdrawn, first
	// eviction, last eviction.
	What             string   `json:"what"`
	PredictedSeconds *float64 `json:"predictedSeconds"`
	ObservedSeconds  *float64 `json:"observedSeconds"`
	// ErrorSeconds is observed less predicted.
	ErrorSeconds *float64 `json:"errorSeconds"`
	// Agrees: within 10 % or 5 s; null when one of both is missing because the
	// fault ended before.
	Agrees *bool `json:"agrees"`
	// Text says what decided, or why there is nothing to see.
	Text string `json:"text,omitempty"`
}

// DrillWorkload is what became of one workload.
type DrillWorkload struct {
	WorkloadRef `json:",inline"`
	Replicas    int `json:"replicas"`
	// MinAvailable that must serve at every moment, and Lowest that did.
	MinAvailable int `json:"minAvailable"`
	Lowest       int `json:"lowest"`
	// Before, During and After are ready replicas per zone: before the fault, when
	// it ended, and when all was steady again.
	Before map[string]int `json:"before"`
	During map[string]int `json:"during"`
	After  map[string]int `json:"after"`
	// PredictedSeconds and ObservedSeconds to full count, 0 when nothing was lost;
	// null: predicted never, or not seen before the fault ended (NotSeen).
	PredictedSeconds *float64 `json:"predictedSeconds"`
	ObservedSeconds  *float64 `json:"observedSeconds"`
	ErrorSeconds     *float64 `json:"errorSeconds"`
	Agrees           *bool    `json:"agrees"`
	// WaitedSeconds is how long it was watched under the fault.
	WaitedSeconds float64 `json:"waitedSeconds"`
	// Text says why, as the simulation explains it.
	Text string `json:"text,omitempty"`
}

// DrillService is what became of one Service.
type DrillService struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// ReadyBefore and ReadyLowest count ready endpoints.
	ReadyBefore int `json:"readyBefore"`
	ReadyLowest int `json:"readyLowest"`
	// Halves counts ready endpoints in each of the two zones that cannot see each
	// other; both sides are still sent to both.
	Halves map[string]int `json:"halves,omitempty"`
	// WithdrawnSeconds is when the last endpoint on a lost node was withdrawn;
	// null: not seen.
	WithdrawnSeconds *float64 `json:"withdrawnSeconds"`
}

// DrillEvent is something that was seen.
type DrillEvent struct {
	// At in seconds after the fault; negative before it.
	At float64 `json:"at"`
	// Lane groups events: fault, api, etcd, load-balancer, control-plane, nodes, volumes, or
	// "Kind namespace/name" of a workload.
	Lane string `json:"lane"`
	// Event is stable: injected, confirmed, healed, steady, last-write, first-write,
	// leader, vip, server-down, server-up, not-ready, ready, tainted, evicted,
	// endpoints-withdrawn, pod-created, pod-ready, full-count, volume, volume-lost,
	// aborted.
	Event   string `json:"event"`
	Zone    string `json:"zone,omitempty"`
	Count   int    `json:"count,omitempty"`
	Message string `json:"message"`
}

// DrillFile is one file of the evidence.
type DrillFile struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// DrillRecord is drill.json of the evidence: what was asked for, what was expected,
// and when each phase began. Times are in seconds on the runner's monotonic clock
// since Started, as in DrillOperation and DrillObservation.
type DrillRecord struct {
	metav1.TypeMeta `json:",inline"`

	Cluster   string           `json:"cluster"`
	Provider  string           `json:"provider"`
	Fault     string           `json:"fault"`
	Zone      string           `json:"zone"`
	Zones     []string         `json:"zones,omitempty"`
	Target    string           `json:"target,omitempty"`
	Seed      int64            `json:"seed"`
	WorstCase bool             `json:"worstCase"`
	Soft      bool             `json:"soft"`
	Started   metav1.MicroTime `json:"started"`
	// AllZones of the cluster, in order.
	AllZones []string `json:"allZones"`
	// LostNodes are the Kubernetes nodes that the fault takes, sorted; LostMachines
	// the machines of the control plane.
	LostNodes    []string `json:"lostNodes"`
	LostMachines []string `json:"lostMachines"`
	// Machines are the control plane's, with the zone of each; HAProxy runs on them.
	Machines map[string]string `json:"machines"`
	// NodeZones is the zone of every Kubernetes node.
	NodeZones map[string]string `json:"nodeZones"`

	// AskedSeconds is how long the fault was to last.
	AskedSeconds float64 `json:"askedSeconds"`
	// SteadyAt is when the phase before the fault began, InjectedAt when the fault
	// was made, HealedAt when it was taken back, SteadyAgainAt when all was as
	// before, EndedAt when the last was read. null: it did not happen.
	SteadyAt      float64  `json:"steadyAt"`
	InjectedAt    *float64 `json:"injectedAt"`
	HealedAt      *float64 `json:"healedAt"`
	SteadyAgainAt *float64 `json:"steadyAgainAt"`
	EndedAt       float64  `json:"endedAt"`
	HealedBy      string   `json:"healedBy,omitempty"`
	Aborted       string   `json:"aborted,omitempty"`

	Hypothesis DrillHypothesis `json:"hypothesis"`
	Predicted  DrillPredicted  `json:"predicted"`
	// Workloads and Services that are watched.
	Workloads []DrillSubject `json:"workloads"`
	Services  []DrillSubject `json:"services"`

	// FinalKeys are the created objects (DrillOperation kind create) found at the
	// end; null: they could not be read.
	FinalKeys []string `json:"finalKeys"`
	// Flags of the control plane that the prediction used, by component.
	Flags    map[string][]string `json:"flags"`
	Versions map[string]string   `json:"versions"`
	Notes    []string            `json:"notes"`
}

// DrillHypothesis is what is expected, as numbers. null: nothing is.
type DrillHypothesis struct {
	// SteadyP99Milliseconds and SteadyFailedShare (0 to 1) of operations by the
	// API's address, before the fault and after the healing.
	SteadyP99Milliseconds float64 `json:"steadyP99Milliseconds"`
	SteadyFailedShare     float64 `json:"steadyFailedShare"`
	// APIGapSeconds is the longest time without an acknowledged write.
	APIGapSeconds *float64 `json:"apiGapSeconds"`
	// AcknowledgedWritesLost is 0.
	AcknowledgedWritesLost int `json:"acknowledgedWritesLost"`
	// RecoverySeconds to each workload's full count: the owner's objective.
	RecoverySeconds *float64 `json:"recoverySeconds"`
	// SteadyAgainSeconds from the healing until all is as before.
	SteadyAgainSeconds float64 `json:"steadyAgainSeconds"`
}

// DrillPredicted is what the simulation said before the fault.
type DrillPredicted struct {
	// Scenario of the simulation; null when the fault has none.
	Scenario *Scenario `json:"scenario"`
	// APIGapSeconds with its terms; null when not predicted.
	APIGapSeconds *float64       `json:"apiGapSeconds"`
	APIGapTerms   []RecoveryTerm `json:"apiGapTerms"`
	Timings       []Timing       `json:"timings"`
}

// DrillSubject is an object that is watched.
type DrillSubject struct {
	WorkloadRef  `json:",inline"`
	Replicas     int `json:"replicas,omitempty"`
	MinAvailable int `json:"minAvailable,omitempty"`
	// RecoverySeconds is the workload's own objective, where its owner states one;
	// WaitsForZone: its owner accepts that it comes back with the zone
	// (bulkhead.dev/recovery-time).
	RecoverySeconds *float64 `json:"recoverySeconds,omitempty"`
	WaitsForZone    bool     `json:"waitsForZone,omitempty"`
}

// DrillOperation is one line of history.jsonl.gz.
type DrillOperation struct {
	// From and Via as in DrillPath.
	From string `json:"from"`
	Via  string `json:"via"`
	// Kind is write (of a register), read (of a register), or create (of an object
	// with a name of its own).
	Kind string `json:"kind"`
	// Key is the register's or the object's name. Value written, or read; empty
	// when a read failed.
	Key   string `json:"key"`
	Value string `json:"value,omitempty"`
	// Intended is when it should have been sent, Start when it was, End when the
	// answer was there or given up on.
	Intended float64 `json:"intended"`
	Start    float64 `json:"start"`
	End      float64 `json:"end"`
	// Outcome is ok; failed: it surely did not happen; unknown: it may have.
	Outcome string `json:"outcome"`
	Error   string `json:"error,omitempty"`
	// Version is the resourceVersion in the answer.
	Version string `json:"version,omitempty"`
}

// The kinds and outcomes of a DrillOperation.
const (
	DrillWrite  = "write"
	DrillRead   = "read"
	DrillCreate = "create"

	DrillOK      = "ok"
	DrillFailed  = "failed"
	DrillUnknown = "unknown"
)

// DrillObservation is one line of observations.jsonl.gz: the state of something
// from At on.
type DrillObservation struct {
	At   float64 `json:"at"`
	Kind string  `json:"kind"`
	// Object: of pod, endpoints: namespace/name; of node, machine: its name; of
	// leader: kube-controller-manager, kube-scheduler or etcd; of server: the API
	// server's machine, as Where sees it.
	Object string `json:"object"`
	// Workload of a pod, as "Kind namespace/name".
	Workload string `json:"workload,omitempty"`
	// Where: a pod's node, a leader's machine, the machine with the virtual IP, the
	// machine of the HAProxy that tells of a server.
	Where string `json:"where,omitempty"`
	// Ready of a pod or node; a server is up.
	Ready bool `json:"ready,omitempty"`
	// Terminating: a pod has a deletion timestamp. Gone: the object is deleted.
	Terminating bool `json:"terminating,omitempty"`
	Gone        bool `json:"gone,omitempty"`
	// Taints of a node, as key:effect, sorted.
	Taints []string `json:"taints,omitempty"`
	// Endpoints: the nodes of a Service's ready endpoints, sorted.
	Endpoints []string `json:"endpoints,omitempty"`
	// Text for people.
	Text string `json:"text,omitempty"`
}

// The kinds of a DrillObservation.
const (
	// ObservedPod, ObservedNode: the object changed.
	ObservedPod  = "pod"
	ObservedNode = "node"
	// ObservedEndpoints: the ready endpoints of a Service (Object) over all slices.
	ObservedEndpoints = "endpoints"
	// ObservedLeader: who leads; Where is empty when nobody is known to.
	ObservedLeader = "leader"
	// ObservedVIP: where the virtual IP is; empty when nowhere. Two machines may
	// have it: Where joins them with a comma.
	ObservedVIP = "vip"
	// ObservedServer: an HAProxy (Where) takes an API server (Object) for up.
	ObservedServer = "server"
	// ObservedProof: a sign that the fault took effect, Text says which; Ready is
	// false when it is a sign that it did not.
	ObservedProof = "proof"
	// ObservedEviction: the API took the eviction of a pod (Object, Workload, Where)
	// that a soft drill asked for.
	ObservedEviction = "eviction"
	// ObservedVolume: a PersistentVolume; Object is its claim, Where the zone that it
	// is bound to, Text its phase.
	ObservedVolume = "volume"
	// ObservedNote: anything else, for people.
	ObservedNote = "note"
)
