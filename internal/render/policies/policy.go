package policies

import (
	"slices"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// Parameters are what an owner may want otherwise.
type Parameters struct {
	// MinReplicas from which a workload must be spread; 2 and more: one pod cannot be.
	MinReplicas int
	// ExcludedNamespaces hold the system's own pods, which others answer for.
	ExcludedNamespaces []string
	// SharedProvisioners make volumes that every zone reaches: binding them at once
	// ties no pod to a zone.
	SharedProvisioners []string
	// ImmediateClasses are StorageClasses that the owner asked to bind at once.
	ImmediateClasses []string
}

// ParametersOf returns the parameters for a cluster.
func ParametersOf(c *v1alpha1.Cluster) Parameters {
	p := Parameters{
		MinReplicas:        2,
		ExcludedNamespaces: []string{metav1.NamespaceSystem, metav1.NamespacePublic, "kube-node-lease"},
		SharedProvisioners: []string{"efs.csi.aws.com", "filestorage.csi.scaleway.com", "nasplugin.csi.alibabacloud.com", "nfs.csi.k8s.io"},
	}
	if c.Spec.Storage.BindingMode == "Immediate" && c.Spec.Storage.ClassName != "" {
		p.ImmediateClasses = []string{c.Spec.Storage.ClassName}
	}
	return p
}

// policy is one thing that is checked.
type policy struct {
	name string
	// advisory ones stay warnings when the others are enforced: they are right
	// for some.
	advisory    bool
	rules       []admissionv1.NamedRuleWithOperations
	conditions  []admissionv1.MatchCondition
	variables   []admissionv1.Variable
	validations []admissionv1.Validation
}

// zone is the label of a node's zone, quoted for CEL.
const zone = `'topology.kubernetes.io/zone'`

// written rules are about objects that are created or changed.
func written(group, version string, resources ...string) admissionv1.NamedRuleWithOperations {
	return admissionv1.NamedRuleWithOperations{RuleWithOperations: admissionv1.RuleWithOperations{
		Operations: []admissionv1.OperationType{admissionv1.Create, admissionv1.Update},
		Rule:       admissionv1.Rule{APIGroups: []string{group}, APIVersions: []string{version}, Resources: resources},
	}}
}

func (p policy) object() *admissionv1.ValidatingAdmissionPolicy {
	ignore := admissionv1.Ignore
	return &admissionv1.ValidatingAdmissionPolicy{
		TypeMeta:   metav1.TypeMeta{APIVersion: admissionv1.SchemeGroupVersion.String(), Kind: "ValidatingAdmissionPolicy"},
		ObjectMeta: metav1.ObjectMeta{Name: p.name},
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			FailurePolicy:    &ignore,
			MatchConstraints: &admissionv1.MatchResources{ResourceRules: p.rules},
			MatchConditions:  p.conditions,
			Variables:        p.variables,
			Validations:      p.validations,
		},
	}
}

// binding puts the policy to work outside the excluded namespaces.
func (p policy) binding(excluded []string, enforce bool) *admissionv1.ValidatingAdmissionPolicyBinding {
	actions := []admissionv1.ValidationAction{admissionv1.Warn, admissionv1.Audit}
	if enforce && !p.advisory {
		actions = []admissionv1.ValidationAction{admissionv1.Deny, admissionv1.Audit}
	}
	return &admissionv1.ValidatingAdmissionPolicyBinding{
		TypeMeta:   metav1.TypeMeta{APIVersion: admissionv1.SchemeGroupVersion.String(), Kind: "ValidatingAdmissionPolicyBinding"},
		ObjectMeta: metav1.ObjectMeta{Name: p.name},
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName:        p.name,
			ValidationActions: actions,
			MatchResources: &admissionv1.MatchResources{NamespaceSelector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{
				Key: "kubernetes.io/metadata.name", Operator: metav1.LabelSelectorOpNotIn, Values: slices.Sorted(slices.Values(excluded)),
			}}}},
		},
	}
}
