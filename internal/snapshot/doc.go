// Package snapshot reads manifests, as files, folders or a stream, into a
// model.Snapshot.
//
//	files ─► documents ─► objects ─► workloads, with their pods ─► Snapshot
//	          YAML, JSON,   Admission:   owners, autoscalers,
//	          lists         the API      annotations, claims
//	                        server
//
// What the API server would refuse is a fault. Reading goes on after one, and
// all faults of all files come back together in one *Error, each with file,
// line, object and field. What the API server would only warn of stands in
// Snapshot.Warnings. Objects of kinds that play no part are counted.
//
// Nothing secret is kept: the contents of objects that play no part are dropped
// as soon as their kind is known, and environment variables, commands, probes
// and annotations of pods once they are validated. Messages name fields, not
// their values, where a value may be secret.
//
// The package does not know Kubernetes' rules. They come in through Admission.
package snapshot
