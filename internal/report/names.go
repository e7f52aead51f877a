package report

import (
	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// names calls every workload of a report by the shortest name that no other
// has: api, else shop/api, else Deployment shop/api.
type names struct {
	byName, byPath map[string]v1alpha1.WorkloadRef
	shared         map[string]bool
}

func namesOf(r *v1alpha1.SimulationReport) *names {
	n := &names{map[string]v1alpha1.WorkloadRef{}, map[string]v1alpha1.WorkloadRef{}, map[string]bool{}}
	for _, p := range r.BeforeFailure {
		n.add(p.WorkloadRef)
	}
	for _, s := range r.Scenarios {
		for i := range s.Workloads {
			n.add(s.Workloads[i].WorkloadRef)
		}
	}
	return n
}

func (n *names) add(ref v1alpha1.WorkloadRef) {
	note := func(m map[string]v1alpha1.WorkloadRef, key string) {
		if other, ok := m[key]; ok && other != ref {
			n.shared[key] = true
			return
		}
		m[key] = ref
	}
	note(n.byName, ref.Name)
	note(n.byPath, path(ref))
}

// of returns what to call the workload.
func (n *names) of(ref v1alpha1.WorkloadRef) string {
	if !n.shared[ref.Name] {
		return ref.Name
	}
	if !n.shared[path(ref)] {
		return path(ref)
	}
	return ref.Kind + " " + path(ref)
}

// path is the namespace and the name; the slash keeps it apart from any bare
// name.
func path(ref v1alpha1.WorkloadRef) string { return ref.Namespace + "/" + ref.Name }
