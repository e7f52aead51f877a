// Package components finds the programs of a Kubernetes cluster: kube-apiserver,
// kube-controller-manager, kube-scheduler, kubectl, kubeadm, etcd, etcdctl,
// etcdutl and kwok, in the versions that the modules under components/ pin.
//
//	$BULKHEAD_COMPONENTS ─► cache ─► official release ─► "run: make components"
//
// In goes a name, out comes the path of a program that is whole: it was given by
// the user, built by `make components`, or downloaded and compared with the
// checksum that its project publishes beside it.
package components
