package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// TimingsKind is the kind of a Timings file.
const TimingsKind = "Timings"

// Timings overrides constants of the time axis (simulate --timings FILE). A
// field that is absent keeps its default. internal/simulate/timings.go holds
// the defaults and their sources.
type Timings struct {
	metav1.TypeMeta `json:",inline"`

	// NodeMonitorGracePeriod: --node-monitor-grace-period.
	NodeMonitorGracePeriod *metav1.Duration `json:"nodeMonitorGracePeriod,omitempty"`
	// NodeMonitorPeriod: --node-monitor-period.
	NodeMonitorPeriod *metav1.Duration `json:"nodeMonitorPeriod,omitempty"`
	// NodeEvictionRate: --node-eviction-rate, nodes a second.
	NodeEvictionRate *float64 `json:"nodeEvictionRate,omitempty"`
	// SecondaryNodeEvictionRate: --secondary-node-eviction-rate, nodes a second.
	SecondaryNodeEvictionRate *float64 `json:"secondaryNodeEvictionRate,omitempty"`
	// UnhealthyZoneThreshold: --unhealthy-zone-threshold, a share from 0 to 1.
	UnhealthyZoneThreshold *float64 `json:"unhealthyZoneThreshold,omitempty"`
	// LargeClusterSizeThreshold: --large-cluster-size-threshold, nodes.
	LargeClusterSizeThreshold *int `json:"largeClusterSizeThreshold,omitempty"`
	// KubeAPIQPS: kube-controller-manager's --kube-api-qps, requests a second; 0: not
	// limited.
	KubeAPIQPS *float64 `json:"kubeAPIQPS,omitempty"`
	// DefaultTolerationSeconds: the API server's
	// --default-not-ready-toleration-seconds and
	// --default-unreachable-toleration-seconds.
	DefaultTolerationSeconds *int64 `json:"defaultTolerationSeconds,omitempty"`
	// LeaderLeaseDuration: --leader-elect-lease-duration.
	LeaderLeaseDuration *metav1.Duration `json:"leaderLeaseDuration,omitempty"`
	// LeaderRetryPeriod: --leader-elect-retry-period.
	LeaderRetryPeriod *metav1.Duration `json:"leaderRetryPeriod,omitempty"`
	// ControllerStart: from a new leader's election to its first node check.
	ControllerStart *metav1.Duration `json:"controllerStart,omitempty"`
	// NodeDeletionDelay: from a node's NotReady to the deletion of its object,
	// in the world where dead nodes are deleted.
	NodeDeletionDelay *metav1.Duration `json:"nodeDeletionDelay,omitempty"`
	// PodGCPeriod and PodGCQuarantine: the pod garbage collector.
	PodGCPeriod     *metav1.Duration `json:"podGCPeriod,omitempty"`
	PodGCQuarantine *metav1.Duration `json:"podGCQuarantine,omitempty"`
	// VolumeForceDetach: from the removal of a pod on a dead node to the
	// detachment of its volumes.
	VolumeForceDetach *metav1.Duration `json:"volumeForceDetach,omitempty"`
	// VolumeAttach: time to attach and mount a volume on a new node.
	VolumeAttach *metav1.Duration `json:"volumeAttach,omitempty"`
	// QuotaSyncPeriod: --resource-quota-sync-period.
	QuotaSyncPeriod *metav1.Duration `json:"quotaSyncPeriod,omitempty"`
	// PodStart: from the creation of a pod to its readiness, scheduling and
	// image included.
	PodStart *metav1.Duration `json:"podStart,omitempty"`
	// PodStop: from the deletion of a pod on a living node to its end.
	PodStop *metav1.Duration `json:"podStop,omitempty"`
}
