// Package apiserver does to an object what kube-apiserver does when the object
// is created, with kube-apiserver's own code: strict decoding, defaulting, the
// registry strategies' preparation and validation, and, for pods, the admission
// plugins that matter to scheduling.
//
//	JSON ─► decode ─► default ─► prepare ─► validate ─► object    (Accept)
//	Deployment, StatefulSet, … ─► pod ─► tolerations, priority,
//	                              merged label keys ─► stored pod (Pods)
//	pod, ResourceQuota ─► what the pod is charged for             (PodUsage, …)
//
// What goes in is one JSON document or an object that came out of Accept; what
// comes out is a Kubernetes object in the version of Storage, faults and
// warnings with field paths. The package reads no file, cluster or clock, and
// an object that came out belongs to the caller.
//
// Not done, because it needs a cluster or plays no part in placement: names,
// namespaces and owners are not looked up; LimitRanger, ServiceAccount,
// RuntimeClass, webhooks and admission policies do not run; Services get no IP
// addresses; creation timestamps stay empty.
package apiserver
