package aws

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// annotation is the prefix of the AWS Load Balancer Controller's annotations:
// kubernetes-sigs.github.io/aws-load-balancer-controller, guide/service/annotations.
const annotation = "service.beta.kubernetes.io/aws-load-balancer-"

// IngressService returns the Service behind which the application's traffic comes
// in; nil where the owner wants none. A network load balancer has a node and an
// address in each zone, so one Service does for all of them:
//
//   - pods are targets themselves, so that a pod that is not ready gets nothing,
//     whatever its node's health;
//   - traffic crosses zones, so that a zone without a ready pod does not answer
//     with resets;
//   - zonal shift is on, so that a zone's address can be withdrawn from DNS.
//
// A check every 5 s that fails twice takes a dead target out in about 10 s, the
// least that a network load balancer allows.
func IngressService(c *v1alpha1.Cluster) *corev1.Service {
	in := c.Spec.Ingress
	if in == nil {
		return nil
	}
	annotations := map[string]string{
		annotation + "scheme":                          "internet-facing",
		annotation + "nlb-target-type":                 "ip",
		annotation + "attributes":                      "load_balancing.cross_zone.enabled=true,zonal_shift.config.enabled=true",
		annotation + "target-group-attributes":         "deregistration_delay.timeout_seconds=30,target_health_state.unhealthy.connection_termination.enabled=true",
		annotation + "healthcheck-protocol":            "tcp",
		annotation + "healthcheck-interval":            "5",
		annotation + "healthcheck-timeout":             "2",
		annotation + "healthcheck-healthy-threshold":   "2",
		annotation + "healthcheck-unhealthy-threshold": "2",
		annotation + "healthcheck-port":                "traffic-port",
	}
	if in.HealthPath != "" {
		annotations[annotation+"healthcheck-protocol"] = "http"
		annotations[annotation+"healthcheck-path"] = in.HealthPath
	}
	ports := make([]corev1.ServicePort, len(in.Ports))
	for i, p := range in.Ports {
		ports[i] = corev1.ServicePort{
			Name: p.Name, Protocol: corev1.ProtocolTCP,
			Port: int32(p.Port), TargetPort: intstr.FromInt32(int32(p.TargetPort)),
		}
	}
	if in.HealthPath != "" && len(ports) > 1 {
		// The first port answers the check for all, so that a port that does not
		// speak HTTP is not found dead.
		annotations[annotation+"healthcheck-port"] = strconv.Itoa(in.Ports[0].TargetPort)
	}
	policy := corev1.ServiceExternalTrafficPolicy(in.ExternalTrafficPolicy)
	if policy == "" {
		policy = corev1.ServiceExternalTrafficPolicyLocal
	}
	return &corev1.Service{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: metav1.ObjectMeta{
			Name: c.Metadata.Name + "-ingress", Namespace: in.Namespace, Annotations: annotations,
		},
		Spec: corev1.ServiceSpec{
			Type:                  corev1.ServiceTypeLoadBalancer,
			LoadBalancerClass:     new("service.k8s.aws/nlb"),
			ExternalTrafficPolicy: policy,
			// Pods are targets: node ports would only be doors nobody uses.
			AllocateLoadBalancerNodePorts: new(false),
			Selector:                      in.Selector,
			Ports:                         ports,
		},
	}
}
