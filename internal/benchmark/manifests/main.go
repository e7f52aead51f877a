// Command manifests writes a generated cluster into a folder, to be simulated
// by hand as docs/benchmarks.md shows.
package main

import (
	"flag"
	"fmt"
	"os"

	"bulkhead.dev/bulkhead/internal/benchmark"
)

func main() {
	nodes := flag.Int("nodes", 1000, "nodes, in three zones; a multiple of 20")
	pods := flag.Int("pods", 20, "pods on each node")
	dir := flag.String("dir", ".", "existing folder to write to")
	flag.Parse()
	if err := (benchmark.Size{Nodes: *nodes, PodsPerNode: *pods}).Write(*dir); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "manifests:", err)
		os.Exit(2)
	}
}
