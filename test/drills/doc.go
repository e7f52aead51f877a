// Package drills makes every fault in a real cluster many times over, from seeds,
// and checks what each must show: no acknowledged write is lost, the history is
// linearizable, the fault is healed (by the timer beside the cluster when the runner
// is killed) and the cluster is whole again without a hand.
//
//	seed ─► fault, zone, moment of the kill ─► bulkhead drill ─► DrillReport ─► result
//	                                                                              │ a line of JSON
//	                                                                              ▼
//	                                          results, kept ─► unmet ─► docs/drills.md
//
//	drills_test.go    what is run, on a cluster of its own
//	run_test.go       one drill; one whose runner is killed
//	result_test.go    what is kept of it, and what must hold
//	document_test.go  docs/drills.md
//
// It is skipped unless it is told how many drills to make (make drills), which takes
// half an hour to an hour and a half. A run that was stopped goes on where it stopped.
package drills
