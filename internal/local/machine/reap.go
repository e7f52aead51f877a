//go:build linux

package machine

import (
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// children are the processes that this program waits for itself.
var children = struct {
	sync.Mutex
	pids map[int]bool
}{pids: map[int]bool{}}

// started marks a process that somebody else than reap waits for, from before it
// can have ended: start is called under the lock.
func started(cmd *exec.Cmd, start func() error) error {
	children.Lock()
	defer children.Unlock()
	if err := start(); err != nil {
		return err
	}
	children.pids[cmd.Process.Pid] = true
	return nil
}

func ended(pid int) {
	children.Lock()
	defer children.Unlock()
	delete(children.pids, pid)
}

// reap takes the exit status of processes whose parents are gone: init is their
// parent then. Those that this program started are left to whoever waits for them.
func reap() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGCHLD)
	again := time.NewTicker(time.Second) // a child of ours that has ended hides others
	for {
		select {
		case <-signals:
		case <-again.C:
		}
		for reapOne() {
		}
	}
}

func reapOne() bool {
	// The siginfo of waitid(2): the pid stands at the same place for all architectures
	// of 64 bits.
	var info unix.Siginfo
	if err := unix.Waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil); err != nil {
		return false
	}
	pid := pidOf(&info)
	if pid == 0 {
		return false
	}
	children.Lock()
	defer children.Unlock()
	if children.pids[pid] {
		return false
	}
	_, err := syscall.Wait4(pid, nil, syscall.WNOHANG, nil)
	return err == nil
}
