package model

import "k8s.io/apimachinery/pkg/api/resource"

// VirtualCluster says which nodes to make when the input names none.
type VirtualCluster struct {
	// Zones names the zones.
	Zones []string
	// NodesPerZone, or 0 for as many as the workloads need, plus one.
	NodesPerZone int
	// CPU, Memory and Pods are the allocatable room of each node.
	CPU, Memory resource.Quantity
	Pods        int64
}
