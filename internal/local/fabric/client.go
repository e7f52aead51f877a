//go:build linux

package fabric

import (
	"errors"
	"fmt"
	"net"
	"net/rpc"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"bulkhead.dev/bulkhead/internal/local/machine"
)

// ErrNotRunning says that a cluster's folder has no fabric that runs.
var ErrNotRunning = errors.New("it does not run")

// Client calls the fabric of a cluster.
type Client struct{ *rpc.Client }

// Dial connects to the fabric of the cluster in a folder.
func Dial(folder string) (*Client, error) {
	dir, err := unix.Open(folder, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotRunning, err)
	}
	defer func() { _ = unix.Close(dir) }()
	conn, err := net.Dial("unix", fmt.Sprintf("/proc/self/fd/%d/%s", dir, ControlSocket))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotRunning, err)
	}
	return &Client{rpc.NewClient(conn)}, nil
}

// Status asks for everything.
func (c *Client) Status() (*Status, error) {
	var s Status
	return &s, c.Call("Fabric.Status", machine.Nothing{}, &s)
}

// Inject makes a fault.
func (c *Client) Inject(f Fault) (Injected, error) {
	var out Injected
	err := c.Call("Fabric.Inject", f, &out)
	return out, err
}

// Heal takes the fault back.
func (c *Client) Heal() (Healed, error) {
	var out Healed
	err := c.Call("Fabric.Heal", machine.Nothing{}, &out)
	return out, err
}

// Healed tells of the last healing.
func (c *Client) Healed() (Healed, error) {
	var out Healed
	err := c.Call("Fabric.Healed", machine.Nothing{}, &out)
	return out, err
}

// Signs of the fault in force.
func (c *Client) Signs() ([]string, error) {
	var out []string
	err := c.Call("Fabric.Signs", machine.Nothing{}, &out)
	return out, err
}

// Probe says why what runs is not ready; a process without a service is the machine
// itself.
func (c *Client) Probe() (map[Process]string, error) {
	var out map[Process]string
	err := c.Call("Fabric.Probe", machine.Nothing{}, &out)
	return out, err
}

// Run runs a command on a machine; an exit code other than 0 is an error with what
// it said.
func (c *Client) Run(name string, do machine.Command) (string, error) {
	var out machine.Output
	if err := c.Call("Fabric.Run", RunRequest{name, do}, &out); err != nil {
		return "", err
	}
	if out.Code != 0 {
		return out.Text, fmt.Errorf("running %s on %s: exit code %d\n%s", strings.Join(do.Argv, " "), name, out.Code, strings.TrimSpace(out.Text))
	}
	return out.Text, nil
}

// writePID tells who the fabric is.
func writePID(folder string) error {
	start, err := startOf(os.Getpid())
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, PIDFile), fmt.Appendf(nil, "%d %s\n", os.Getpid(), start), 0o600)
}

// PID returns the process id of the fabric that a folder names, 0 when it does not
// run any more: a process of that id that started at another time is another.
func PID(folder string) int {
	text, err := os.ReadFile(filepath.Join(folder, PIDFile))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text))
	if len(fields) != 2 {
		return 0
	}
	pid, err := strconv.Atoi(fields[0])
	if err != nil || pid <= 1 {
		return 0
	}
	if start, err := startOf(pid); err != nil || start != fields[1] {
		return 0
	}
	return pid
}

// startOf reads field 22 of /proc/PID/stat; the second, in brackets, may hold
// blanks. A zombie does not run.
func startOf(pid int) (string, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", err
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 20 || fields[0] == "Z" {
		return "", errors.New("it has ended")
	}
	return fields[19], nil
}
