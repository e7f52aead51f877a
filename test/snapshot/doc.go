// Package snapshot tests `bulkhead snapshot` as its users run it: the program,
// against a real control plane with workloads of many kinds.
//
//	cluster.yaml.tmpl ─► cluster_test.go ─► real control plane, all pods Ready
//	                                             │ bulkhead snapshot [--anonymize]
//	                                             ▼
//	                                        two files ─► bulkhead simulate --snapshot
//
//	live_test.go       the cluster, as it is created
//	snapshot_test.go   the same verdicts; nothing secret; what the documented rights give
//	refused_test.go    fewer rights, an interrupt
//	canary_test.go     the secrets that are planted, each a word of its own
//	verdicts_test.go   reports, without the names in them
//	program_test.go    the program, what it costs, and who runs it
//
// The cluster is small unless told otherwise. The size of the project's promise
// takes some ten minutes on two cores, most of them for Kubernetes to place the
// pods:
//
//	go test ./test/snapshot -v -count=1 -timeout 60m -nodes 1000 -pods 10000
package snapshot
