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
// process must be the first of its namespaces.
func Main(folder string) error {
	text, err := os.ReadFile(filepath.Join(folder, ConfigFile))
	if err != nil {
		return fmt.Errorf("starting a machine: %w", err)
	}
	var c Config
	if err := json.Unmarshal(text, &c); err != nil {
		return fmt.Errorf("starting a machine: reading %s: %w", ConfigFile, err)
	}
	if os.Getpid() != 1 {
		return errors.New("starting a machine: not the first process of a PID namespace")
	}
	if err := unix.Sethostname([]byte(c.Name)); err != nil {
		return fmt.Errorf("starting %s: setting the host name: %w", c.Name, err)
	}
	inside, err := mount(folder)
	if err != nil {
		return fmt.Errorf("starting %s: %w", c.Name, err)
	}
	go reap()
	if err := serveSyslog(filepath.Join(inside, LogFolder, SyslogFile)); err != nil {
		return fmt.Errorf("starting %s: %w", c.Name, err)
	}
	socket := os.NewFile(Socket, "fabric")
	conn, err := net.FileConn(socket)
	_ = socket.Close()
	if err != nil {
		return fmt.Errorf("starting %s: %w", c.Name, err)
	}
	m := newMachine(c, filepath.Join(inside, LogFolder))
	server := rpc.NewServer()
	if err := server.Register(m); err != nil {
		return err
	}
	server.ServeConn(conn) // until the fabric is gone
	return nil
}
