package catalog_test

import (
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/catalog"
	"bulkhead.dev/bulkhead/internal/spec"
	"github.com/google/go-cmp/cmp"
)

func TestBundled(t *testing.T) {
	want := map[v1alpha1.Provider][]string{
		v1alpha1.ProviderCAPA:    {"eu-central-1", "eu-west-1", "us-east-1", "us-west-2"},
		v1alpha1.ProviderEKS:     {"eu-central-1", "eu-west-1", "us-east-1", "us-west-2"},
		v1alpha1.ProviderKapsule: {"fr-par", "nl-ams", "pl-waw"},
		v1alpha1.ProviderACK:     {"cn-beijing", "cn-hangzhou", "eu-central-1"},
	}
	for p, regions := range want {
		if diff := cmp.Diff(regions, catalog.Regions(p)); diff != "" {
			t.Errorf("%s: %s", p, diff)
		}
		for _, region := range regions {
			c, err := catalog.Bundled(p, region)
			if err != nil {
				t.Error(err)
				continue
			}
			if c.Provider != p || c.Region != region || !strings.Contains(c.Source, "confirm") || len(c.MachineTypes) < 12 || len(c.Zones) < 2 {
				t.Errorf("%s %s: %+v", p, region, c)
			}
		}
	}
	files, err := fs.Glob(os.DirFS("bundled"), "*.yaml")
	if err != nil || len(files) != 10 {
		t.Errorf("%d files, %v", len(files), err)
	}
}

// What plan relies on: pods are the VPC CNI's for EKS only, GPUs are not
// everywhere, and types that a zone lacks are said to.
func TestBundledFacts(t *testing.T) {
	for _, c := range []struct {
		provider     v1alpha1.Provider
		region, name string
		cpu, memory  string
		pods         int
		zones        []string
	}{
		{v1alpha1.ProviderEKS, "eu-west-1", "m6i.large", "2", "8Gi", 29, nil},
		{v1alpha1.ProviderCAPA, "eu-west-1", "m6i.large", "2", "8Gi", 0, nil},
		{v1alpha1.ProviderCAPA, "us-east-1", "m6i.xlarge", "4", "16Gi", 0, []string{"us-east-1a", "us-east-1b", "us-east-1c", "us-east-1d", "us-east-1f"}},
		{v1alpha1.ProviderKapsule, "fr-par", "PRO2-XXS", "2", "8Gi", 0, nil},
		{v1alpha1.ProviderKapsule, "fr-par", "L4-1-24G", "8", "48Gi", 0, []string{"fr-par-2"}},
		{v1alpha1.ProviderACK, "cn-beijing", "ecs.g7.xlarge", "4", "16Gi", 0, nil},
	} {
		m, err := catalog.Bundled(c.provider, c.region)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(m.MachineTypes, func(t v1alpha1.MachineType) bool { return t.Name == c.name })
		if i < 0 {
			t.Errorf("%s is not in %s", c.name, c.region)
			continue
		}
		got := m.MachineTypes[i]
		if got.CPU.String() != c.cpu || got.Memory.String() != c.memory || got.Pods != c.pods || !slices.Equal(got.Zones, c.zones) {
			t.Errorf("%s in %s: %+v", c.name, c.region, got)
		}
	}
}

// The examples can be planned without asking anybody.
func TestBundledHoldsTheExamples(t *testing.T) {
	for _, name := range []string{"capa", "eks", "kapsule", "ack"} {
		file := "../../examples/clusters/" + name + ".yaml"
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		c, err := spec.Decode(file, text)
		if err != nil {
			t.Fatal(err)
		}
		m, err := catalog.Bundled(c.Spec.Provider, c.Spec.Region)
		if err != nil {
			t.Fatal(err)
		}
		var types []string
		for _, m := range m.MachineTypes {
			types = append(types, m.Name)
		}
		for _, want := range []string{c.Spec.NodePools[0].MachineType, c.Spec.ControlPlane.MachineType} {
			if want != "" && !slices.Contains(types, want) {
				t.Errorf("%s: %s is not in the catalogue", name, want)
			}
		}
		for _, z := range c.Spec.Zones.Names {
			if !slices.Contains(m.Zones, z) {
				t.Errorf("%s: %s is not in the catalogue", name, z)
			}
		}
	}
}

func TestBundledWithoutOne(t *testing.T) {
	for _, c := range []struct {
		provider     v1alpha1.Provider
		region, want string
	}{
		{v1alpha1.ProviderKapsule, "it-mil", `finding a catalogue: none for kapsule in region "it-mil" comes with bulkhead, only for fr-par, nl-ams, pl-waw`},
		{v1alpha1.ProviderEKS, "../x", `finding a catalogue: none for eks in region "../x" comes with bulkhead, only for eu-central-1, eu-west-1, us-east-1, us-west-2`},
		{v1alpha1.ProviderLocal, "", `finding a catalogue: provider "local" makes no machines`},
	} {
		if _, err := catalog.Bundled(c.provider, c.region); err == nil || err.Error() != c.want {
			t.Errorf("%v\nwant: %s", err, c.want)
		}
	}
}
