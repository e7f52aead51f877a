// Package local runs the cluster of a Cluster with provider local on this machine:
// a real control plane, its zones and what a drill breaks.
//
//	Cluster, plan, rendered files ─► Apply ─► fabric (a process in a network
//	                                           │      namespace of its own)
//	                                           │  bridge, links, drop rules,
//	                                           │  dead-man timer, way in from here
//	                                           ├─► machine lab-cp-1 (zone a)
//	                                           ├─► machine lab-cp-2 (zone b)
//	                                           ├─► machine lab-cp-3 (zone c)
//	                                           └─► machine a zone: kwok, its nodes
//
// Each machine is a network, mount, PID, UTS and IPC namespace whose init is our
// supervisor (package machine): it runs the commands of the static pods that
// kubeadm wrote. The fabric (package fabric) is their parent and the datacentre:
// power, cables, and a timer that takes faults back when nobody does. When it ends,
// the kernel ends every machine, and with them their links, mounts and processes;
// what is left is one folder of files.
//
// Without root (Options.Loopback) it is the same without namespaces: a machine is a
// process with its children, its address is one of the host's loopback, 127.N.ZONE.x,
// and its paths are below its folder. There is no bridge, no virtual IP and no
// keepalived; the port of 127.0.0.1 leads to the first HAProxy that takes a
// connection, zone by zone. Faults that lose packets are refused. Files: loopback.go
// here, in package machine and in render/kubeadm.
//
// Nothing of this machine's own network is touched: the bridge stands in the
// fabric's namespace, and the API is reached through a port of 127.0.0.1 that the
// fabric passes on.
package local
