package snapshot

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Fault is one thing that is wrong with the input.
type Fault struct {
	// File as given or found, "-" for the stream.
	File string
	// Line in the file, from 1; 0 for a fault of the whole file.
	Line int
	// Object as "Kind namespace/name", or "" where none can be told.
	Object string
	// Field path in the object, or "".
	Field string
	// Message for people, in lower case.
	Message string
	// Hint is what to do about it, or "".
	Hint string
}

// String returns "FILE:LINE: Kind namespace/name: field.path: message", without
// the parts that are empty.
func (f Fault) String() string {
	where := f.File
	if f.Line > 0 {
		where = fmt.Sprintf("%s:%d", f.File, f.Line)
	}
	parts := []string{where, f.Object, f.Field, f.Message}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ": ")
}

// Error is every fault of the input.
type Error struct {
	// Faults in the order of the input, at least one.
	Faults []Fault
}

// Error returns one line a fault, then one line "hint: …" a hint.
func (e *Error) Error() string {
	var lines []string
	for _, f := range e.Faults {
		lines = append(lines, f.String())
	}
	for _, h := range e.Hints() {
		lines = append(lines, "hint: "+h)
	}
	return strings.Join(lines, "\n")
}

// Hints returns what to do about the faults, each once.
func (e *Error) Hints() []string {
	var hints []string
	for _, f := range e.Faults {
		if f.Hint != "" && !slices.Contains(hints, f.Hint) {
			hints = append(hints, f.Hint)
		}
	}
	return hints
}

// sortFaults orders by place, given the order in which files were read.
func sortFaults(faults []Fault, order map[string]int) {
	slices.SortStableFunc(faults, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(order[a.File], order[b.File]), cmp.Compare(a.Line, b.Line))
	})
}

// longest value that a message repeats.
const longestValue = 60

// describe renders a field fault without its path. Values that are structures
// are left out: they would fill the screen, and may hold secrets.
func describe(e *field.Error) string {
	kind := strings.ToLower(e.Type.String())
	switch e.Type {
	case field.ErrorTypeRequired, field.ErrorTypeForbidden, field.ErrorTypeTooLong,
		field.ErrorTypeTooShort, field.ErrorTypeInternal:
	default:
		switch v := e.BadValue.(type) {
		case string:
			if len(v) <= longestValue {
				kind += fmt.Sprintf(": %q", v)
			}
		case int, int32, int64, float64, bool:
			kind += fmt.Sprintf(": %v", v)
		}
	}
	if e.Type == field.ErrorTypeTypeInvalid {
		// Ours, from decoding: the value, if it may be shown, and what is wrong.
		if v, ok := e.BadValue.(string); ok && len(v) <= longestValue {
			return oneLine(fmt.Sprintf("%q %s", v, e.Detail))
		}
		return oneLine(e.Detail)
	}
	if e.Detail == "" {
		return oneLine(kind)
	}
	return oneLine(kind + ": " + e.Detail)
}

// hintOf knows what commonly lies behind a fault.
func hintOf(e *field.Error) string {
	if e.Type == field.ErrorTypeTypeInvalid && strings.HasSuffix(e.Detail, "must be a string, not true or false") {
		return "put it in quotes: in Kubernetes' YAML, y, n, yes, no, on and off are true or false"
	}
	return ""
}

// oneLine keeps a message on its line.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
