package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// moment says a measured time: to a tenth below 100 seconds (87.7 s), else as
// duration does. It is rounded up, as there.
func moment(seconds float64) string {
	switch {
	case math.IsNaN(seconds) || math.IsInf(seconds, 0):
		return "unknown"
	case seconds < 0:
		return "−" + moment(-seconds)
	case seconds < 100:
		return strconv.FormatFloat(max(math.Ceil(seconds*10-1e-6), 0)/10, 'f', -1, 64) + " s"
	}
	return duration(seconds)
}

// signed says a difference to the nearest tenth: +4 s, −0.3 s, ±0 s.
func signed(seconds float64) string {
	rounded := math.Round(seconds*10) / 10
	switch {
	case rounded == 0:
		return "±0 s"
	case rounded > 0:
		return "+" + moment(rounded)
	}
	return moment(rounded)
}

// milliseconds says a latency: 0.4 ms, 31 ms, 1.2 s.
func milliseconds(ms float64) string {
	if ms >= 1000 {
		return decimal(ms/1000) + " s"
	}
	if ms >= 10 {
		return strconv.FormatFloat(math.Round(ms), 'f', -1, 64) + " ms"
	}
	return decimal(ms) + " ms"
}

// Names of moments that the report looks for.
const apiWritesStopped = "API writes stopped"

// drillWhere names the fault and where it was: zone-power-loss in zone b.
func drillWhere(r *v1alpha1.DrillReport) string {
	text := r.Fault
	if r.Soft {
		text = "soft " + text
	}
	switch {
	case len(r.Zones) > 1:
		text += " between zones " + join(r.Zones)
	case r.Zone != "":
		text += " in zone " + r.Zone
	}
	if r.Target != "" {
		text += ", " + r.Target
	}
	return text
}

// drillFacts say what was asked for, for one line.
func drillFacts(r *v1alpha1.DrillReport) []string {
	cluster := "cluster " + r.Cluster
	if r.Provider != "" {
		cluster += " (" + r.Provider + ")"
	}
	facts := []string{cluster, "seed " + strconv.FormatInt(r.Seed, 10)}
	if r.WorstCase {
		facts = append(facts, "worst case")
	}
	if r.Soft {
		facts = append(facts, "soft")
	}
	if !r.Started.IsZero() {
		facts = append(facts, drillStarted(r))
	}
	return append(facts, "lasted "+moment(r.FaultSeconds))
}

func drillStarted(r *v1alpha1.DrillReport) string {
	return r.Started.UTC().Format("2006-01-02 15:04:05 UTC")
}

// drillWhy is the verdict as a sentence, whatever the report holds.
func drillWhy(r *v1alpha1.DrillReport) string {
	if r.Why != "" {
		return r.Why
	}
	return "The verdict on " + drillWhere(r) + " is: " + string(r.Verdict) + "."
}

func drillNames(r *v1alpha1.DrillReport) *names {
	n := &names{map[string]v1alpha1.WorkloadRef{}, map[string]v1alpha1.WorkloadRef{}, map[string]bool{}}
	for i := range r.Workloads {
		n.add(r.Workloads[i].WorkloadRef)
	}
	return n
}

// judged says what became of an expectation, with its symbol and its colour.
type judged struct{ Symbol, Word, Class, color string }

func judgedAs(holds *bool) judged {
	switch {
	case holds == nil:
		return judged{"?", "unknown", string(v1alpha1.Undetermined), ansiYellow}
	case *holds:
		return judged{"✓", "held", string(v1alpha1.Survives), ansiGreen}
	}
	return judged{"✗", "FAILED", string(v1alpha1.Outage), ansiRed}
}

func judgedVerdict(v v1alpha1.DrillVerdict) judged {
	switch v {
	case v1alpha1.DrillHolds:
		return judged{"✓", "holds", string(v1alpha1.Survives), ansiGreen}
	case v1alpha1.DrillFails:
		return judged{"✗", "fails", string(v1alpha1.Outage), ansiRed}
	}
	return judged{"?", "undetermined", string(v1alpha1.Undetermined), ansiYellow}
}

// checksByPhase groups the checks by phase, in the order of a drill; within a phase
// what failed comes first, then what is not known.
func checksByPhase(r *v1alpha1.DrillReport) [][]v1alpha1.DrillCheck {
	phases := []string{"before", "during", "after"}
	for _, c := range r.Checks {
		if !slices.Contains(phases, c.Phase) {
			phases = append(phases, c.Phase)
		}
	}
	var out [][]v1alpha1.DrillCheck
	for _, phase := range phases {
		var checks []v1alpha1.DrillCheck
		for _, c := range r.Checks {
			if c.Phase == phase {
				checks = append(checks, c)
			}
		}
		slices.SortStableFunc(checks, func(a, b v1alpha1.DrillCheck) int { return cmp.Compare(badness(a.Holds), badness(b.Holds)) })
		if len(checks) > 0 {
			out = append(out, checks)
		}
	}
	return out
}

// badness orders what is judged: what failed, what is not known, what held.
func badness(holds *bool) int {
	switch {
	case holds == nil:
		return 1
	case *holds:
		return 2
	}
	return 0
}

// compared is one moment, predicted and seen, in words.
type compared struct {
	Name, Predicted, Seen, Note string
	// Error is empty when one of both is missing.
	Error  string
	Agrees *bool
	// Workload is nil for a moment of the whole cluster.
	Workload *v1alpha1.DrillWorkload
}

// Mark says in a word and a symbol when seen and predicted do not agree.
func (c compared) Mark() string {
	if c.Agrees != nil && !*c.Agrees {
		return "✗ does not agree"
	}
	return ""
}

// momentsOf compares the moments of the whole cluster. The one of the API is there
// even without a prediction.
func momentsOf(r *v1alpha1.DrillReport) []compared {
	var out []compared
	api := false
	for _, p := range r.Predictions {
		c := compared{Name: p.What, Predicted: "–", Seen: "–", Agrees: p.Agrees, Note: p.Text}
		if p.PredictedSeconds != nil {
			c.Predicted = moment(*p.PredictedSeconds)
		} else if p.Agrees != nil {
			c.Predicted = "none"
		}
		switch {
		case p.ObservedSeconds != nil:
			c.Seen = moment(*p.ObservedSeconds)
		case p.Agrees != nil:
			c.Seen = "none"
		case p.PredictedSeconds != nil && *p.PredictedSeconds > r.FaultSeconds:
			c.Seen = "not waited for (" + moment(r.FaultSeconds) + ")"
		case p.PredictedSeconds != nil:
			c.Seen = "not seen"
		}
		if p.ErrorSeconds != nil {
			c.Error = signed(*p.ErrorSeconds)
		}
		if p.What == apiWritesStopped {
			api = true
			c.Note = joinNotes(gapParts(r), c.Note)
		}
		out = append(out, c)
	}
	if !api && (r.APIGapSeconds > 0 || len(r.APIGapParts) > 0) {
		out = append([]compared{{Name: apiWritesStopped, Predicted: "–", Seen: moment(r.APIGapSeconds), Note: gapParts(r)}}, out...)
	}
	return out
}

func joinNotes(notes ...string) string {
	return strings.Join(slices.DeleteFunc(notes, func(s string) bool { return s == "" }), "; ")
}

// gapParts says when each layer was back: VIP 0.4 · etcd 1.5 · api 0.1, limit etcd.
func gapParts(r *v1alpha1.DrillReport) string {
	short := map[string]string{"load balancer": "LB", "virtual IP": "VIP", "API server": "api"}
	parts := make([]string, 0, len(r.APIGapParts))
	for _, p := range r.APIGapParts {
		name := p.Name
		if s := short[name]; s != "" {
			name = s
		}
		parts = append(parts, name+" "+strings.TrimSuffix(moment(p.Back), " s"))
	}
	text := strings.Join(parts, " · ")
	if r.APIGapLimit != "" {
		text = joinNotes(text, "waited for "+r.APIGapLimit)
	}
	return text
}

// wasPredicted tells whether the fault has a simulation at all: without one no
// workload was predicted never to come back.
func wasPredicted(r *v1alpha1.DrillReport) bool {
	for _, p := range r.Predictions {
		if p.PredictedSeconds != nil && p.What != apiWritesStopped {
			return true
		}
	}
	for i := range r.Workloads {
		if r.Workloads[i].PredictedSeconds != nil || r.Workloads[i].Agrees != nil {
			return true
		}
	}
	return false
}

// workloadsOf compares the workloads' times to full count: those that do not agree,
// then those that never came back, those not waited for, then the slowest first.
func workloadsOf(r *v1alpha1.DrillReport) []compared {
	n := drillNames(r)
	predicted := wasPredicted(r)
	out := make([]compared, 0, len(r.Workloads))
	for i := range r.Workloads {
		w := &r.Workloads[i]
		c := compared{Name: n.of(w.WorkloadRef), Agrees: w.Agrees, Workload: w, Note: w.Text}
		switch {
		case w.PredictedSeconds != nil:
			c.Predicted = fullCount(*w.PredictedSeconds)
		case predicted:
			c.Predicted = "never"
		default:
			c.Predicted = "–"
		}
		switch {
		case w.ObservedSeconds != nil:
			c.Seen = fullCount(*w.ObservedSeconds)
		case w.Agrees != nil:
			c.Seen = "never (gave up after " + moment(w.WaitedSeconds) + ")"
		default:
			c.Seen = "not waited for (" + moment(w.WaitedSeconds) + ")"
		}
		if w.ErrorSeconds != nil {
			c.Error = signed(*w.ErrorSeconds)
		}
		out = append(out, c)
	}
	slices.SortStableFunc(out, func(a, b compared) int {
		return cmp.Or(
			cmp.Compare(min(badness(a.Agrees), 1), min(badness(b.Agrees), 1)),
			-compareTimes(a.Workload.ObservedSeconds, b.Workload.ObservedSeconds),
			cmp.Compare(badness(b.Agrees), badness(a.Agrees)),
		)
	})
	return out
}

func fullCount(seconds float64) string {
	if seconds == 0 {
		return "nothing lost"
	}
	return moment(seconds)
}

// untouched tells of a workload that lost nothing, as predicted.
func (c compared) untouched() bool {
	w := c.Workload
	return w != nil && w.ObservedSeconds != nil && *w.ObservedSeconds == 0 && badness(w.Agrees) > 0 && !down(w)
}

// down tells of a workload that served with fewer than it must.
func down(w *v1alpha1.DrillWorkload) bool { return w.Lowest < w.MinAvailable }

// writesKept is the answer to the question whether the API kept its word.
func writesKept(r *v1alpha1.DrillReport) string {
	text := fmt.Sprintf("%s lost of %s", number(r.AcknowledgedWritesLost), number(r.AcknowledgedWrites))
	linearizable := r.Linearizable
	if linearizable == "" {
		linearizable = v1alpha1.LinearizabilityUnknown
	}
	text += " · linearizable: " + string(linearizable)
	if r.LinearizableWhy != "" {
		text += " (" + r.LinearizableWhy + ")"
	}
	return text
}

// lostWrites names some of what was lost.
func lostWrites(r *v1alpha1.DrillReport) string {
	if r.AcknowledgedWritesLost == 0 {
		return ""
	}
	text := strings.Join(r.LostWrites, ", ")
	if more := r.AcknowledgedWritesLost - len(r.LostWrites); more > 0 && text != "" {
		text += ", and " + number(more) + " more"
	}
	return text
}

// halved names the Services that both sides of a partition still send to.
func halved(r *v1alpha1.DrillReport) []string {
	var out []string
	for _, s := range r.Services {
		if len(s.Halves) > 0 {
			out = append(out, fmt.Sprintf("%s/%s: ready endpoints %s; both sides still send to all of them", s.Namespace, s.Name, sides(s.Halves)))
		}
	}
	return out
}

// unserved names what had too few ready at some moment.
func unserved(r *v1alpha1.DrillReport, n *names) []string {
	var out []string
	for i := range r.Workloads {
		if w := &r.Workloads[i]; down(w) {
			out = append(out, fmt.Sprintf("%s: %s of %s ready at the lowest, must be %s", n.of(w.WorkloadRef), number(w.Lowest), number(w.Replicas), number(w.MinAvailable)))
		}
	}
	for _, s := range r.Services {
		if s.ReadyBefore > 0 && s.ReadyLowest == 0 {
			out = append(out, fmt.Sprintf("Service %s/%s: no ready endpoint for a time, %s before", s.Namespace, s.Name, number(s.ReadyBefore)))
		}
	}
	return out
}

// healing says how the drill ended.
func healing(r *v1alpha1.DrillReport) string {
	if !r.Healed {
		return "NOT HEALED: the fault was not taken back"
	}
	text := "healed"
	if r.Zone != "" && len(r.Zones) < 2 {
		text += " " + r.Zone
	}
	text += " after " + moment(r.FaultSeconds)
	if r.HealedBy != "" {
		text += " by " + r.HealedBy
	}
	if r.SteadyAgainSeconds == nil {
		text += " · steady again: NOT SEEN"
	} else {
		text += " · steady again after " + moment(*r.SteadyAgainSeconds)
	}
	if r.ReturnGapSeconds >= noticeable {
		text += "; meanwhile writes stopped for " + moment(r.ReturnGapSeconds) + " at a time"
	}
	return text
}

// noticeable is a gap, in seconds, that a reader should hear of.
const noticeable = 0.5
