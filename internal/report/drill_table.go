package report

import (
	"io"
	"strings"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// writeDrillTable writes what a person at a terminal needs, worst first.
func writeDrillTable(w io.Writer, r *v1alpha1.DrillReport, o Options) error {
	t := newTerminal(o)
	n := drillNames(r)
	t.paragraph(drillWhere(r))
	t.facts(drillFacts(r))
	t.gap()
	v := judgedVerdict(r.Verdict)
	t.marked(v.color, v.Symbol+" "+strings.ToUpper(v.Word), 2, drillWhy(r))
	if r.Aborted != "" {
		t.marked(ansiYellow, "! ABORTED", 2, r.Aborted)
	}
	if len(r.Proof) == 0 {
		t.marked(ansiYellow, "? NOT CONFIRMED", 2, "nothing shows that the fault took effect")
	}
	t.section("DOWN", capped(unserved(r, n), maxCauses))
	t.gap()
	t.checks(r)
	t.gap()
	t.compared(r)
	t.gap()
	t.section("HALVED", capped(halved(r), maxItems))
	t.section("PROOF", capped(proofs(r), maxItems))
	t.gap()
	color := ""
	if !r.Healed || r.SteadyAgainSeconds == nil {
		color = ansiYellow
	}
	for _, l := range wrap(healing(r), t.width) {
		t.line(t.paint(color, l))
	}
	t.section("NOTES", r.Notes)
	_, err := io.WriteString(w, t.String())
	return err
}

// facts writes short texts on as few lines as hold them, each whole where it can be.
func (t *terminal) facts(facts []string) {
	line := ""
	for _, fact := range facts {
		switch fact = plain(fact); {
		case line == "":
			line = fact
		case columns(line)+3+columns(fact) <= t.width:
			line += " · " + fact
		default:
			t.paragraph(line)
			line = fact
		}
	}
	t.paragraph(line)
}

func proofs(r *v1alpha1.DrillReport) []string {
	out := make([]string, 0, len(r.Proof))
	for _, p := range r.Proof {
		out = append(out, moment(p.At)+": "+p.Text)
	}
	return out
}

// marked writes a coloured word, then a text that goes on below it.
func (t *terminal) marked(color, word string, indent int, text string) {
	lead := columns(word) + 2
	for i, l := range wrapFirst(text, t.width-lead, t.width-indent) {
		if i == 0 {
			t.line(t.paint(color, word) + "  " + l)
			continue
		}
		t.line(strings.Repeat(" ", indent) + l)
	}
}

// checks writes a line for each expectation that matters: all that did not hold,
// and of each phase the first that did.
func (t *terminal) checks(r *v1alpha1.DrillReport) {
	const phaseColumn, wordColumn = 8, 9
	for _, checks := range checksByPhase(r) {
		held, left := 0, 0
		for i, c := range checks {
			phase := ""
			if i == 0 {
				phase = cut(plain(c.Phase), phaseColumn-1)
			}
			j := judgedAs(c.Holds)
			if badness(c.Holds) == 2 {
				if held++; held > maxItems+1 {
					left++
					continue
				}
			}
			text := c.Name + ": " + c.Got
			if c.Want != "" {
				text += " (want " + c.Want + ")"
			}
			lead := pad(phase, phaseColumn) + t.paint(j.color, j.Symbol+" "+j.Word) + strings.Repeat(" ", wordColumn-columns(j.Word))
			indent := phaseColumn + wordColumn + 2
			for _, l := range wrap(text, t.width-indent) {
				t.line(lead + l)
				lead = strings.Repeat(" ", indent)
			}
		}
		if left > 0 {
			t.line(strings.Repeat(" ", phaseColumn) + "… and " + number(left) + " more that held: -o html or -o json")
		}
	}
}

// The columns of predicted beside seen.
const (
	seenName      = 24
	seenPredicted = 14
	seenColumn    = 10
)

// compared writes predicted beside seen, then what the API kept.
func (t *terminal) compared(r *v1alpha1.DrillReport) {
	rows := momentsOf(r)
	quiet, left := 0, 0
	shown := 0
	for _, c := range workloadsOf(r) {
		if c.untouched() {
			quiet++
			continue
		}
		if shown++; shown > maxRows {
			left++
			continue
		}
		c.Name = cutMiddle(plain(c.Name), seenName-2-len(" full count")) + " full count"
		rows = append(rows, c)
	}
	if len(rows) > 0 {
		t.heading(pad("", seenName) + pad("PREDICTED", seenPredicted) + "SEEN")
	}
	for _, c := range rows {
		t.comparedRow(c)
	}
	if left > 0 {
		t.paragraph("… and " + count(left, "workload") + " more: -o html or -o json")
	}
	if quiet > 0 {
		t.paragraph(count(quiet, "workload") + " lost nothing")
	}
	color := ""
	if r.AcknowledgedWritesLost > 0 || r.Linearizable == v1alpha1.NotLinearizable {
		color = ansiRed
	}
	lead := pad("acknowledged writes", seenName)
	for _, l := range wrap(writesKept(r), t.width-seenName) {
		t.line(lead + t.paint(color, l))
		lead = pad("", seenName)
	}
	t.indented(seenName, lostWrites(r))
}

// comparedRow writes one moment; what does not fit its line goes on below.
func (t *terminal) comparedRow(c compared) {
	lead := pad(cutMiddle(plain(c.Name), seenName-2), seenName) + pad(cut(c.Predicted, seenPredicted-2), seenPredicted)
	used := columns(lead)
	if used+columns(c.Seen) > t.width {
		t.line(lead)
		lead = strings.Repeat(" ", seenName)
		used = seenName
	}
	lead += pad(c.Seen, seenColumn)
	used += max(columns(c.Seen), seenColumn)
	for _, part := range []struct{ color, text string }{{"", c.Error}, {ansiRed, c.Mark()}} {
		if part.text == "" {
			continue
		}
		if used+2+columns(part.text) > t.width {
			t.line(lead)
			lead = strings.Repeat(" ", seenName-2)
			used = seenName - 2
		}
		lead += "  " + t.paint(part.color, part.text)
		used += 2 + columns(part.text)
	}
	if note := plain(c.Note); note != "" && used+2+columns(note) <= t.width {
		t.line(lead + "  " + note)
		return
	}
	t.line(lead)
	t.indented(seenName, c.Note)
}
