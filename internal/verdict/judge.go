package verdict

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// Evidence is what a drill left.
type Evidence struct {
	Record       *v1alpha1.DrillRecord
	Operations   []v1alpha1.DrillOperation
	Observations []v1alpha1.DrillObservation
}

// defaultLimit of the check of linearizability.
const defaultLimit = time.Minute

// Faults that are judged in their own way (DrillRecord.Fault).
const (
	faultGateway       = "gateway"
	faultZonePartition = "zone-partition"
	faultAPIServerHang = "api-server-hang"
)

// drill is the evidence in order, and the report as far as it is made. Its times
// are seconds since the record's start.
type drill struct {
	record *v1alpha1.DrillRecord
	// ops by Start, and those of each path; seen by kind, each by At. What was
	// done to prepare the drill is among them.
	ops   []v1alpha1.DrillOperation
	paths map[path][]v1alpha1.DrillOperation
	seen  map[string][]v1alpha1.DrillObservation
	// begun: the fault was made. zero is when; faultEnd when it was taken back,
	// or the end; quiet when all was as before, or the end.
	begun                 bool
	zero, faultEnd, quiet float64

	lostNodes, lostMachines map[string]bool
	report                  *v1alpha1.DrillReport
}

// Judge makes the report of a drill. limit bounds the check of linearizability
// (0: 60 s); a history that is not linearizable may take as long again to find
// the register that is not. The report's Evidence is for the caller to fill. An
// error says where the evidence contradicts itself.
func Judge(e Evidence, limit time.Duration) (*v1alpha1.DrillReport, error) {
	if err := assume(e); err != nil {
		return nil, err
	}
	if limit <= 0 {
		limit = defaultLimit
	}
	d := arrange(e)
	d.judgeHistory(limit)
	d.judgeLosses()
	d.judgePaths()
	stopped := d.judgeGap()
	d.judgeParts(stopped)
	d.judgeWorkloads()
	d.judgeServices()
	d.judgePartition()
	d.predict(stopped)
	d.tell(stopped)
	d.conclude(stopped)
	return d.report, nil
}

// arrange puts the evidence in order, and what needs no judging into the report.
func arrange(e Evidence) *drill {
	r := e.Record
	d := &drill{
		record:       r,
		ops:          slices.Clone(e.Operations),
		seen:         map[string][]v1alpha1.DrillObservation{},
		zero:         r.SteadyAt,
		faultEnd:     r.EndedAt,
		quiet:        r.EndedAt,
		lostNodes:    set(r.LostNodes),
		lostMachines: set(r.LostMachines),
	}
	slices.SortStableFunc(d.ops, func(a, b v1alpha1.DrillOperation) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Value, b.Value))
	})
	d.paths = byPath(d.ops)
	observations := slices.Clone(e.Observations)
	slices.SortStableFunc(observations, func(a, b v1alpha1.DrillObservation) int { return cmp.Compare(a.At, b.At) })
	for _, o := range observations {
		d.seen[o.Kind] = append(d.seen[o.Kind], o)
	}
	if r.InjectedAt != nil {
		d.begun, d.zero = true, *r.InjectedAt
		if r.HealedAt != nil {
			d.faultEnd = *r.HealedAt
		}
		if r.SteadyAgainAt != nil {
			d.quiet = *r.SteadyAgainAt
		}
	}
	d.report = &v1alpha1.DrillReport{
		TypeMeta:    metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.DrillReportKind},
		Cluster:     r.Cluster,
		Provider:    r.Provider,
		Fault:       r.Fault,
		Zone:        r.Zone,
		Zones:       slices.Clone(r.Zones),
		Target:      r.Target,
		Seed:        r.Seed,
		WorstCase:   r.WorstCase,
		Soft:        r.Soft,
		Started:     r.Started,
		Checks:      []v1alpha1.DrillCheck{},
		Proof:       d.proof(),
		APIGapParts: []v1alpha1.DrillPart{},
		Paths:       []v1alpha1.DrillPath{},
		Latency:     []v1alpha1.DrillLatency{},
		Predictions: []v1alpha1.DrillPrediction{},
		Workloads:   []v1alpha1.DrillWorkload{},
		Services:    []v1alpha1.DrillService{},
		Timeline:    []v1alpha1.DrillEvent{},
		Aborted:     r.Aborted,
		Notes:       append([]string{}, r.Notes...),
		Versions:    maps.Clone(r.Versions),
		Evidence:    []v1alpha1.DrillFile{},
	}
	if d.report.Versions == nil {
		d.report.Versions = map[string]string{}
	}
	if !d.begun {
		return d
	}
	d.report.FaultSeconds = round(d.faultEnd - d.zero)
	if r.HealedAt != nil {
		d.report.Healed, d.report.HealedBy = true, r.HealedBy
		if r.SteadyAgainAt != nil {
			d.report.SteadyAgainSeconds = pointer(round(*r.SteadyAgainAt - *r.HealedAt))
		}
	}
	return d
}

// proof lists the signs that the fault took effect.
func (d *drill) proof() []v1alpha1.DrillProof {
	proof := []v1alpha1.DrillProof{}
	for _, o := range d.underFault(v1alpha1.ObservedProof) {
		if o.Ready {
			proof = append(proof, v1alpha1.DrillProof{At: d.after(o.At), Text: o.Text})
		}
	}
	return proof
}

// after is a time of the evidence as one of the report.
func (d *drill) after(t float64) float64 { return round(t - d.zero) }

// underFault are the observations of a kind from the fault until it was healed.
func (d *drill) underFault(kind string) []v1alpha1.DrillObservation {
	if !d.begun {
		return nil
	}
	all := d.seen[kind]
	from, _ := slices.BinarySearchFunc(all, d.zero, byAt)
	to, _ := slices.BinarySearchFunc(all, d.faultEnd, byAt)
	return all[from:max(from, to)]
}

// beforeFault are the observations of a kind until the fault; all without one.
func (d *drill) beforeFault(kind string) []v1alpha1.DrillObservation {
	all := d.seen[kind]
	if !d.begun {
		return all
	}
	to, _ := slices.BinarySearchFunc(all, d.zero, byAt)
	return all[:to]
}

func byAt(o v1alpha1.DrillObservation, t float64) int { return cmp.Compare(o.At, t) }

func set(names []string) map[string]bool {
	m := map[string]bool{}
	for _, n := range names {
		m[n] = true
	}
	return m
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func pointer[T any](v T) *T { return &v }

// round to thousandths: times in a report are in milliseconds, and so are the
// clocks that they come from.
func round(v float64) float64 {
	return math.Round(v*1000)/1000 + 0 // never -0
}
