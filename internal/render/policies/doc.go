// Package policies renders ValidatingAdmissionPolicies that keep an application fit
// for the loss of a zone: the API server itself checks what is created, without a
// webhook that could stand in the lost zone.
//
//	Cluster ─► Parameters ─► policies.yaml   what is checked
//	                     ├─► bindings.yaml   Warn and Audit: nothing is refused
//	                     └─► enforce.yaml    the same bindings with Deny
//
// A policy that cannot be evaluated lets the object pass (failurePolicy Ignore): a
// rule about spreading must never keep pods from coming back. Whether a workload has
// a PodDisruptionBudget at all is not checked here: such a policy sees one object at
// a time. The rules of observability tell of budgets that allow nothing.
package policies
