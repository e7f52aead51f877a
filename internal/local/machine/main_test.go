//go:build linux

package machine

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// sayArgument makes the test program send its next argument to /dev/log.
const sayArgument = "say"

// TestMain is the test program, or the init of a machine that a test has made, or a
// program on it: a machine has no environment, so that arguments tell.
func TestMain(m *testing.M) {
	if len(os.Args) != 3 {
		os.Exit(m.Run())
	}
	var err error
	switch os.Args[1] {
	case Argument:
		err = Main(os.Args[2])
	case sayArgument:
		err = say(os.Args[2])
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func say(message string) error {
	conn, err := net.Dial("unixgram", "/dev/log")
	if err != nil {
		return err
	}
	_, err = conn.Write([]byte(message))
	return errors.Join(err, conn.Close())
}

// limit is for what takes milliseconds.
const limit = 10 * time.Second

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

// processState is the letter of a process (proc_pid_stat(5)); empty for none.
func processState(t *testing.T, pid int) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	for i := len(text) - 1; i >= 0; i-- {
		if text[i] == ')' {
			return string(text[i+2])
		}
	}
	return ""
}

func alive(t *testing.T, pid int) bool {
	t.Helper()
	s := processState(t, pid)
	return s != "" && s != "Z"
}
