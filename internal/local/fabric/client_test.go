//go:build linux

package fabric

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestDialNobody(t *testing.T) {
	empty, stale := t.TempDir(), t.TempDir()
	l, err := listenIn(stale, ControlSocket)
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close() // the file stays, as when a fabric was killed
	if _, err := os.Stat(filepath.Join(stale, ControlSocket)); err != nil {
		t.Fatal(err)
	}
	for name, folder := range map[string]string{"no folder": filepath.Join(empty, "none"), "no socket": empty, "nobody listens": stale} {
		c, err := Dial(folder)
		if !errors.Is(err, ErrNotRunning) || c != nil {
			t.Errorf("%s: %v, %v", name, c, err)
		}
	}
}

func TestPID(t *testing.T) {
	folder := t.TempDir()
	if err := writePID(folder); err != nil {
		t.Fatal(err)
	}
	if got := PID(folder); got != os.Getpid() {
		t.Errorf("process %d, not this one, %d", got, os.Getpid())
	}
	start, err := startOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"another time":  fmt.Sprintf("%d %s0\n", os.Getpid(), start),
		"no time":       fmt.Sprintf("%d\n", os.Getpid()),
		"too much":      fmt.Sprintf("%d %s %s\n", os.Getpid(), start, start),
		"no number":     "me " + start,
		"nobody":        "0 " + start,
		"a group":       fmt.Sprintf("-%d %s", os.Getpid(), start),
		"the first":     "1 " + start,
		"empty":         "",
		"a half":        fmt.Sprint(os.Getpid())[:1],
		"out of range":  "99999999999999999999 " + start,
		"no such there": fmt.Sprintf("%d %s", 1<<22+1, start), // pid_max is at most 2^22
	} {
		if err := os.WriteFile(filepath.Join(folder, PIDFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := PID(folder); got != 0 {
			t.Errorf("%s: process %d", name, got)
		}
	}
	if got := PID(t.TempDir()); got != 0 {
		t.Errorf("no file: process %d", got)
	}
}

// TestStartOf: a name may hold what the file is divided by, and what has ended does
// not run, also when nobody has taken its exit status yet.
func TestStartOf(t *testing.T) {
	program := filepath.Join(t.TempDir(), "a ) b 7")
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(sleep)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, data, 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, "1000")
	if sleep, err = filepath.EvalSymlinks(sleep); err != nil || filepath.Base(sleep) != "sleep" {
		cmd.Args[0] = "sleep" // a program of many names
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Wait() }()
	defer func() { _ = cmd.Process.Kill() }()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	start, err := startOf(cmd.Process.Pid)
	if err != nil || !strings.Contains(string(stat), " "+start+" ") {
		t.Errorf("%q, %v: %s", start, err, stat)
	}
	own, err := startOf(os.Getpid())
	if err != nil || len(own) > len(start) || len(own) == len(start) && own > start {
		t.Errorf("the child started at %s, its parent at %s: %v", start, own, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	until(t, "a zombie", func() bool { _, err := startOf(cmd.Process.Pid); return err != nil })
	if _, err := os.Stat(fmt.Sprintf("/proc/%d", cmd.Process.Pid)); err != nil {
		t.Errorf("it is no zombie: %v", err)
	}
}
