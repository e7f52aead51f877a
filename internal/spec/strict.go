package spec

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	yamlv3 "go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// most is how many values a document may hold, those that aliases (*name) repeat
// counted each time.
const most = 200_000

// reader carries a parsed document into Go values, by their json tags.
type reader struct {
	*checker
	// top is the type of the document, for hints where a field belongs.
	top  reflect.Type
	left int
}

// value fills v from the node, and returns false where it could not.
func (r *reader) value(n *yamlv3.Node, path string, v reflect.Value) bool {
	if r.left--; r.left < 0 {
		if r.left == -1 {
			r.fault("", "write the values out instead of repeating them with *name", "holds more than %d values", most)
		}
		return false
	}
	n = resolved(n)
	switch {
	case isScalar(v.Type()):
		return r.scalar(n, path, v)
	case v.Kind() == reflect.Pointer:
		p := reflect.New(v.Type().Elem())
		if !r.value(n, path, p.Elem()) {
			return false
		}
		v.Set(p)
		return true
	case v.Kind() == reflect.Struct:
		return r.structure(n, path, v)
	case v.Kind() == reflect.Slice:
		return r.list(n, path, v)
	case v.Kind() == reflect.Map:
		return r.mapping(n, path, v)
	}
	return r.scalar(n, path, v)
}

func (r *reader) structure(n *yamlv3.Node, path string, v reflect.Value) bool {
	if n.Kind != yamlv3.MappingNode {
		r.fault(path, "", "must hold fields, not %s", kindOf(n))
		return false
	}
	fields := fieldsOf(v.Type())
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, child := n.Content[i], n.Content[i+1]
		at := join(path, key.Value)
		if !r.key(key, path, at, seen) {
			continue
		}
		f := slices.IndexFunc(fields, func(f structField) bool { return f.name == key.Value })
		if f < 0 {
			r.unknown(key.Value, path, fields)
			continue
		}
		if resolved(child).Tag == "!!null" {
			continue // as if it were not there
		}
		target := v.FieldByIndex(fields[f].index)
		if r.value(child, at, target) {
			r.enum(at, target, fields[f].enum)
		}
	}
	for _, f := range fields {
		if f.required && isEmpty(v.FieldByIndex(f.index), n, f.name) {
			r.missing(join(path, f.name), f)
		}
	}
	return true
}

// key checks a key of a mapping, and returns false where its value is not read.
func (r *reader) key(key *yamlv3.Node, path, at string, seen map[string]int) bool {
	switch {
	case key.Kind != yamlv3.ScalarNode:
		r.faults = append(r.faults, Fault{File: r.doc.file, Line: key.Line, Path: path, Message: "a map, list or alias stands where a field's name must be"})
		return false
	case key.Tag == "!!merge":
		r.faults = append(r.faults, Fault{
			File: r.doc.file, Line: key.Line, Path: path,
			Message: "merge keys (<<) are not read", Hint: "write the fields out",
		})
		return false
	case seen[key.Value] > 0:
		r.faults = append(r.faults, Fault{
			File: r.doc.file, Line: key.Line, Path: at,
			Message: fmt.Sprintf("is there twice, on line %d too", seen[key.Value]), Hint: "keep one of them",
		})
		return false
	}
	seen[key.Value] = key.Line
	return true
}

// unknown is the fault of a field that the type does not have.
func (r *reader) unknown(name, path string, fields []structField) {
	var names []string
	for _, f := range fields {
		names = append(names, f.name)
	}
	hint := ""
	if s := Nearest(name, names); s != "" {
		hint = fmt.Sprintf("did you mean %s?", s)
		defer func() { r.taken[join(path, s)] = true }() // it is not missing, but misspelt
	} else if places := placesOf(r.top, name, ""); len(places) > 0 {
		hint = fmt.Sprintf("%s is a field of %s", name, listed(places, "or"))
	} else if len(names) <= 12 {
		hint = "fields here: " + strings.Join(names, ", ")
	}
	r.fault(join(path, name), hint, "is not a field")
}

// isEmpty: the field is not there, or holds nothing.
func isEmpty(v reflect.Value, n *yamlv3.Node, name string) bool {
	if child, _ := childOf(n, name); child == nil || resolved(child).Tag == "!!null" {
		return true
	}
	switch v.Kind() {
	case reflect.String, reflect.Slice, reflect.Map:
		return v.Len() == 0
	}
	return false
}

// missing is the fault of a field that has to be there.
func (r *reader) missing(path string, f structField) {
	hint := ""
	switch {
	case len(f.enum) > 0:
		hint = "one of " + listed(f.enum, "or")
	case f.typ.Kind() == reflect.Slice && f.typ.Elem().Kind() == reflect.Struct:
		var names []string
		for _, inner := range fieldsOf(f.typ.Elem()) {
			if inner.required {
				names = append(names, inner.name+": …")
			}
		}
		hint = fmt.Sprintf("at least one: - {%s}", strings.Join(names, ", "))
	case examples[f.name] != "":
		hint = fmt.Sprintf("for example %s: %s", f.name, examples[f.name])
	}
	r.fault(path, hint, "is missing")
}

// examples of fields that have to be there.
var examples = map[string]string{
	"kubernetesVersion": "1.36.3",
	"metadata":          "{name: shop}",
	"endpoint":          "https://mirror.example",
	"destinations":      `["s3://shop-backups/etcd"]`,
	"url":               "http://shop.example/up",
	"date":              "2026-11-20",
	"healthCheck":       "{url: http://shop.example/up}",
	"namespace":         "ingress",
	"selector":          "{app.kubernetes.io/name: ingress}",
	"targetPort":        "8080",
	"zones":             "[eu-west-1a, eu-west-1b, eu-west-1c]",
	"cpu":               "2",
	"memory":            "8Gi",
}

// enum checks a value that must be one of a few.
func (r *reader) enum(path string, v reflect.Value, values []string) {
	if len(values) == 0 || v.Len() == 0 || slices.Contains(values, v.String()) {
		return
	}
	r.fault(path, didYouMean(v.String(), values), "is %s: want %s", shown(v.String()), listed(values, "or"))
}

func (r *reader) list(n *yamlv3.Node, path string, v reflect.Value) bool {
	if n.Kind != yamlv3.SequenceNode {
		hint := ""
		if n.Kind == yamlv3.ScalarNode {
			hint = fmt.Sprintf("put it in brackets: [%s]", n.Value)
		}
		r.fault(path, hint, "must be a list, not %s", kindOf(n))
		return false
	}
	list := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, child := range n.Content {
		at := fmt.Sprintf("%s[%d]", path, i)
		if resolved(child).Tag == "!!null" {
			r.fault(at, "", "is empty")
			continue
		}
		r.value(child, at, list.Index(i))
	}
	v.Set(list)
	return true
}

func (r *reader) mapping(n *yamlv3.Node, path string, v reflect.Value) bool {
	if n.Kind != yamlv3.MappingNode {
		r.fault(path, "", "must hold names and values, not %s", kindOf(n))
		return false
	}
	m := reflect.MakeMap(v.Type())
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, child := n.Content[i], n.Content[i+1]
		at := fmt.Sprintf("%s[%s]", path, join("", key.Value))
		if !r.key(key, path, at, seen) {
			continue
		}
		value := reflect.New(v.Type().Elem()).Elem()
		if r.value(child, at, value) {
			m.SetMapIndex(reflect.ValueOf(key.Value), value)
		}
	}
	v.Set(m)
	return true
}

// plainInt is how whole numbers are written: YAML's other forms (010, 0x10,
// 1_000) mean different numbers to different readers.
var plainInt = regexp.MustCompile(`^-?(0|[1-9][0-9]{0,8})$`)

func (r *reader) scalar(n *yamlv3.Node, path string, v reflect.Value) bool {
	if n.Kind != yamlv3.ScalarNode {
		hint := ""
		if r.doc.template && n.Kind == yamlv3.MappingNode {
			hint = templateHint
		}
		r.fault(path, hint, "must be %s, not %s", wanted(v.Type()), kindOf(n))
		return false
	}
	isText := n.Tag == "!!str" || n.Tag == "!!timestamp" // 2026-11-20 is both
	switch v.Addr().Interface().(type) {
	case *resource.Quantity:
		q, err := resource.ParseQuantity(n.Value)
		if err != nil || !isText && n.Tag != "!!int" && n.Tag != "!!float" {
			r.fault(path, "for example 500m, 4, 16Gi", "is %s: want a quantity", shown(n.Value))
			return false
		}
		v.Set(reflect.ValueOf(q))
		return true
	case *metav1.Duration:
		d, err := time.ParseDuration(n.Value)
		if err != nil || !isText {
			r.fault(path, "with its unit: 30s, 10m, 6h", "is %s: want a duration", shown(n.Value))
			return false
		}
		v.Set(reflect.ValueOf(metav1.Duration{Duration: d}))
		return true
	}
	switch v.Kind() {
	case reflect.String:
		if isText {
			v.SetString(n.Value)
			return true
		}
		r.fault(path, fmt.Sprintf("put it in quotes: %q", n.Value), "must be a text, not %s", kindOf(n))
	case reflect.Int:
		if i, err := strconv.Atoi(n.Value); err == nil && n.Tag == "!!int" && plainInt.MatchString(n.Value) {
			v.SetInt(int64(i))
			return true
		}
		r.fault(path, "", "is %s: want a whole number", shown(n.Value))
	case reflect.Bool:
		if n.Tag == "!!bool" {
			v.SetBool(strings.EqualFold(n.Value, "true"))
			return true
		}
		r.fault(path, "", "is %s: want true or false", shown(n.Value))
	default:
		r.fault(path, "", "cannot be read into a %s", v.Type())
	}
	return false
}

func wanted(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[resource.Quantity]():
		return "a quantity"
	case t == reflect.TypeFor[metav1.Duration]():
		return "a duration"
	case t.Kind() == reflect.Int:
		return "a whole number"
	case t.Kind() == reflect.Bool:
		return "true or false"
	}
	return "a text"
}

// kindOf names what a node is.
func kindOf(n *yamlv3.Node) string {
	switch {
	case n.Kind == yamlv3.MappingNode:
		return "a map"
	case n.Kind == yamlv3.SequenceNode:
		return "a list"
	case n.Tag == "!!int" || n.Tag == "!!float":
		return "the number " + n.Value
	case n.Tag == "!!bool":
		return n.Value
	case n.Tag == "!!null":
		return "nothing"
	case n.Tag == "!!str":
		return "the text " + shown(n.Value)
	}
	return "a value with the tag " + shown(n.Tag)
}

var plainName = regexp.MustCompile(`^[A-Za-z0-9_./-]{1,300}$`)

// join returns the path of a field; a name that is none is quoted.
func join(path, name string) string {
	if !plainName.MatchString(name) {
		name = shown(name)
	}
	if path == "" {
		return name
	}
	return path + "." + name
}
