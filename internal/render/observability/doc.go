// Package observability renders what watches a cluster over zones: Prometheus
// rules with a unit test for every alert, a scrape configuration that gives jobs
// the names that the rules ask for, Grafana dashboards, and Fluent Bit that tells
// each log line's zone.
//
//	Cluster + ClusterPlan ─► scope ─┬─► groups of records and alerts ─► rules.yaml
//	                                │        └─ each alert's own cases ─► tests.yaml
//	                                ├─► jobs ─► prometheus.yaml
//	                                ├─► dashboards ─► grafana/*.json
//	                                └─► DaemonSet and pipeline ─► fluent-bit/
//
// An alert is one value: expression, threshold with its reason, words, runbook, and
// the series that make it fire and keep it silent. Rules of what the owner does not
// run are left out: no etcd for managed control planes, no HAProxy where the
// provider balances.
//
// Metrics are those of kube-state-metrics v2, node-exporter, etcd 3.6, kube-apiserver
// 1.36, HAProxy's own exporter (2.4 and later), and bulkhead_* from the text files
// that a kubeadm host's timers write for node-exporter.
package observability
