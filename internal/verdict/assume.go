package verdict

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// slack in seconds by which a time may be past the record: the last answer is
// written down a moment after the end was.
const slack = 0.001

// named is how many contradictions an error names.
const named = 5

// assume checks what the verdict relies on, as etcd's tests/robustness/validate
// does before it judges. Its error names the first contradictions.
func assume(e Evidence) error {
	if e.Record == nil {
		return fmt.Errorf("judging the evidence: there is no record")
	}
	var a assumptions
	a.record(e.Record)
	a.operations(e.Record, e.Operations)
	a.finalKeys(e.Record, e.Operations)
	a.observations(e.Record, e.Observations)
	if len(a.broken) == 0 {
		return nil
	}
	text := strings.Join(a.broken[:min(named, len(a.broken))], "; ")
	if more := len(a.broken) - named; more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return fmt.Errorf("judging the evidence: it contradicts itself: %s", text)
}

type assumptions struct{ broken []string }

func (a *assumptions) breaks(format string, args ...any) {
	a.broken = append(a.broken, fmt.Sprintf(format, args...))
}

// record: the phases follow each other, and what is lost exists.
func (a *assumptions) record(r *v1alpha1.DrillRecord) {
	if r.Kind != "" && r.Kind != v1alpha1.DrillRecordKind {
		a.breaks("the record is of kind %s", r.Kind)
	}
	type phase struct {
		name string
		at   *float64
	}
	phases := []phase{{"steadyAt", &r.SteadyAt}, {"injectedAt", r.InjectedAt}, {"healedAt", r.HealedAt}, {"steadyAgainAt", r.SteadyAgainAt}, {"endedAt", &r.EndedAt}}
	last := phase{"started", new(float64)}
	for _, p := range phases {
		if p.at == nil {
			continue
		}
		switch {
		case !finite(*p.at):
			a.breaks("%s is no time", p.name)
			continue
		case *p.at < *last.at:
			a.breaks("%s (%g s) is before %s (%g s)", p.name, *p.at, last.name, *last.at)
		}
		last = p
	}
	for _, n := range r.LostNodes {
		if _, ok := r.NodeZones[n]; !ok && len(r.NodeZones) > 0 {
			a.breaks("lost node %s is in no zone", n)
		}
	}
	for _, m := range r.LostMachines {
		if _, ok := r.Machines[m]; !ok && len(r.Machines) > 0 {
			a.breaks("lost machine %s is not one of the control plane", m)
		}
	}
	if r.Fault == faultZonePartition && r.InjectedAt != nil && len(r.Zones) != 2 {
		a.breaks("a %s is between two zones, not %d", r.Fault, len(r.Zones))
	}
}

// operations: each is possible, a value is written once, and a read returns the
// initial value or one that somebody wrote. A read of a value whose write failed
// is no contradiction of the evidence: it is for the check of linearizability.
func (a *assumptions) operations(r *v1alpha1.DrillRecord, ops []v1alpha1.DrillOperation) {
	type value struct{ kind, key, value string }
	written := map[value]bool{}
	for i, o := range ops {
		what := fmt.Sprintf("operation %d (%s of %s by %s from %s)", i+1, o.Kind, o.Key, o.Via, o.From)
		a.times(what, r, o.Intended, o.Start, o.End)
		if o.End < o.Start {
			a.breaks("%s ends at %g s, before it starts at %g s", what, o.End, o.Start)
		}
		if o.Start < o.Intended-slack {
			a.breaks("%s starts at %g s, before it was due at %g s", what, o.Start, o.Intended)
		}
		if !slices.Contains([]string{v1alpha1.DrillOK, v1alpha1.DrillFailed, v1alpha1.DrillUnknown}, o.Outcome) {
			a.breaks("%s has the unknown outcome %q", what, o.Outcome)
		}
		if o.Key == "" {
			a.breaks("%s has no key", what)
		}
		if _, ok := version(o); !ok && o.Version != "" {
			a.breaks("%s has version %q, which is no number", what, o.Version)
		}
		v := value{o.Kind, o.Key, o.Value}
		switch o.Kind {
		case v1alpha1.DrillRead:
			continue
		case v1alpha1.DrillCreate:
			v.value = "" // once, whatever is in it
		case v1alpha1.DrillWrite:
			if o.Value == "" {
				a.breaks("%s writes nothing", what)
			}
		default:
			a.breaks("%s is of an unknown kind", what)
		}
		if written[v] {
			a.breaks("%s writes %q a second time", what, o.Value)
		}
		written[v] = true
	}
	for i, o := range ops {
		if o.Kind == v1alpha1.DrillRead && o.Outcome == v1alpha1.DrillOK && o.Value != "" && !written[value{v1alpha1.DrillWrite, o.Key, o.Value}] {
			a.breaks("operation %d reads %q of %s, which nobody wrote", i+1, o.Value, o.Key)
		}
	}
}

// finalKeys: what is there at the end was created in this drill.
func (a *assumptions) finalKeys(r *v1alpha1.DrillRecord, ops []v1alpha1.DrillOperation) {
	created := map[string]bool{}
	for _, o := range ops {
		if o.Kind == v1alpha1.DrillCreate {
			created[o.Key] = true
		}
	}
	for _, k := range r.FinalKeys {
		if !created[k] {
			a.breaks("%s is there at the end, and nobody created it", k)
		}
	}
}

var observed = []string{
	v1alpha1.ObservedPod, v1alpha1.ObservedNode, v1alpha1.ObservedEndpoints, v1alpha1.ObservedLeader,
	v1alpha1.ObservedVIP, v1alpha1.ObservedServer, v1alpha1.ObservedProof, v1alpha1.ObservedEviction, v1alpha1.ObservedVolume, v1alpha1.ObservedNote,
}

func (a *assumptions) observations(r *v1alpha1.DrillRecord, observations []v1alpha1.DrillObservation) {
	for i, o := range observations {
		what := fmt.Sprintf("observation %d (%s %s)", i+1, o.Kind, o.Object)
		a.times(what, r, o.At)
		if !slices.Contains(observed, o.Kind) {
			a.breaks("%s is of an unknown kind", what)
		}
	}
}

// times are within the record.
func (a *assumptions) times(what string, r *v1alpha1.DrillRecord, times ...float64) {
	for _, t := range times {
		if !finite(t) || t < 0 || t > r.EndedAt+slack {
			a.breaks("%s is at %g s, outside of the record (0 to %g s)", what, t, r.EndedAt)
			return
		}
	}
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// version is a resourceVersion: etcd's revision, which counts all writes of a
// cluster, so that versions of one object can be compared.
func version(o v1alpha1.DrillOperation) (uint64, bool) {
	v, err := strconv.ParseUint(o.Version, 10, 64)
	return v, err == nil
}
