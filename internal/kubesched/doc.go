// Package kubesched runs the kube-scheduler's own code (k8s.io/kubernetes) in
// process, without an API server. It and its subfolders are the only importers
// of k8s.io/kubernetes.
//
//	Set, Delete ──► informers (synchronous) ──► the scheduler's event handlers
//	                                               │            │
//	                                             cache       queue (priority, hints, backoff)
//	                                               ▼            ▼
//	Next ─────────────────────────────────────► UpdateSnapshot, SchedulePod, PostFilter
//	  ◄── Decision: node, or blocks and victims
//
// Everything that decides is the scheduler's: the queue and its order, which
// event lets which pod be tried again, Filter, Score, preemption. What is ours
// is that events arrive at once and in order, that binding succeeds at once,
// and that nothing is left to chance:
//
//   - parallelism is 1, so that nodes are filtered and scored in one order;
//   - the queue's clock is a counter: pods of one priority are tried in the
//     order in which they were created, and nothing expires by wall clock;
//   - opportunistic batching is off (its results expire by wall clock);
//   - where a plugin narrows the nodes to a set of names, which the scheduler
//     would walk in map order, all nodes are filtered instead: the same plugin
//     refuses the others in Filter;
//   - preemption looks for candidates from the first node on, not from a random
//     one, deletes its victims synchronously, and pods have distinct start
//     times, so that candidates never tie.
//
// Source: k8s.io/kubernetes v1.36.3, pkg/scheduler.
package kubesched
