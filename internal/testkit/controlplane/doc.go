// Package controlplane starts a real Kubernetes control plane for tests, in some
// seconds and without a container: etcd, kube-apiserver,
// kube-controller-manager and kube-scheduler as processes on loopback, with RBAC,
// and kwok in the place of the kubelets. What it says about Kubernetes is what
// Kubernetes does.
//
//	etcd ◄─ kube-apiserver ◄─┬─ kube-controller-manager
//	                         ├─ kube-scheduler
//	                         └─ kwok-a, kwok-b, …   renew the leases of the nodes of
//	                                                a zone, run and remove their pods
//
// Each zone has a kwok of its own, so that a zone can die as it really does:
// KillZone ends it from one moment to the next, the leases of its nodes are not
// renewed any more, nobody runs or removes their pods, and the rest goes on.
//
// Start is for tests, Run for TestMain and programs. The programs come from
// $BULKHEAD_COMPONENTS or the cache that `make components` fills; nothing is
// downloaded. All processes end with this one, however it ends.
package controlplane
