package policies

import (
	"flag"
	"path/filepath"
	"testing"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/testkit/rendered"
)

var update = flag.Bool("update", false, "write golden files instead of comparing")

func clusterOf(t *testing.T) *v1alpha1.Cluster {
	t.Helper()
	c, _ := rendered.Example(t, "kapsule")
	return c
}

func TestGolden(t *testing.T) {
	c, p := rendered.Example(t, "kapsule")
	files, err := Files(c, p)
	if err != nil {
		t.Fatal(err)
	}
	rendered.Golden(t, *update, filepath.Join("testdata", "kapsule"), files)
}

// TestImmediateIsTheOwnersChoice: a class that the spec asks to bind at once is not
// complained of.
func TestImmediateIsTheOwnersChoice(t *testing.T) {
	c, _ := rendered.Example(t, "ack", "bindingMode: WaitForFirstConsumer", "bindingMode: Immediate")
	if got := ParametersOf(c).ImmediateClasses; len(got) != 1 || got[0] != "disk" {
		t.Errorf("classes: %q", got)
	}
	if got := ParametersOf(clusterOf(t)).ImmediateClasses; len(got) != 0 {
		t.Errorf("classes: %q", got)
	}
}
