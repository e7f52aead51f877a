// Package render turns a Cluster and its plan into the files that the provider's own
// tools take. In go values, out come files as values, sorted by path: the same
// input gives the same bytes, and none of them is a secret.
//
//	cluster.yaml     the spec as it was understood, for `bulkhead plan` to compare with
//	README.md        what to do, in order, with the exact commands
//	runbooks/        what to do when it breaks
//	observability/   rules, dashboards
//	policies/        what every workload must have
//	…                the provider's files; see its package
//
// Each provider's package exports Files and Steps; render puts them together.
package render
