package spec_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"bulkhead.dev/bulkhead/internal/spec"
	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// FuzzDecode: whatever the bytes are, there is a cluster or there are faults, each
// with its line; and a cluster, written out with its defaults, reads the same.
func FuzzDecode(f *testing.F) {
	for _, pattern := range []string{"testdata/base/*.yaml", "testdata/minimal/*.yaml", "../../examples/clusters/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
	f.Add([]byte("a: &a [*a]"))
	f.Add([]byte("{\"apiVersion\": \"bulkhead.dev/v1alpha1\", \"kind\": \"Cluster\", \"a]\\nb\": [{}]}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if _, err := spec.DecodeCatalog("catalog.yaml", text); err != nil {
			placed(t, err)
		}
		c, err := spec.Decode("cluster.yaml", text)
		if err != nil {
			placed(t, err)
			return
		}
		first, err := yaml.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		again, err := spec.Decode("cluster.yaml", first)
		if err != nil {
			t.Fatalf("with its defaults:\n%s\n%v", first, err)
		}
		second, err := yaml.Marshal(again)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(first), string(second)); diff != "" {
			t.Error(diff)
		}
	})
}

func placed(t *testing.T, err error) {
	t.Helper()
	faults, ok := errors.AsType[spec.Faults](err)
	if !ok || len(faults) == 0 {
		t.Fatalf("want Faults, got %v", err)
	}
	for _, f := range faults {
		if f.Line < 1 || f.Message == "" {
			t.Fatalf("%+v", f)
		}
	}
}
