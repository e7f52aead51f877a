package kubesched

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/names"

	"bulkhead.dev/bulkhead/internal/kubesched/fast"
)

// failures remembers which pods fitted nowhere, so that pods that the scheduler
// cannot tell from them are not tried in vain. A failure is forgotten as soon
// as anything changes that could let its pods in:
//
//	change                             | forgets failures
//	-----------------------------------+--------------------------------------
//	a pod gets a node, or one with a   | that involve pod affinity; that involve a
//	node becomes Terminating           | hard spread whose selector matches the pod
//	a node only gets more taints       | that involve pod affinity, or a hard
//	                                   | spread that honours taints
//	a pod without a node comes or goes | none
//	anything else                      | all
//
// A pod that takes room cannot make room, and Filter plugins other than
// PodTopologySpread and InterPodAffinity look at one node at a time.
type failures map[fast.Identity]*failure

// failure is why a pod fitted nowhere.
type failure struct {
	err       *framework.FitError
	namespace string
	spread    []labels.Selector // of its hard spread constraints, if they blocked
	honours   bool              // one of them honours taints
	affinity  bool              // pod affinity blocked
}

// remember notes that the pod fits nowhere.
func (f failures) remember(id fast.Identity, pod *corev1.Pod, err *framework.FitError) {
	blocked := err.Diagnosis.UnschedulablePlugins
	n := &failure{err: err, namespace: pod.Namespace, affinity: blocked.Has(names.InterPodAffinity)}
	if blocked.Has(names.PodTopologySpread) {
		for _, c := range pod.Spec.TopologySpreadConstraints {
			if c.WhenUnsatisfiable != corev1.DoNotSchedule {
				continue
			}
			selector, serr := metav1.LabelSelectorAsSelector(c.LabelSelector)
			if serr != nil {
				return
			}
			n.spread = append(n.spread, selector)
			n.honours = n.honours || c.NodeTaintsPolicy != nil && *c.NodeTaintsPolicy == corev1.NodeInclusionPolicyHonor
		}
	}
	f[id] = n
}

// changed forgets what the change from old (nil if new) to obj could let in.
func (f failures) changed(old, obj runtime.Object) {
	switch obj := obj.(type) {
	case *corev1.Pod:
		was, _ := old.(*corev1.Pod)
		switch takesRoom(was, obj) {
		case nothing:
			return
		case room:
			maps.DeleteFunc(f, func(_ fast.Identity, n *failure) bool { return n.affinity || n.spreadMatches(obj) })
			return
		case unknown:
		}
	case *corev1.Node:
		if was, ok := old.(*corev1.Node); ok && onlyMoreTaints(was, obj) {
			maps.DeleteFunc(f, func(_ fast.Identity, n *failure) bool { return n.affinity || n.honours })
			return
		}
	}
	clear(f)
}

// removed forgets what the removal of the object could let in.
func (f failures) removed(old runtime.Object) {
	if pod, ok := old.(*corev1.Pod); ok && pod.Spec.NodeName == "" && pod.Status.NominatedNodeName == "" {
		return
	}
	clear(f)
}

func (n *failure) spreadMatches(pod *corev1.Pod) bool {
	return n.namespace == pod.Namespace && slices.ContainsFunc(n.spread, func(s labels.Selector) bool {
		return s.Matches(labels.Set(pod.Labels))
	})
}

// effect is what a change of a pod does to the room on nodes.
type effect int

const (
	nothing effect = iota // neither takes nor gives
	room                  // takes, or marks a pod that keeps its room
	unknown
)

func takesRoom(old, pod *corev1.Pod) effect {
	nominated := pod.Status.NominatedNodeName != "" || old != nil && old.Status.NominatedNodeName != ""
	switch {
	case nominated:
		return unknown
	case pod.Spec.NodeName == "":
		if old == nil || old.Spec.NodeName == "" {
			return nothing
		}
		return unknown
	case old == nil || old.Spec.NodeName == "":
		return room
	case old.Spec.NodeName == pod.Spec.NodeName && len(pod.Spec.Containers) > 0 && len(old.Spec.Containers) > 0 &&
		&old.Spec.Containers[0] == &pod.Spec.Containers[0]:
		return room
	}
	return unknown
}

// onlyMoreTaints reports whether the node changed in nothing that Filter
// plugins look at but taints, and has all those that it had.
func onlyMoreTaints(old, n *corev1.Node) bool {
	for _, t := range old.Spec.Taints {
		if !slices.ContainsFunc(n.Spec.Taints, func(o corev1.Taint) bool { return o.MatchTaint(&t) && o.Value == t.Value }) {
			return false
		}
	}
	return old.Spec.Unschedulable == n.Spec.Unschedulable &&
		maps.Equal(old.Labels, n.Labels) &&
		equality.Semantic.DeepEqual(old.Status.Allocatable, n.Status.Allocatable) &&
		equality.Semantic.DeepEqual(old.Status.Images, n.Status.Images)
}
