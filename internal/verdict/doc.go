// Package verdict judges a drill: it makes a DrillReport of what was recorded
// while a real fault was on a real cluster.
//
//	DrillRecord ────────┐            ┌─► linear       was every answer that of one register?
//	DrillOperation ─────┼─► assume ──┼─► gap, parts   how long no write was answered, and why
//	DrillObservation ───┘     │      ├─► paths        latencies, before, during and after
//	                          │      ├─► workloads, services, predictions
//	              contradicts itself:│               what was seen, beside what was said
//	                       an error  └─► timeline
//	                                          │
//	                                          ▼
//	                              checks ─► DrillReport with its verdict
//
// The evidence is judged only after its own assumptions hold (assume.go): a
// verdict on a history that cannot be is worth nothing. The same evidence gives
// the same report, but for the time limit of the check of linearizability: a
// check that runs out of time is "unknown", which is never taken for "ok".
//
// Times of the evidence are seconds since the record's start. In a report they
// are seconds after the fault; where no fault was made, after the moment from
// which the phase before it was measured.
package verdict
