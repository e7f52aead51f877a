package rendered

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/plan"
	"bulkhead.dev/bulkhead/internal/spec"
)

// Root is the repository's folder.
func Root(t testing.TB) string {
	t.Helper()
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		t.Fatal("looking for the repository: no caller")
	}
	return filepath.Join(filepath.Dir(file), "..", "..", "..")
}

// Example plans examples/clusters/NAME.yaml after the replacements, given in pairs:
// old text, new text. Each old text must be there.
func Example(t testing.TB, name string, replace ...string) (*v1alpha1.Cluster, *v1alpha1.ClusterPlan) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(Root(t), "examples", "clusters", name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for i := 0; i+1 < len(replace); i += 2 {
		if !strings.Contains(text, replace[i]) {
			t.Fatalf("%s.yaml does not hold %q", name, replace[i])
		}
		text = strings.ReplaceAll(text, replace[i], replace[i+1])
	}
	c, err := spec.Decode(name+".yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Make(c, plan.Options{Catalog: catalog(c)})
	if err != nil {
		t.Fatal(err)
	}
	return c, p
}

// catalog offers every zone and machine type of c: tests of render are not about
// the choice of zones.
func catalog(c *v1alpha1.Cluster) *v1alpha1.MachineCatalog {
	zones := c.Spec.Zones.Names
	if len(zones) == 0 {
		for _, letter := range []string{"a", "b", "c"} {
			zones = append(zones, c.Spec.Region+letter)
		}
	}
	out := &v1alpha1.MachineCatalog{Provider: c.Spec.Provider, Region: c.Spec.Region, Source: "test", Date: "2026-01-01", Zones: zones}
	seen := map[string]bool{"": true}
	for _, name := range append([]string{c.Spec.ControlPlane.MachineType, c.Spec.ControlPlane.Etcd.MachineType}, machineTypes(c)...) {
		if !seen[name] {
			out.MachineTypes = append(out.MachineTypes, v1alpha1.MachineType{Name: name, CPU: cores, Memory: memory})
			seen[name] = true
		}
	}
	return out
}

func machineTypes(c *v1alpha1.Cluster) []string {
	var out []string
	for _, pool := range c.Spec.NodePools {
		out = append(out, pool.MachineType)
	}
	return out
}
