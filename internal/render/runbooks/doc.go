// Package runbooks renders what to do when a cluster breaks: one Markdown page an
// incident, with this cluster's own names, zones, addresses and commands, what the
// plan predicts, and a decision tree.
//
// Pages differ where the truth does. Who runs etcd gets a page on its quorum; who
// rents the control plane gets one on an API that does not answer, because the
// quorum is the provider's. Alerts of package observability link to these pages by
// their paths.
package runbooks
