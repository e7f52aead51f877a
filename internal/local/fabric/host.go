//go:build linux

package fabric

import (
	"errors"
	"fmt"
	"net"
	"net/rpc"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"bulkhead.dev/bulkhead/internal/local/machine"
	"bulkhead.dev/bulkhead/internal/local/process"
)

// host is a machine as the fabric has it, under the fabric's lock.
type host struct {
	Machine
	index, zone int
	init        *process.Process
	client      *rpc.Client
}

// port is the name of the bridge's end of the machine's cable: rules match a zone
// by its beginning (nft(8): a name that ends in * is a prefix).
func (h *host) port() string { return fmt.Sprintf("%s%d", zonePorts(h.zone), h.index) }

func zonePorts(zone int) string { return fmt.Sprintf("z%dm", zone) }

// bootTimeout bounds the start of an init; it takes some milliseconds.
const bootTimeout = 30 * time.Second

// powerOn starts the machine's init and plugs its cable in.
func (h *host) powerOn(f *Fabric) error {
	if h.client != nil && h.init.Running() {
		return nil
	}
	h.powerOff() // an init that has died leaves its cable and its client
	ours, theirs, err := socketPair()
	if err != nil {
		return fmt.Errorf("starting %s: %w", h.Name, err)
	}
	folder := filepath.Join(f.folder, MachinesFolder, h.Name)
	if err := os.MkdirAll(filepath.Join(folder, machine.LogFolder), 0o755); err != nil {
		return err
	}
	cmd := &exec.Cmd{
		Path: f.config.Program, Args: []string{f.config.Name, machine.Argument, folder},
		ExtraFiles: []*os.File{theirs},
		SysProcAttr: &syscall.SysProcAttr{
			Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC,
		},
	}
	h.init, err = f.keeper.Run(h.Name, cmd, filepath.Join(folder, machine.LogFolder, "init.log"))
	_ = theirs.Close()
	if err != nil {
		_ = ours.Close()
		return err
	}
	conn, err := net.FileConn(ours)
	_ = ours.Close()
	if err != nil {
		h.powerOff()
		return fmt.Errorf("starting %s: %w", h.Name, err)
	}
	h.client = rpc.NewClient(conn)
	if err := plug(h.port(), h.init.Cmd.Process.Pid, h.Address, f.config.Bridge); err != nil {
		h.powerOff()
		return fmt.Errorf("connecting %s: %w", h.Name, err)
	}
	// It answers when its files are mounted.
	call := h.client.Go("Machine.Status", machine.Nothing{}, &[]machine.Status{}, nil)
	select {
	case <-call.Done:
		err = call.Error
	case <-time.After(bootTimeout):
		err = errors.New("its init does not answer")
	}
	if err != nil {
		h.powerOff()
		return fmt.Errorf("starting %s: %w\n%s", h.Name, err, process.Tail(h.init.LogPath))
	}
	return nil
}

// powerOff unplugs the cable, so that nothing that dies can say goodbye, and takes
// the power.
func (h *host) powerOff() {
	if h.init == nil {
		return
	}
	unplug(h.port())
	h.init.Kill()
	if h.client != nil {
		_ = h.client.Close()
	}
	h.init, h.client = nil, nil
}

// start runs what the machine runs when it has power.
func (h *host) start() error {
	if h.Manifests {
		if err := h.client.Call("Machine.ServeManifests", []string{}, &machine.Nothing{}); err != nil {
			return fmt.Errorf("starting the static pods of %s: %w", h.Name, err)
		}
	}
	if err := h.client.Call("Machine.Serve", h.Services, &machine.Nothing{}); err != nil {
		return fmt.Errorf("starting the services of %s: %w", h.Name, err)
	}
	return nil
}

func (h *host) status() MachineStatus {
	s := MachineStatus{Machine: h.Machine, On: h.client != nil}
	if h.client == nil {
		return s
	}
	s.PID = h.init.Cmd.Process.Pid
	// A machine whose init has died has no services.
	_ = h.client.Call("Machine.Status", machine.Nothing{}, &s.Services)
	return s
}

func socketPair() (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	return os.NewFile(uintptr(fds[0]), "machine"), os.NewFile(uintptr(fds[1]), "fabric"), nil
}
