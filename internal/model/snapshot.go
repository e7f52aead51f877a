package model

import (
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Snapshot is a cluster at one instant: what runs, on what, and under which
// rules. It is immutable once made.
type Snapshot struct {
	// Nodes in the order of the input. Empty when the input names none; then
	// the simulation makes virtual ones.
	Nodes []*corev1.Node
	// Workloads in the order of the input.
	Workloads []*Workload

	Namespaces      []*corev1.Namespace
	Services        []*corev1.Service
	Quotas          []*corev1.ResourceQuota
	Budgets         []*policyv1.PodDisruptionBudget
	PriorityClasses []*schedulingv1.PriorityClass
	StorageClasses  []*storagev1.StorageClass
	CSINodes        []*storagev1.CSINode
	Volumes         []*corev1.PersistentVolume
	Claims          []*corev1.PersistentVolumeClaim

	// NotConsidered counts objects of kinds that play no part, keyed by kind.
	NotConsidered map[string]int
	// Warnings name what the API server would warn of, with file and line.
	Warnings []string
}

// Ref names a workload.
type Ref struct {
	Kind, Namespace, Name string
}

// String returns "Kind namespace/name".
func (r Ref) String() string { return r.Kind + " " + r.Namespace + "/" + r.Name }

// Compare orders refs by namespace, kind, name.
func (r Ref) Compare(s Ref) int {
	if c := strings.Compare(r.Namespace, s.Namespace); c != 0 {
		return c
	}
	if c := strings.Compare(r.Kind, s.Kind); c != 0 {
		return c
	}
	return strings.Compare(r.Name, s.Name)
}

// The kinds of workload. A CronJob stands for one running Job of its template.
const (
	KindDeployment            = "Deployment"
	KindReplicaSet            = "ReplicaSet"
	KindReplicationController = "ReplicationController"
	KindStatefulSet           = "StatefulSet"
	KindDaemonSet             = "DaemonSet"
	KindJob                   = "Job"
	KindCronJob               = "CronJob"
	KindPod                   = "Pod"
)

// Workload is a set of pods kept by one controller, or one bare Pod.
type Workload struct {
	Ref
	// Replicas is how many pods are wanted: spec.replicas, held within the
	// HorizontalPodAutoscaler's bounds; for Jobs the pods that run at a time.
	// 0 for a DaemonSet, whose nodes decide.
	Replicas int
	// Template is a pod as the API server would store it (defaults, priority,
	// tolerations, merged label keys), without name, UID and node.
	Template *corev1.Pod
	// Controller is the direct controller of the pods, as their owner reference
	// names it: for a Deployment its ReplicaSet. Zero for a bare Pod.
	Controller Controller
	// Selector of the direct controller; nil for Pods and Jobs.
	Selector *metav1.LabelSelector
	// Pods exist already in the input, in its order, with or without a node.
	// At most Replicas of them are alive; a DaemonSet's are one a node.
	Pods []*corev1.Pod
	// Daemon is the DaemonSet itself; nil for other kinds.
	Daemon *appsv1.DaemonSet
	// ClaimTemplates of a StatefulSet, as the API server would store them.
	ClaimTemplates []*corev1.PersistentVolumeClaim
	// Parallel holds for StatefulSets with podManagementPolicy: Parallel.
	Parallel bool
	// FirstOrdinal of a StatefulSet (spec.ordinals.start).
	FirstOrdinal int
	// Job is how a Job or CronJob takes the end of a pod; nil for other kinds.
	Job *JobPolicy
	// Autoscaler bounds the replicas; nil without one.
	Autoscaler *Autoscaler
	// MinAvailable is the annotation bulkhead.dev/min-available: how many pods
	// must be ready at every moment. Nil without one.
	MinAvailable *int
	// RecoveryTime is the annotation bulkhead.dev/recovery-time: the workload's
	// own objective. Nil without one.
	RecoveryTime *RecoveryObjective
	// Source is where the object was read, "FILE:LINE", for messages.
	Source string
}

// Controller is the object that creates a workload's pods.
type Controller struct {
	APIVersion, Kind, Name string
}

// JobPolicy is how a Job takes the end of a pod.
type JobPolicy struct {
	// ReplaceOnlyFailed: a pod is replaced, and counts as failed, only once it
	// has ended (podReplacementPolicy: Failed): on a dead node, never.
	ReplaceOnlyFailed bool
	// BackoffLimit is how many failed pods the Job bears.
	BackoffLimit int
	// IgnoresDisruption: evicted pods do not count as failed (a podFailurePolicy
	// that ignores the pod condition DisruptionTarget).
	IgnoresDisruption bool
}

// Autoscaler is a HorizontalPodAutoscaler's bounds.
type Autoscaler struct {
	Name     string
	Min, Max int
}

// RecoveryObjective is a workload's own recovery time.
type RecoveryObjective struct {
	// Seconds within which the full count must be ready again.
	Seconds float64
	// WithZone says that the owner accepts to wait for the zone's return
	// ("with-zone"): replicas bound to the zone by design, such as members of a
	// replicated database, need not come back before it does.
	WithZone bool
}

// Annotations that bulkhead reads on workloads.
const (
	AnnotationMinAvailable = "bulkhead.dev/min-available"
	AnnotationRecoveryTime = "bulkhead.dev/recovery-time"
)

// ZoneOf returns the node's zone: its topology.kubernetes.io/zone label, else
// the deprecated failure-domain.beta.kubernetes.io/zone, else "".
func ZoneOf(n *corev1.Node) string {
	if z, ok := n.Labels[corev1.LabelTopologyZone]; ok {
		return z
	}
	return n.Labels[corev1.LabelFailureDomainBetaZone]
}
