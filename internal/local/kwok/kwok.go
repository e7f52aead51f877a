// Package kwok is how kwok plays the kubelets of nodes that do not exist: its
// stages, and how it is started for the nodes of a zone.
package kwok

import (
	_ "embed"
	"strconv"
)

// Stages are what kwok does for nodes and pods (kind: Stage); it has none built in.
//
//go:embed stages.yaml
var Stages []byte

// Annotation on a node makes it one of kwok's, with the value Fake.
const (
	Annotation = "kwok.x-k8s.io/node"
	Fake       = "fake"
)

// Options of one kwok.
type Options struct {
	// Kubeconfig and Stages are paths.
	Kubeconfig, Stages string
	// Label and Value select the nodes; empty: all that have the annotation.
	Label, Value string
	// CIDR of its pods: each kwok counts their addresses by itself.
	CIDR string
	// LeaseSeconds is the kubelet's nodeLeaseDurationSeconds; a lease is renewed
	// every quarter of it.
	LeaseSeconds int
}

// Arguments returns the command line without the program.
func Arguments(o Options) []string {
	args := []string{
		"--kubeconfig=" + o.Kubeconfig, "--config=" + o.Stages,
		"--v=WARN", // it logs every renewal of a lease otherwise
		"--manage-nodes-with-annotation-selector=" + Annotation + "=" + Fake,
		"--node-lease-duration-seconds=" + strconv.Itoa(o.LeaseSeconds),
		"--cidr=" + o.CIDR,
	}
	if o.Label != "" {
		args = append(args, "--manage-nodes-with-label-selector="+o.Label+"="+o.Value)
	}
	return args
}
