// Package kubeadm renders a cluster on machines that somebody has: the owner's
// (provider kubeadm) or network namespaces of this one (provider local).
//
// In go a Cluster with its defaults and its plan. Out come, for each machine,
// kubeadm's configuration (kubeadm.k8s.io/v1beta4), HAProxy's and keepalived's,
// systemd units for etcd's snapshots and the certificates' renewal, and what
// prepares the machine, as cloud-init and as scripts:
//
//	kubeadm/authentication.yaml   who may ask the API server without a name
//	kubeadm/HOST/kubeadm.yaml     init for the first, join for the others
//	haproxy/HOST/haproxy.cfg      spreads connections over the API servers
//	keepalived/HOST/…             keeps the virtual IP where HAProxy works
//	systemd/…                     timers: etcd's snapshots, certificates
//	host/…                        scripts, the same for all machines
//	host/HOST/…                   what is this machine's own
//	cloud-init/HOST.yaml          the same, for machines that start with it
//
// No file holds a secret: certificates and tokens are made on the machines, by the
// commands that Steps returns.
//
// kubeadm's and the kubelet's files are made from their own types. HAProxy,
// keepalived, systemd and the shell have none in Go: those files are templates
// filled with values that Lay has checked to be names, addresses and numbers.
package kubeadm
