package plan_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/yaml"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/plan"
	"bulkhead.dev/bulkhead/internal/spec"
)

const examples = "../../examples/clusters"

// TestExamples: a plan of every example, the same twice.
func TestExamples(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(examples, "*.yaml"))
	if err != nil || len(files) < 6 {
		t.Fatalf("examples: %v, %v", files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			first, second := makeExample(t, file), makeExample(t, file)
			if diff := cmp.Diff(first, second); diff != "" {
				t.Errorf("two plans of one spec differ:\n%s", diff)
			}
		})
	}
}

func makeExample(t *testing.T, file string) *v1alpha1.ClusterPlan {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	c, err := spec.Decode(file, data)
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Make(c, plan.Options{Catalog: catalogFor(c)})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// catalogFor is a small catalogue of the regions that tests use; nil for
// providers without machine types.
func catalogFor(c *v1alpha1.Cluster) *v1alpha1.MachineCatalog {
	zones := map[string][]string{
		"eu-west-1":  {"eu-west-1a", "eu-west-1b", "eu-west-1c"},
		"us-east-1":  {"us-east-1a", "us-east-1b", "us-east-1c", "us-east-1d", "us-east-1f"},
		"fr-par":     {"fr-par-1", "fr-par-2", "fr-par-3"},
		"cn-beijing": {"cn-beijing-h", "cn-beijing-k", "cn-beijing-l"},
	}[c.Spec.Region]
	if zones == nil {
		return nil
	}
	machine := func(name, cpu, memory string, pods int, zones ...string) v1alpha1.MachineType {
		return v1alpha1.MachineType{Name: name, CPU: resource.MustParse(cpu), Memory: resource.MustParse(memory), Pods: pods, Zones: zones}
	}
	return &v1alpha1.MachineCatalog{
		Provider: c.Spec.Provider, Region: c.Spec.Region, Source: "test", Date: "2026-11-01", Zones: zones,
		MachineTypes: []v1alpha1.MachineType{
			machine("m6i.large", "2", "8Gi", 29),
			machine("m6i.xlarge", "4", "16Gi", 58),
			machine("g5.xlarge", "4", "16Gi", 58, "us-east-1a", "us-east-1b", "us-east-1d"),
			machine("PRO2-XXS", "2", "8Gi", 110),
			machine("ecs.g7.xlarge", "4", "16Gi", 64),
		},
	}
}

func marshal(v any) string {
	out, err := yaml.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(out)
}
