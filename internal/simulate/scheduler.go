package simulate

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Scheduler opens sessions of the kube-scheduler. It is safe for concurrent use.
type Scheduler interface {
	// Open starts a session on an empty cluster. Sessions are independent of
	// each other; one session is used by one goroutine at a time. The caller
	// closes it.
	Open(ctx context.Context) (Session, error)
}

// Session is a kube-scheduler with the cluster it knows.
type Session interface {
	// Set adds an object or replaces the one of the same name, as a watch event
	// would: Node, Pod, PersistentVolume, PersistentVolumeClaim, StorageClass,
	// CSINode, Service, ReplicaSet, StatefulSet, ReplicationController,
	// PodDisruptionBudget, Namespace. A pod without a node waits in the
	// scheduling queue. The object must not be changed afterwards.
	Set(obj runtime.Object) error
	// Delete removes an object, as a watch event would.
	Delete(obj runtime.Object) error
	// Next runs one scheduling cycle for the pod at the head of the queue and
	// returns what was decided; nil when no pod is ready to be tried. A placed
	// pod is bound when Next returns.
	Next(ctx context.Context) (*Decision, error)
	// Retry lets every waiting pod be tried again, as the queue does with pods
	// that waited for five minutes.
	Retry()
	// Close ends the session.
	Close()
}

// idle is the session of a cluster in which nothing is to be scheduled.
type idle struct{}

func (idle) Set(runtime.Object) error                { return nil }
func (idle) Delete(runtime.Object) error             { return nil }
func (idle) Next(context.Context) (*Decision, error) { return nil, nil }
func (idle) Retry()                                  {}
func (idle) Close()                                  {}

// Decision is the result of one scheduling cycle.
type Decision struct {
	// Pod that was tried; with its node when it was placed.
	Pod *corev1.Pod
	// Nominated is the node on which preemption makes room for the pod, and
	// Victims the pods that the scheduler deletes there. The caller takes them
	// away. Empty without preemption.
	Nominated string
	Victims   []*corev1.Pod
	// Why lists what kept the pod from each node; nil when it was placed. It is
	// a function because a large cluster has a long answer that few ask for.
	Why func() []Block
}

// Placed reports whether the pod got a node.
func (d *Decision) Placed() bool { return d.Pod.Spec.NodeName != "" }

// Block is one reason of one plugin, and the nodes that it holds for.
type Block struct {
	// Plugin of the scheduler, for example "NodeResourcesFit".
	Plugin string
	// Reason as the plugin words it, for example "Insufficient cpu".
	Reason string
	// Nodes sorted by name. Empty when the plugin refused the pod before it
	// looked at nodes.
	Nodes []string
}

// Admission is what the API server and the DaemonSet controller do to pods.
type Admission interface {
	// DaemonPod returns the pod that the DaemonSet controller would create for
	// the node, from the DaemonSet's template pod, and whether the DaemonSet
	// should run there.
	DaemonPod(ds *appsv1.DaemonSet, template *corev1.Pod, node *corev1.Node) (pod *corev1.Pod, run bool)
	// Refuse names the ResourceQuota that refuses the pod, given the pods of its
	// namespace and the seconds that each has been deleted for; "" if none does.
	Refuse(quotas []*corev1.ResourceQuota, existing []*corev1.Pod, pod *corev1.Pod) string
}
