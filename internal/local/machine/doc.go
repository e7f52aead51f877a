// Package machine is the init of one machine of a local cluster: the first process
// in network, mount, PID, UTS and IPC namespaces of its own.
//
// It gives the machine a disk (/etc, /usr/local and /var/lib/etcd of its own, kept
// in the machine's folder), then does what the fabric asks of it over the socket
// that it was started with: run a command, write a file, run services and static
// pods and start them again when they end, as a kubelet would. When that socket
// closes it ends, and the kernel ends everything in the machine with it.
//
//	fabric ──rpc──► init ─┬─ etcd, kube-apiserver, … (static pods)
//	                      ├─ HAProxy, keepalived
//	                      └─ a command at a time (kubeadm init phase …)
package machine
