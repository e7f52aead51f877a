package snapshot

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// progress says on stderr what is being read, once that takes longer than a
// second: a line that is written over on a terminal, one every few seconds
// elsewhere.
type progress struct {
	w           io.Writer
	quiet       bool
	terminal    bool
	start, last time.Time
}

const (
	patience = time.Second
	redraw   = 100 * time.Millisecond
	again    = 3 * time.Second
)

func newProgress(w io.Writer, quiet bool) *progress {
	f, ok := w.(*os.File)
	return &progress{w: w, quiet: quiet, terminal: ok && term.IsTerminal(int(f.Fd())), start: time.Now()}
}

// update says that done of total are done; total is 0 when it is not known.
func (p *progress) update(what string, done, total int) {
	now, wait := time.Now(), again
	if p.terminal {
		wait = redraw
	}
	if p.quiet || now.Sub(p.start) < patience || now.Sub(p.last) < wait {
		return
	}
	p.last = now
	text := fmt.Sprintf("%s %d", what, done)
	if total > 0 {
		text = fmt.Sprintf("%s %d/%d", what, done, total)
	}
	if p.terminal {
		_, _ = fmt.Fprintf(p.w, "\r\x1b[K%s", text)
		return
	}
	_, _ = fmt.Fprintf(p.w, "bulkhead: %s, %s\n", text, now.Sub(p.start).Round(time.Second))
}

// done takes the line away.
func (p *progress) done() {
	if p.terminal && !p.last.IsZero() {
		_, _ = fmt.Fprint(p.w, "\r\x1b[K")
	}
	p.quiet = true
}
