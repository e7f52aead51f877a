package snapshot

import (
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/component-helpers/storage/volume"

	"bulkhead.dev/bulkhead/internal/model"
)

// redact leaves of an object of a live cluster only what plays a part in a
// simulation. It names what stays, field by field, not what goes: a field that
// Kubernetes adds tomorrow is not in a snapshot until somebody has looked at it.
// Environments, commands, probes, volume attributes, messages and foreign
// annotations go, as they may hold secrets; versions and times of change, so that
// two snapshots of the same state are the same.
func redact(obj runtime.Object) {
	gvk := obj.GetObjectKind().GroupVersionKind()
	redactFields(obj)
	obj.GetObjectKind().SetGroupVersionKind(gvk)
}

func redactFields(obj runtime.Object) {
	switch o := obj.(type) {
	case *corev1.Namespace:
		*o = corev1.Namespace{ObjectMeta: redactMeta(o.ObjectMeta), Status: corev1.NamespaceStatus{Phase: o.Status.Phase}}
	case *corev1.Node:
		redactNode(o)
	case *corev1.Pod:
		*o = corev1.Pod{ObjectMeta: redactMeta(o.ObjectMeta), Spec: redactPodSpec(&o.Spec), Status: redactPodStatus(&o.Status)}
	case *corev1.Service:
		redactService(o)
	case *corev1.ResourceQuota:
		*o = corev1.ResourceQuota{ObjectMeta: redactMeta(o.ObjectMeta), Spec: o.Spec}
	case *corev1.PersistentVolume:
		redactVolume(o)
	case *corev1.PersistentVolumeClaim:
		*o = redactClaim(o)
	case *corev1.ReplicationController:
		*o = corev1.ReplicationController{ObjectMeta: redactMeta(o.ObjectMeta), Spec: corev1.ReplicationControllerSpec{
			Replicas: o.Spec.Replicas, Selector: o.Spec.Selector, Template: o.Spec.Template,
		}}
		if o.Spec.Template != nil {
			redactTemplate(o.Spec.Template)
		}
	case *appsv1.Deployment:
		redactTemplate(&o.Spec.Template)
		*o = appsv1.Deployment{ObjectMeta: redactMeta(o.ObjectMeta), Spec: appsv1.DeploymentSpec{
			Replicas: o.Spec.Replicas, Selector: o.Spec.Selector, Template: o.Spec.Template, Paused: o.Spec.Paused,
		}, Status: appsv1.DeploymentStatus{CollisionCount: o.Status.CollisionCount}}
	case *appsv1.ReplicaSet:
		redactTemplate(&o.Spec.Template)
		*o = appsv1.ReplicaSet{ObjectMeta: redactMeta(o.ObjectMeta), Spec: appsv1.ReplicaSetSpec{
			Replicas: o.Spec.Replicas, Selector: o.Spec.Selector, Template: o.Spec.Template,
		}}
	case *appsv1.StatefulSet:
		redactStatefulSet(o)
	case *appsv1.DaemonSet:
		redactTemplate(&o.Spec.Template)
		*o = appsv1.DaemonSet{ObjectMeta: redactMeta(o.ObjectMeta), Spec: appsv1.DaemonSetSpec{
			Selector: o.Spec.Selector, Template: o.Spec.Template,
		}}
	case *batchv1.Job:
		var conditions []batchv1.JobCondition
		for _, c := range o.Status.Conditions {
			if c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed {
				conditions = append(conditions, batchv1.JobCondition{Type: c.Type, Status: c.Status})
			}
		}
		*o = batchv1.Job{ObjectMeta: redactMeta(o.ObjectMeta), Spec: redactJob(&o.Spec),
			Status: batchv1.JobStatus{Succeeded: o.Status.Succeeded, Conditions: conditions}}
	case *batchv1.CronJob:
		*o = batchv1.CronJob{ObjectMeta: redactMeta(o.ObjectMeta), Spec: batchv1.CronJobSpec{
			Schedule: o.Spec.Schedule, Suspend: o.Spec.Suspend, ConcurrencyPolicy: o.Spec.ConcurrencyPolicy,
			JobTemplate: batchv1.JobTemplateSpec{ObjectMeta: redactMeta(o.Spec.JobTemplate.ObjectMeta), Spec: redactJob(&o.Spec.JobTemplate.Spec)},
		}}
	case *autoscalingv2.HorizontalPodAutoscaler:
		*o = autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: redactMeta(o.ObjectMeta), Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: o.Spec.ScaleTargetRef, MinReplicas: o.Spec.MinReplicas, MaxReplicas: o.Spec.MaxReplicas,
		}}
	case *policyv1.PodDisruptionBudget:
		*o = policyv1.PodDisruptionBudget{ObjectMeta: redactMeta(o.ObjectMeta), Spec: o.Spec}
	case *schedulingv1.PriorityClass:
		*o = schedulingv1.PriorityClass{ObjectMeta: redactMeta(o.ObjectMeta), Value: o.Value, GlobalDefault: o.GlobalDefault, PreemptionPolicy: o.PreemptionPolicy}
	case *storagev1.StorageClass:
		redactClass(o)
	case *storagev1.CSINode:
		redactCSINode(o)
	}
}

// revisionAnnotation counts a Deployment's rollouts, on it and on its ReplicaSets
// (k8s.io/kubernetes pkg/controller/deployment/util, RevisionAnnotation).
const revisionAnnotation = "deployment.kubernetes.io/revision"

// plainAnnotations keeps those that the scheduler, the simulated controllers or
// bulkhead read, whose values have a fixed form. Any other may be secret, also of
// Kubernetes' own domains: last-applied-configuration holds whole objects.
func plainAnnotations(all map[string]string) map[string]string {
	var kept map[string]string
	for key, value := range all {
		switch key {
		case corev1.MirrorPodAnnotationKey:
			value = "mirror" // a hash of what is not kept
		case model.AnnotationMinAvailable, model.AnnotationRecoveryTime, revisionAnnotation,
			corev1.PodDeletionCost,
			"service.kubernetes.io/topology-mode", "service.kubernetes.io/topology-aware-hints",
			volume.AnnBindCompleted, volume.AnnBoundByController, volume.AnnSelectedNode,
			"pv.kubernetes.io/provisioned-by", "pv.kubernetes.io/migrated-to",
			volume.AnnStorageProvisioner, volume.AnnBetaStorageProvisioner, corev1.BetaStorageClassAnnotation,
			defaultClassAnnotations[0], defaultClassAnnotations[1], corev1.MigratedPluginsAnnotationKey:
		default:
			continue
		}
		if kept == nil {
			kept = map[string]string{}
		}
		kept[key] = value
	}
	return kept
}

func redactMeta(m metav1.ObjectMeta) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Name: m.Name, Namespace: m.Namespace, UID: m.UID, Labels: m.Labels, Annotations: plainAnnotations(m.Annotations),
		CreationTimestamp: m.CreationTimestamp, DeletionTimestamp: m.DeletionTimestamp, OwnerReferences: m.OwnerReferences,
	}
}

func redactNode(o *corev1.Node) {
	status := corev1.NodeStatus{
		Capacity: o.Status.Capacity, Allocatable: o.Status.Allocatable, Images: o.Status.Images,
		Features: o.Status.Features, DeclaredFeatures: o.Status.DeclaredFeatures,
	}
	for _, c := range o.Status.Conditions {
		if c.Type == corev1.NodeReady {
			status.Conditions = append(status.Conditions, corev1.NodeCondition{Type: c.Type, Status: c.Status})
		}
	}
	spec := corev1.NodeSpec{Unschedulable: o.Spec.Unschedulable}
	for _, t := range o.Spec.Taints {
		spec.Taints = append(spec.Taints, corev1.Taint{Key: t.Key, Value: t.Value, Effect: t.Effect})
	}
	*o = corev1.Node{ObjectMeta: redactMeta(o.ObjectMeta), Spec: spec, Status: status}
}

func redactService(o *corev1.Service) {
	spec := corev1.ServiceSpec{
		Selector: o.Spec.Selector, Type: o.Spec.Type, PublishNotReadyAddresses: o.Spec.PublishNotReadyAddresses,
		ExternalTrafficPolicy: o.Spec.ExternalTrafficPolicy, InternalTrafficPolicy: o.Spec.InternalTrafficPolicy,
		TrafficDistribution: o.Spec.TrafficDistribution, SessionAffinity: o.Spec.SessionAffinity,
	}
	if o.Spec.ClusterIP == corev1.ClusterIPNone {
		spec.ClusterIP = corev1.ClusterIPNone
	}
	for _, p := range o.Spec.Ports {
		spec.Ports = append(spec.Ports, corev1.ServicePort{Name: p.Name, Protocol: p.Protocol, Port: p.Port, TargetPort: p.TargetPort, NodePort: p.NodePort})
	}
	*o = corev1.Service{ObjectMeta: redactMeta(o.ObjectMeta), Spec: spec}
}

func redactStatefulSet(o *appsv1.StatefulSet) {
	redactTemplate(&o.Spec.Template)
	spec := appsv1.StatefulSetSpec{
		Replicas: o.Spec.Replicas, Selector: o.Spec.Selector, Template: o.Spec.Template, ServiceName: o.Spec.ServiceName,
		PodManagementPolicy: o.Spec.PodManagementPolicy, Ordinals: o.Spec.Ordinals,
		PersistentVolumeClaimRetentionPolicy: o.Spec.PersistentVolumeClaimRetentionPolicy,
	}
	for i := range o.Spec.VolumeClaimTemplates {
		spec.VolumeClaimTemplates = append(spec.VolumeClaimTemplates, redactClaim(&o.Spec.VolumeClaimTemplates[i]))
	}
	*o = appsv1.StatefulSet{ObjectMeta: redactMeta(o.ObjectMeta), Spec: spec}
}

func redactJob(s *batchv1.JobSpec) batchv1.JobSpec {
	redactTemplate(&s.Template)
	return batchv1.JobSpec{
		Parallelism: s.Parallelism, Completions: s.Completions, CompletionMode: s.CompletionMode, Suspend: s.Suspend,
		BackoffLimit: s.BackoffLimit, PodFailurePolicy: s.PodFailurePolicy, PodReplacementPolicy: s.PodReplacementPolicy,
		Selector: s.Selector, Template: s.Template,
	}
}

func redactCSINode(o *storagev1.CSINode) {
	var spec storagev1.CSINodeSpec
	for _, d := range o.Spec.Drivers {
		spec.Drivers = append(spec.Drivers, storagev1.CSINodeDriver{Name: d.Name, NodeID: o.Name, TopologyKeys: d.TopologyKeys, Allocatable: d.Allocatable})
	}
	*o = storagev1.CSINode{ObjectMeta: redactMeta(o.ObjectMeta), Spec: spec}
}

// keptParameters are those of a StorageClass's parameters that say how far its
// volumes reach (model.ProvisionerScope); others name accounts and Secrets.
var keptParameters = []string{"replication-type", "type", "tier", "skuname", "storageaccounttype", "deploymenttype"}

func redactClass(o *storagev1.StorageClass) {
	var parameters map[string]string
	for key, value := range o.Parameters {
		if slices.Contains(keptParameters, strings.ToLower(key)) {
			if parameters == nil {
				parameters = map[string]string{}
			}
			parameters[key] = value
		}
	}
	*o = storagev1.StorageClass{
		ObjectMeta: redactMeta(o.ObjectMeta), Provisioner: o.Provisioner, Parameters: parameters,
		ReclaimPolicy: o.ReclaimPolicy, VolumeBindingMode: o.VolumeBindingMode, AllowedTopologies: o.AllowedTopologies,
	}
}
