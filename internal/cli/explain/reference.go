package explain

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/invopop/jsonschema"

	"bulkhead.dev/bulkhead/internal/spec"
)

// width of the reference, in columns.
const width = 80

// reference is a JSON schema to read fields from.
type reference struct {
	root jsonschema.Schema
}

// field is one field, or the object itself.
type field struct {
	// path from the kind: cluster.spec.zones.
	path     string
	schema   *jsonschema.Schema
	required bool
}

func parse(text []byte) (*reference, error) {
	var r reference
	if err := json.Unmarshal(text, &r.root); err != nil {
		return nil, err
	}
	return &r, nil
}

// definition returns the structure that a field, its elements or its values are,
// or nil.
func (r *reference) definition(s *jsonschema.Schema) *jsonschema.Schema {
	for s != nil && s.Ref == "" {
		s = s.Items
	}
	if s == nil {
		return nil
	}
	return r.root.Definitions[strings.TrimPrefix(s.Ref, "#/$defs/")]
}

// fields of a structure in the order of its Go type; none where it is no structure.
func (r *reference) fields(f field) []field {
	d := r.definition(f.schema)
	if d == nil || d.Properties == nil {
		return nil
	}
	required := map[string]bool{}
	for _, name := range d.Required {
		required[name] = true
	}
	var all []field
	for p := d.Properties.Oldest(); p != nil; p = p.Next() {
		all = append(all, field{f.path + "." + p.Key, p.Value, required[p.Key]})
	}
	return all
}

// indexes of a path: nodePools[0] and nodePools[] are nodePools.
var indexes = regexp.MustCompile(`\[[0-9]*\]`)

// find follows a path from the kind.
func (r *reference) find(path string) (field, error) {
	first, rest, _ := strings.Cut(indexes.ReplaceAllString(path, ""), ".")
	if !strings.EqualFold(first, kind) {
		hint := "bulkhead explain " + kind
		if first == "spec" || first == "metadata" {
			hint = fmt.Sprintf("bulkhead explain %s.%s", kind, path)
		}
		return field{}, fmt.Errorf("explaining %q: there is no kind %q\nhint: %s", path, first, hint)
	}
	at := field{path: kind, schema: &r.root}
	for _, step := range strings.Split(rest, ".") {
		if step == "" {
			continue
		}
		var names []string
		next := field{}
		for _, f := range r.fields(at) {
			name := strings.TrimPrefix(f.path, at.path+".")
			names = append(names, name)
			if name == step {
				next = f
			}
		}
		if next.schema == nil {
			return field{}, unknown(path, at.path, step, names)
		}
		at = next
	}
	return at, nil
}

func unknown(path, at, step string, names []string) error {
	message := fmt.Sprintf("explaining %q: %s has no field %q", path, at, step)
	switch near := spec.Nearest(step, names); {
	case len(names) == 0:
		message = fmt.Sprintf("explaining %q: %s has no fields", path, at)
	case near != "":
		message += fmt.Sprintf("\nhint: did you mean %s.%s?", at, near)
	default:
		message += "\nhint: it has " + strings.Join(names, ", ")
	}
	return fmt.Errorf("%s", message)
}

// part is the schema of one field, with the definitions that it needs.
func (r *reference) part(f field) *jsonschema.Schema {
	part := *f.schema
	part.Version = r.root.Version
	part.Definitions = jsonschema.Definitions{}
	r.collect(f.schema, part.Definitions)
	return &part
}

func (r *reference) collect(s *jsonschema.Schema, into jsonschema.Definitions) {
	for s != nil && s.Ref == "" {
		s = s.Items
	}
	if s == nil {
		return
	}
	name := strings.TrimPrefix(s.Ref, "#/$defs/")
	d := r.root.Definitions[name]
	if into[name] != nil || d == nil {
		return
	}
	into[name] = d
	for p := d.Properties.Oldest(); p != nil; p = p.Next() {
		r.collect(p.Value, into)
	}
}

// table is the reference of a field and everything under it.
func (r *reference) table(f field) string {
	var b strings.Builder
	b.WriteString(heading(f.path))
	if f.path != kind {
		b.WriteString("  " + r.typeOf(f.schema))
	}
	description := f.schema.Description
	if f.path == kind {
		description = r.definition(f.schema).Description
	}
	text, def := split(description)
	b.WriteString("\n" + wrap(text, 4))
	if def != "" {
		b.WriteString(wrap("default: "+def, 4))
	}
	var walk func(f field)
	walk = func(f field) {
		for _, inner := range r.fields(f) {
			what := r.typeOf(inner.schema)
			if inner.required {
				what += "  required"
			}
			name := strings.TrimPrefix(inner.path, kind+".")
			gap := "  "
			if len(name)+len(gap)+len(what) > width {
				gap = "\n    "
			}
			b.WriteString("\n" + name + gap + what)
			text, def := split(inner.schema.Description)
			b.WriteString("\n" + wrap(text, 4))
			if def != "" {
				b.WriteString(wrap("default: "+def, 4))
			}
			walk(inner)
		}
	}
	walk(f)
	return b.String()
}

// split takes the default off a description.
func split(description string) (text, def string) {
	text, def, _ = strings.Cut(description, " Default: ")
	return text, strings.TrimSuffix(def, ".")
}

// typeOf names what a field holds, and the values that it may hold.
func (r *reference) typeOf(s *jsonschema.Schema) string {
	switch {
	case s.Ref != "":
		return "object"
	case len(s.AnyOf) > 0:
		return "quantity"
	case s.Items != nil && s.Items.Ref != "":
		return "list of objects"
	case s.Items != nil:
		return "list of " + plural(r.typeOf(s.Items))
	case s.AdditionalProperties != nil:
		return "map of " + plural(r.typeOf(s.AdditionalProperties))
	case s.Const != nil:
		return fmt.Sprint(s.Const)
	case len(s.Enum) > 0:
		values := make([]string, len(s.Enum))
		for i, v := range s.Enum {
			values[i] = fmt.Sprint(v)
		}
		return strings.Join(values, " | ")
	case s.Pattern != "":
		return "duration"
	case s.Minimum != "" && s.Maximum != "":
		return fmt.Sprintf("%s %s to %s", s.Type, s.Minimum, s.Maximum)
	}
	return s.Type
}

func plural(what string) string {
	if stem, ok := strings.CutSuffix(what, "y"); ok {
		return stem + "ies"
	}
	return what + "s"
}

// wrap breaks a text into lines that end before the width, each indented.
func wrap(text string, indent int) string {
	var b strings.Builder
	column := 0
	for _, word := range strings.Fields(text) {
		switch {
		case column == 0:
			b.WriteString(strings.Repeat(" ", indent))
			column = indent
		case column+1+len(word) > width:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			column = indent
		default:
			b.WriteString(" ")
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	if column > 0 {
		b.WriteString("\n")
	}
	return b.String()
}
