// Package capa renders a Cluster for Cluster API on AWS: the objects of a
// management cluster (Cluster, AWSCluster, KubeadmControlPlane, a MachineDeployment
// a zone, MachineHealthChecks) and what the new cluster needs inside. In: a decoded
// Cluster and its plan; out: files and the steps that use them, in order.
//
//	cluster.yaml ──► control-plane.yaml ──► pool-*.yaml      management cluster
//	                        └──► addons/*                    the new cluster
//
// Objects are the types of Cluster API v1beta2 and of Cluster API Provider AWS
// v1beta2, so that a field that they do not know does not compile. Templates carry
// a hash of their content in their name: they cannot be changed in place, and a new
// name is what makes a rollout.
//
// What Cluster API cannot do is refused with the field that asks for it.
package capa
