package policies

import (
	"fmt"

	admissionv1 "k8s.io/api/admissionregistration/v1"
)

// replicated are the kinds whose pods stand in for each other.
func replicated() []admissionv1.NamedRuleWithOperations {
	return []admissionv1.NamedRuleWithOperations{written("apps", "v1", "deployments", "statefulsets")}
}

func podOfTemplate() admissionv1.Variable {
	return admissionv1.Variable{Name: "pod", Expression: "object.spec.template.spec"}
}

// zoneSpread asks for a spread over zones, or for anti-affinity between them. A
// workload that is bound to one zone by its nodeSelector is one of several.
func zoneSpread(p Parameters) policy {
	return policy{
		name:  "bulkhead-zone-spread",
		rules: replicated(),
		conditions: []admissionv1.MatchCondition{
			{Name: "replicated", Expression: fmt.Sprintf("has(object.spec.replicas) && object.spec.replicas >= %d", p.MinReplicas)},
			{Name: "not-bound-to-a-zone", Expression: "!has(object.spec.template.spec.nodeSelector) || !(" + zone + " in object.spec.template.spec.nodeSelector)"},
		},
		variables: []admissionv1.Variable{
			podOfTemplate(),
			{Name: "spread", Expression: "has(variables.pod.topologySpreadConstraints) && variables.pod.topologySpreadConstraints.exists(c, c.topologyKey == " + zone + ")"},
			{Name: "anti", Expression: "has(variables.pod.affinity) && has(variables.pod.affinity.podAntiAffinity)"},
			{Name: "required", Expression: "variables.anti && has(variables.pod.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution) && variables.pod.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution.exists(t, t.topologyKey == " + zone + ")"},
			{Name: "preferred", Expression: "variables.anti && has(variables.pod.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution) && variables.pod.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution.exists(t, t.podAffinityTerm.topologyKey == " + zone + ")"},
		},
		validations: []admissionv1.Validation{{
			Expression: "variables.spread || variables.required || variables.preferred",
			Message:    fmt.Sprintf("%d or more replicas are not spread over zones: one zone may hold them all. Add a topologySpreadConstraint, or podAntiAffinity, with topologyKey topology.kubernetes.io/zone.", p.MinReplicas),
		}},
	}
}

// spreadHonorsTaints is about hard spread constraints. Without nodeTaintsPolicy
// Honor a dead zone counts as one with no pods for as long as its nodes' objects
// exist, and blocks the replacements (kubernetes#116978).
func spreadHonorsTaints() policy {
	return policy{
		name: "bulkhead-spread-honors-taints", rules: replicated(), variables: []admissionv1.Variable{podOfTemplate()},
		validations: []admissionv1.Validation{{
			Expression: "!has(variables.pod.topologySpreadConstraints) || variables.pod.topologySpreadConstraints.all(c, c.topologyKey != " + zone + " || c.whenUnsatisfiable != 'DoNotSchedule' || (has(c.nodeTaintsPolicy) && c.nodeTaintsPolicy == 'Honor'))",
			Message:    "a hard spread over zones (whenUnsatisfiable: DoNotSchedule) without nodeTaintsPolicy: Honor counts a dead zone as empty, and its pods find no place elsewhere. Add nodeTaintsPolicy: Honor.",
		}},
	}
}

// evictable is about tolerations that keep pods on dead nodes for ever.
func evictable() policy {
	return policy{
		name: "bulkhead-evictable", rules: replicated(), variables: []admissionv1.Variable{podOfTemplate()},
		validations: []admissionv1.Validation{{
			Expression: "!has(variables.pod.tolerations) || variables.pod.tolerations.all(t, has(t.tolerationSeconds) || (has(t.effect) && t.effect != '' && t.effect != 'NoExecute') || (has(t.key) && t.key != '' && !(t.key in ['node.kubernetes.io/unreachable', 'node.kubernetes.io/not-ready'])))",
			Message:    "a toleration of NoExecute without tolerationSeconds keeps the pods on dead nodes for ever: they are never replaced. Add tolerationSeconds.",
		}},
	}
}

// oldPrefix of the labels that Kubernetes 1.17 replaced, quoted for CEL.
const oldPrefix = `'failure-domain.beta.kubernetes.io/'`

// terms are the pod (anti-)affinity terms of one kind, required and preferred.
func terms(kind string) string {
	at := "variables.pod.affinity." + kind
	has := "has(variables.pod.affinity) && has(" + at + ")"
	return "(" + has + " && has(" + at + ".requiredDuringSchedulingIgnoredDuringExecution) ? " + at + ".requiredDuringSchedulingIgnoredDuringExecution : [])" +
		" + (" + has + " && has(" + at + ".preferredDuringSchedulingIgnoredDuringExecution) ? " + at + ".preferredDuringSchedulingIgnoredDuringExecution.map(t, t.podAffinityTerm) : [])"
}

// currentLabels is about the deprecated labels of zones and regions: nodes do not
// carry them, so that such a pod fits nowhere, or a spread over them spreads nothing.
func currentLabels() policy {
	const message = "failure-domain.beta.kubernetes.io/… is gone from nodes: use topology.kubernetes.io/zone or topology.kubernetes.io/region in "
	nodeAffinity := "has(variables.pod.affinity) && has(variables.pod.affinity.nodeAffinity)"
	const required = "variables.pod.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution"
	const preferred = "variables.pod.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution"
	return policy{
		name: "bulkhead-current-labels",
		rules: []admissionv1.NamedRuleWithOperations{
			written("", "v1", "pods"),
			written("apps", "v1", "deployments", "statefulsets", "daemonsets"),
			written("batch", "v1", "jobs", "cronjobs"),
		},
		variables: []admissionv1.Variable{
			{Name: "pod", Expression: "object.kind == 'Pod' ? dyn(object).spec : object.kind == 'CronJob' ? dyn(object).spec.jobTemplate.spec.template.spec : dyn(object).spec.template.spec"},
			{Name: "nodeTerms", Expression: "(" + nodeAffinity + " && has(" + required + ") ? " + required + ".nodeSelectorTerms : [])" +
				" + (" + nodeAffinity + " && has(" + preferred + ") ? " + preferred + ".map(t, t.preference) : [])"},
			{Name: "podTerms", Expression: terms("podAffinity") + " + " + terms("podAntiAffinity")},
		},
		validations: []admissionv1.Validation{
			{Expression: "!has(variables.pod.nodeSelector) || variables.pod.nodeSelector.all(k, !k.startsWith(" + oldPrefix + "))", Message: message + "nodeSelector."},
			{Expression: "!has(variables.pod.topologySpreadConstraints) || variables.pod.topologySpreadConstraints.all(c, !c.topologyKey.startsWith(" + oldPrefix + "))", Message: message + "topologySpreadConstraints."},
			{Expression: "variables.nodeTerms.all(t, !has(t.matchExpressions) || t.matchExpressions.all(e, !e.key.startsWith(" + oldPrefix + ")))", Message: message + "nodeAffinity."},
			{Expression: "variables.podTerms.all(t, !t.topologyKey.startsWith(" + oldPrefix + "))", Message: message + "podAffinity and podAntiAffinity."},
		},
	}
}

// usableBudget is about budgets that forbid every eviction.
func usableBudget() policy {
	return policy{
		name:  "bulkhead-usable-budget",
		rules: []admissionv1.NamedRuleWithOperations{written("policy", "v1", "poddisruptionbudgets")},
		validations: []admissionv1.Validation{
			{Expression: "!has(object.spec.maxUnavailable) || !string(object.spec.maxUnavailable).matches('^0+%?$')", Message: "maxUnavailable 0 forbids every eviction: no node of these pods can be drained or upgraded. Allow at least 1."},
			{Expression: "!has(object.spec.minAvailable) || !string(object.spec.minAvailable).matches('^0*[1-9][0-9]{2,}%$')", Message: "minAvailable 100% forbids every eviction: no node of these pods can be drained or upgraded. Use maxUnavailable: 1."},
		},
	}
}
