// Package model holds the words that every other package speaks: Snapshot,
// Workload, Failure, volume Scope (see docs/vocabulary.md).
//
// A Snapshot is a cluster at one instant, whatever it was read from. Its
// objects are Kubernetes' own types, defaulted and validated as the API server
// would, and are shared: nobody changes them.
//
// The package holds values and small pure functions; it reads no file, clock
// or network.
package model
