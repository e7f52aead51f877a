// Package explain is the verb that says what can be written in a Cluster.
//
//	explain.go    flags and path → text
//	reference.go  the JSON schema (docs/schemas) → fields in reading order
package explain
