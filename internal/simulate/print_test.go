package simulate_test

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// printer writes a report so that a person can check it by eye.
type printer struct {
	strings.Builder
	show, only []string
}

func (p *printer) f(format string, args ...any) { p.WriteString(fmt.Sprintf(format, args...)) }

func (p *printer) shows(what string) bool { return slices.Contains(p.show, what) }

func (p *printer) print(r *v1alpha1.SimulationReport) string {
	for _, b := range r.BeforeFailure {
		p.f("before: %s %s: %d of %d fit nowhere\n", b.Kind, b.Name, b.Pending, b.Replicas)
		p.reasons(b.Reasons)
	}
	for i := range r.Scenarios {
		p.scenario(&r.Scenarios[i])
	}
	if len(r.ExtraNodes) > 0 {
		p.f("extra nodes: %s\n", zones(r.ExtraNodes))
	}
	if p.shows("assumptions") {
		for _, a := range r.Assumptions {
			p.f("assumed: %s\n", a)
		}
	}
	if p.shows("warnings") {
		for _, w := range r.Warnings {
			p.f("warning: %s\n", w)
		}
	}
	return p.String()
}

func (p *printer) scenario(s *v1alpha1.Scenario) {
	p.f("%s: %s\n", s.Name, s.Verdict)
	if p.shows("verdict") {
		return
	}
	if d := s.Dependencies; d != nil {
		if len(d.Down) > 0 {
			p.f("  down: %s\n", strings.Join(d.Down, ", "))
		}
		for _, e := range d.Effects {
			p.f("  %s loses %s (%s)\n", strings.Join(e.Zones, ","), e.Effect, e.Group)
		}
	}
	for _, w := range s.Workloads {
		if len(p.only) == 0 || slices.Contains(p.only, w.Name) {
			p.workload(&w)
		}
	}
	for _, d := range s.OtherWorld {
		if len(p.only) == 0 || slices.Contains(p.only, d.Name) {
			p.f("  with dead-nodes=%s: %s %s, full count %s: %s\n", d.World, d.Name, d.Verdict, when(d.RecoverySeconds), d.Why)
		}
	}
	if p.shows("services") {
		for _, v := range s.Services {
			p.service(&v)
		}
	}
	if p.shows("capacity") {
		c := s.Capacity
		p.f("  lost %g cpu, needed %g cpu; free", c.Lost.CPU, c.Needed.CPU)
		for _, zone := range keys(c.Free) {
			p.f(" %s=%g", zone, c.Free[zone].CPU)
		}
		switch {
		case c.ExtraNodes == nil:
			p.f("; more nodes do not help")
		case len(c.ExtraNodes) > 0:
			p.f("; extra nodes %s", zones(c.ExtraNodes))
		}
		p.f("\n")
	}
	if p.shows("timeline") {
		for _, e := range s.Timeline {
			p.event(&e)
		}
	}
}

func (p *printer) workload(w *v1alpha1.WorkloadOutcome) {
	p.f("  %s %s: %s\n", w.Kind, w.Name, w.Verdict)
	p.f("    %s -> %s of %d; lost %d, lowest %d (at least %d, %s), full count %s",
		zones(w.Before), zones(w.After), w.Replicas, w.Lost, w.Lowest, w.MinAvailable, w.MinAvailableFrom, when(w.RecoverySeconds))
	if w.Verdict == v1alpha1.Outage {
		p.f(", outage %s", when(w.OutageSeconds))
	}
	p.f("\n")
	var counts []string
	for _, c := range []struct {
		n    int
		what string
	}{
		{w.PlacedAgain, "placed again"}, {w.Pending, "pending"}, {w.NotCreated, "not created"},
		{w.StuckTerminating, "stuck terminating"}, {w.Preempted, "preempted"},
	} {
		if c.n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", c.n, c.what))
		}
	}
	if len(counts) > 0 {
		p.f("    %s\n", strings.Join(counts, ", "))
	}
	if p.shows("terms") && len(w.RecoveryTerms) > 0 {
		var terms []string
		for _, t := range w.RecoveryTerms {
			terms = append(terms, fmt.Sprintf("%gs %s", t.Seconds, t.Name))
		}
		p.f("    = %s\n", strings.Join(terms, " + "))
	}
	for _, d := range w.DataLost {
		p.f("    data lost: %s %s of %d\n", d.Kind, d.Name, d.Pods)
	}
	if len(w.Halves) > 0 {
		p.f("    halves: %s\n", zones(w.Halves))
	}
	p.reasons(w.Reasons)
}

func (p *printer) reasons(reasons []v1alpha1.Reason) {
	for _, r := range reasons {
		p.f("    [%s] %s\n", r.Code, r.Message)
		if r.Remedy != "" {
			p.f("      remedy: %s\n", r.Remedy)
		}
	}
}

func (p *printer) service(s *v1alpha1.ServiceOutcome) {
	p.f("  Service %s (%s): %d ready, lowest %d, then %d; overload %g;", s.Name, s.Policy, s.ReadyBefore, s.ReadyLowest, s.ReadyAfter, s.Overload)
	if s.FailingShare == 0 {
		p.f(" nothing fails\n")
	} else {
		p.f(" %g fails %s\n", s.FailingShare, strings.Replace("for "+when(s.FailingSeconds), "for never", "for ever", 1))
	}
	for _, share := range s.Shares {
		p.f("    %d × %g\n", share.Pods, share.Share)
	}
	if len(s.Halves) > 0 {
		p.f("    halves: %s\n", zones(s.Halves))
	}
}

func (p *printer) event(e *v1alpha1.Event) {
	p.f("  %6gs %s", e.At, e.Event)
	if e.Zone != "" {
		p.f(" zone %s", e.Zone)
	}
	if e.Workload != "" {
		_, name, _ := strings.Cut(e.Workload, "/")
		p.f(" %s", name)
	}
	if e.Count != 0 {
		p.f(" ×%d", e.Count)
	}
	if e.Message != "" {
		p.f(": %s", e.Message)
	}
	p.f("\n")
}

// zones writes counts by zone: "a1 c2", or "none".
func zones(count map[string]int) string {
	var parts []string
	for _, zone := range keys(count) {
		parts = append(parts, fmt.Sprintf("%s%d", zone, count[zone]))
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, " ")
}

func when(seconds *float64) string {
	switch {
	case seconds == nil:
		return "never"
	case *seconds == 0:
		return "kept"
	}
	return fmt.Sprintf("%gs", *seconds)
}

func keys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}
