package render

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/render/ack"
	"bulkhead.dev/bulkhead/internal/render/capa"
	"bulkhead.dev/bulkhead/internal/render/eks"
	"bulkhead.dev/bulkhead/internal/render/file"
	"bulkhead.dev/bulkhead/internal/render/kapsule"
	"bulkhead.dev/bulkhead/internal/render/kubeadm"
	"bulkhead.dev/bulkhead/internal/render/observability"
	"bulkhead.dev/bulkhead/internal/render/policies"
	"bulkhead.dev/bulkhead/internal/render/runbooks"
)

// ClusterFile is the path of the spec with its defaults. `bulkhead plan` reads it in
// a folder that was rendered before and lists the changes since.
const ClusterFile = "cluster.yaml"

// A part of the output: what it holds and what a person does with it.
type part struct {
	files func(*v1alpha1.Cluster, *v1alpha1.ClusterPlan) ([]file.File, error)
	steps func(*v1alpha1.Cluster, *v1alpha1.ClusterPlan) []file.Step
}

// partsOf lists the parts of a provider's output in the order of the README.
func partsOf(p v1alpha1.Provider) ([]part, error) {
	var parts []part
	switch p {
	case v1alpha1.ProviderLocal, v1alpha1.ProviderKubeadm:
		parts = append(parts, part{kubeadm.Files, kubeadm.Steps})
	case v1alpha1.ProviderCAPA:
		parts = append(parts, part{capa.Files, capa.Steps})
	case v1alpha1.ProviderEKS:
		parts = append(parts, part{eks.Files, eks.Steps})
	case v1alpha1.ProviderKapsule:
		parts = append(parts, part{kapsule.Files, kapsule.Steps})
	case v1alpha1.ProviderACK:
		parts = append(parts, part{ack.Files, ack.Steps})
	default:
		return nil, fmt.Errorf("rendering: spec.provider %q is none of local, kubeadm, capa, eks, kapsule, ack", p)
	}
	return append(parts,
		part{policies.Files, policies.Steps},
		part{observability.Files, observability.Steps},
		part{runbooks.Files, runbooks.Steps}), nil
}

// Files returns everything that is written for a cluster, sorted by path, no path
// twice. The cluster has its defaults (as spec.Decode fills them in) and p is its
// plan. An error names the field of the spec that cannot be rendered.
func Files(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) ([]file.File, error) {
	if c.Metadata.Name != p.Name || c.Spec.Provider != p.Provider {
		return nil, fmt.Errorf("rendering cluster %q on %s: the plan is of cluster %q on %s", c.Metadata.Name, c.Spec.Provider, p.Name, p.Provider)
	}
	parts, err := partsOf(c.Spec.Provider)
	if err != nil {
		return nil, err
	}
	own, err := file.YAML(ClusterFile,
		"The cluster as it was understood, with every default. These files were made of it:\nchange your own and render again; bulkhead plan compares with this one.", c)
	if err != nil {
		return nil, err
	}
	files := []file.File{own}
	var steps []file.Step
	for _, part := range parts {
		some, err := part.files(c, p)
		if err != nil {
			return nil, err
		}
		files = append(files, some...)
		steps = append(steps, part.steps(c, p)...)
	}
	files = append(files, readme(c, p, steps, files))
	slices.SortFunc(files, func(a, b file.File) int { return cmp.Compare(a.Path, b.Path) })
	for i, f := range files {
		if f.Path == "" || f.Path != path.Clean(f.Path) || path.IsAbs(f.Path) || strings.HasPrefix(f.Path, "..") {
			return nil, fmt.Errorf("rendering %s: the path %q leaves the output folder", c.Metadata.Name, f.Path)
		}
		if i > 0 && f.Path == files[i-1].Path {
			return nil, fmt.Errorf("rendering %s: two files are called %s", c.Metadata.Name, f.Path)
		}
	}
	return files, nil
}
