package snapshot

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func redactTemplate(t *corev1.PodTemplateSpec) {
	*t = corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: t.Labels, Annotations: plainAnnotations(t.Annotations)},
		Spec:       redactPodSpec(&t.Spec),
	}
}

// redactPodSpec keeps what the scheduler filters and scores by, and what decides
// how a pod ends.
func redactPodSpec(s *corev1.PodSpec) corev1.PodSpec {
	return corev1.PodSpec{
		Volumes:                       redactVolumes(s.Volumes),
		InitContainers:                redactContainers(s.InitContainers),
		Containers:                    redactContainers(s.Containers),
		RestartPolicy:                 s.RestartPolicy,
		TerminationGracePeriodSeconds: s.TerminationGracePeriodSeconds,
		NodeSelector:                  s.NodeSelector,
		NodeName:                      s.NodeName,
		HostNetwork:                   s.HostNetwork,
		Affinity:                      s.Affinity,
		SchedulerName:                 s.SchedulerName,
		Tolerations:                   s.Tolerations,
		PriorityClassName:             s.PriorityClassName,
		Priority:                      s.Priority,
		RuntimeClassName:              s.RuntimeClassName,
		PreemptionPolicy:              s.PreemptionPolicy,
		Overhead:                      s.Overhead,
		TopologySpreadConstraints:     s.TopologySpreadConstraints,
		OS:                            s.OS,
		SchedulingGates:               s.SchedulingGates,
		ResourceClaims:                s.ResourceClaims,
		Resources:                     s.Resources,
		SchedulingGroup:               s.SchedulingGroup,
	}
}

func redactContainers(all []corev1.Container) []corev1.Container {
	var kept []corev1.Container
	for _, c := range all {
		kept = append(kept, corev1.Container{
			Name: c.Name, Image: c.Image, Ports: c.Ports, Resources: c.Resources, RestartPolicy: c.RestartPolicy,
		})
	}
	return kept
}

// redactVolumes keeps the volumes that bind a pod to a place or that hold data.
// Those of Secrets, ConfigMaps, tokens and the like do neither; the token's has
// another name in every pod, so that without it pods of one template are alike.
func redactVolumes(all []corev1.Volume) []corev1.Volume {
	var kept []corev1.Volume
	for _, v := range all {
		r := corev1.Volume{Name: v.Name}
		switch s := v.VolumeSource; {
		case s.EmptyDir != nil:
			r.EmptyDir = s.EmptyDir
		case s.HostPath != nil:
			r.HostPath = &corev1.HostPathVolumeSource{Path: s.HostPath.Path, Type: s.HostPath.Type}
		case s.PersistentVolumeClaim != nil:
			r.PersistentVolumeClaim = s.PersistentVolumeClaim
		case s.Ephemeral != nil && s.Ephemeral.VolumeClaimTemplate != nil:
			claim := redactClaim(&corev1.PersistentVolumeClaim{
				ObjectMeta: s.Ephemeral.VolumeClaimTemplate.ObjectMeta, Spec: s.Ephemeral.VolumeClaimTemplate.Spec,
			})
			r.Ephemeral = &corev1.EphemeralVolumeSource{VolumeClaimTemplate: &corev1.PersistentVolumeClaimTemplate{ObjectMeta: claim.ObjectMeta, Spec: claim.Spec}}
		case s.CSI != nil:
			r.CSI = &corev1.CSIVolumeSource{Driver: s.CSI.Driver, ReadOnly: s.CSI.ReadOnly}
		case s.GCEPersistentDisk != nil:
			r.GCEPersistentDisk = s.GCEPersistentDisk
		case s.AWSElasticBlockStore != nil:
			r.AWSElasticBlockStore = s.AWSElasticBlockStore
		case s.AzureDisk != nil:
			r.AzureDisk = s.AzureDisk
		default:
			continue
		}
		kept = append(kept, r)
	}
	return kept
}

func redactPodStatus(s *corev1.PodStatus) corev1.PodStatus {
	kept := corev1.PodStatus{
		Phase: s.Phase, NominatedNodeName: s.NominatedNodeName, StartTime: s.StartTime, QOSClass: s.QOSClass,
		ResourceClaimStatuses: s.ResourceClaimStatuses, AllocatedResources: s.AllocatedResources, Resources: s.Resources,
	}
	for _, c := range s.Conditions {
		switch c.Type {
		case corev1.PodReady, corev1.PodScheduled, corev1.DisruptionTarget:
			kept.Conditions = append(kept.Conditions, corev1.PodCondition{Type: c.Type, Status: c.Status})
		case corev1.PodResizePending: // what the pod is counted with hangs on the reason
			kept.Conditions = append(kept.Conditions, corev1.PodCondition{Type: c.Type, Status: c.Status, Reason: c.Reason})
		}
	}
	kept.ContainerStatuses = resizedStatuses(s.ContainerStatuses)
	kept.InitContainerStatuses = resizedStatuses(s.InitContainerStatuses)
	return kept
}

// resizedStatuses keeps what containers have been given: after a resize in place
// it differs from what they ask for, and the scheduler counts both.
func resizedStatuses(all []corev1.ContainerStatus) []corev1.ContainerStatus {
	var kept []corev1.ContainerStatus
	for _, s := range all {
		if s.AllocatedResources != nil || s.Resources != nil {
			kept = append(kept, corev1.ContainerStatus{Name: s.Name, AllocatedResources: s.AllocatedResources, Resources: s.Resources})
		}
	}
	return kept
}

func redactClaim(o *corev1.PersistentVolumeClaim) corev1.PersistentVolumeClaim {
	return corev1.PersistentVolumeClaim{
		ObjectMeta: redactMeta(o.ObjectMeta),
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: o.Spec.AccessModes, Selector: o.Spec.Selector, Resources: o.Spec.Resources,
			VolumeName: o.Spec.VolumeName, StorageClassName: o.Spec.StorageClassName, VolumeMode: o.Spec.VolumeMode,
		},
		Status: corev1.PersistentVolumeClaimStatus{Phase: o.Status.Phase},
	}
}

// redactVolume keeps of a volume's source which one it is: by it the scheduler
// counts what is attached to a node.
func redactVolume(o *corev1.PersistentVolume) {
	var source corev1.PersistentVolumeSource
	switch s := o.Spec.PersistentVolumeSource; {
	case s.CSI != nil:
		source.CSI = &corev1.CSIPersistentVolumeSource{Driver: s.CSI.Driver, VolumeHandle: s.CSI.VolumeHandle, ReadOnly: s.CSI.ReadOnly}
	case s.GCEPersistentDisk != nil:
		source.GCEPersistentDisk = s.GCEPersistentDisk
	case s.AWSElasticBlockStore != nil:
		source.AWSElasticBlockStore = s.AWSElasticBlockStore
	case s.AzureDisk != nil:
		source.AzureDisk = s.AzureDisk
	case s.HostPath != nil:
		source.HostPath = &corev1.HostPathVolumeSource{Path: s.HostPath.Path, Type: s.HostPath.Type}
	case s.Local != nil:
		source.Local = &corev1.LocalVolumeSource{Path: s.Local.Path}
	}
	spec := corev1.PersistentVolumeSpec{
		Capacity: o.Spec.Capacity, PersistentVolumeSource: source, AccessModes: o.Spec.AccessModes,
		StorageClassName: o.Spec.StorageClassName, VolumeMode: o.Spec.VolumeMode, NodeAffinity: o.Spec.NodeAffinity,
	}
	if r := o.Spec.ClaimRef; r != nil {
		spec.ClaimRef = &corev1.ObjectReference{Kind: r.Kind, APIVersion: r.APIVersion, Namespace: r.Namespace, Name: r.Name, UID: r.UID}
	}
	*o = corev1.PersistentVolume{ObjectMeta: redactMeta(o.ObjectMeta), Spec: spec, Status: corev1.PersistentVolumeStatus{Phase: o.Status.Phase}}
}
