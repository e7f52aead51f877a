// Package randomcluster makes clusters at random that ask the scheduler for
// everything it does: spread constraints with every policy, affinity, priorities
// and preemption, volumes of a zone, taints, requests that do not all fit. What
// is made depends on the seed and the size alone.
//
//	seed ─► New ─┬─► Objects: API objects in the order to create them in
//	             └─► Write:   the same as manifests
//
// The nodes are kwok's to play. Pods tolerate a dead node for one to three
// seconds, so that the loss of a zone is over soon.
package randomcluster
