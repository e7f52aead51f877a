package apiserver

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"
	kjson "sigs.k8s.io/json"
)

// decode is strict decoding with fieldValidation=Warn: unknown and duplicate
// fields are warnings, wrong types are faults, all of them.
func (s *Server) decode(document []byte, gvk schema.GroupVersionKind) (runtime.Object, []string, field.ErrorList) {
	obj, err := s.scheme.New(gvk)
	if err != nil {
		return nil, nil, internal(err)
	}
	_, _, err = s.decoder.Decode(document, &gvk, obj)
	if strict, ok := runtime.AsStrictDecodingError(err); ok {
		var warnings []string
		for _, e := range strict.Errors() {
			warnings = append(warnings, e.Error())
		}
		return obj, warnings, nil
	}
	if err == nil {
		return obj, nil, nil
	}
	// The decoder stops at the first wrong type and does not always name its
	// field, so the document is walked beside the Go type for all of them.
	var value any
	if jsonErr := json.Unmarshal(document, &value); jsonErr != nil {
		return nil, nil, field.ErrorList{invalid("", jsonErr.Error())}
	}
	faults := wrongTypes(value, reflect.TypeOf(obj).Elem(), nil)
	if len(faults) == 0 {
		faults = field.ErrorList{invalid("", err.Error())}
	}
	return nil, nil, faults
}

// invalid is a fault that does not repeat the value: it may be a secret.
func invalid(path, message string) *field.Error {
	return &field.Error{Type: field.ErrorTypeTypeInvalid, Field: path, BadValue: field.OmitValueType{}, Detail: message}
}

// wrongTypes returns a fault for every part of value that type t cannot hold.
func wrongTypes(value any, t reflect.Type, path *field.Path) field.ErrorList {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if value == nil {
		return nil // null is a field left out
	}
	if reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) {
		return wrongScalar(value, t, path)
	}
	switch t.Kind() {
	case reflect.Struct:
		return wrongFields(value, t, path)
	case reflect.Map:
		object, ok := value.(map[string]any)
		if !ok {
			return mustBe("a map", value, path)
		}
		var faults field.ErrorList
		for _, key := range sortedKeys(object) {
			faults = append(faults, wrongTypes(object[key], t.Elem(), path.Key(key))...)
		}
		return faults
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return wrongScalar(value, t, path)
		}
		list, ok := value.([]any)
		if !ok {
			return mustBe("a list", value, path)
		}
		var faults field.ErrorList
		for i := range list {
			faults = append(faults, wrongTypes(list[i], t.Elem(), path.Index(i))...)
		}
		return faults
	default:
		return wrongScalar(value, t, path)
	}
}

// wrongFields walks the fields of a struct, embedded ones as its own.
func wrongFields(value any, t reflect.Type, path *field.Path) field.ErrorList {
	object, ok := value.(map[string]any)
	if !ok {
		return mustBe("a map", value, path)
	}
	var faults field.ErrorList
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" && (f.Anonymous || options == "inline") {
			faults = append(faults, wrongFields(value, f.Type, path)...)
			continue
		}
		if v, ok := object[name]; ok && name != "-" {
			faults = append(faults, wrongTypes(v, f.Type, path.Child(name))...)
		}
	}
	return faults
}

// wrongScalar lets the real decoder judge a value without parts.
func wrongScalar(value any, t reflect.Type, path *field.Path) field.ErrorList {
	raw, err := json.Marshal(value)
	if err != nil {
		return field.ErrorList{invalid(path.String(), err.Error())}
	}
	_, err = kjson.UnmarshalStrict(raw, reflect.New(t).Interface())
	if err == nil {
		return nil
	}
	switch t {
	case reflect.TypeFor[resource.Quantity]():
		if text, ok := value.(string); ok {
			return field.ErrorList{field.TypeInvalid(path, text, "must be a quantity such as 500m or 2Gi")}
		}
		return mustBe("a quantity such as 500m or 2Gi", value, path)
	case reflect.TypeFor[intstr.IntOrString]():
		return mustBe("an integer or a string", value, path)
	case reflect.TypeFor[metav1.Time](), reflect.TypeFor[metav1.MicroTime]():
		return mustBe("a time such as "+time.RFC3339, value, path)
	case reflect.TypeFor[metav1.Duration]():
		return mustBe("a duration such as 30s", value, path)
	}
	switch t.Kind() {
	case reflect.Bool:
		return mustBe("true or false", value, path)
	case reflect.String:
		return mustBe("a string", value, path)
	case reflect.Int32:
		return mustBe("an integer from -2147483648 to 2147483647", value, path)
	case reflect.Int, reflect.Int64:
		return mustBe("an integer", value, path)
	case reflect.Float32, reflect.Float64:
		return mustBe("a number", value, path)
	}
	return field.ErrorList{invalid(path.String(), "cannot be read")}
}

func mustBe(want string, value any, path *field.Path) field.ErrorList {
	message := "must be " + want
	if is := kindOf(value); is != "a number" || !strings.HasPrefix(want, "an integer") {
		message += ", not " + is
	}
	return field.ErrorList{invalid(path.String(), message)}
}

// kindOf names what stands in the document, never its content.
func kindOf(value any) string {
	switch value.(type) {
	case bool:
		return "true or false"
	case float64:
		return "a number"
	case string:
		return "a string"
	case []any:
		return "a list"
	default:
		return "a map"
	}
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
