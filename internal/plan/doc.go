// Package plan turns a Cluster into a ClusterPlan: what stands in which zone, each
// decision with its reason, and what no decision could give as findings.
//
//	Cluster, catalogue, load ──► Make ──► ClusterPlan ──► Nodes  (for a simulation)
//	                                          │      └──► Walk   (what a failure takes)
//	                     an earlier plan ──► Diff ──► ClusterChanges
//
// Make takes a decoded Cluster: defaults are filled in and single fields are
// valid (internal/spec). What only the whole can tell is checked here: zones
// against the catalogue, subnets against each other, members against zones.
// Those are Faults, all at once. What can be built but does not survive is no
// fault: it is a finding, with a stable code (codes.go) and a remedy.
//
// Everything is pure. The same input gives the same plan, byte for byte; the one
// random choice, of zones, is seeded by the cluster's name.
package plan
