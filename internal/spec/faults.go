package spec

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Fault is one thing that is wrong with a spec.
type Fault struct {
	// File as given to Decode.
	File string
	// Line in the file, from 1: of the field, or of what it should stand in.
	Line int
	// Path of the field, for example spec.nodePools[0].min; "" for the document.
	Path string
	// Message for people, in lower case.
	Message string
	// Hint is what to do about it, or "".
	Hint string
}

// String returns "FILE:LINE: field.path: message", without the parts that are
// empty.
func (f Fault) String() string {
	where := f.File
	if f.Line > 0 {
		where = fmt.Sprintf("%s:%d", f.File, f.Line)
	}
	parts := []string{where, f.Path, f.Message}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ": ")
}

// Faults is everything that is wrong with a spec, in the order of its lines. It
// is never empty where it is an error.
type Faults []Fault

// Error returns one line a fault, each followed by its line "hint: …", if it has
// one that was not given before.
func (fs Faults) Error() string {
	var lines, given []string
	for _, f := range fs {
		lines = append(lines, f.String())
		if f.Hint != "" && !slices.Contains(given, f.Hint) {
			lines, given = append(lines, "hint: "+f.Hint), append(given, f.Hint)
		}
	}
	return strings.Join(lines, "\n")
}

// checker collects the faults of one document.
type checker struct {
	doc    document
	faults Faults
	// taken are paths with a fault that explains whatever else is wrong at or
	// below them.
	taken map[string]bool
}

// fault adds a fault of the field at the path, unless the field, or what it
// stands in, has one already.
func (c *checker) fault(path, hint, format string, args ...any) {
	for at := path; at != ""; at = parent(at) {
		if c.taken[at] {
			return
		}
	}
	c.taken[path] = true
	c.faults = append(c.faults, Fault{
		File: c.doc.file, Line: c.doc.lineOf(path), Path: path,
		Message: oneLine(fmt.Sprintf(format, args...)), Hint: hint,
	})
}

// err returns the faults in order, or nil. Validation may find a fault of line 3
// after one of line 30.
func (c *checker) err() error {
	if len(c.faults) == 0 {
		return nil
	}
	slices.SortStableFunc(c.faults, func(a, b Fault) int { return cmp.Compare(a.Line, b.Line) })
	return c.faults
}

// parent returns the path of what the field stands in.
func parent(path string) string {
	if strings.HasSuffix(path, "]") {
		return path[:max(strings.LastIndexByte(path, '['), 0)]
	}
	return path[:max(strings.LastIndexByte(path, '.'), 0)]
}

// oneLine keeps a message on its line.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// longestValue is how much of a value a message repeats, in bytes.
const longestValue = 60

// shown quotes a value for a message.
func shown(s string) string {
	if len(s) > longestValue {
		s = strings.ToValidUTF8(s[:longestValue], "") + "…"
	}
	return fmt.Sprintf("%q", s)
}
