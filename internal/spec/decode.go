package spec

import (
	"reflect"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// Decode reads a Cluster: strictly, with its defaults, validated. After it, every
// field that has a default holds a value. The error is a Faults with everything
// that is wrong; file is the name that they carry.
func Decode(file string, data []byte) (*v1alpha1.Cluster, error) {
	c := &checker{doc: document{file: file}, taken: map[string]bool{}}
	var cluster v1alpha1.Cluster
	if !c.into(data, v1alpha1.ClusterKind, &cluster) {
		return nil, c.err()
	}
	setDefaults(&cluster)
	(&validator{c, &cluster, traitsOf(cluster.Spec.Provider)}).all()
	if err := c.err(); err != nil {
		return nil, err
	}
	return &cluster, nil
}

// DecodeCatalog reads a MachineCatalog: strictly, validated. The error is a
// Faults.
func DecodeCatalog(file string, data []byte) (*v1alpha1.MachineCatalog, error) {
	c := &checker{doc: document{file: file}, taken: map[string]bool{}}
	var catalog v1alpha1.MachineCatalog
	if !c.into(data, v1alpha1.MachineCatalogKind, &catalog) {
		return nil, c.err()
	}
	c.catalog(&catalog)
	if err := c.err(); err != nil {
		return nil, err
	}
	return &catalog, nil
}

// into reads the text into a pointer to an object of the kind. It returns false
// where nothing more can be said of the object.
func (c *checker) into(data []byte, kind string, object any) bool {
	if !c.read(data) || !c.isA(kind) {
		return false
	}
	v := reflect.ValueOf(object).Elem()
	r := reader{checker: c, top: v.Type(), left: most}
	return r.value(c.doc.root, "", v) && r.left >= 0
}

// isA checks apiVersion and kind, before anything else: of an object of another
// kind, every field would be a fault.
func (c *checker) isA(kind string) bool {
	root := resolved(c.doc.root)
	for _, want := range []struct{ field, value string }{{"kind", kind}, {"apiVersion", v1alpha1.APIVersion}} {
		n, _ := childOf(root, want.field)
		hint := want.field + ": " + want.value
		if n != nil && resolved(n).Value == v1alpha1.MachineCatalogKind {
			hint = "give a catalogue with --catalog FILE"
		}
		switch {
		case n == nil:
			c.fault(want.field, hint, "is missing: this is no %s of bulkhead", kind)
		case resolved(n).Value != want.value:
			c.fault(want.field, hint, "is %s: want %s", shown(resolved(n).Value), want.value)
		}
	}
	return len(c.faults) == 0
}
