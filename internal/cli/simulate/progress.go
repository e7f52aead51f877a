package simulate

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// progress says on stderr what is under way, once that takes longer than a
// second: a bar on a terminal, a line every few seconds elsewhere.
type progress struct {
	mu       sync.Mutex
	w        io.Writer
	quiet    bool
	terminal bool
	start    time.Time
	last     time.Time
	shown    bool
}

const (
	patience = time.Second            // before anything is said
	redraw   = 100 * time.Millisecond // between two bars
	again    = 3 * time.Second        // between two lines
)

func newProgress(w io.Writer, quiet bool) *progress {
	return &progress{w: w, quiet: quiet, terminal: isTerminal(w), start: time.Now()}
}

// update says that done of total are done; total is 0 when it is not known.
func (p *progress) update(what string, done, total int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	wait := again
	if p.terminal {
		wait = redraw
	}
	if p.quiet || now.Sub(p.start) < patience || now.Sub(p.last) < wait {
		return
	}
	p.last, p.shown = now, true
	text := what
	if total > 0 {
		text = fmt.Sprintf("%s %d/%d", what, done, total)
	}
	if !p.terminal {
		_, _ = fmt.Fprintf(p.w, "bulkhead: %s, %s\n", text, now.Sub(p.start).Round(time.Second))
		return
	}
	bar := ""
	if total > 0 {
		const cells = 30
		full := min(cells, cells*done/total)
		bar = "[" + strings.Repeat("█", full) + strings.Repeat("·", cells-full) + "] "
	}
	_, _ = fmt.Fprintf(p.w, "\r\x1b[K%s%s", bar, text)
}

// done takes the bar away.
func (p *progress) done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown && p.terminal {
		_, _ = fmt.Fprint(p.w, "\r\x1b[K")
	}
	p.shown, p.quiet = false, true
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// useColor reports whether a table to w is coloured (no-color.org).
func useColor(w io.Writer, never bool) bool {
	return !never && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && isTerminal(w)
}

// width of the terminal in columns; 0 elsewhere.
func width(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok {
		return 0
	}
	columns, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return min(columns, 120)
}
