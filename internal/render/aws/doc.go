// Package aws renders what both providers on AWS (capa, eks) need inside the
// cluster: StorageClasses, the ingress Service of the AWS Load Balancer Controller
// and the Helm values of the Cluster Autoscaler. In: a Cluster and its plan; out:
// typed objects. What differs by provider stays with the provider.
package aws
