// Package fast makes kube-scheduler's scheduling cycle cheap on large clusters.
//
// Every verdict and every score comes from the scheduler's own plugins, run by
// its own framework; the loop over nodes (cycle.go) is the scheduler's without
// what a single thread does not need. Work is saved in these ways:
//
//	what                              | why the answer is the same
//	----------------------------------+------------------------------------------
//	Plugins that look at one node at  | Their answer depends on the pod's
//	a time are asked once for pods of | signature (fwk.SignPlugin) and on the
//	one signature, and again after    | node: facet.go lists what each reads.
//	the node changed (facet.go)       |
//	PodTopologySpread and             | They use the pods of a node only to find
//	InterPodAffinity see nodes that   | those that a selector matches; the views
//	hold only the pods that can       | hold every such pod (views.go).
//	matter to them                    |
//	Nodes that PodTopologySpread      | It reads a node's topology labels, the
//	cannot tell apart are shown as    | labels that the pod selects nodes by, and
//	one (grouping.go)                 | taints: groups are equal in those.
//	Plugins prepare for a pod once    | recall.go says on what it depends.
//	for its family (recall.go)        |
//	InterPodAffinity over hostnames   | apart.go: such a node's answer depends on
//	is asked again about nodes whose  | its own pods.
//	views changed                     |
//	Preemption passes over nodes on   | vain.go says on what it depends.
//	which it was in vain              |
//
// What is not covered is asked of the plugins each time: about volumes, resource
// claims, nodes with nominated pods, and all that is not known here. A share of
// the cycles is checked against the scheduler's own framework (check.go).
package fast
