package fidelity

import (
	corev1 "k8s.io/api/core/v1"
)

// SchedulerConfiguration of both sides: nodes are looked at one after the other,
// and a pod that fits nowhere may be tried again after a second.
const SchedulerConfiguration = `apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
parallelism: 1
podInitialBackoffSeconds: 1
podMaxBackoffSeconds: 1
`

// Ready says whether the node is.
func Ready(n *corev1.Node) bool {
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// Unreachable says whether the node's pods are being evicted.
func Unreachable(n *corev1.Node) bool {
	for _, t := range n.Spec.Taints {
		if t.Key == corev1.TaintNodeUnreachable && t.Effect == corev1.TaintEffectNoExecute {
			return true
		}
	}
	return false
}

// Serves says whether the pod is Ready and not about to go.
func Serves(p *corev1.Pod) bool {
	return p.DeletionTimestamp == nil && condition(p, corev1.PodReady) == corev1.ConditionTrue
}

// Refused says whether the scheduler found that the pod fits nowhere.
func Refused(p *corev1.Pod) bool { return condition(p, corev1.PodScheduled) == corev1.ConditionFalse }

func condition(p *corev1.Pod, of corev1.PodConditionType) corev1.ConditionStatus {
	for _, c := range p.Status.Conditions {
		if c.Type == of {
			return c.Status
		}
	}
	return corev1.ConditionUnknown
}

// StaysForEver says whether the pod tolerates that its node is unreachable,
// without a limit of time.
func StaysForEver(p *corev1.Pod) bool {
	for _, t := range p.Spec.Tolerations {
		if (t.Key == "" || t.Key == corev1.TaintNodeUnreachable) && (t.Effect == "" || t.Effect == corev1.TaintEffectNoExecute) && t.TolerationSeconds == nil {
			return true
		}
	}
	return false
}
