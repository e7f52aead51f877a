//go:build linux

package machine

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRun(t *testing.T) {
	m := newTestMachine(t)
	for _, c := range []struct {
		name, script string
		limit        time.Duration
		want         Output
	}{
		{"both streams", "echo one; echo two >&2", limit, Output{Text: "one\ntwo\n"}},
		{"exit code", "echo no; exit 7", limit, Output{Text: "no\n", Code: 7}},
		{"no variables of ours", "echo $HOME $TMPDIR $BULKHEAD_TEST_VARIABLE", limit, Output{Text: "/root /run\n"}},
		{"it does not end", "exec sleep 1000", 100 * time.Millisecond, Output{Code: -1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("BULKHEAD_TEST_VARIABLE", "set")
			var got Output
			if err := m.Run(Command{Argv: []string{"shell", "-c", c.script}, Timeout: c.limit}, &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	err := m.Run(Command{Argv: []string{"/does/not/exist", "x"}, Timeout: limit}, &Output{})
	if !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), "running /does/not/exist x on m1: ") {
		t.Errorf("no program: %v", err)
	}
}

// TestRunLeavesProcess: a command ends also when what it has started goes on, with
// its output in hand.
func TestRunLeavesProcess(t *testing.T) {
	m := newTestMachine(t)
	var out Output
	if err := m.Run(Command{Argv: []string{"shell", "-c", "sleep 1000 & echo $!"}, Timeout: limit}, &out); err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(out.Text))
	if err != nil {
		t.Fatal(err)
	}
	if !alive(t, pid) {
		t.Error("the process that it left has ended: the test tells nothing")
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Error(err)
	}
}

func TestFiles(t *testing.T) {
	m := newTestMachine(t)
	folder := t.TempDir()
	files := []File{
		{Path: filepath.Join(folder, "new", "folders", "key"), Mode: 0o600, Data: []byte("secret")},
		{Path: filepath.Join(folder, "script"), Mode: 0o755, Data: []byte("#!/bin/sh\n")},
	}
	// A file that is there takes the new mode, whatever the umask.
	if err := os.WriteFile(files[1].Path, []byte("old and longer than the new"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := m.Write(files, nil); err != nil {
		t.Fatal(err)
	}
	var got []File
	if err := m.Read([]string{files[0].Path, files[1].Path}, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(files, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := m.Read([]string{filepath.Join(folder, "none")}, &got); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if err := m.Write([]File{{Path: filepath.Join(files[1].Path, "below"), Mode: 0o600}}, nil); err == nil {
		t.Error("a file was written below a file")
	}
}

// TestReapOne takes the exit status of a child that nobody waits for, and leaves one
// that somebody does.
func TestReapOne(t *testing.T) {
	quick := []string{"sh", "-c", "exit 5"}
	ours, err := syscall.ForkExec("/bin/sh", quick, nil)
	if err != nil {
		t.Fatal(err)
	}
	children.Lock()
	children.pids[ours] = true
	children.Unlock()
	until(t, "it ends", func() bool { return processState(t, ours) == "Z" })
	if reapOne() {
		t.Error("it took a child that somebody waits for")
	}
	var status syscall.WaitStatus
	if pid, err := syscall.Wait4(ours, &status, 0, nil); pid != ours || err != nil || status.ExitStatus() != 5 {
		t.Errorf("waiting for %d: %d, %v, exit status %d", ours, pid, err, status.ExitStatus())
	}
	ended(ours)

	orphan, err := syscall.ForkExec("/bin/sh", quick, nil)
	if err != nil {
		t.Fatal(err)
	}
	until(t, "it is reaped", reapOne)
	if _, err := syscall.Wait4(orphan, nil, 0, nil); !errors.Is(err, syscall.ECHILD) {
		t.Errorf("waiting for %d: %v", orphan, err)
	}
	if reapOne() {
		t.Error("there was another child")
	}
}
