// Package terminal says what a stream can show.
package terminal

import (
	"io"
	"os"

	"golang.org/x/term"
)

// Is reports whether w is a terminal.
func Is(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Color reports whether a table to w is coloured (no-color.org).
func Color(w io.Writer, never bool) bool {
	return !never && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && Is(w)
}

// widest is how many columns a table takes at most.
const widest = 120

// Width of the terminal in columns; 0 elsewhere.
func Width(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok {
		return 0
	}
	columns, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return min(columns, widest)
}
