// Package plan is the verb that designs: a Cluster becomes a plan, each decision
// with its reason, proved by simulating the application on it.
package plan
