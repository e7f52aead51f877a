package spec

import (
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// structField is one field of a struct as users write it.
type structField struct {
	name     string
	index    []int
	typ      reflect.Type
	required bool
	enum     []string
}

// fieldsOf lists the fields of a struct, inlined ones too.
func fieldsOf(t reflect.Type) []structField {
	var all []structField
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if strings.Contains(options, "inline") {
			for _, inner := range fieldsOf(f.Type) {
				inner.index = append(slices.Clone(f.Index), inner.index...)
				all = append(all, inner)
			}
			continue
		}
		all = append(all, structField{name, f.Index, f.Type, isRequired(f.Type, options), enumOf(f)})
	}
	return all
}

// isRequired: what the json tag does not let be left out must be written, save
// structures in which nothing has to be.
func isRequired(t reflect.Type, options string) bool {
	switch {
	case strings.Contains(options, "omit"):
		return false
	case t.Kind() != reflect.Struct || isScalar(t):
		return true
	}
	return slices.ContainsFunc(fieldsOf(t), func(f structField) bool { return f.required })
}

func enumOf(f reflect.StructField) []string {
	var values []string
	for _, part := range strings.Split(f.Tag.Get("jsonschema"), ",") {
		if v, ok := strings.CutPrefix(part, "enum="); ok {
			values = append(values, v)
		}
	}
	return values
}

func isScalar(t reflect.Type) bool {
	return t == reflect.TypeFor[resource.Quantity]() || t == reflect.TypeFor[metav1.Duration]()
}

// placesOf returns the paths of the structures that have such a field.
func placesOf(t reflect.Type, name, path string) []string {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || isScalar(t) {
		return nil
	}
	var places []string
	for _, f := range fieldsOf(t) {
		at := join(path, f.name)
		if f.name == name && path != "" {
			places = append(places, path)
		}
		if f.typ.Kind() == reflect.Slice {
			at += "[]"
		}
		places = append(places, placesOf(f.typ, name, at)...)
	}
	return places
}
