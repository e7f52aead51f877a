package kapsule

import (
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// annotation is the prefix of the cloud controller's annotations
// (scaleway/scaleway-cloud-controller-manager, docs/loadbalancer-annotations.md).
const annotation = "service.beta.kubernetes.io/scw-loadbalancer-"

// zoneLabel says that a Service is one of several, one for each zone. The admission
// policies (internal/render/policies) know it, and let those be Local.
const zoneLabel = "bulkhead.dev/zone"

// Health checks of the load balancer: a node is out after about 6 s, instead of 25 s
// with the controller's defaults (5 s, 5 times).
const (
	checkDelay   = "2s"
	checkTimeout = "1s"
	checkRetries = 3
)

// ingress is a load balancer Service for each zone: a Scaleway load balancer stands
// in one zone, so that each zone has its own, and the DNS record knows all of them.
// Each sends to nodes of every zone.
func ingress(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) []any {
	out := make([]any, 0, len(p.Zones))
	for _, zone := range p.Zones {
		out = append(out, ingressService(c, zone))
	}
	return out
}

func ingressService(c *v1alpha1.Cluster, zone string) *corev1.Service {
	in := c.Spec.Ingress
	annotations := map[string]string{
		annotation + "zone":                     zone,
		annotation + "health-check-type":        "tcp",
		annotation + "health-check-delay":       checkDelay,
		annotation + "health-check-timeout":     checkTimeout,
		annotation + "health-check-max-retries": strconv.Itoa(checkRetries),
		annotation + "on-marked-down-action":    "shutdown_sessions",
		annotation + "redispatch-attempt-count": "1",
		annotation + "timeout-connect":          "2s",
		annotation + "forward-port-algorithm":   "leastconn",
	}
	if in.HealthPath != "" {
		// The first port speaks HTTP; the others may not, and their pods are the same.
		first := strconv.Itoa(in.Ports[0].Port)
		annotations[annotation+"health-check-type"] = perPort(first+":http", in.Ports, "tcp")
		annotations[annotation+"health-check-http-uri"] = first + ":" + in.HealthPath
		annotations[annotation+"health-check-http-method"] = first + ":GET"
		annotations[annotation+"health-check-http-code"] = first + ":200"
	}
	ports := make([]corev1.ServicePort, 0, len(in.Ports))
	for _, port := range in.Ports {
		ports = append(ports, corev1.ServicePort{Name: port.Name, Protocol: corev1.ProtocolTCP, Port: int32(port.Port), TargetPort: intstr.FromInt32(int32(port.TargetPort))})
	}
	return &corev1.Service{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: metav1.ObjectMeta{
			Name: c.Metadata.Name + "-ingress-" + zone, Namespace: in.Namespace,
			Labels:      map[string]string{zoneLabel: zone},
			Annotations: annotations,
		},
		Spec: corev1.ServiceSpec{
			Type:                  corev1.ServiceTypeLoadBalancer,
			ExternalTrafficPolicy: corev1.ServiceExternalTrafficPolicy(in.ExternalTrafficPolicy),
			Selector:              in.Selector,
			Ports:                 ports,
		},
	}
}

// perPort is an annotation's value for the first port, and another for the rest.
func perPort(first string, ports []v1alpha1.IngressPort, rest string) string {
	if len(ports) < 2 {
		return first
	}
	numbers := make([]string, 0, len(ports)-1)
	for _, port := range ports[1:] {
		numbers = append(numbers, strconv.Itoa(port.Port))
	}
	return first + ";" + strings.Join(numbers, ",") + ":" + rest
}

// givenClasses are StorageClasses that Kapsule makes itself. Their fields cannot be
// changed, so they are not written here.
func givenClasses() []string {
	return []string{"scw-bssd", "scw-bssd-retain", "sbs-default", "sbs-default-retain", "sbs-5k", "sbs-5k-retain", "sbs-15k", "sbs-15k-retain"}
}

// storageClass is the owner's class, nil when it is one of Kapsule's.
func storageClass(c *v1alpha1.Cluster) *storagev1.StorageClass {
	s := c.Spec.Storage
	if slices.Contains(givenClasses(), s.ClassName) {
		return nil
	}
	mode := storagev1.VolumeBindingMode(s.BindingMode)
	reclaim := corev1.PersistentVolumeReclaimDelete
	return &storagev1.StorageClass{
		TypeMeta:             metav1.TypeMeta{APIVersion: storagev1.SchemeGroupVersion.String(), Kind: "StorageClass"},
		ObjectMeta:           metav1.ObjectMeta{Name: s.ClassName},
		Provisioner:          "csi.scaleway.com",
		VolumeBindingMode:    &mode,
		ReclaimPolicy:        &reclaim,
		AllowVolumeExpansion: new(true),
	}
}
