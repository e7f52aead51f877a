package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// PlanFormats lists the formats of plans and changes.
func PlanFormats() []string { return []string{FormatTable, FormatJSON, FormatYAML} }

// subjectIndent is the column at which a decision stands.
const subjectIndent = 15

// WritePlan writes a plan in the format.
func WritePlan(w io.Writer, format string, p *v1alpha1.ClusterPlan, o Options) error {
	if format != FormatTable {
		return writeData(w, format, p)
	}
	t := newTerminal(o)
	t.paragraph(planTitle(p))
	t.gap()
	t.decisions(p)
	t.pools(p)
	t.losses(p)
	t.objective(p)
	t.findings(p)
	t.gap()
	t.paragraph(planConclusion(p))
	_, err := io.WriteString(w, t.String())
	return err
}

// WriteChanges writes the steps from one plan to another in the format.
func WriteChanges(w io.Writer, format string, c *v1alpha1.ClusterChanges, o Options) error {
	if format != FormatTable {
		return writeData(w, format, c)
	}
	t := newTerminal(o)
	switch {
	case len(c.Steps)+len(c.Impossible) == 0:
		t.paragraph(c.Name + ": nothing to change")
	default:
		t.paragraph(fmt.Sprintf("%s: %s", c.Name, count(len(c.Steps), "step")))
	}
	t.gap()
	for i, s := range c.Steps {
		text := strings.ReplaceAll(s.Action, "-", " ") + " " + s.Object
		if s.Zone != "" {
			text += " in " + s.Zone
		}
		t.named(fmt.Sprintf("%2d", i+1), 4, text)
		t.indented(4, s.Reason)
		if len(s.Voters) > 0 {
			var voters []string
			for _, z := range sortedKeys(s.Voters) {
				voters = append(voters, fmt.Sprintf("%s %d", z, s.Voters[z]))
			}
			after := "survives the loss of " + join(s.Survives)
			if len(s.Survives) == 0 {
				after = "survives no zone's loss"
			}
			t.indented(4, fmt.Sprintf("voters then: %s; %s", strings.Join(voters, ", "), after))
		}
		for _, command := range s.Commands {
			t.line("    $ " + command)
		}
	}
	for _, f := range c.Impossible {
		t.gap()
		t.finding(f)
	}
	_, err := io.WriteString(w, t.String())
	return err
}

func planTitle(p *v1alpha1.ClusterPlan) string {
	title := fmt.Sprintf("%s on %s", p.Name, p.Provider)
	if p.Region != "" {
		title += ", " + p.Region
	}
	return title + ", Kubernetes " + p.KubernetesVersion
}

// objectiveSubject has a section of its own.
const objectiveSubject = "objective"

// decisions writes those of one subject together, in the order of the first.
func (t *terminal) decisions(p *v1alpha1.ClusterPlan) {
	var subjects []string
	for _, d := range p.Decisions {
		if d.Subject != objectiveSubject && !slices.Contains(subjects, d.Subject) {
			subjects = append(subjects, d.Subject)
		}
	}
	for _, subject := range subjects {
		name := subject
		for _, d := range p.Decisions {
			if d.Subject == subject {
				t.named(name, subjectIndent, d.Choice+": "+d.Reason)
				name = ""
			}
		}
	}
}

// pools tells the sizes, and whether the others carry a lost zone.
func (t *terminal) pools(p *v1alpha1.ClusterPlan) {
	var items []string
	for _, pool := range p.Pools {
		size, least, most := 0, 0, 0
		for _, g := range pool.Groups {
			size, least, most = size+g.Size, least+g.Min, most+g.Max
		}
		holds := "what the others hold without one zone is not known: no -f manifests"
		if pool.Survivors != nil {
			holds = "without any one zone the others hold " + percent(*pool.Survivors) + " at max"
		}
		if s := pool.Smallest; s != nil {
			holds += fmt.Sprintf(" (enough: min %d, max %d %s)", s.Min, s.Max, unit(pool.Scope))
		}
		items = append(items, fmt.Sprintf("%s: %s (%s), %d to %d in all, each with %s cpu, %s; %s",
			pool.Name, count(size, "node"), pool.Scope, least, most, decimal(pool.CPU.AsApproximateFloat64()), memory(pool.Memory.Value()), holds))
	}
	t.gap()
	t.section("POOLS", items)
}

func unit(s v1alpha1.PoolScope) string {
	if s == v1alpha1.ScopeZonal {
		return "a zone"
	}
	return "in all"
}

// losses tells what each zone's loss takes beyond the zone.
func (t *terminal) losses(p *v1alpha1.ClusterPlan) {
	t.gap()
	for i, l := range p.Losses {
		var parts []string
		for _, e := range l.Effects {
			parts = append(parts, fmt.Sprintf("%s %s (%s)", lostThrough[e.Effect], join(e.Zones), e.Group))
		}
		if l.AutoscalerStops {
			parts = append(parts, "the Cluster Autoscaler stops")
		}
		text := "nothing beyond it"
		if len(parts) > 0 {
			text = strings.Join(parts, "; ")
		}
		title := ""
		if i == 0 {
			title = "LOSING"
		}
		t.named(title, sectionIndent, l.Zone+" takes "+text)
	}
}

// objective sets what was asked for beside what the plan gives.
func (t *terminal) objective(p *v1alpha1.ClusterPlan) {
	t.gap()
	o := p.Objectives
	line := fmt.Sprintf("not all back while the worst zone is lost, objective %s", duration(o.RecoveryTimeSeconds))
	if o.PredictedSeconds != nil {
		line = fmt.Sprintf("all back %s after a zone's loss, objective %s", duration(*o.PredictedSeconds), duration(o.RecoveryTimeSeconds))
	}
	if o.Dominating != "" {
		line += "; most of it: " + o.Dominating
	}
	items := []string{line}
	if len(o.Terms) > 0 {
		var terms []string
		for _, term := range o.Terms {
			terms = append(terms, duration(term.Seconds)+" "+term.Name)
		}
		items = append(items, "= "+strings.Join(terms, " + "))
	}
	if o.Availability != nil && o.AllowedDowntimeSeconds != nil {
		line := fmt.Sprintf("%g %% allows %s a year", *o.Availability, downtime(*o.AllowedDowntimeSeconds))
		if o.DowntimePerLossSeconds != nil {
			line += fmt.Sprintf("; a zone's loss costs %s", duration(*o.DowntimePerLossSeconds))
		}
		if o.LossesPerYear != nil {
			line += fmt.Sprintf(": %s a year", decimal(*o.LossesPerYear))
		}
		items = append(items, line)
	}
	if o.RecoveryPointSeconds != nil {
		line := fmt.Sprintf("no acknowledged write of the API is lost with a zone, objective %s", duration(*o.RecoveryPointSeconds))
		if o.RecoveryPointGivenSeconds > 0 {
			line = fmt.Sprintf("%s of writes are lost with a zone, objective %s", duration(o.RecoveryPointGivenSeconds), duration(*o.RecoveryPointSeconds))
		}
		if o.RecoveryPointBackupSeconds != nil {
			line += fmt.Sprintf("; with the majority for good: those since the last backup, at most %s", duration(*o.RecoveryPointBackupSeconds))
		}
		items = append(items, line)
	}
	t.section("OBJECTIVE", items)
}

// downtime says an allowance as operators know it: 8.77 h, 52.6 min.
func downtime(seconds float64) string {
	switch {
	case seconds >= 3600:
		return fmt.Sprintf("%.2f h", seconds/3600)
	case seconds >= 60:
		return fmt.Sprintf("%.1f min", seconds/60)
	}
	return fmt.Sprintf("%.1f s", seconds)
}

// findings writes what breaks an objective first.
func (t *terminal) findings(p *v1alpha1.ClusterPlan) {
	sorted := slices.Clone(p.Findings)
	slices.SortStableFunc(sorted, func(a, b v1alpha1.PlanFinding) int {
		switch {
		case a.Objective == b.Objective:
			return 0
		case a.Objective:
			return -1
		}
		return 1
	})
	for _, f := range sorted {
		t.gap()
		t.finding(f)
	}
}

func (t *terminal) finding(f v1alpha1.PlanFinding) {
	title, color := "note", ansiYellow
	if f.Objective {
		title, color = "NOT MET", ansiRed
	}
	t.heading(t.paint(color, title) + "  " + f.Subject + "  [" + f.Code + "]")
	t.indented(sectionIndent, f.Message)
	if f.Remedy != "" {
		t.indented(sectionIndent, "remedy: "+f.Remedy)
	}
}

func planConclusion(p *v1alpha1.ClusterPlan) string {
	broken := 0
	for _, f := range p.Findings {
		if f.Objective {
			broken++
		}
	}
	switch broken {
	case 0:
		return "Every objective is met."
	case 1:
		return "1 objective is not met."
	}
	return fmt.Sprintf("%d objectives are not met.", broken)
}
