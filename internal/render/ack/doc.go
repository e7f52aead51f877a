// Package ack renders a cluster on Alibaba Cloud ACK: Terraform for the VPC, a vswitch
// a zone, the ways out, the managed cluster and its node pools; StorageClasses for
// disks, which live in one zone, and for NAS.
//
//	ack/versions.tf, network.tf, cluster.tf, nas.tf   first
//	ack/addons/*.yaml                                 then, with kubectl
//
// Arguments are those of the Terraform provider aliyun/alicloud 1.289
// (registry.terraform.io/providers/aliyun/alicloud/1.289.0/docs).
package ack
