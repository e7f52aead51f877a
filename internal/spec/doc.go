// Package spec turns the bytes of a cluster.yaml into a Cluster that can be
// planned, or says everything that is wrong with it.
//
//	bytes ─► one YAML document ─► fields by the Go types ─► defaults ─► validation
//	         document.go          strict.go                 defaults.go  the rest
//
// All four steps add to one list of faults, each with the field's path and the
// line that it stands on, so that a person sees every fault at once. Nothing is
// dropped in silence: a field that the types do not know, one that stands there
// twice, and one that the provider has no use for are all faults.
//
// The same reader takes a MachineCatalog (DecodeCatalog).
//
// The package is pure: it takes bytes and returns values.
package spec
