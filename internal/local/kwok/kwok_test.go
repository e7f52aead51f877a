package kwok_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"bulkhead.dev/bulkhead/internal/local/kwok"
)

func TestArguments(t *testing.T) {
	o := kwok.Options{Kubeconfig: "/k.conf", Stages: "/s.yaml", CIDR: "10.244.0.0/20", LeaseSeconds: 40}
	want := []string{
		"--kubeconfig=/k.conf", "--config=/s.yaml", "--v=WARN",
		"--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
		"--node-lease-duration-seconds=40", "--cidr=10.244.0.0/20",
	}
	if diff := cmp.Diff(want, kwok.Arguments(o)); diff != "" {
		t.Errorf("all nodes (-want +got):\n%s", diff)
	}
	o.Label, o.Value = "zone", "a"
	want = append(want, "--manage-nodes-with-label-selector=zone=a")
	if diff := cmp.Diff(want, kwok.Arguments(o)); diff != "" {
		t.Errorf("nodes of a zone (-want +got):\n%s", diff)
	}
}

// TestStages: every document is a Stage of its own name.
func TestStages(t *testing.T) {
	names := map[string]bool{}
	for document := range strings.SplitSeq(string(kwok.Stages), "\n---\n") {
		var stage struct {
			APIVersion string
			Kind       string
			Metadata   struct{ Name string }
		}
		if err := yaml.Unmarshal([]byte(document), &stage); err != nil {
			t.Fatal(err)
		}
		if stage.APIVersion != "kwok.x-k8s.io/v1alpha1" || stage.Kind != "Stage" || stage.Metadata.Name == "" || names[stage.Metadata.Name] {
			t.Errorf("%+v", stage)
		}
		names[stage.Metadata.Name] = true
	}
	if len(names) < 3 {
		t.Errorf("stages %v", names)
	}
}
