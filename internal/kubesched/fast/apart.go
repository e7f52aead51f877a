package fast

import (
	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"
)

// apart remembers on which nodes InterPodAffinity lets pods of a family in, where
// a node's answer depends on the pods on that node alone: the pod requires no
// affinity, and all anti-affinity that it or pods near it require is over
// hostnames, of which no two nodes have the same. Then the views of the node in
// family.anti and family.incoming are all that Filter's counts for the node come
// from (interpodaffinity/filtering.go: satisfyPodAntiAffinity,
// satisfyExistingPodsAntiAffinity), and the answer holds while these are the same.
type apart struct {
	hostnames *grouping
	other     bool // some required anti-affinity is over something else
	passed    []bool
}

func newApart(e *Engine, required, anti []fwk.AffinityTerm) *apart {
	return &apart{
		hostnames: e.groupingFor(distinction{keys: []string{corev1.LabelHostname}}),
		other:     len(required) > 0 || !overHostnames(anti),
	}
}

func overHostnames(terms []fwk.AffinityTerm) bool {
	for i := range terms {
		if terms[i].TopologyKey != corev1.LabelHostname {
			return false
		}
	}
	return true
}

// knows reports whether the node let such a pod in, and still does.
func (a *apart) knows(node int32) bool { return len(a.passed) > 0 && a.passed[node] && a.alone() }

// note remembers that the node lets such a pod in.
func (a *apart) note(node int32) {
	if !a.alone() {
		return
	}
	if a.passed == nil {
		a.passed = make([]bool, len(a.hostnames.of))
	}
	a.passed[node] = true
}

// forget is told of a node whose view changed.
func (a *apart) forget(node int32) {
	if len(a.passed) > 0 {
		a.passed[node] = false
	}
}

func (a *apart) alone() bool {
	return !a.other && len(a.hostnames.size) == len(a.hostnames.of) && len(a.hostnames.moves) == 0
}
