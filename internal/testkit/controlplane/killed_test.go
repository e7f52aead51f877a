//go:build linux

package controlplane_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"bulkhead.dev/bulkhead/internal/components"
	"bulkhead.dev/bulkhead/internal/testkit/controlplane"
)

// helperVariable makes the test program start a control plane, tell the process
// ids in one line, and wait to be killed.
const helperVariable = "BULKHEAD_TEST_CONTROLPLANE_HELPER"

func TestMain(m *testing.M) {
	if os.Getenv(helperVariable) == "" {
		os.Exit(m.Run())
	}
	cp, err := controlplane.Run(context.Background(), controlplane.Options{Zones: []string{"a", "b"}})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		if errors.Is(err, components.ErrMissing) {
			os.Exit(exitMissing)
		}
		os.Exit(1)
	}
	for _, name := range []string{controlplane.Etcd, controlplane.APIServer, controlplane.ControllerManager, controlplane.Scheduler, "kwok-a", "kwok-b"} {
		fmt.Printf("%d ", cp.PID(name))
	}
	fmt.Println()
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(1)
}

const exitMissing = 3

// TestKilled kills a program that runs a control plane: nothing of it is left.
func TestKilled(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	helper := exec.CommandContext(ctx, os.Args[0])
	helper.Env = append(os.Environ(), helperVariable+"=1", "TMPDIR="+t.TempDir())
	var stderr strings.Builder
	helper.Stderr = &stderr
	if _, err := helper.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	stdout, err := helper.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := helper.Start(); err != nil {
		t.Fatal(err)
	}
	line, readErr := bufio.NewReader(stdout).ReadString('\n')
	if readErr == nil {
		if err := helper.Process.Kill(); err != nil {
			t.Error(err)
		}
	}
	_ = helper.Wait() // it never ends well
	if readErr != nil {
		if helper.ProcessState.ExitCode() == exitMissing && os.Getenv("BULKHEAD_REQUIRE_ALL") != "1" {
			t.Skip(stderr.String())
		}
		t.Fatal(readErr, stderr.String())
	}

	pids := strings.Fields(line)
	if len(pids) != 6 {
		t.Fatalf("process ids %q", pids)
	}
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(10 * time.Second)
	for _, pid := range pids {
		for alive(t, pid) {
			select {
			case <-ticker.C:
			case <-deadline:
				t.Fatalf("process %s is left", pid)
			}
		}
	}
}

// alive says whether there is a process that is more than an entry which its
// parent has not read yet (proc_pid_stat(5)).
func alive(t *testing.T, pid string) bool {
	t.Helper()
	text, err := os.ReadFile("/proc/" + pid + "/stat")
	if errors.Is(err, fs.ErrNotExist) {
		return false
	}
	if err != nil {
		return !strings.Contains(err.Error(), "no such process")
	}
	_, after, _ := strings.Cut(string(text), ") ")
	return !strings.HasPrefix(after, "Z")
}
