package fast

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/interpodaffinity"
)

// affinityPlugin is InterPodAffinity that sees only pods whose terms may match
// the pod, or that its terms may match.
type affinityPlugin struct {
	*interpodaffinity.InterPodAffinity
	profile *Profile
}

// PreFilter implements fwk.PreFilterPlugin.
func (s *affinityPlugin) PreFilter(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, _ []fwk.NodeInfo) (*fwk.PreFilterResult, *fwk.Status) {
	fam := s.profile.family
	alone := len(fam.anti.current()) == 0 && fam.incoming == nil
	if alone && fam.noAffinity {
		return nil, nothingToDo
	}
	result, status := s.InterPodAffinity.PreFilter(ctx, unrecorded(state), pod, fam.incoming.current())
	fam.noAffinity = fam.noAffinity || alone && status.IsSkip()
	return result, status
}

// PreScore implements fwk.PreScorePlugin. It reads of the nodes only whether
// there are any.
func (s *affinityPlugin) PreScore(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, _ []fwk.NodeInfo) *fwk.Status {
	fam := s.profile.family
	alone := len(fam.prefer.current()) == 0
	if alone && fam.noPreference {
		return nothingToDo
	}
	status := s.InterPodAffinity.PreScore(ctx, unrecorded(state), pod, s.profile.nodes())
	fam.noPreference = fam.noPreference || alone && status.IsSkip()
	return status
}

// current returns the views as they are now; none of a set that is not needed.
func (v *viewset) current() []fwk.NodeInfo {
	if v == nil {
		return nil
	}
	v.refresh()
	return v.views
}

// addAffinity prepares what InterPodAffinity sees for the pod (interpodaffinity:
// getExistingAntiAffinityCounts, getIncomingAffinityAntiAffinityCounts,
// processExistingPod).
func (p *Profile) addAffinity(fam *family, info *framework.PodInfo) {
	e := p.engine
	fam.apart = newApart(e, info.GetRequiredAffinityTerms(), info.GetRequiredAntiAffinityTerms())
	fam.anti = newViewset(e, e.groups.withTerms, func(g *group) bool {
		theirs := g.rep.GetRequiredAntiAffinityTerms()
		if !matchAny(theirs, info.Pod) {
			return false
		}
		fam.apart.other = fam.apart.other || !overHostnames(theirs)
		return true
	})
	fam.anti.changed = fam.apart.forget
	required := append(append([]fwk.AffinityTerm(nil), info.GetRequiredAffinityTerms()...), info.GetRequiredAntiAffinityTerms()...)
	if len(required) > 0 {
		fam.incoming = newViewset(e, e.groups.candidates(required), func(g *group) bool { return matchAny(required, g.rep.Pod) })
		fam.incoming.changed = fam.apart.forget
	}
	preferred := append(plain(info.GetPreferredAffinityTerms()), plain(info.GetPreferredAntiAffinityTerms())...)
	theirs := func(g *group) bool {
		return matchAny(g.rep.GetRequiredAffinityTerms(), info.Pod) ||
			matchAny(plain(g.rep.GetPreferredAffinityTerms()), info.Pod) ||
			matchAny(plain(g.rep.GetPreferredAntiAffinityTerms()), info.Pod)
	}
	if len(preferred) == 0 {
		fam.prefer = newViewset(e, e.groups.withTerms, theirs)
		return
	}
	candidates := append(e.groups.candidates(preferred), e.groups.withTerms...)
	fam.prefer = newViewset(e, unique(candidates), func(g *group) bool { return matchAny(preferred, g.rep.Pod) || theirs(g) })
}

// candidates returns the groups in the namespaces that the terms name; all
// groups when one selects namespaces by label.
func (s *groups) candidates(terms []fwk.AffinityTerm) []*group {
	var out []*group
	seen := map[string]bool{}
	for _, t := range terms {
		if !selectsNone(t.NamespaceSelector) {
			out = out[:0]
			for _, g := range s.byContent {
				out = append(out, g)
			}
			return out
		}
		for ns := range t.Namespaces {
			if !seen[ns] {
				seen[ns] = true
				out = append(out, s.inNamespace[ns]...)
			}
		}
	}
	return out
}

func unique(in []*group) []*group {
	seen := make(map[*group]bool, len(in))
	out := in[:0]
	for _, g := range in {
		if !seen[g] {
			seen[g] = true
			out = append(out, g)
		}
	}
	return out
}

// matchAny reports whether one of the terms may match the pod. A term that
// selects namespaces by label is taken to select all.
func matchAny(terms []fwk.AffinityTerm, pod *corev1.Pod) bool {
	for i := range terms {
		t := &terms[i]
		if (t.Namespaces.Has(pod.Namespace) || !selectsNone(t.NamespaceSelector)) && t.Selector.Matches(labels.Set(pod.Labels)) {
			return true
		}
	}
	return false
}

// selectsNone holds for labels.Nothing(), what a term without a selector has.
func selectsNone(s labels.Selector) bool {
	if s == nil {
		return true
	}
	_, selectable := s.Requirements()
	return !selectable
}

func plain(terms []fwk.WeightedAffinityTerm) []fwk.AffinityTerm {
	var out []fwk.AffinityTerm
	for _, t := range terms {
		out = append(out, t.AffinityTerm)
	}
	return out
}
