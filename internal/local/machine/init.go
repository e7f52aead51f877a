//go:build linux

package machine

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/rpc"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Main is the life of an init: it returns when the fabric closed the socket. The
// process must be the first of its namespaces, unless the machine has none.
func Main(folder string) error {
	text, err := os.ReadFile(filepath.Join(folder, ConfigFile))
	if err != nil {
		return fmt.Errorf("starting a machine: %w", err)
	}
	var c Config
	if err := json.Unmarshal(text, &c); err != nil {
		return fmt.Errorf("starting a machine: reading %s: %w", ConfigFile, err)
	}
	m := newMachine(c, "")
	logSocket := "/dev/log"
	if c.Loopback {
		m.logs = filepath.Join(folder, LogFolder)
		if m.disk, err = enterDisk(folder); err != nil {
			return fmt.Errorf("starting %s: %w", c.Name, err)
		}
		logSocket = "dev/log"
	} else {
		inside, err := isolate(c, folder)
		if err != nil {
			return err
		}
		m.logs = filepath.Join(inside, LogFolder)
	}
	if err := serveSyslog(logSocket, filepath.Join(m.logs, SyslogFile)); err != nil {
		return fmt.Errorf("starting %s: %w", c.Name, err)
	}
	socket := os.NewFile(Socket, "fabric")
	conn, err := net.FileConn(socket)
	_ = socket.Close()
	if err != nil {
		return fmt.Errorf("starting %s: %w", c.Name, err)
	}
	server := rpc.NewServer()
	if err := server.Register(m); err != nil {
		return err
	}
	server.ServeConn(conn) // until the fabric is gone
	return nil
}

// isolate makes the machine of the namespaces that the process is the first in, and
// returns its folder as seen from inside.
func isolate(c Config, folder string) (string, error) {
	if os.Getpid() != 1 {
		return "", errors.New("starting a machine: not the first process of a PID namespace")
	}
	if err := unix.Sethostname([]byte(c.Name)); err != nil {
		return "", fmt.Errorf("starting %s: setting the host name: %w", c.Name, err)
	}
	inside, err := mount(folder)
	if err != nil {
		return "", fmt.Errorf("starting %s: %w", c.Name, err)
	}
	go reap()
	return inside, nil
}
