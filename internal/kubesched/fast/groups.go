package fast

import (
	"reflect"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

// group is pods that selectors cannot tell apart: of one namespace, with the
// same labels and the same pod affinity.
type group struct {
	// rep stands for each of its pods that is not being deleted, dying for each
	// that is.
	rep, dying *framework.PodInfo
	// nodes counts its pods by node.
	nodes map[int32]count
	// watchers are the view sets that show its pods.
	watchers []*viewset
}

// count is how many pods there are on a node.
type count struct{ alive, dying int32 }

// groups finds the group of a pod.
type groups struct {
	byPointer   map[groupPointer]pointed
	byContent   map[string]*group
	inNamespace map[string][]*group
	withTerms   []*group // whose pods have affinity terms
	viewsets    []*viewset
}

// groupPointer is equal for pods that share their labels and affinity in memory,
// as pods of one template do.
type groupPointer struct {
	namespace string
	labels    uintptr
	affinity  *corev1.Affinity
}

// pointed keeps the labels alive, so that their address stands for them only.
type pointed struct {
	*group
	labels map[string]string
}

func newGroups() *groups {
	return &groups{
		byPointer:   map[groupPointer]pointed{},
		byContent:   map[string]*group{},
		inNamespace: map[string][]*group{},
	}
}

func (s *groups) of(pod *corev1.Pod) *group {
	p := groupPointer{pod.Namespace, reflect.ValueOf(pod.Labels).Pointer(), pod.Spec.Affinity}
	if known, ok := s.byPointer[p]; ok {
		return known.group
	}
	content := contentOf(pod)
	g, ok := s.byContent[content]
	if !ok {
		g = newGroup(pod)
		s.byContent[content] = g
		s.inNamespace[pod.Namespace] = append(s.inNamespace[pod.Namespace], g)
		if hasTerms(g.rep) {
			s.withTerms = append(s.withTerms, g)
		}
		for _, v := range s.viewsets {
			v.consider(g)
		}
	}
	s.byPointer[p] = pointed{g, pod.Labels}
	return g
}

func newGroup(pod *corev1.Pod) *group {
	alive, dying := *pod, *pod
	alive.DeletionTimestamp, dying.DeletionTimestamp = nil, &metav1.Time{}
	g := &group{nodes: map[int32]count{}}
	var err error
	if g.rep, err = framework.NewPodInfo(&alive); err != nil {
		g.rep = &framework.PodInfo{Pod: &alive} // the scheduler's cache has no terms of it either
	}
	stays := *g.rep
	stays.Pod = &dying
	g.dying = &stays
	return g
}

// contentOf is equal for pods of one group.
func contentOf(pod *corev1.Pod) string {
	content := pod.Namespace + "\x00" + labels.Set(pod.Labels).String()
	if a := pod.Spec.Affinity; a != nil && (a.PodAffinity != nil || a.PodAntiAffinity != nil) {
		content += "\x00" + textOf([]any{a.PodAffinity, a.PodAntiAffinity})
	}
	return content
}

func hasTerms(p *framework.PodInfo) bool {
	return len(p.GetRequiredAffinityTerms())+len(p.GetRequiredAntiAffinityTerms())+
		len(p.GetPreferredAffinityTerms())+len(p.GetPreferredAntiAffinityTerms()) > 0
}

// add notes n pods like this one, which may be negative, on a node.
func (s *groups) add(pod *corev1.Pod, node int32, n int32) {
	g := s.of(pod)
	c := g.nodes[node]
	if pod.DeletionTimestamp == nil {
		c.alive += n
	} else {
		c.dying += n
	}
	if c == (count{}) {
		delete(g.nodes, node)
	} else {
		g.nodes[node] = c
	}
	for _, v := range g.watchers {
		v.dirty = append(v.dirty, spot{g, node})
	}
}
