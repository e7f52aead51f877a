// Package v1alpha1 holds the types that people and programs exchange with
// bulkhead, version bulkhead.dev/v1alpha1.
//
// What bulkhead writes: SimulationReport. Its JSON schema is generated from
// these types into docs/schemas. Fields are added, never renamed or removed,
// within a version.
//
// What bulkhead reads: Timings (simulate --timings), and ClusterSnapshot, which it
// also writes (snapshot, simulate --snapshot).
//
// The package imports apimachinery only, so that other programs can use it
// without the rest.
package v1alpha1

// APIVersion is the apiVersion of every object in this package.
const APIVersion = "bulkhead.dev/v1alpha1"
