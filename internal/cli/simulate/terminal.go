package simulate

import (
	"io"
	"os"

	"golang.org/x/term"

	"bulkhead.dev/bulkhead/internal/cli/progress"
)

// useColor reports whether a table to w is coloured (no-color.org).
func useColor(w io.Writer, never bool) bool {
	return !never && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && progress.IsTerminal(w)
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
