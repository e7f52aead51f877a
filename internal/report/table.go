package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// How much of each section one screen takes. What does not fit is counted,
// never dropped.
const (
	maxRows        = 20
	fewRows        = 6 // so few may take several lines each
	maxCauses      = 7
	maxItems       = 4
	maxAssumptions = 3
	maxName        = 16
)

// writeTable writes what a person at a terminal needs, worst first.
func writeTable(w io.Writer, r *v1alpha1.SimulationReport, o Options) error {
	t := newTerminal(o)
	n := namesOf(r)
	all := fates(r)

	t.paragraph(inputLine(r))
	t.unplaced(r, n)
	t.verdicts(r, all, n)
	t.why(causesOf(r, all, n))
	t.gap()
	t.section("DEPENDS ON", dependencyLines(all))
	t.section("HALVES", halves(r, all, n))
	t.section("TRAFFIC", traffic(all))
	t.section("DATA", capped(dataLost(all, n), maxItems))
	t.section("ROOM", roomLines(r, all))
	t.section("OTHER WORLD", otherWorlds(all, n))
	t.section("NOT CONSIDERED", notConsidered(r))
	t.section("ASSUMED", capped(r.Assumptions, maxAssumptions))
	t.section("WARNED", capped(r.Warnings, maxAssumptions))
	t.gap()
	t.conclusion(r, o.Command)
	_, err := io.WriteString(w, t.String())
	return err
}

// inputLine says what was read.
func inputLine(r *v1alpha1.SimulationReport) string {
	in := r.Input
	zones := make([]string, 0, len(in.Zones))
	even := true
	for _, z := range in.Zones {
		even = even && in.NodesPerZone[z] == in.NodesPerZone[in.Zones[0]]
	}
	for _, z := range in.Zones {
		if !even {
			z = fmt.Sprintf("%s (%s)", z, number(in.NodesPerZone[z]))
		}
		zones = append(zones, z)
	}
	line := fmt.Sprintf("%s, %s, %s", count(in.Workloads, "workload"), count(in.Pods, "pod"), count(in.Nodes, "node"))
	switch {
	case len(zones) == 1:
		line += " in zone " + zones[0]
	case len(zones) > 8:
		line += fmt.Sprintf(" in %d zones", len(zones))
	case len(zones) > 1:
		line += " in zones " + strings.Join(zones, ", ")
	}
	if in.NodeSource != "" {
		line += " (" + in.NodeSource + ")"
	}
	return line
}

// unplaced tells what does not fit even with every zone alive.
func (t *terminal) unplaced(r *v1alpha1.SimulationReport, n *names) {
	if len(r.BeforeFailure) == 0 {
		return
	}
	t.gap()
	pods := 0
	for _, p := range r.BeforeFailure {
		pods += p.Pending
	}
	verb := "do"
	if pods == 1 {
		verb = "does"
	}
	t.paragraph(fmt.Sprintf("BEFORE ANY FAILURE %s %s not fit", count(pods, "pod"), verb))
	shown := min(len(r.BeforeFailure), maxCauses)
	var ns []string
	for _, p := range r.BeforeFailure[:shown] {
		ns = append(ns, n.of(p.WorkloadRef))
	}
	indent := nameColumn(ns)
	for i, p := range r.BeforeFailure[:shown] {
		text := fmt.Sprintf("%d of %s fit nowhere", p.Pending, count(p.Replicas, "pod"))
		var remedies []string
		for _, reason := range p.Reasons {
			text += ": " + reason.Message
			if reason.Remedy != "" {
				remedies = append(remedies, reason.Remedy)
			}
		}
		t.named(ns[i], indent, text)
		if len(remedies) > 0 {
			t.indented(indent, "in by: "+strings.Join(remedies, " · "))
		}
	}
	if more := len(r.BeforeFailure) - shown; more > 0 {
		t.paragraph(fmt.Sprintf("… and %s more: -o html or -o json", count(more, "workload")))
	}
}

// verdicts writes one row a failure.
func (t *terminal) verdicts(r *v1alpha1.SimulationReport, all []*fate, n *names) {
	if len(all) == 0 {
		return
	}
	t.gap()
	shown := worst(all, maxRows)
	rows := []row{{cells: [][]string{{wordsOf[kindOfAll(r.Scenarios)].title}, {"VERDICT"}, {"DOWN"}, {"BACK AFTER"}, {"NEVER BACK"}}}}
	for _, f := range shown {
		rows = append(rows, row{f.scenario.Verdict, [][]string{
			{f.label}, {string(f.scenario.Verdict)}, downCell(f, n), backCell(f, n), neverCell(f, n),
		}})
	}
	tall := 1
	if len(shown) <= fewRows {
		tall = 6
	}
	first := maxName + 4
	if kind := kindOfAll(r.Scenarios); kind == dependency || kind == mixedFailures {
		first = t.width / 2
	}
	t.grid(rows, tall, first)
	if len(all) > len(shown) {
		t.paragraph("… and " + countVerdicts(all, shown))
	}
}

func downCell(f *fate, n *names) []string {
	var cell []string
	for _, w := range f.down {
		if w.OutageSeconds == nil {
			cell = append(cell, n.of(w.WorkloadRef)+" for good")
			continue
		}
		cell = append(cell, n.of(w.WorkloadRef)+" "+duration(*w.OutageSeconds))
	}
	return cell
}

func backCell(f *fate, n *names) []string {
	var cell []string
	for _, w := range f.back {
		cell = append(cell, n.of(w.WorkloadRef)+" "+duration(*w.RecoverySeconds))
	}
	return cell
}

func neverCell(f *fate, n *names) []string {
	var cell []string
	for _, w := range f.never {
		cell = append(cell, fmt.Sprintf("%s %s of %s", n.of(w.WorkloadRef), number(missing(w)), number(w.Replicas)))
	}
	return cell
}

// countVerdicts counts the fates that are not shown, by verdict.
func countVerdicts(all, shown []*fate) string {
	counts := map[v1alpha1.Verdict]int{}
	for _, f := range all {
		counts[f.scenario.Verdict]++
	}
	for _, f := range shown {
		counts[f.scenario.Verdict]--
	}
	var parts []string
	for _, v := range []v1alpha1.Verdict{v1alpha1.Outage, v1alpha1.Degraded, v1alpha1.Undetermined, v1alpha1.Survives} {
		if counts[v] > 0 {
			parts = append(parts, number(counts[v])+" "+past(v))
		}
	}
	return fmt.Sprintf("%s more: %s", number(len(all)-len(shown)), strings.Join(parts, ", "))
}

// past is a verdict in a count.
func past(v v1alpha1.Verdict) string {
	if v == v1alpha1.Survives {
		return "survived"
	}
	return string(v)
}

// why writes the causes with what would help.
func (t *terminal) why(causes []*cause) {
	if len(causes) == 0 {
		return
	}
	t.gap()
	t.heading("WHY")
	shown := causes[:min(len(causes), maxCauses)]
	var ns []string
	for _, c := range shown {
		ns = append(ns, c.holds[0].name)
	}
	indent := nameColumn(ns)
	for i, c := range shown {
		t.named(ns[i], indent, c.reason.Message+c.where())
		if len(c.holds) > 1 {
			t.indented(indent, "alike: "+fold(c.others(), maxItems))
		}
		if len(c.remedies) > 0 {
			t.indented(indent, "in by: "+strings.Join(c.remedies, " · "))
		}
	}
	rest := causes[len(shown):]
	if len(rest) == 0 {
		return
	}
	outages := 0
	for _, c := range rest {
		if c.verdict == v1alpha1.Outage {
			outages++
		}
	}
	text := fmt.Sprintf("… and %s more", number(len(rest)))
	if outages > 0 {
		text += fmt.Sprintf(", %s of them an outage", small(outages))
	}
	t.paragraph(text + ": -o html or -o json")
}

// where names the failures under which the cause holds for its first workload,
// unless the message has named the only one.
func (c *cause) where() string {
	labels := c.holds[0].labels
	if len(labels) == 1 {
		if slices.Contains(wordInText.FindAllString(c.reason.Message, -1), labels[0]) {
			return ""
		}
		return " (" + labels[0] + ")"
	}
	return " (" + fold(labels, maxItems) + ")"
}

// others names the workloads beside the first, with their failures.
func (c *cause) others() []string {
	var out []string
	for _, h := range c.holds[1:] {
		out = append(out, fmt.Sprintf("%s (%s)", h.name, fold(h.labels, 3)))
	}
	return out
}

// conclusion is the last line: the verdict, and where to read on.
func (t *terminal) conclusion(r *v1alpha1.SimulationReport, command string) {
	text := plain(conclusion(r))
	hint := ""
	if command != "" && r.Verdict != v1alpha1.Survives && len(r.Scenarios) > 0 {
		const rest = " -o html > report.html"
		hint = plain(command) + rest
		if columns(hint) > t.width {
			hint = cutWords(plain(command), t.width-columns(rest)) + rest
		}
	}
	switch {
	case hint == "":
		t.paragraph(text)
	case columns(text)+3+columns(hint) <= t.width:
		t.line(text + "   " + hint)
	default:
		t.paragraph(text)
		t.line(hint)
	}
}

// cutWords shortens a command to w columns by leaving out words at its end.
func cutWords(s string, w int) string {
	if columns(s) <= w {
		return s
	}
	words := strings.Fields(s)
	for n := len(words) - 1; n > 0; n-- {
		if strings.HasPrefix(words[n-1], "-") {
			continue // a flag without its value
		}
		if short := strings.Join(words[:n], " ") + " …"; columns(short) <= w {
			return short
		}
	}
	return cut(s, w)
}

// nameColumn is the column at which texts start beside names.
func nameColumn(ns []string) int {
	w := 0
	for _, n := range ns {
		w = max(w, columns(plain(n)))
	}
	return min(w, maxName) + 2
}

// capped keeps the first n items and counts the others.
func capped(items []string, n int) []string {
	if len(items) <= n+1 {
		return items
	}
	return append(slices.Clone(items[:n]), fmt.Sprintf("… and %s more: -o html or -o json", number(len(items)-n)))
}
