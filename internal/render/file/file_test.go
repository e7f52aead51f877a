package file_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"bulkhead.dev/bulkhead/internal/render/file"
)

func TestYAML(t *testing.T) {
	namespace := corev1.Namespace{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"},
		ObjectMeta: metav1.ObjectMeta{Name: "shop"},
	}
	got, err := file.YAML("a/b.yaml", "one\ntwo", namespace, map[string]any{"list": []any{map[string]any{"null": nil, "kept": 0}}})
	if err != nil {
		t.Fatal(err)
	}
	want := file.File{Path: "a/b.yaml", Data: []byte(`# one
# two
apiVersion: v1
kind: Namespace
metadata:
  name: shop
spec: {}
---
list:
- kept: 0
`)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestYAMLOfWhatIsNoData(t *testing.T) {
	_, err := file.YAML("a.yaml", "", func() {})
	if err == nil || !strings.Contains(err.Error(), "rendering a.yaml: ") {
		t.Errorf("a function as YAML: %v", err)
	}
}
