// Package drill makes a fault for real and measures what it does.
//
//	before   hypothesis as numbers, prediction by simulation, margin and room
//	   │     load: reads and writes by the API's address and by each API server,
//	   │     from outside and from every zone; steady, or nothing is broken
//	fault    fault_*.go, made by the cluster's fabric, which takes it back by
//	   │     itself when nobody does
//	during   every pod, node, endpoint, leader, virtual IP and HAProxy watched
//	healed   until all is as before
//	   ▼
//	evidence: record, operations, observations ─► verdict.Judge ─► DrillReport
//
// A soft drill (soft*.go) is in any live cluster, with what its Kubernetes API alone
// can do: it cordons and evicts in the place of the fault, and nothing but the runner
// takes that back.
//
// Nothing is judged here: what was seen is written down, and package verdict makes
// the report of that alone, now and whenever somebody asks again.
package drill
