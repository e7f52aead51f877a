package fabric

import (
	"strings"
	"time"

	"bulkhead.dev/bulkhead/internal/local/machine"
)

// Argument is the first argument of a program that is to be a fabric; the second
// is the cluster's folder.
const Argument = "local-fabric"

// The files in a cluster's folder.
const (
	ConfigFile    = "fabric.json"
	ControlSocket = "control.sock"
	LogFile       = "fabric.log"
	// PIDFile holds the process id of the fabric and the time at which it started,
	// in clock ticks since boot (proc_pid_stat(5), field 22).
	PIDFile        = "fabric.pid"
	MachinesFolder = "machines"
)

// Config is fabric.json.
type Config struct {
	Cluster string
	// Program starts machines: this program, and what it calls itself.
	Program, Name string
	// Loopback: made without root. There is no bridge and no cable; machines are
	// processes on addresses of the host's loopback, and no packet can be dropped.
	Loopback bool
	// Network, with the bridge's address in it, for example 10.89.0.1/24.
	Bridge string
	// Endpoints are host:port of the API, in the order in which they are tried: the
	// virtual IP's, or without one each HAProxy's, zone by zone.
	Endpoints []string
	Machines  []Machine
	// Kubeconfig of an administrator, from inside the fabric's network; it is there
	// when the control plane has been made.
	Kubeconfig string
}

// Machine is one that the fabric runs.
type Machine struct {
	Name string
	Zone string
	// Address with the network's length, for example 10.89.0.2/24.
	Address string
	// Nodes: its kwok carries the zone's Kubernetes nodes.
	Nodes bool
	// Services that it runs when it has power, and whether it runs the static pods
	// that kubeadm wrote.
	Services  []machine.Service
	Manifests bool
}

// Process names a service of a machine.
type Process struct{ Machine, Service string }

// DropKind is which packets are lost.
type DropKind string

// The kinds.
const (
	// DropBlackhole loses every packet from and to a zone.
	DropBlackhole DropKind = "blackhole"
	// DropPartition loses every packet between two zones.
	DropPartition DropKind = "partition"
	// DropEgress loses what leaves a zone; what comes in arrives.
	DropEgress DropKind = "egress"
	// DropGateway loses what goes to and comes from outside, for every zone.
	DropGateway DropKind = "gateway"
)

// Fault is what is broken, all at once.
type Fault struct {
	// PowerOff takes machines' cables and then their power: nothing is said
	// goodbye to.
	PowerOff []string
	// Drop loses packets of Zones.
	Drop  DropKind
	Zones []string
	// Hold ends processes and keeps them down, Freeze stops them as they are; Stop
	// asks them to end, as somebody does who moves their work elsewhere.
	Hold, Freeze, Stop []Process
	// Nodes are Kubernetes nodes whose kubelets stop.
	Nodes []string
	// Within is when the fabric heals by itself. It must be positive.
	Within time.Duration
}

// Injected is a fault that was made.
type Injected struct {
	// Began and Done on the machine's clock: before the first and after the last
	// thing that was broken.
	Began, Done time.Time
}

// Healed is a fault that was taken back.
type Healed struct {
	At time.Time
	// By is runner or dead-man; empty when no fault has been made yet.
	By string
	// Faulty: a fault is in force.
	Faulty bool
	// Errors of the healing; none: everything is as it was.
	Errors []string
}

// Status of everything.
type Status struct {
	Cluster string
	PID     int
	Since   time.Time
	// Machines in the order of the Config.
	Machines []MachineStatus
	// Fault in force, nil for none, and when the fabric heals it.
	Fault  *Fault
	HealAt time.Time
}

// MachineStatus is one machine.
type MachineStatus struct {
	Machine
	// On: it has power. PID of its init, as this machine counts.
	On       bool
	PID      int
	Services []machine.Status
}

// On names a machine together with what it shall do.
type On[T any] struct {
	Machine string
	Do      T
}

// net/rpc wants named types.
type (
	// RunRequest runs a command.
	RunRequest On[machine.Command]
	// WriteRequest writes files.
	WriteRequest On[[]machine.File]
	// ReadRequest reads files.
	ReadRequest On[[]string]
	// ServeRequest starts services.
	ServeRequest On[[]machine.Service]
	// ManifestsRequest starts static pods.
	ManifestsRequest On[[]string]
)

// String says what is broken, for people.
func (f *Fault) String() string {
	var parts []string
	add := func(what string, names []string) {
		if len(names) > 0 {
			parts = append(parts, what+" "+strings.Join(names, ", "))
		}
	}
	processes := func(list []Process) []string {
		var out []string
		for _, p := range list {
			out = append(out, p.Service+" on "+p.Machine)
		}
		return out
	}
	add("no power:", f.PowerOff)
	if f.Drop != "" {
		add("packets lost ("+string(f.Drop)+"):", append([]string{}, f.Zones...))
		if len(f.Zones) == 0 {
			parts = append(parts, "packets lost ("+string(f.Drop)+")")
		}
	}
	add("ended:", processes(f.Hold))
	add("frozen:", processes(f.Freeze))
	add("stopped:", processes(f.Stop))
	add("no kubelet:", f.Nodes)
	return strings.Join(parts, "; ")
}
