package snapshot

import (
	"reflect"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/component-helpers/storage/volume"
)

// renamer gives what stands in the place of an original.
type renamer interface {
	name(s string) string
	namespace(s string) string
	key(s string) string
	value(key, s string) string
	image(s string) string
	uid(s string) string
	// compare is told of a label key whose values are compared as numbers.
	compare(key string)
}

// rename replaces every string of an object that is not known to be Kubernetes'
// own: a field that nobody has thought of is a name. An object for which the
// renamer returns what it is given is not written to.
func rename(obj runtime.Object, r renamer) {
	v := reflect.ValueOf(obj).Elem()
	ns, ok := obj.(*corev1.Namespace)
	if !ok {
		walk(v, "", r)
		return
	}
	set(v.FieldByName("Name"), r.namespace(ns.Name))
	for _, field := range []string{"UID", "Labels", "Annotations"} {
		walk(v.FieldByName(field), field, r)
	}
}

// walk renames within a value, which is the field of that name.
func walk(v reflect.Value, field string, r renamer) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			walk(v.Elem(), field, r)
		}
	case reflect.Struct:
		walkStruct(v, r)
	case reflect.Slice:
		for i := range v.Len() {
			walk(v.Index(i), field, r)
		}
	case reflect.Map:
		walkMap(v, field, r)
	case reflect.String:
		set(v, text(v, field, r))
	}
}

func set(v reflect.Value, s string) {
	if v.String() != s {
		v.SetString(s)
	}
}

// text replaces a string by what its field is.
func text(v reflect.Value, field string, r renamer) string {
	s := v.String()
	switch {
	case s == "":
		return s
	case v.Type() == reflect.TypeFor[types.UID]():
		return r.uid(s)
	case v.Type() != reflect.TypeFor[string]():
		if strings.Contains(s, "/") && v.Type() != reflect.TypeFor[corev1.ResourceName]() {
			return r.key(s) // somebody's own condition
		}
		return s // one of a fixed set
	}
	switch field {
	case "Kind", "APIVersion", "Provisioner", "Driver", "SchedulerName", "Schedule", "ClusterIP", "TrafficDistribution", "Reason", "DeclaredFeatures":
		return s
	case "Namespace", "Namespaces":
		return r.namespace(s)
	case "Key", "TopologyKey", "TopologyKeys", "MatchLabelKeys", "MismatchLabelKeys":
		return r.key(s)
	case "Image", "Names":
		return r.image(s)
	}
	return r.name(s)
}

func walkStruct(v reflect.Value, r renamer) {
	switch v.Type() {
	case reflect.TypeFor[resource.Quantity](), reflect.TypeFor[metav1.Time](), reflect.TypeFor[metav1.TypeMeta]():
		return
	}
	switch x := v.Addr().Interface().(type) {
	case *intstr.IntOrString:
		if x.Type == intstr.String && !strings.HasSuffix(x.StrVal, "%") {
			set(v.FieldByName("StrVal"), r.name(x.StrVal))
		}
	case *metav1.LabelSelectorRequirement:
		requirement(v, x.Key, false, r)
	case *corev1.TopologySelectorLabelRequirement:
		requirement(v, x.Key, false, r)
	case *corev1.NodeSelectorRequirement:
		requirement(v, x.Key, x.Operator == corev1.NodeSelectorOpGt || x.Operator == corev1.NodeSelectorOpLt, r)
	case *corev1.NodeSelectorTerm:
		walk(v.FieldByName("MatchExpressions"), "", r)
		fields := v.FieldByName("MatchFields") // metadata.name is the only one
		for i := range fields.Len() {
			walk(fields.Index(i).FieldByName("Values"), "Name", r)
		}
	case *corev1.Taint:
		set(v.FieldByName("Value"), r.value(x.Key, x.Value))
		set(v.FieldByName("Key"), r.key(x.Key))
	case *corev1.Toleration:
		numeric := x.Operator == corev1.TolerationOpGt || x.Operator == corev1.TolerationOpLt
		if numeric {
			r.compare(x.Key)
		}
		set(v.FieldByName("Value"), r.value(x.Key, x.Value))
		set(v.FieldByName("Key"), r.key(x.Key))
	default:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				walk(v.Field(i), f.Name, r)
			}
		}
	}
}

// requirement renames a key and its values.
func requirement(v reflect.Value, key string, numbers bool, r renamer) {
	if numbers {
		r.compare(key)
	}
	values := v.FieldByName("Values")
	for i := range values.Len() {
		set(values.Index(i), r.value(key, values.Index(i).String()))
	}
	set(v.FieldByName("Key"), r.key(key))
}

// walkMap renames the keys and values of a map, in a new map where one changes.
func walkMap(v reflect.Value, field string, r renamer) {
	if v.Type().Key() == reflect.TypeFor[corev1.ResourceName]() {
		renameKeys(v, func(key string) string { return resourceName(key, r) })
		return
	}
	all, ok := v.Interface().(map[string]string)
	if !ok || field == "Parameters" {
		return
	}
	renamed, changed := make(map[string]string, len(all)), false
	for key, value := range all {
		k, s := key, ""
		if field == "Annotations" {
			s = annotation(key, value, r)
		} else {
			k, s = r.key(key), r.value(key, value)
		}
		renamed[k] = s
		changed = changed || k != key || s != value
	}
	if changed {
		v.Set(reflect.ValueOf(renamed))
	}
}

// annotation renames what stands in one of the annotations that are kept.
func annotation(key, value string, r renamer) string {
	switch key {
	case volume.AnnSelectedNode, corev1.BetaStorageClassAnnotation:
		return r.name(value)
	}
	return value
}

// quotaOfClass begins what a quota's resource for one StorageClass ends in
// (k8s.io/kubernetes pkg/quota/v1/evaluator/core, V1ResourceByStorageClass).
const quotaOfClass = ".storageclass.storage.k8s.io/"

// resourceName renames the StorageClass in the name of a quota's resource.
func resourceName(s string, r renamer) string {
	if class, what, ok := strings.Cut(s, quotaOfClass); ok {
		return r.name(class) + quotaOfClass + what
	}
	return s
}

func renameKeys(v reflect.Value, rename func(string) string) {
	renamed, changed := reflect.MakeMapWithSize(v.Type(), v.Len()), false
	for _, key := range v.MapKeys() {
		k := rename(key.String())
		renamed.SetMapIndex(reflect.ValueOf(corev1.ResourceName(k)), v.MapIndex(key))
		changed = changed || k != key.String()
	}
	if changed {
		v.Set(renamed)
	}
}
