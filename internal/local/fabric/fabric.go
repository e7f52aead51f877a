//go:build linux

package fabric

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/rpc"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"bulkhead.dev/bulkhead/internal/local/machine"
	"bulkhead.dev/bulkhead/internal/local/process"
)

// Fabric is what clients call; each method is one request.
type Fabric struct {
	config Config
	folder string
	keeper *process.Keeper
	since  time.Time
	stop   chan struct{}

	stopOnce sync.Once

	mu       sync.Mutex // power and faults
	machines []*host
	fault    *Fault
	healAt   time.Time
	deadMan  *time.Timer
	healed   Healed
}

// Main is the life of a fabric. The process must be in a network namespace of its
// own, unless its machines are on loopback; file descriptor 3 is a listener of the machine outside, whose connections
// are passed on to the API.
func Main(folder string) error {
	text, err := os.ReadFile(filepath.Join(folder, ConfigFile))
	if err != nil {
		return fmt.Errorf("starting a fabric: %w", err)
	}
	f := &Fabric{folder: folder, keeper: process.NewKeeper(), since: time.Now(), stop: make(chan struct{})}
	if err := json.Unmarshal(text, &f.config); err != nil {
		return fmt.Errorf("starting a fabric: reading %s: %w", ConfigFile, err)
	}
	for i, m := range f.config.Machines {
		f.machines = append(f.machines, &host{Machine: m, index: i, zone: f.zoneIndex(m.Zone), loopback: f.config.Loopback})
	}
	if err := writePID(folder); err != nil {
		return err
	}
	if f.config.Loopback {
		// What a machine leaves behind that loses its power is the fabric's to wait for.
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
			return fmt.Errorf("starting the fabric of %s: %w", f.config.Cluster, err)
		}
	} else if err := makeBridge(f.config.Bridge); err != nil {
		return fmt.Errorf("starting the fabric of %s: %w", f.config.Cluster, err)
	}
	door := os.NewFile(3, "door")
	listener, err := net.FileListener(door)
	_ = door.Close()
	if err != nil {
		return fmt.Errorf("starting the fabric of %s: %w", f.config.Cluster, err)
	}
	go forward(listener, f.config.Endpoints)
	control, err := listenIn(folder, ControlSocket)
	if err != nil {
		return fmt.Errorf("starting the fabric of %s: %w", f.config.Cluster, err)
	}
	server := rpc.NewServer()
	if err := server.Register(f); err != nil {
		return err
	}
	go server.Accept(control)
	go f.provision(f.stop)
	ends := make(chan os.Signal, 1)
	signal.Notify(ends, syscall.SIGTERM, syscall.SIGINT)
	signal.Ignore(syscall.SIGHUP)
	select {
	case <-ends:
	case <-f.stop:
	}
	f.mu.Lock() // no power on from here
	for _, h := range f.machines {
		h.cut()
	}
	for _, h := range f.machines {
		h.powerOff()
	}
	return os.Remove(filepath.Join(folder, ControlSocket))
}

// Shutdown ends the fabric and everything in it.
func (f *Fabric) Shutdown(_ machine.Nothing, _ *machine.Nothing) error {
	f.stopOnce.Do(func() { close(f.stop) })
	return nil
}

// Status tells what runs.
func (f *Fabric) Status(_ machine.Nothing, out *Status) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	*out = Status{Cluster: f.config.Cluster, PID: os.Getpid(), Since: f.since, Fault: f.fault, HealAt: f.healAt}
	for _, h := range f.machines {
		out.Machines = append(out.Machines, h.status())
	}
	return nil
}

// PowerOn starts machines that have no power; they run nothing yet.
func (f *Fabric) PowerOn(names []string, _ *machine.Nothing) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, name := range names {
		h, err := f.host(name)
		if err == nil {
			err = h.powerOn(f)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Run runs a command on a machine.
func (f *Fabric) Run(r RunRequest, out *machine.Output) error {
	return f.call(r.Machine, "Run", r.Do, out)
}

// Write writes files on a machine.
func (f *Fabric) Write(r WriteRequest, out *machine.Nothing) error {
	return f.call(r.Machine, "Write", r.Do, out)
}

// Read reads files of a machine.
func (f *Fabric) Read(r ReadRequest, out *[]machine.File) error {
	return f.call(r.Machine, "Read", r.Do, out)
}

// Serve starts services of a machine.
func (f *Fabric) Serve(r ServeRequest, out *machine.Nothing) error {
	return f.call(r.Machine, "Serve", r.Do, out)
}

// ServeManifests starts static pods of a machine.
func (f *Fabric) ServeManifests(r ManifestsRequest, out *machine.Nothing) error {
	return f.call(r.Machine, "ServeManifests", r.Do, out)
}

// Probe asks every machine that has power whether what runs there is ready: out is why
// not. A process without a service is the machine itself.
func (f *Fabric) Probe(_ machine.Nothing, out *map[Process]string) error {
	f.mu.Lock()
	clients := map[string]*rpc.Client{}
	for _, h := range f.machines {
		if h.client != nil && h.init.Running() {
			clients[h.Name] = h.client
		}
	}
	f.mu.Unlock()
	*out = map[Process]string{}
	var (
		mu    sync.Mutex
		group sync.WaitGroup
	)
	for name, client := range clients {
		group.Go(func() {
			var why map[string]string
			err := client.Call("Machine.Probe", machine.Nothing{}, &why)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				(*out)[Process{Machine: name}] = err.Error()
			}
			for service, text := range why {
				(*out)[Process{name, service}] = text
			}
		})
	}
	group.Wait()
	return nil
}

func (f *Fabric) call(name, method string, in, out any) error {
	f.mu.Lock()
	h, err := f.host(name)
	var client *rpc.Client
	if err == nil {
		if client = h.client; client == nil {
			err = fmt.Errorf("%s has no power", name)
		}
	}
	f.mu.Unlock()
	if err != nil {
		return err
	}
	return client.Call("Machine."+method, in, out)
}

func (f *Fabric) host(name string) (*host, error) {
	for _, h := range f.machines {
		if h.Name == name {
			return h, nil
		}
	}
	return nil, fmt.Errorf("there is no machine %q", name)
}

// zoneIndex numbers the zones in the order in which machines name them.
func (f *Fabric) zoneIndex(zone string) int {
	seen := map[string]int{}
	for _, m := range f.config.Machines {
		if _, ok := seen[m.Zone]; !ok {
			seen[m.Zone] = len(seen)
		}
	}
	return seen[zone]
}

// listenIn makes a socket in a folder, whatever the length of the folder's path
// (unix(7): 107 bytes).
func listenIn(folder, name string) (net.Listener, error) {
	dir, err := unix.Open(folder, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = unix.Close(dir) }()
	if err := os.Remove(filepath.Join(folder, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: fmt.Sprintf("/proc/self/fd/%d/%s", dir, name), Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false) // by that name it is gone
	return l, os.Chmod(filepath.Join(folder, name), 0o600)
}
