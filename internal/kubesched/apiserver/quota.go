package apiserver

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	quota "k8s.io/apiserver/pkg/quota/v1"
	evaluator "k8s.io/kubernetes/pkg/quota/v1/evaluator/core"
	"k8s.io/utils/clock"
)

// instant is a clock that stands still.
type instant struct {
	clock.Clock
	now time.Time
}

func (i instant) Now() time.Time { return i.now }

// PodUsage is what the pod is charged for at the time now, in the resource names
// of quotas. Ended pods, and pods that outlived their deletion's grace period,
// are charged for the object alone (count/pods).
func PodUsage(pod *corev1.Pod, now time.Time) corev1.ResourceList {
	usage, err := evaluator.PodUsageFunc(pod, instant{clock.RealClock{}, now})
	if err != nil {
		return nil // only an object that is no pod is an error
	}
	return usage
}

// QuotaMatches says whether the pod counts against the quota: both are of one
// namespace, the quota limits something that pods use, and the pod is within all
// of the quota's scopes. Whether the pod has ended plays no part.
func QuotaMatches(q *corev1.ResourceQuota, pod *corev1.Pod) bool {
	if q.Namespace != pod.Namespace {
		return false
	}
	// The evaluator looks at the limits that the quota controller has taken over
	// into the status; here they are always those of the spec.
	current := *q
	current.Status.Hard = q.Spec.Hard
	matches, err := evaluator.NewPodEvaluator(nil, clock.RealClock{}).Matches(&current, pod)
	return err == nil && matches
}

// QuotaRefuses says why a quota that matches the pod would refuse its creation
// when used is already charged: the resources exceeded, or an error when the pod
// leaves out a request or limit that the quota makes compulsory. It follows
// CheckRequest (k8s.io/apiserver pkg/admission/plugin/resourcequota).
func QuotaRefuses(q *corev1.ResourceQuota, pod *corev1.Pod, used corev1.ResourceList, now time.Time) (exceeded []corev1.ResourceName, err error) {
	e := evaluator.NewPodEvaluator(nil, instant{clock.RealClock{}, now})
	limited := e.MatchingResources(quota.ResourceNames(q.Spec.Hard))
	if err := e.Constraints(limited, pod); err != nil {
		return nil, err
	}
	asked := quota.RemoveZeros(quota.Mask(PodUsage(pod, now), limited))
	names := quota.ResourceNames(asked)
	_, exceeded = quota.LessThanOrEqual(quota.Mask(quota.Add(used, asked), names), quota.Mask(q.Spec.Hard, names))
	slices.Sort(exceeded)
	return exceeded, nil
}
