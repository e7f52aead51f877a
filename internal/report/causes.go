package report

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// cause is why workloads are down or not back, told once however many
// workloads and scenarios share it.
type cause struct {
	// verdict is the worst among those it holds for.
	verdict v1alpha1.Verdict
	// reason as the first of the worst was told it.
	reason v1alpha1.Reason
	// remedies, each once.
	remedies []string
	// holds for these workloads, the worst first.
	holds []*holder
}

// holder is a workload and the failures under which a cause holds for it.
type holder struct {
	ref    v1alpha1.WorkloadRef
	name   string
	labels []string
}

// causesOf groups the reasons of all scenarios, the worst first.
//
// Two reasons are one cause when their codes, plugins and messages are equal
// after zones, nodes, the workload's own name, times and numbers are taken out:
// what differs between the loss of zone a and of zone b is no news.
func causesOf(r *v1alpha1.SimulationReport, all []*fate, n *names) []*cause {
	g := &grouping{
		names:  n,
		places: placesOf(r),
		shapes: map[string]string{},
		causes: map[string]*cause{},
	}
	for _, f := range all {
		for _, w := range outcomes(f.scenario) {
			reasons := w.Reasons
			if len(reasons) == 0 {
				reasons = unsaid(w)
			}
			for i := range reasons {
				g.add(f, w, &reasons[i])
			}
		}
	}
	slices.SortStableFunc(g.order, func(a, b *cause) int { return cmp.Compare(rank(a.verdict), rank(b.verdict)) })
	return g.order
}

// unsaid makes up for a missing reason, so that no outage goes untold.
func unsaid(w *v1alpha1.WorkloadOutcome) []v1alpha1.Reason {
	if w.Verdict == v1alpha1.Outage {
		until := "for good"
		if w.OutageSeconds != nil {
			until = "for " + duration(*w.OutageSeconds)
		}
		return []v1alpha1.Reason{{
			Code:    "outage",
			Message: fmt.Sprintf("%d of %s ready at the lowest, %d needed, %s", w.Lowest, count(w.Replicas, "replica"), w.MinAvailable, until),
			Pods:    w.Lost,
		}}
	}
	if w.Verdict == v1alpha1.Degraded && w.RecoverySeconds != nil {
		return []v1alpha1.Reason{{
			Code:    "late",
			Message: "full count only after " + duration(*w.RecoverySeconds),
			Pods:    w.Lost,
		}}
	}
	if w.Verdict == v1alpha1.Degraded {
		return []v1alpha1.Reason{{
			Code:    "never-back",
			Message: fmt.Sprintf("%d of %s never back", missing(w), count(w.Replicas, "replica")),
			Pods:    missing(w),
		}}
	}
	return nil
}

type grouping struct {
	names  *names
	places map[string]bool
	shapes map[string]string
	causes map[string]*cause
	order  []*cause
}

func (g *grouping) add(f *fate, w *v1alpha1.WorkloadOutcome, r *v1alpha1.Reason) {
	key := r.Code + "\x00" + r.Plugin + "\x00" + g.shape(w, r.Message)
	c := g.causes[key]
	if c == nil {
		c = &cause{verdict: w.Verdict, reason: *r}
		g.causes[key] = c
		g.order = append(g.order, c)
	}
	c.verdict = c.verdict.Worse(w.Verdict)
	g.addRemedies(c, w, r.Remedy)
	for _, h := range c.holds {
		if h.ref == w.WorkloadRef {
			if !slices.Contains(h.labels, f.label) {
				h.labels = append(h.labels, f.label)
			}
			return
		}
	}
	c.holds = append(c.holds, &holder{ref: w.WorkloadRef, name: g.names.of(w.WorkloadRef), labels: []string{f.label}})
}

func (g *grouping) addRemedies(c *cause, w *v1alpha1.WorkloadOutcome, remedy string) {
	for part := range strings.SplitSeq(remedy, " · ") {
		part = strings.TrimSpace(part)
		known := func(other string) bool { return g.shape(w, other) == g.shape(w, part) }
		if part != "" && !slices.ContainsFunc(c.remedies, known) {
			c.remedies = append(c.remedies, part)
		}
	}
}

var (
	timeInText = regexp.MustCompile(`\b\d+(\.\d+)?(ms|s|m|h|d)( \d+(s|m|h))?\b`)
	// A time and what it adds up from: "= 50s not ready + 5m toleration".
	sumInText  = regexp.MustCompile(`[=:] #t [^.;(]*`)
	wordInText = regexp.MustCompile(`[\p{L}\p{N}]([\p{L}\p{N}._-]*[\p{L}\p{N}])?`)
	digits     = regexp.MustCompile(`\d+`)
)

// shape is a message without what differs from zone to zone.
func (g *grouping) shape(w *v1alpha1.WorkloadOutcome, message string) string {
	key := w.Namespace + "\x00" + w.Name + "\x00" + message
	if s, ok := g.shapes[key]; ok {
		return s
	}
	s := sumInText.ReplaceAllString(timeInText.ReplaceAllString(message, "#t"), "#sum")
	s = wordInText.ReplaceAllStringFunc(s, func(word string) string {
		switch {
		case g.places[word]:
			return "#p"
		case word == w.Name || strings.HasPrefix(word, w.Name+"-") || word == w.Namespace:
			return "#w"
		}
		return digits.ReplaceAllString(word, "#")
	})
	g.shapes[key] = s
	return s
}

// placesOf names every zone and every node that some scenario loses.
func placesOf(r *v1alpha1.SimulationReport) map[string]bool {
	places := map[string]bool{}
	for _, z := range r.Input.Zones {
		places[z] = true
	}
	for _, s := range r.Scenarios {
		for _, n := range s.Failure.Nodes {
			places[n] = true
		}
	}
	return places
}

// addition says terms as an addition.
func addition(terms []v1alpha1.Term) string {
	var parts []string
	for _, t := range terms {
		if t.Seconds > 0 {
			parts = append(parts, duration(t.Seconds)+" "+t.Name)
		}
	}
	return strings.Join(parts, " + ")
}
