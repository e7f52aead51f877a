// Package eks renders a Cluster for Amazon EKS: a ClusterConfig of eksctl, and what
// the new cluster needs inside. In: a decoded Cluster and its plan; out: files and
// the steps that use them, in order.
//
//	cluster.yaml ──► eksctl ──► VPC, control plane, a node group a zone, addons
//	addons/*     ──► kubectl, helm
//
// eksctl is not a library here: its file is described by types of our own, and
// checked against eksctl's published JSON schema in the tests. Each field that is
// set differs from eksctl's default or must not change with it; the file's comment
// says why.
//
// eksctl cuts the VPC by a rule of its own (subnets.go), so its subnets are not the
// plan's; the file names them. What EKS cannot do is refused with the field that
// asks for it.
package eks
