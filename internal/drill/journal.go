//go:build linux

package drill

import (
	"cmp"
	"slices"
	"sync"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// journal takes what is observed, from any goroutine.
type journal struct {
	clock clock
	mu    sync.Mutex
	lines []v1alpha1.DrillObservation
}

// note writes an observation down, at this moment.
func (j *journal) note(o v1alpha1.DrillObservation) {
	o.At = j.clock.now()
	j.at(o)
}

// at writes an observation down whose time is known.
func (j *journal) at(o v1alpha1.DrillObservation) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, o)
}

// all returns everything in order of time.
func (j *journal) all() []v1alpha1.DrillObservation {
	j.mu.Lock()
	defer j.mu.Unlock()
	out := slices.Clone(j.lines)
	slices.SortStableFunc(out, func(a, b v1alpha1.DrillObservation) int { return cmp.Compare(a.At, b.At) })
	return out
}
