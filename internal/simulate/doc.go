// Package simulate answers what a failure does to a cluster, on a time axis.
//
//	Snapshot ──► base: every pod placed by the kube-scheduler, volumes bound
//	               │ one clone a scenario
//	               ▼
//	Failure ──► scenario: an event queue in simulated seconds
//	               nodelife.go    NotReady, taints, rate-limited evictions
//	               controllers.go what each kind does about a deleted pod
//	               volumes.go     where volumes stand and when they detach
//	               services.go    who gets which share of the traffic
//	               ▼
//	            outcome.go, reasons.go, remedies.go, capacity.go ──► report
//
// Which pod fits where is decided by the kube-scheduler alone, behind the
// interface Scheduler; nothing here filters or scores nodes. What surrounds the
// scheduler (the node lifecycle, taint eviction, pod garbage collection and
// workload controllers) is modelled from the constants in timings.go.
//
// The package reads no file, clock or network, and the same input gives the
// same output.
package simulate
