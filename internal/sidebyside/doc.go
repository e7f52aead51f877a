// Package sidebyside loses a zone of the same cluster twice, one after the other on
// the same machine: in a real control plane with kwok in the place of the kubelets,
// and in a simulation. Both must place every lost pod again; what is compared is
// what that costs. It holds tests only.
//
//	                   ┌─► API objects ─► real control plane ─► zone b dies ─► replaced ─┐
//	benchmark.Size ────┤                                                                 ├─► docs/side-by-side.md
//	                   └─► files ─► bulkhead simulate --fail zone=b ─────────────────────┘
//
//	manifests_test.go  the files, as objects to create
//	fill_test.go       create them, each pod where it stands already
//	await_test.go      watch until the cluster is as it should be
//	lose_test.go       lose the zone, count until every lost pod is replaced
//	tally_test.go      what has become of the pods so far
//	process_test.go    CPU time and memory of other processes
//	simulate_test.go   the same in a simulation
//	document_test.go   both, for people
//
// A small cluster is compared in every run of the tests; the full size is that of
// `make side-by-side`.
package sidebyside
