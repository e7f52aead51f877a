// Package benchmark makes clusters of any size for the benchmarks in
// docs/benchmarks.md, as manifests that `bulkhead simulate -f` reads. It is for
// tests; no verb needs it.
//
//	generate.go    Size → folder of manifests, every pod already on a node
//	bench_test.go  what a zone's loss costs; and the generator by hand:
//	               go test ./internal/benchmark -run TestManifests -nodes 1000 -dir DIR
package benchmark
