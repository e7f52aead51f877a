package snapshot

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSteps(t *testing.T) {
	tests := []struct {
		path string
		want []string
	}{
		{"", nil},
		{"spec.replicas", []string{"spec", "replicas"}},
		{"spec.containers[0].resources.requests[nvidia.com/gpu]", []string{"spec", "containers", "0", "resources", "requests", "nvidia.com/gpu"}},
		{".items[2][3].a", []string{"items", "2", "3", "a"}},
		{"a[b", []string{"a"}},
		{"..", nil},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, steps(tt.path)); diff != "" {
			t.Errorf("%q (-want +got)\n%s", tt.path, diff)
		}
	}
}

func TestLineOf(t *testing.T) {
	d := document{line: 10, text: []byte("a: &x\n  b: 1\nc: *x\nd:\n- e: 1\n- e: 2\n  f: 3\na:\n  b: 9\n")}
	for path, want := range map[string]int{
		"": 10, "a": 17, "a.b": 18, "c.b": 11, "d[1].f": 16, "d[1].g": 15, "d[7]": 13, "nothing": 10, "d[x]": 13,
	} {
		if got := d.lineOf(path); got != want {
			t.Errorf("%q: line %d, want %d", path, got, want)
		}
	}
	if got := (document{line: 3, text: []byte("a: [")}).lineOf("a"); got != 3 {
		t.Errorf("text that cannot be parsed: line %d", got)
	}
}
