package policies

import (
	"strings"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/render/file"
)

// all are the policies, in the order of the files.
func all(p Parameters) []policy {
	return []policy{
		zoneSpread(p), spreadHonorsTaints(), evictable(), currentLabels(), usableBudget(),
		trafficDistribution(), externalTraffic(), lateBinding(p),
	}
}

// Files returns policies/: the policies, bindings that warn, and bindings that
// refuse.
func Files(c *v1alpha1.Cluster, _ *v1alpha1.ClusterPlan) ([]file.File, error) {
	parameters := ParametersOf(c)
	policies := all(parameters)
	var definitions, warn, enforce []any
	var advisory []string
	for _, p := range policies {
		definitions = append(definitions, p.object())
		warn = append(warn, p.binding(parameters.ExcludedNamespaces, false))
		enforce = append(enforce, p.binding(parameters.ExcludedNamespaces, true))
		if p.advisory {
			advisory = append(advisory, p.name)
		}
	}
	except := strings.Join(advisory, " and ") + " go on as warnings."
	var out []file.File
	for _, f := range []struct {
		name, comment string
		objects       []any
	}{
		{"policies", "What keeps an application fit for the loss of a zone. The API server checks it\nitself; nothing happens without a binding.", definitions},
		{"bindings", "Warn and Audit: users see a warning, nothing is refused.\nenforce.yaml is the same with Deny.", warn},
		{"enforce", "Deny and Audit: what breaks a policy is refused; " + except + "\nApply bindings.yaml to go back.", enforce},
	} {
		made, err := file.YAML("policies/"+f.name+".yaml", f.comment, f.objects...)
		if err != nil {
			return nil, err
		}
		out = append(out, made)
	}
	return out, nil
}

// Steps tells how to put policies/ to work, and how to make it strict.
func Steps(_ *v1alpha1.Cluster, _ *v1alpha1.ClusterPlan) []file.Step {
	return []file.Step{
		{
			Title: "Warn of what a zone's loss would break",
			Text:  "The API server warns whoever creates a workload that is not spread over zones, a budget that allows nothing, and the like. Nothing is refused; the audit log has it too.",
			Commands: []string{
				"kubectl apply --filename=policies/policies.yaml --filename=policies/bindings.yaml",
			},
		},
		{
			Title: "Refuse it, when the warnings have stopped",
			Text:  "The same bindings with Deny. `kube-system` and its like stay exempt. To go back, apply `bindings.yaml` again.",
			Commands: []string{
				"kubectl apply --filename=policies/enforce.yaml",
			},
		},
	}
}
