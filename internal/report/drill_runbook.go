package report

import (
	"bytes"
	"fmt"
	"io"
	"net/url"
	"strings"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// WriteDrillRunbook writes an entry of a runbook in Markdown: what to expect, what to
// do and where to look when the fault of the drill happens by itself.
func WriteDrillRunbook(w io.Writer, r *v1alpha1.DrillReport) error {
	b := &markdown{}
	b.line("# Runbook: %s", md(drillWhere(r)))
	b.line("From a drill: %s.", md(strings.Join(drillFacts(r), ", ")))
	b.line("**%s**: %s", md(string(r.Verdict)), md(drillWhy(r)))
	if r.Aborted != "" {
		b.line("The drill was ended early: %s", md(r.Aborted))
	}
	b.lost(r)
	b.happened(r)
	b.took(r)
	b.todo(r)
	b.lookFirst(r)
	b.evidence(r)
	return writeAll(w, "a runbook entry", &b.Buffer)
}

// markdown is CommonMark with the tables of GitHub; texts pass md before.
type markdown struct {
	bytes.Buffer
}

// line ends a paragraph or a heading.
func (b *markdown) line(format string, args ...any) {
	b.WriteString(fmt.Sprintf(format, args...) + "\n\n")
}

func (b *markdown) list(mark string, items []string) {
	for i, item := range items {
		m := mark
		if mark == "1." {
			m = fmt.Sprintf("%d.", i+1)
		}
		b.WriteString(m + " " + item + "\n")
	}
	b.WriteString("\n")
}

func (b *markdown) table(head []string, rows [][]string) {
	b.WriteString("| " + strings.Join(head, " | ") + " |\n|" + strings.Repeat(" --- |", len(head)) + "\n")
	for _, row := range rows {
		b.WriteString("| " + strings.Join(row, " | ") + " |\n")
	}
	b.WriteString("\n")
}

// md escapes what Markdown or the HTML in it would take for markup.
func md(s string) string {
	var b strings.Builder
	for _, r := range plain(s) {
		switch r {
		case '&':
			b.WriteString("&amp;")
			continue
		case '<':
			b.WriteString("&lt;")
			continue
		case '\\', '`', '*', '_', '[', ']', '>', '#', '|', '~', '!':
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

func (b *markdown) lost(r *v1alpha1.DrillReport) {
	b.line("## What was lost")
	items := []string{md(capital(drillWhere(r))) + ", for " + moment(r.FaultSeconds) + "."}
	if len(r.Proof) == 0 {
		items = append(items, "Nothing shows that the fault took effect: read the rest with care.")
	}
	for _, s := range unserved(r, drillNames(r)) {
		items = append(items, md(s)+".")
	}
	items = append(items, "Acknowledged writes: "+md(writesKept(r))+".")
	if names := lostWrites(r); names != "" {
		items = append(items, "Lost: "+md(names)+".")
	}
	for _, s := range halved(r) {
		items = append(items, md(s)+".")
	}
	b.list("-", items)
}

// happened lists what was seen; of pods only what is left when they are many.
func (b *markdown) happened(r *v1alpha1.DrillReport) {
	const most = 60
	if len(r.Timeline) == 0 {
		return
	}
	b.line("## What happened when")
	b.line("Times are after the fault.")
	var rows [][]string
	for _, e := range r.Timeline {
		quiet := e.Event == "pod-created" || e.Event == "pod-ready" || e.Event == "evicted"
		if len(r.Timeline) > most && quiet || len(rows) == most {
			continue
		}
		rows = append(rows, []string{moment(e.At), md(e.Lane), md(drillEventText(e))})
	}
	b.table([]string{"After", "Where", "What"}, rows)
	if left := len(r.Timeline) - len(rows); left > 0 {
		b.line("%s more: see the report.", count(left, "event"))
	}
}

func (b *markdown) took(r *v1alpha1.DrillReport) {
	b.line("## How long each took")
	var rows [][]string
	row := func(c compared, name string) {
		difference := joinNotes(c.Error, strings.TrimPrefix(c.Mark(), "✗ "))
		rows = append(rows, []string{md(name), md(c.Predicted), md(c.Seen), md(orDash(difference)), md(c.Note)})
	}
	for _, c := range momentsOf(r) {
		row(c, c.Name)
	}
	for _, c := range workloadsOf(r) {
		if !c.untouched() {
			row(c, c.Name+" full count")
		}
	}
	if len(rows) > 0 {
		b.table([]string{"What", "Predicted", "Seen", "Difference", "Why"}, rows)
	}
	b.line("%s.", md(capital(healing(r))))
}

// todo tells what comes back by itself and what a person has to do.
func (b *markdown) todo(r *v1alpha1.DrillReport) {
	b.line("## What a person does")
	var steps []string
	if len(r.Proof) > 0 {
		steps = append(steps, fmt.Sprintf("Make sure that it is this. In the drill it showed %s after the fault: %s", moment(r.Proof[0].At), md(r.Proof[0].Text)))
	}
	switch {
	case r.APIGapSeconds >= r.FaultSeconds && r.FaultSeconds > 0:
		steps = append(steps, fmt.Sprintf("Do not wait for the API: in the drill it took no write for %s, as long as the fault lasted.", moment(r.APIGapSeconds)))
	case r.APIGapSeconds > 0:
		steps = append(steps, fmt.Sprintf("Wait for the API: in the drill it took no write for %s and came back by itself. Much longer is another fault.", moment(r.APIGapSeconds)))
	}
	n := drillNames(r)
	var back, waits []string
	for i := range r.Workloads {
		w := &r.Workloads[i]
		switch {
		case w.ObservedSeconds == nil:
			text := fmt.Sprintf("Bring back %s: it was not at full count after %s.", md(n.of(w.WorkloadRef)), moment(w.WaitedSeconds))
			if w.Agrees == nil {
				text = fmt.Sprintf("See whether %s comes back: the drill watched it for %s only.", md(n.of(w.WorkloadRef)), moment(w.WaitedSeconds))
			}
			if w.Text != "" {
				text += " " + md(capital(w.Text))
			}
			waits = append(waits, text)
		case *w.ObservedSeconds > 0:
			back = append(back, fmt.Sprintf("%s (%s)", md(n.of(w.WorkloadRef)), moment(*w.ObservedSeconds)))
		}
	}
	if len(back) > 0 {
		steps = append(steps, "Leave alone what comes back by itself: "+fold(back, maxTableRow)+".")
	}
	steps = append(steps, waits...)
	switch {
	case !r.Healed:
		steps = append(steps, "Take the fault back. The drill did not: look whether it is still there.")
	case r.SteadyAgainSeconds == nil:
		steps = append(steps, fmt.Sprintf("Take the fault back (the drill's %s did), then see to it that all is as before: the drill did not see that.", md(orDash(r.HealedBy))))
	default:
		steps = append(steps, fmt.Sprintf("Take the fault back (the drill's %s did). All was as before %s later.", md(orDash(r.HealedBy)), moment(*r.SteadyAgainSeconds)))
	}
	b.list("1.", steps)
}

// lookFirst is what did not go as expected; when all did, what took longest.
func (b *markdown) lookFirst(r *v1alpha1.DrillReport) {
	b.line("## What to look at first next time")
	var items []string
	for _, checks := range checksByPhase(r) {
		for _, c := range checks {
			if j := judgedAs(c.Holds); badness(c.Holds) < 2 {
				items = append(items, fmt.Sprintf("%s %s the fault: %s: %s (want %s).", capital(strings.ToLower(j.Word)), md(c.Phase), md(c.Name), md(c.Got), md(orDash(c.Want))))
			}
		}
	}
	for _, c := range append(momentsOf(r), workloadsOf(r)...) {
		if c.Mark() != "" {
			items = append(items, fmt.Sprintf("%s: seen %s, predicted %s. Either the prediction or the cluster is not what it is taken for.", md(c.Name), md(c.Seen), md(c.Predicted)))
		}
	}
	if r.APIGapLimit != "" {
		items = append(items, fmt.Sprintf("The API waited longest for: %s.", md(r.APIGapLimit)))
	}
	for _, c := range workloadsOf(r) {
		if s := c.Workload.ObservedSeconds; s != nil && *s > 0 && c.Mark() == "" {
			items = append(items, fmt.Sprintf("The slowest to full count as predicted: %s, %s.", md(c.Name), moment(*s)))
			break
		}
	}
	if len(items) == 0 {
		items = []string{"Nothing stood out."}
	}
	b.list("-", items)
	if len(r.Notes) > 0 {
		b.line("Notes of the drill:")
		var notes []string
		for _, note := range r.Notes {
			notes = append(notes, md(note))
		}
		b.list("-", notes)
	}
}

func (b *markdown) evidence(r *v1alpha1.DrillReport) {
	if len(r.Evidence) == 0 {
		return
	}
	b.line("## Evidence")
	var items []string
	for _, f := range r.Evidence {
		parts := strings.Split(f.Name, "/")
		for i := range parts {
			parts[i] = strings.NewReplacer("(", "%28", ")", "%29").Replace(url.PathEscape(parts[i]))
		}
		items = append(items, fmt.Sprintf("[%s](./%s), %s, SHA-256 %s", md(f.Name), strings.Join(parts, "/"), count(int(f.Bytes), "byte"), md(f.SHA256)))
	}
	b.list("-", items)
	// One blank line less at the end of the file.
	b.Truncate(b.Len() - 1)
}
