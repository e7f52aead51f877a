package fast

import (
	"context"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/helper"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/podtopologyspread"
)

// spreadPlugin is PodTopologySpread that sees groups of nodes, each with the
// pods that its constraints may count.
type spreadPlugin struct {
	*podtopologyspread.PodTopologySpread
	profile *Profile
}

// PreFilter implements fwk.PreFilterPlugin.
func (s *spreadPlugin) PreFilter(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, _ []fwk.NodeInfo) (*fwk.PreFilterResult, *fwk.Status) {
	fam := s.profile.family
	if fam.noHardSpread {
		return nil, nothingToDo
	}
	result, status := s.PodTopologySpread.PreFilter(ctx, unrecorded(state), pod, fam.spreadSums())
	fam.noHardSpread = status.IsSkip() // it has no such constraint
	return result, status
}

// PreScore implements fwk.PreScorePlugin. Of the nodes it reads their number and
// their topology labels, and the names of those that miss one: where none does,
// the first node of each group stands for the others, being at hand.
func (s *spreadPlugin) PreScore(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, _ []fwk.NodeInfo) *fwk.Status {
	p := s.profile
	if p.family.noSoftSpread {
		return nothingToDo
	}
	status := s.preScore(ctx, unrecorded(state), pod)
	p.family.noSoftSpread = status.IsSkip() // it has no such constraint
	return status
}

func (s *spreadPlugin) preScore(ctx context.Context, state fwk.CycleState, pod *corev1.Pod) *fwk.Status {
	p := s.profile
	g := p.family.grouping
	p.stand = p.stand[:0]
	for _, i := range p.passed {
		group := g.of[i]
		if !g.complete[group] {
			return s.PodTopologySpread.PreScore(ctx, state, pod, p.nodes())
		}
		p.stand = append(p.stand, p.engine.nodes[g.first[group]])
	}
	return s.PodTopologySpread.PreScore(ctx, state, pod, p.stand)
}

// spreadSums returns the groups of nodes as PodTopologySpread sees them.
func (fam *family) spreadSums() []fwk.NodeInfo {
	return fam.sums.current()
}

// addSpread prepares what PodTopologySpread sees for the pod: it counts pods of
// the pod's namespace that a constraint's selector matches, by the topology
// labels of nodes that the pod may run on (podtopologyspread: calPreFilterState,
// PreScore, matchNodeInclusionPolicies).
func (p *Profile) addSpread(fam *family, pod *corev1.Pod) error {
	constraints := pod.Spec.TopologySpreadConstraints
	var selectors []labels.Selector
	for _, c := range constraints {
		s, err := metav1.LabelSelectorAsSelector(c.LabelSelector)
		if err != nil {
			return err
		}
		selectors = append(selectors, s)
	}
	if len(constraints) == 0 {
		constraints, selectors = p.defaultSpread, []labels.Selector{p.defaultSelector(pod)}
	}
	// An empty selector counts nothing (countPodsMatchSelector).
	selectors = slices.DeleteFunc(selectors, labels.Selector.Empty)
	if len(constraints) > 0 && len(selectors) > 0 {
		fam.spread = newViewset(p.engine, p.engine.groups.inNamespace[pod.Namespace], func(g *group) bool {
			return g.rep.Pod.Namespace == pod.Namespace && slices.ContainsFunc(selectors, func(s labels.Selector) bool {
				return s.Matches(labels.Set(g.rep.Pod.Labels))
			})
		})
	} else {
		fam.spread = newViewset(p.engine, nil, func(*group) bool { return false })
	}
	fam.grouping = p.engine.groupingFor(distinctions(pod, constraints))
	fam.sums = newSums(fam.grouping, fam.spread)
	return nil
}

// distinctions says in what two nodes may not differ for PodTopologySpread to
// see no difference.
func distinctions(pod *corev1.Pod, constraints []corev1.TopologySpreadConstraint) distinction {
	keys, has := map[string]bool{}, map[string]bool{}
	var d distinction
	for _, c := range constraints {
		if c.TopologyKey == corev1.LabelHostname && c.WhenUnsatisfiable == corev1.ScheduleAnyway {
			has[c.TopologyKey] = true // Score counts on the node itself
		} else {
			keys[c.TopologyKey] = true
		}
		d.taints = d.taints || c.NodeTaintsPolicy != nil && *c.NodeTaintsPolicy == corev1.NodeInclusionPolicyHonor
	}
	for key := range pod.Spec.NodeSelector {
		keys[key] = true
	}
	if a := pod.Spec.Affinity; a != nil && a.NodeAffinity != nil && a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution != nil {
		for _, term := range a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms {
			for _, x := range term.MatchExpressions {
				keys[x.Key] = true
			}
			d.name = d.name || len(term.MatchFields) > 0 // metadata.name is the only field
		}
	}
	d.keys, d.has = slices.Sorted(maps.Keys(keys)), slices.Sorted(maps.Keys(has))
	return d
}

// defaultSelector is the selector of the default constraints: of the pod's
// services and controller (podtopologyspread: buildDefaultConstraints).
func (p *Profile) defaultSelector(pod *corev1.Pod) labels.Selector {
	i := p.own.SharedInformerFactory()
	return helper.DefaultSelector(pod, i.Core().V1().Services().Lister(), i.Core().V1().ReplicationControllers().Lister(),
		i.Apps().V1().ReplicaSets().Lister(), i.Apps().V1().StatefulSets().Lister())
}

// defaultSpread returns the constraints of pods that have none
// (podtopologyspread/plugin.go: systemDefaultConstraints, or the profile's own).
func defaultSpread(profile *config.KubeSchedulerProfile) []corev1.TopologySpreadConstraint {
	for _, c := range profile.PluginConfig {
		if args, ok := c.Args.(*config.PodTopologySpreadArgs); ok && args.DefaultingType == config.ListDefaulting {
			return args.DefaultConstraints
		}
	}
	return []corev1.TopologySpreadConstraint{
		{TopologyKey: corev1.LabelHostname, WhenUnsatisfiable: corev1.ScheduleAnyway, MaxSkew: 3},
		{TopologyKey: corev1.LabelTopologyZone, WhenUnsatisfiable: corev1.ScheduleAnyway, MaxSkew: 5},
	}
}
