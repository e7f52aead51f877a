//go:build linux

package fabric

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"bulkhead.dev/bulkhead/internal/local/machine"
)

// What the test program is on a machine: a server of TCP that says what it hears, and
// of UDP that writes it into its log; a client of the one, and of the other.
const (
	echoArgument = "echo"
	askArgument  = "ask"
	sendArgument = "send"
)

// TestMain is the test program, or a fabric or a machine that a test has made, or a
// program on one: a machine has no environment, so that arguments tell.
func TestMain(m *testing.M) {
	if len(os.Args) != 3 {
		os.Exit(m.Run())
	}
	var err error
	switch at := os.Args[2]; os.Args[1] {
	case Argument:
		err = Main(at)
	case machine.Argument:
		err = machine.Main(at)
	case echoArgument:
		err = echo(at)
	case askArgument:
		err = ask(at)
	case sendArgument:
		err = send(at)
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func echo(address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	packets, err := net.ListenPacket("udp", address)
	if err != nil {
		return err
	}
	go func() {
		message := make([]byte, 1500)
		for {
			n, _, err := packets.ReadFrom(message)
			if err != nil {
				return
			}
			fmt.Printf("heard %s\n", message[:n])
		}
	}()
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			_, _ = io.Copy(conn, conn)
			_ = conn.Close()
		}()
	}
}

// patience is how long an answer is waited for.
const patience = 500 * time.Millisecond

func ask(address string) error {
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := conn.Write([]byte("hello")); err != nil {
		return err
	}
	answer := make([]byte, 5)
	if _, err := io.ReadFull(conn, answer); err != nil {
		return err
	}
	if string(answer) != "hello" {
		return fmt.Errorf("%s answers %q", address, answer)
	}
	return nil
}

func send(address string) error {
	conn, err := net.Dial("udp", address)
	if err != nil {
		return err
	}
	_, err = conn.Write([]byte("a word"))
	return errors.Join(err, conn.Close())
}

// limit is for what takes milliseconds.
const limit = 20 * time.Second

// until asks every 10 ms until it is so.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(limit)
	for !is() {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("%s: not within %s", what, limit)
		}
	}
}

// root skips the test when it may not make namespaces; with BULKHEAD_REQUIRE_ALL=1 it
// fails.
func root(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: without namespaces")
	}
	if os.Geteuid() != 0 {
		missing(t, "namespaces need root")
	}
}

func missing(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("BULKHEAD_REQUIRE_ALL") == "1" {
		t.Fatal(why)
	}
	t.Skip(why)
}
