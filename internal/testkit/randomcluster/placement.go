package randomcluster

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// spread returns the topology spread constraints of a workload; hashed says that
// its pods have the label pod-template-hash.
func (g *generator) spread(selector *metav1.LabelSelector, hashed bool) []corev1.TopologySpreadConstraint {
	var all []corev1.TopologySpreadConstraint
	add := func(key string, when corev1.UnsatisfiableConstraintAction) {
		c := corev1.TopologySpreadConstraint{
			MaxSkew: int32(1 + g.IntN(3)), TopologyKey: key, WhenUnsatisfiable: when, LabelSelector: selector.DeepCopy(),
			NodeAffinityPolicy: g.policy(), NodeTaintsPolicy: g.policy(),
		}
		if when == corev1.DoNotSchedule && key == corev1.LabelTopologyZone && g.chance(30) {
			n := int32(2 + g.IntN(3)) // with 4 there is always one domain too few
			c.MinDomains = &n
		}
		if hashed && g.chance(30) {
			c.MatchLabelKeys = []string{"pod-template-hash"}
		}
		all = append(all, c)
	}
	if g.chance(45) {
		add(corev1.LabelTopologyZone, pick(g, corev1.DoNotSchedule, corev1.DoNotSchedule, corev1.ScheduleAnyway))
	}
	if g.chance(25) {
		add(corev1.LabelHostname, pick(g, corev1.DoNotSchedule, corev1.ScheduleAnyway, corev1.ScheduleAnyway))
	}
	return all
}

// policy returns one of the node inclusion policies, or none.
func (g *generator) policy() *corev1.NodeInclusionPolicy {
	honor, ignore := corev1.NodeInclusionPolicyHonor, corev1.NodeInclusionPolicyIgnore
	return pick(g, nil, &honor, &ignore)
}

// affinity returns what a workload wants of nodes and of other pods; nil for
// nothing.
func (g *generator) affinity(own app, selector *metav1.LabelSelector, hashed bool) *corev1.Affinity {
	a := &corev1.Affinity{}
	if g.chance(20) {
		a.NodeAffinity = g.nodeAffinity()
	}
	if len(g.apps) > 0 && g.chance(20) {
		a.PodAffinity = &corev1.PodAffinity{}
		term := g.near()
		if g.chance(40) {
			// Where the namespaces are selected by label, kube-scheduler 1.36 misses
			// that the pods it waits for are there, until it tries all Pending pods
			// again after five minutes (plugins/interpodaffinity/plugin.go,
			// isSchedulableAfterPodChange, does not merge the selector).
			term.NamespaceSelector = nil
			a.PodAffinity.RequiredDuringSchedulingIgnoredDuringExecution = []corev1.PodAffinityTerm{term}
		} else {
			a.PodAffinity.PreferredDuringSchedulingIgnoredDuringExecution = []corev1.WeightedPodAffinityTerm{{Weight: int32(1 + g.IntN(100)), PodAffinityTerm: term}}
		}
	}
	if g.chance(25) {
		a.PodAntiAffinity = &corev1.PodAntiAffinity{}
		term := corev1.PodAffinityTerm{LabelSelector: selector.DeepCopy(), TopologyKey: pick(g, corev1.LabelHostname, corev1.LabelHostname, corev1.LabelTopologyZone)}
		if hashed && g.chance(30) {
			term.MatchLabelKeys = []string{"pod-template-hash"}
		}
		if len(g.apps) > 0 && g.chance(25) {
			term = g.near()
			term.TopologyKey = corev1.LabelHostname
		}
		if g.chance(50) {
			a.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution = []corev1.PodAffinityTerm{term}
		} else {
			a.PodAntiAffinity.PreferredDuringSchedulingIgnoredDuringExecution = []corev1.WeightedPodAffinityTerm{{Weight: int32(1 + g.IntN(100)), PodAffinityTerm: term}}
		}
	}
	if a.NodeAffinity == nil && a.PodAffinity == nil && a.PodAntiAffinity == nil {
		return nil
	}
	return a
}

// near returns a term that selects the pods of an earlier workload, in its
// namespace or in all with a label.
func (g *generator) near() corev1.PodAffinityTerm {
	other := pick(g, g.apps...)
	term := corev1.PodAffinityTerm{
		LabelSelector: selecting(other),
		TopologyKey:   pick(g, corev1.LabelTopologyZone, corev1.LabelTopologyZone, corev1.LabelHostname),
	}
	term.Namespaces = []string{other.namespace}
	if g.chance(30) {
		term.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{tierLabel: pick(g, "front", "back")}}
	}
	return term
}

func (g *generator) nodeAffinity() *corev1.NodeAffinity {
	in := func(key string, values ...string) corev1.NodeSelectorTerm {
		return corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{{Key: key, Operator: corev1.NodeSelectorOpIn, Values: values}}}
	}
	term := in(diskLabel, "ssd")
	if g.chance(60) {
		zones := slices.Clone(Zones())
		g.Shuffle(len(zones), func(i, j int) { zones[i], zones[j] = zones[j], zones[i] })
		term = in(corev1.LabelTopologyZone, zones[:1+g.IntN(2)]...)
	}
	if g.chance(50) {
		return &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{term}}}
	}
	return &corev1.NodeAffinity{PreferredDuringSchedulingIgnoredDuringExecution: []corev1.PreferredSchedulingTerm{{Weight: int32(1 + g.IntN(100)), Preference: term}}}
}

// tolerations returns those of a workload: of a dead node for one to three
// seconds, of the batch nodes in some cases.
func (g *generator) tolerations() []corev1.Toleration {
	seconds := int64(1 + g.IntN(3))
	all := []corev1.Toleration{
		{Key: corev1.TaintNodeNotReady, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: &seconds},
		{Key: corev1.TaintNodeUnreachable, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: &seconds},
	}
	if g.chance(25) {
		all = append(all, corev1.Toleration{Key: poolTaint, Operator: corev1.TolerationOpEqual, Value: batchPool, Effect: corev1.TaintEffectNoSchedule})
	}
	return all
}
