//go:build linux

package machine

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"time"
)

// serveSyslog writes what is sent to a socket, /dev/log, into a file, each message as a line
// with the time at which it came: HAProxy tells there when a server goes and comes.
func serveSyslog(socket, path string) error {
	if err := os.MkdirAll(parent(path), 0o755); err != nil {
		return err
	}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("making %s: %w", socket, err)
	}
	if err := os.Chmod(socket, 0o666); err != nil {
		return err
	}
	out, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	go func() {
		message := make([]byte, 64<<10)
		for {
			n, err := conn.Read(message)
			if err != nil {
				return
			}
			line := bytes.ReplaceAll(bytes.TrimSpace(message[:n]), []byte("\n"), []byte(" "))
			_, _ = fmt.Fprintf(out, "%s %s\n", time.Now().UTC().Format(time.RFC3339Nano), line)
		}
	}()
	return nil
}
