//go:build linux

package controlplane

import (
	"crypto/rand"
	"fmt"
	"net"
	"strconv"
)

// endpoint is an address and a port that a server listens on.
type endpoint struct {
	host string
	port int
}

func (e endpoint) String() string { return net.JoinHostPort(e.host, strconv.Itoa(e.port)) }

// ownAddress returns a random loopback address, other than 127.0.0.1. Ports on it
// are in nobody's way between being found and being used: others listen on
// 127.0.0.1 or on all addresses, and connections over loopback come from
// 127.0.0.1.
func ownAddress() (string, error) {
	b := make([]byte, 3)
	if _, err := rand.Read(b); err != nil {
		return "", err
	}
	return net.IPv4(127, b[0]&0x7f|1, b[1], b[2]|1).String(), nil // not 127.0.0.0/16, no broadcast
}

// freePorts returns n endpoints at address that nobody listens on, now.
func freePorts(address string, n int) ([]endpoint, error) {
	var free []endpoint
	var listeners []net.Listener
	defer func() { // at the end, so that no port is found twice
		for _, l := range listeners {
			_ = l.Close()
		}
	}()
	for range n {
		l, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
		if err != nil {
			return nil, fmt.Errorf("looking for a free port: %w", err)
		}
		listeners = append(listeners, l)
		free = append(free, endpoint{host: address, port: l.Addr().(*net.TCPAddr).Port})
	}
	return free, nil
}
