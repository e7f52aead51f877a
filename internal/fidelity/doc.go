// Package fidelity compares what is simulated with what Kubernetes does.
//
//	randomcluster ─► real control plane ─► steady ─► a zone dies ─► steady
//	                     │                    │                       │
//	                     │ every version,     │ snapshot              │ ready pods
//	                     │ scheduler's log    ▼                       ▼ over time
//	                     ▼                 simulate.Run ──────► compared: verdicts,
//	                  Replay: the same                          replicas, Pending pods
//	                  events and attempts in
//	                  the same order ─────────────────────────► compared: each attempt
//
// Two questions are kept apart. Does the scheduler here decide as the real one
// does, when it sees the same? For that its events are replayed (Replay). Does the
// model of everything else lead to the same end, when events come in an order of
// its own? For that the simulation runs freely from a snapshot (Predict).
//
// docs/fidelity.md is written from the results.
package fidelity
