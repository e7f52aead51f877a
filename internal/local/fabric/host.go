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
	// Of a machine on loopback: dying are the processes that the kernel is ending.
	loopback bool
	dying    []int
	init     *process.Process
	client   *rpc.Client
}

// port is the name of the bridge's end of the machine's cable: rules match a zone
// by its beginning (nft(8): a name that ends in * is a prefix).
func (h *host) port() string { return fmt.Sprintf("%s%d", zonePorts(h.zone), h.index) }

func zonePorts(zone int) string { return fmt.Sprintf("z%dm", zone) }

// bootTimeout bounds the start of an init; it takes some milliseconds.
const bootTimeout = 30 * time.Second

// deathTimeout bounds the end of a process that has been killed; it takes some
// milliseconds.
const deathTimeout = 5 * time.Second

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
		ExtraFiles:  []*os.File{theirs},
		SysProcAttr: &syscall.SysProcAttr{},
	}
	if !h.loopback {
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC
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
	if !h.loopback {
		if err := plug(h.port(), h.init.Cmd.Process.Pid, h.Address, f.config.Bridge); err != nil {
			h.powerOff()
			return fmt.Errorf("connecting %s: %w", h.Name, err)
		}
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
// the power. On loopback there is no cable: the kernel kills the processes with the
// init, and closes their connections, which the others see.
func (h *host) powerOff() {
	if h.init == nil {
		return
	}
	h.cut()
	h.init.Kill()
	end := time.Now().Add(deathTimeout)
	for _, pid := range h.dying { // their ports are free when they are gone
		awaitDeath(pid, end)
	}
	h.dying = nil
	if h.client != nil {
		_ = h.client.Close()
	}
	h.init, h.client = nil, nil
}

// awaitDeath waits for a process that has become the fabric's own with the death of
// its init, and takes its exit status: it is gone with all its threads then.
func awaitDeath(pid int, end time.Time) {
	for time.Now().Before(end) {
		got, err := syscall.Wait4(pid, nil, syscall.WNOHANG, nil)
		if got == pid {
			return
		}
		if err != nil { // somebody else's
			if _, err := startOf(pid); err != nil {
				return
			}
		}
		time.Sleep(time.Millisecond)
	}
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

// cut is the first half of powerOff: from here on nobody hears of the machine.
func (h *host) cut() {
	if !h.loopback {
		unplug(h.port())
		return
	}
	if h.init == nil {
		return
	}
	for _, s := range h.status().Services { // there are none when the init is dead
		if s.PID != 0 {
			h.dying = append(h.dying, s.PID)
		}
	}
	h.init.Signal(syscall.SIGKILL)
}

func (h *host) status() MachineStatus {
	s := MachineStatus{Machine: h.Machine, On: h.client != nil && h.init.Running()}
	if !s.On {
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
