//go:build linux

package drill

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// network is where connections are made from.
type network interface {
	dial(ctx context.Context, network, address string) (net.Conn, error)
	close()
}

// namespace makes sockets in the network namespace of a process. A socket stays in
// the namespace it was made in, so that one thread in there is enough, and all
// clients share the clock of this program.
type namespace struct {
	calls chan func()
	once  sync.Once
}

// enter returns the network namespace of a process; close leaves it.
func enter(pid int) (*namespace, error) {
	n := &namespace{calls: make(chan func())}
	entered := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread is of another namespace, and ends
		f, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", pid))
		if err == nil {
			err = unix.Setns(int(f.Fd()), unix.CLONE_NEWNET)
			_ = f.Close()
		}
		entered <- err
		if err != nil {
			return
		}
		for call := range n.calls {
			call()
		}
	}()
	if err := <-entered; err != nil {
		return nil, fmt.Errorf("entering the network of process %d: %w", pid, err)
	}
	return n, nil
}

func (n *namespace) close() { n.once.Do(func() { close(n.calls) }) }

// do runs f in the namespace.
func (n *namespace) do(f func()) {
	done := make(chan struct{})
	n.calls <- func() { f(); close(done) }
	<-done
}

// dial connects to an address of IPv4 and a port.
func (n *namespace) dial(ctx context.Context, _, address string) (net.Conn, error) {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", address, err)
	}
	var fd int
	n.do(func() { fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0) })
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", address, err)
	}
	f := os.NewFile(uintptr(fd), address)
	err = unix.Connect(fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()})
	if err != nil && !errors.Is(err, unix.EINPROGRESS) {
		return nil, errors.Join(fmt.Errorf("connecting to %s: %w", address, err), f.Close())
	}
	conn, err := net.FileConn(f)
	err = errors.Join(err, f.Close())
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", address, err)
	}
	if err := connected(ctx, conn.(*net.TCPConn)); err != nil {
		return nil, errors.Join(fmt.Errorf("connecting to %s: %w", address, err), conn.Close())
	}
	return conn, nil
}

// connected waits until a connection that is under way is there.
func connected(ctx context.Context, conn *net.TCPConn) error {
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetWriteDeadline(deadline); err != nil {
			return err
		}
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetWriteDeadline(time.Unix(1, 0)) })
	defer stop()
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Write(func(fd uintptr) bool {
		code, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
		if failed = err; err == nil && code != 0 {
			failed = unix.Errno(code)
		}
		_, unconnected := unix.Getpeername(int(fd)) // ENOTCONN while it is under way
		return failed != nil || unconnected == nil
	})
	if err := errors.Join(err, failed); err != nil {
		return err
	}
	if !stop() && ctx.Err() != nil {
		return ctx.Err()
	}
	return conn.SetWriteDeadline(time.Time{})
}
