package report

import (
	"slices"
	"strings"
	"unicode/utf8"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// sectionIndent is the column at which the text of a section stands.
const sectionIndent = 9

// terminal lays text out in lines of a given width. All text passes plain.
type terminal struct {
	strings.Builder
	width int
	color bool
	// blank is true after a blank line.
	blank bool
}

// newTerminal returns a terminal of the width and colours asked for.
func newTerminal(o Options) *terminal {
	t := &terminal{width: max(o.Width, 60), color: o.Color}
	if o.Width == 0 {
		t.width = 80
	}
	return t
}

// ANSI escape codes (ECMA-48, SGR).
const (
	ansiReset  = "\x1b[0m"
	ansiBold   = "\x1b[1m"
	ansiRed    = "\x1b[31m"
	ansiGreen  = "\x1b[32m"
	ansiYellow = "\x1b[33m"
)

func colorOf(v v1alpha1.Verdict) string {
	switch v {
	case v1alpha1.Outage:
		return ansiRed
	case v1alpha1.Degraded, v1alpha1.Undetermined:
		return ansiYellow
	case v1alpha1.Survives:
		return ansiGreen
	}
	return ""
}

func (t *terminal) paint(code, s string) string {
	if !t.color || code == "" {
		return s
	}
	return code + s + ansiReset
}

// line ends a line without trailing blanks.
func (t *terminal) line(s string) {
	t.WriteString(strings.TrimRight(s, " ") + "\n")
	t.blank = false
}

// gap leaves one blank line, never two.
func (t *terminal) gap() {
	if t.Len() > 0 && !t.blank {
		t.WriteString("\n")
		t.blank = true
	}
}

func (t *terminal) heading(s string) { t.line(t.paint(ansiBold, s)) }

// paragraph wraps text over the whole width.
func (t *terminal) paragraph(s string) {
	for _, l := range wrap(s, t.width) {
		t.line(l)
	}
}

// indented wraps text right of column indent.
func (t *terminal) indented(indent int, s string) {
	for _, l := range wrap(s, t.width-indent) {
		t.line(strings.Repeat(" ", indent) + l)
	}
}

// named writes a name with a text beside it; a name that is too long for its
// column has a line of its own.
func (t *terminal) named(name string, indent int, text string) {
	name = cut(plain(name), t.width)
	if columns(name) > indent-2 {
		t.line(name)
		t.indented(indent, text)
		return
	}
	for i, l := range wrap(text, t.width-indent) {
		if i == 0 {
			t.line(pad(name, indent) + l)
			continue
		}
		t.line(strings.Repeat(" ", indent) + l)
	}
}

// section writes a title with items beside it, one a line or more.
func (t *terminal) section(title string, items []string) {
	for i, item := range items {
		lead, indent := strings.Repeat(" ", sectionIndent), sectionIndent
		if i == 0 {
			lead = t.paint(ansiBold, title) + strings.Repeat(" ", max(2, sectionIndent-len(title)))
			indent = max(len(title)+2, sectionIndent)
		}
		for j, l := range wrapFirst(item, t.width-indent, t.width-sectionIndent) {
			if j > 0 {
				lead = strings.Repeat(" ", sectionIndent)
			}
			t.line(lead + l)
		}
	}
}

// row is a line of a grid; the verdict colours its second cell.
type row struct {
	verdict v1alpha1.Verdict
	cells   [][]string
}

// grid writes rows in columns. A cell is a list of items, shown on as many
// lines as tall allows; what finds no room is counted. The first two columns
// take what they need, the first at most so many columns; the others share what
// is left.
func (t *terminal) grid(rows []row, tall, first int) {
	const between = 2
	natural := make([]int, len(rows[0].cells))
	for i := range rows {
		for j := range rows[i].cells {
			if len(rows[i].cells[j]) == 0 {
				rows[i].cells[j] = []string{"–"}
			}
			for k, item := range rows[i].cells[j] {
				rows[i].cells[j][k] = plain(item)
			}
			natural[j] = max(natural[j], columns(strings.Join(rows[i].cells[j], ", ")))
		}
	}
	natural[0] = min(natural[0], first)
	free := t.width - natural[0] - natural[1] - between*(len(natural)-1)
	widths := slices.Concat(natural[:2], shareOut(natural[2:], free))
	for i, r := range rows {
		texts := make([][]string, len(r.cells))
		height := 0
		for j, cell := range r.cells {
			texts[j] = stack(cell, widths[j], tall)
			height = max(height, len(texts[j]))
		}
		for y := range height {
			var b strings.Builder
			for j := range texts {
				text := ""
				if y < len(texts[j]) {
					text = texts[j][y]
				}
				gap := strings.Repeat(" ", max(widths[j]-columns(text), 0)+between)
				switch {
				case text == "":
				case i == 0:
					text = t.paint(ansiBold, text)
				case j == 1:
					text = t.paint(colorOf(r.verdict), text)
				}
				b.WriteString(text + gap)
			}
			t.line(b.String())
		}
	}
}

// stack shows items on at most tall lines of w columns: as many a line as fit,
// and on the last line the count of the others. An item wider than the column
// has its name on one line and its time on the next.
func stack(items []string, w, tall int) []string {
	var out []string
	for {
		left := tall - len(out)
		keep := len(items)
		for keep > 1 && columns(strings.Join(items[:keep], ", "))+1 > w {
			keep--
		}
		line := strings.Join(items[:keep], ", ")
		name, rest, ok := strings.Cut(items[0], " ")
		broken := ok && columns(line) > w-1
		switch {
		case keep == len(items) && columns(line) <= w:
			return append(out, line)
		case broken && left >= 2 && len(items) == 1:
			return append(out, cutMiddle(name, w), cut("  "+rest, w))
		case broken && left >= 3:
			out = append(out, cutMiddle(name, w), cut("  "+rest, w-1)+",")
			items = items[1:]
		case !broken && left >= 2 && keep < len(items):
			out = append(out, cut(line, w-1)+",")
			items = items[keep:]
		default:
			return append(out, fit(items, w))
		}
	}
}

// shareOut divides free columns: who needs less than an even share gets what it
// needs, the others divide the rest evenly.
func shareOut(natural []int, free int) []int {
	widths := make([]int, len(natural))
	settled := make([]bool, len(natural))
	left := len(natural)
	for changed := true; changed && left > 0; {
		changed = false
		share := free / left
		for i, n := range natural {
			if !settled[i] && n <= share {
				widths[i], settled[i], changed = n, true, true
				free -= n
				left--
			}
		}
	}
	for i := range natural {
		if !settled[i] {
			widths[i] = free / left
			free -= widths[i]
			left--
		}
	}
	return widths
}

// fit shows as many items as w columns hold: a, b, +7 more.
func fit(items []string, w int) string {
	for keep := len(items); keep > 0; keep-- {
		text := strings.Join(items[:keep], ", ") + more(len(items)-keep)
		if columns(text) <= w {
			return text
		}
	}
	// A name of fewer letters tells nothing.
	const leastName = 6
	_, time, _ := strings.Cut(items[0], " ")
	for _, rest := range []string{more(len(items) - 1), " +" + number(len(items)-1)} {
		if len(items) == 1 {
			rest = ""
		}
		left := w - columns(rest)
		if left-columns(time)-1 >= min(leastName, columns(items[0])-columns(time)-1) {
			return cutName(items[0], left) + rest
		}
	}
	return cut(strings.TrimPrefix(more(len(items)), ", "), w)
}

func more(n int) string {
	if n == 0 {
		return ""
	}
	return ", +" + number(n) + " more"
}

// cutName shortens the name at the front of "name 5m 58s" and keeps its time.
func cutName(item string, w int) string {
	name, rest, ok := strings.Cut(item, " ")
	if room := w - columns(rest) - 1; ok && room >= 4 {
		return cutMiddle(name, room) + " " + rest
	}
	return cut(item, w)
}

// cutMiddle shortens a name to w columns and keeps both its ends: names that
// begin alike often end differently.
func cutMiddle(name string, w int) string {
	if columns(name) <= w {
		return name
	}
	tail := (w - 1) / 2
	end, used := len(name), 0
	for end > 0 {
		r, size := utf8.DecodeLastRuneInString(name[:end])
		if used+runeColumns(r) > tail {
			break
		}
		used += runeColumns(r)
		end -= size
	}
	return cut(name, w-used) + name[end:]
}

func pad(s string, w int) string {
	return s + strings.Repeat(" ", max(w-columns(s), 0))
}

// wrap breaks text into lines of at most w columns, between words where it can.
func wrap(s string, w int) []string { return wrapFirst(s, w, w) }

// wrapFirst is wrap with another width for the first line.
func wrapFirst(s string, first, w int) []string {
	var lines []string
	line, used := "", 0
	room := first
	flush := func() {
		lines = append(lines, line)
		line, used, room = "", 0, w
	}
	for _, word := range strings.Fields(plain(s)) {
		n := columns(word)
		if used > 0 && used+1+n > room {
			flush()
		}
		for n > room {
			head, tail := breakAt(word, room)
			line += head // what stood there is of no width
			flush()
			word, n = tail, columns(tail)
		}
		if used > 0 {
			line, used = line+" ", used+1
		}
		line, used = line+word, used+n
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

// breakAt splits a word that is longer than a line.
func breakAt(word string, w int) (head, tail string) {
	used := 0
	for i, r := range word {
		if used += runeColumns(r); used > w && i > 0 {
			return word[:i], word[i:]
		}
	}
	return word, ""
}
