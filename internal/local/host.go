//go:build linux

package local

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/local/fabric"
	"bulkhead.dev/bulkhead/internal/local/process"
)

// networkOf is the network of the machines.
func networkOf(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) netip.Prefix {
	for _, text := range []string{p.Network.CIDR, c.Spec.Network.CIDR} {
		if prefix, err := netip.ParsePrefix(text); err == nil {
			return prefix
		}
	}
	return netip.Prefix{} // kubeadm.Lay has refused it
}

// openDoor listens on a port of 127.0.0.1: the one given when it is free.
func openDoor(port int) (*os.File, int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
	if err != nil {
		if l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return nil, 0, fmt.Errorf("looking for a free port: %w", err)
		}
	}
	defer func() { _ = l.Close() }()
	tcp := l.(*net.TCPListener)
	f, err := tcp.File()
	return f, tcp.Addr().(*net.TCPAddr).Port, err
}

// spawnFabric starts the fabric, which lives on when this program ends.
func spawnFabric(program, name, folder string, door *os.File, loopback bool) error {
	log, err := os.OpenFile(filepath.Join(folder, fabric.LogFile), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	cmd := &exec.Cmd{
		Path: program, Args: []string{name, fabric.Argument, folder},
		Dir: "/", Env: []string{"PATH=" + os.Getenv("PATH") + ":/usr/sbin:/sbin"},
		Stdout: log, Stderr: log, ExtraFiles: []*os.File{door},
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	if !loopback {
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWNET
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting the fabric: %w", err)
	}
	go func() { _ = cmd.Wait() }() // as long as this program lives, it is its parent
	return nil
}

// lock keeps others from the cluster while it is made or taken away. It is a file
// beside the cluster's folder, gone with the last who held it. made is the topmost
// folder that was made for it: unlock takes away those that are empty.
func lock(home, name string) (made string, unlock func(), err error) {
	if made, err = mkdirAll(home); err != nil {
		return "", nil, err
	}
	path := filepath.Join(home, "."+name+".lock")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", nil, err
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil && !sameFile(f, path) { // who had it took it away between the two calls
		err = unix.EWOULDBLOCK
	}
	if err != nil {
		_ = f.Close()
		return "", nil, fmt.Errorf("local cluster %s is being made or deleted by another bulkhead", name)
	}
	return made, func() {
		_ = os.Remove(path)
		_ = f.Close()
		removeEmpty(home, made)
	}, nil
}

// sameFile says whether an open file is the one at a path.
func sameFile(f *os.File, path string) bool {
	open, err := f.Stat()
	there, statErr := os.Stat(path)
	return err == nil && statErr == nil && os.SameFile(open, there)
}

// removeEmpty removes folders from one up to another, as long as they are empty.
func removeEmpty(from, to string) {
	for at := from; strings.HasPrefix(at, to); at = filepath.Dir(at) {
		if err := os.Remove(at); err != nil && !errors.Is(err, os.ErrNotExist) {
			return
		}
	}
}

// stop ends the fabric of a folder, and with it every machine.
func stop(folder string) {
	pid := fabric.PID(folder)
	if pid == 0 {
		return
	}
	_ = syscall.Kill(pid, syscall.SIGTERM)
	for range 50 { // 5 s
		if fabric.PID(folder) == 0 {
			return
		}
		pause()
	}
	_ = syscall.Kill(pid, syscall.SIGKILL) // the kernel ends the machines
	for fabric.PID(folder) != 0 {
		pause()
	}
}

// remove stops what runs in a folder and takes it away.
func remove(folder string) error {
	stop(folder)
	return os.RemoveAll(folder)
}

func logOf(path string) error { return errors.New(process.Tail(path)) }
