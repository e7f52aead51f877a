package machine

import "time"

// Argument is the first argument of a program that is to be a machine's init; the
// second is the machine's folder.
const Argument = "local-machine"

// Socket is the file descriptor that the init serves.
const Socket = 3

// Config is machine.json in a machine's folder.
type Config struct {
	// Name is the host name.
	Name string
	// Programs are paths by name: what a static pod's command is looked up in.
	Programs map[string]string
	// Loopback: the machine has no namespaces. It is a process and its children, its
	// paths are below its disk, and its addresses of the host's loopback.
	Loopback bool
}

// The folders and files in a machine's folder.
const (
	ConfigFile = "machine.json"
	DiskFolder = "disk"
	LogFolder  = "logs"
	// SyslogFile in LogFolder holds what was sent to /dev/log, each line with the
	// time at which it came (RFC 3339 with nanoseconds).
	SyslogFile = "syslog.log"
)

// Service is a process that is started again when it ends.
type Service struct {
	Name string
	// Argv[0] is a path, or a name in Config.Programs.
	Argv []string
	// Probe is a URL that answers with 200 to 399 when the service is ready; empty: it
	// is when it runs.
	Probe string
}

// File is one to write.
type File struct {
	Path string
	Mode uint32
	Data []byte
}

// Command is one to run.
type Command struct {
	Argv    []string
	Timeout time.Duration
}

// Output is what a command said on both streams, and its exit code.
type Output struct {
	Text string
	Code int
}

// State is what a process of the machine does.
type State string

// The states.
const (
	Running State = "running"
	Frozen  State = "frozen"
	// Held: ended, and not started again until it is released.
	Held State = "held"
	// Waiting: it ended by itself and is started again after a while.
	Waiting State = "waiting"
)

// Status of one service.
type Status struct {
	Name     string
	State    State
	PID      int // in the machine
	Restarts int
	Since    time.Time
	// Last is how it ended the last time; empty when it never did.
	Last string
}

// Nothing is what has no fields.
type Nothing struct{}
