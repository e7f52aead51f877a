package catalog

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/spec"
)

//go:embed bundled/*.yaml
var bundled embed.FS

// vendors of the providers, as the files are named: bundled/VENDOR-REGION.yaml.
var vendors = map[v1alpha1.Provider]string{
	v1alpha1.ProviderCAPA:    "aws",
	v1alpha1.ProviderEKS:     "aws",
	v1alpha1.ProviderKapsule: "scaleway",
	v1alpha1.ProviderACK:     "alibaba",
}

// Bundled returns the catalogue of a region that comes with the program. Its
// Source says how far it can be trusted. Where there is none, the error names the
// regions that there are.
func Bundled(p v1alpha1.Provider, region string) (*v1alpha1.MachineCatalog, error) {
	vendor, ok := vendors[p]
	if !ok {
		return nil, fmt.Errorf("finding a catalogue: provider %q makes no machines", p)
	}
	name := fmt.Sprintf("bundled/%s-%s.yaml", vendor, region)
	text, err := bundled.ReadFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrInvalid):
		return nil, fmt.Errorf("finding a catalogue: none for %s in region %q comes with bulkhead, only for %s", p, region, strings.Join(Regions(p), ", "))
	case err != nil:
		return nil, fmt.Errorf("reading catalogue %s: %w", name, err)
	}
	c, err := spec.DecodeCatalog(name, text)
	if err != nil {
		return nil, fmt.Errorf("reading catalogue %s: %w", name, err)
	}
	return suited(c, p), nil
}

// Regions returns the regions whose catalogues come with the program, sorted.
func Regions(p v1alpha1.Provider) []string {
	var regions []string
	files, _ := bundled.ReadDir("bundled") // embedded: it is there
	for _, f := range files {
		if region, ok := strings.CutPrefix(strings.TrimSuffix(f.Name(), ".yaml"), vendors[p]+"-"); ok && vendors[p] != "" {
			regions = append(regions, region)
		}
	}
	slices.Sort(regions)
	return regions
}

// suited makes a vendor's catalogue one of the provider. The pods of an AWS
// machine are those that the VPC CNI of EKS has addresses for; Cluster API's
// clusters bring a plugin of their own.
func suited(c *v1alpha1.MachineCatalog, p v1alpha1.Provider) *v1alpha1.MachineCatalog {
	c.Provider = p
	if p == v1alpha1.ProviderCAPA {
		for i := range c.MachineTypes {
			c.MachineTypes[i].Pods = 0
		}
	}
	return c
}
