// Package machine is the init of one machine of a local cluster: the first process
// in network, mount, PID, UTS and IPC namespaces of its own.
//
// It gives the machine a disk (/etc, /usr/local and /var/lib/etcd of its own, kept
// in the machine's folder), then does what the fabric asks of it over the socket
// that it was started with: run a command, write a file, run services and static
// pods and start them again when they end, as a kubelet would. When that socket
// closes it ends, and the kernel ends everything in the machine with it.
//
// A machine on loopback, which is made without root, has none of the namespaces: it is
// the same program, its paths are put below its disk where a command or a file names
// them, and the parent-death signal ends its processes with it.
//
//	fabric ──rpc──► init ─┬─ etcd, kube-apiserver, … (static pods)
//	                      ├─ HAProxy, keepalived
//	                      └─ a command at a time (kubeadm init phase …)
package machine
