package fidelity

import (
	"math"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// rank is by what kube-scheduler chooses among the nodes where preemption would
// make room, most significant first (pkg/scheduler/framework/preemption,
// pickOneNodeForPreemption).
type rank struct {
	violations int // of PodDisruptionBudgets
	highest    int32
	sum        int64
	pods       int
	// started is when the first of the most important victims did, in seconds: the
	// API server knows no more.
	started int64
}

// tie explains another choice of preemption: of nodes with victims of equal rank,
// one is taken in the order of a map, which is random; on a node, victims that are
// equally important go in the order of the node's list. It returns "" when what was
// chosen is not of equal rank.
func (p *player) tie(theirs, here attempt) string {
	switch {
	case theirs.Nominated == "" || here.Nominated == "" || p.rank(theirs.Victims) != p.rank(here.Victims):
		return ""
	case theirs.Nominated == here.Nominated:
		return "tie: the victims are equally important"
	}
	return "tie: the victims on both nodes are of equal rank, and kube-scheduler takes one in the order of a map"
}

func (p *player) rank(victims []string) rank {
	r := rank{highest: math.MinInt32, pods: len(victims)}
	allowed := map[*policyv1.PodDisruptionBudget]int32{}
	for _, b := range p.budgets {
		allowed[b] = b.Status.DisruptionsAllowed
	}
	for _, key := range victims {
		pod := p.pods[key]
		if pod == nil {
			continue
		}
		priority := int32(0)
		if pod.Spec.Priority != nil {
			priority = *pod.Spec.Priority
		}
		started := int64(math.MaxInt64) // not yet: now, for kube-scheduler
		if pod.Status.StartTime != nil {
			started = pod.Status.StartTime.Unix()
		}
		switch {
		case priority > r.highest:
			r.highest, r.started = priority, started
		case priority == r.highest:
			r.started = min(r.started, started)
		}
		r.sum += int64(priority)
		violates := false
		for b := range allowed {
			if covers(b, pod) {
				allowed[b]--
				violates = violates || allowed[b] < 0
			}
		}
		if violates {
			r.violations++
		}
	}
	return r
}

func covers(b *policyv1.PodDisruptionBudget, pod *corev1.Pod) bool {
	if b.Namespace != pod.Namespace {
		return false
	}
	if _, already := b.Status.DisruptedPods[pod.Name]; already {
		return false
	}
	selector, err := metav1.LabelSelectorAsSelector(b.Spec.Selector)
	return err == nil && !selector.Empty() && selector.Matches(labels.Set(pod.Labels))
}
