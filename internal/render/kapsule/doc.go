// Package kapsule renders a cluster on Scaleway Kapsule: Terraform for the network,
// the cluster and a pool a zone; a load balancer Service a zone; and, in a module of
// its own, the DNS record that leaves out the addresses that do not answer.
//
//	kapsule/versions.tf, network.tf, cluster.tf   first
//	kapsule/addons/*.yaml                         then, with kubectl
//	kapsule/dns/*.tf                              last: the addresses exist only now
//
// Arguments are those of the Terraform provider scaleway/scaleway 2.81
// (registry.terraform.io/providers/scaleway/scaleway/2.81.0/docs).
package kapsule
