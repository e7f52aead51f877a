package kubesched

import (
	"time"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	quota "k8s.io/apiserver/pkg/quota/v1"
	"k8s.io/kubernetes/pkg/controller/daemon"
	daemonutil "k8s.io/kubernetes/pkg/controller/daemon/util"

	"bulkhead.dev/bulkhead/internal/kubesched/apiserver"
	"bulkhead.dev/bulkhead/internal/simulate"
)

// Admission implements simulate.Admission with the DaemonSet controller's and
// the ResourceQuota plugin's own code.
type Admission struct{}

var _ simulate.Admission = Admission{}

// DaemonPod implements simulate.Admission.
func (Admission) DaemonPod(ds *appsv1.DaemonSet, template *corev1.Pod, node *corev1.Node) (*corev1.Pod, bool) {
	run, _ := daemon.NodeShouldRunDaemonPod(logr.Discard(), node, ds)
	if !run {
		return nil, false
	}
	pod := *template
	pod.Spec.Affinity = daemonutil.ReplaceDaemonSetPodNodeNameNodeAffinity(template.Spec.Affinity.DeepCopy(), node.Name)
	return &pod, true
}

// Refuse implements simulate.Admission.
func (Admission) Refuse(quotas []*corev1.ResourceQuota, existing []*corev1.Pod, pod *corev1.Pod) string {
	now := time.Unix(0, 0)
	for _, q := range quotas {
		if !apiserver.QuotaMatches(q, pod) {
			continue
		}
		used := corev1.ResourceList{}
		for _, p := range existing {
			if apiserver.QuotaMatches(q, p) {
				used = quota.Add(used, apiserver.PodUsage(p, now))
			}
		}
		if exceeded, err := apiserver.QuotaRefuses(q, pod, used, now); err != nil || len(exceeded) > 0 {
			return q.Name
		}
	}
	return ""
}
