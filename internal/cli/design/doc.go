// Package design reads what plan, render and simulate --cluster share: a Cluster,
// its catalogue and its application, and proves a plan by simulating it.
package design
