package ack

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// nasServer stands for the NAS mount target's name, which exists only when Terraform
// has made it; the step that applies the class puts it in.
const nasServer = "NAS_SERVER"

// diskTypes are tried in this order: not every zone and machine has the first
// (as ACK's own class alicloud-disk-topology-alltype does).
const diskTypes = "cloud_essd,cloud_ssd,cloud_efficiency"

// givenClasses are StorageClasses that ACK makes itself. Their fields cannot be
// changed, so they are not written here.
func givenClasses() []string {
	return []string{"alicloud-disk-efficiency", "alicloud-disk-ssd", "alicloud-disk-essd", "alicloud-disk-topology-alltype"}
}

// diskClass is the owner's class of disks, nil when it is one of ACK's.
func diskClass(c *v1alpha1.Cluster) *storagev1.StorageClass {
	if slices.Contains(givenClasses(), c.Spec.Storage.ClassName) {
		return nil
	}
	class := newClass(c.Spec.Storage.ClassName, "diskplugin.csi.alibabacloud.com", storagev1.VolumeBindingMode(c.Spec.Storage.BindingMode))
	class.Annotations = map[string]string{"storageclass.kubernetes.io/is-default-class": "true"}
	class.Parameters = map[string]string{"type": diskTypes}
	return class
}

// sharedClass is the owner's class of NAS volumes, nil when none is asked for. Each
// volume is a folder of the one file system; a deleted one is kept aside.
func sharedClass(c *v1alpha1.Cluster) *storagev1.StorageClass {
	if c.Spec.Storage.SharedClassName == "" {
		return nil
	}
	class := newClass(c.Spec.Storage.SharedClassName, "nasplugin.csi.alibabacloud.com", storagev1.VolumeBindingImmediate)
	class.MountOptions = []string{"nolock,tcp,noresvport", "vers=3"}
	class.Parameters = map[string]string{"volumeAs": "subpath", "server": nasServer + ":/", "archiveOnDelete": "true"}
	return class
}

func newClass(name, provisioner string, mode storagev1.VolumeBindingMode) *storagev1.StorageClass {
	reclaim := corev1.PersistentVolumeReclaimDelete
	return &storagev1.StorageClass{
		TypeMeta:             metav1.TypeMeta{APIVersion: storagev1.SchemeGroupVersion.String(), Kind: "StorageClass"},
		ObjectMeta:           metav1.ObjectMeta{Name: name},
		Provisioner:          provisioner,
		VolumeBindingMode:    &mode,
		ReclaimPolicy:        &reclaim,
		AllowVolumeExpansion: new(true),
	}
}

// annotation is the prefix of the cloud controller's annotations
// (kubernetes/cloud-provider-alibaba-cloud, docs/usage.md).
const annotation = "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-"

// ingressService is one load balancer with a standby: a classic load balancer stands
// in a primary zone and moves to its secondary when that is lost.
func ingressService(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) *corev1.Service {
	in := c.Spec.Ingress
	annotations := map[string]string{
		annotation + "master-zoneid":         p.Zones[0],
		annotation + "health-check-flag":     "on",
		annotation + "health-check-type":     "tcp",
		annotation + "health-check-interval": "2",
		annotation + "unhealthy-threshold":   "2",
		annotation + "healthy-threshold":     "2",
	}
	if len(p.Zones) > 1 {
		annotations[annotation+"slave-zoneid"] = p.Zones[1]
	}
	if in.HealthPath != "" && len(in.Ports) == 1 {
		// One check for all ports: with several, one may not speak HTTP.
		annotations[annotation+"health-check-type"] = "http"
		annotations[annotation+"health-check-uri"] = in.HealthPath
	}
	ports := make([]corev1.ServicePort, 0, len(in.Ports))
	for _, port := range in.Ports {
		ports = append(ports, corev1.ServicePort{Name: port.Name, Protocol: corev1.ProtocolTCP, Port: int32(port.Port), TargetPort: intstr.FromInt32(int32(port.TargetPort))})
	}
	return &corev1.Service{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: metav1.ObjectMeta{Name: c.Metadata.Name + "-ingress", Namespace: in.Namespace, Annotations: annotations},
		Spec: corev1.ServiceSpec{
			Type:                  corev1.ServiceTypeLoadBalancer,
			ExternalTrafficPolicy: corev1.ServiceExternalTrafficPolicy(in.ExternalTrafficPolicy),
			Selector:              in.Selector, Ports: ports,
		},
	}
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
