// Package progress says on stderr what is under way.
package progress

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"bulkhead.dev/bulkhead/internal/cli/terminal"
)

// Line says what is under way, once that takes longer than a second: a bar on a
// terminal, a line every few seconds elsewhere. It is safe for concurrent use.
type Line struct {
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

// New returns a Line on w, which says nothing when quiet.
func New(w io.Writer, quiet bool) *Line {
	return &Line{w: w, quiet: quiet, terminal: terminal.Is(w), start: time.Now()}
}

// Update says that done of total are done; total is 0 when it is not known.
func (p *Line) Update(what string, done, total int) {
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
	switch {
	case total > 0:
		text = fmt.Sprintf("%s %d/%d", what, done, total)
	case done > 0:
		text = fmt.Sprintf("%s %d", what, done)
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

// Summary writes a last line, if what was under way took long enough to be
// reported on.
func (p *Line) Summary(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.quiet && time.Since(p.start) >= patience {
		p.clear()
		_, _ = fmt.Fprintln(p.w, text)
	}
}

// Say writes a line that stays, above the bar.
func (p *Line) Say(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.quiet {
		p.clear()
		_, _ = fmt.Fprintln(p.w, text)
	}
}

// Done takes the bar away.
func (p *Line) Done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	p.quiet = true
}

// clear takes the bar away.
func (p *Line) clear() {
	if p.shown && p.terminal {
		_, _ = fmt.Fprint(p.w, "\r\x1b[K")
	}
	p.shown = false
}
