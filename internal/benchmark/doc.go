// Package benchmark makes clusters of any size for the benchmarks in
// docs/benchmarks.md, as manifests that `bulkhead simulate -f` reads. It is for
// tests and for hands; no verb needs it.
//
//	generate.go   Size → folder of manifests, every pod already on a node
//	manifests/    the same as a program: go run ./internal/benchmark/manifests
package benchmark
