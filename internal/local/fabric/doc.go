// Package fabric is the datacentre of a local cluster: a process in a network
// namespace of its own that holds the bridge, the machines and what a drill does to
// them.
//
//	apply, drill ──rpc over control.sock──► Fabric ─┬─ power: machines on and off
//	                                                ├─ cables: nftables on the bridge
//	                                                ├─ processes: held, frozen
//	127.0.0.1:PORT ──► the API's address            └─ dead-man: heals when nobody does
//
// Without root (Config.Loopback) there is no namespace, no bridge and no cable: machines
// are processes on addresses of the host's loopback, power off kills them, and packets
// cannot be lost.
//
// A fault is always given with the time after which the fabric takes it back by
// itself, so that a runner that is killed leaves no zone cut off.
package fabric
