//go:build linux

package process_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulkhead.dev/bulkhead/internal/local/process"
)

// helperVariable names a folder in which the test program starts a process; it tells
// the id in a line and waits to be killed. With closeVariable it closes the Keeper
// instead, and ends when the process has.
const (
	helperVariable = "BULKHEAD_TEST_PROCESS_HELPER"
	closeVariable  = "BULKHEAD_TEST_PROCESS_CLOSE"
)

// The first goroutine begins on the first thread; so it stays there up to TestMain.
func init() {
	if os.Getenv(closeVariable) != "" {
		runtime.LockOSThread()
	}
}

func TestMain(m *testing.M) {
	folder := os.Getenv(helperVariable)
	if folder == "" {
		os.Exit(m.Run())
	}
	if os.Getenv(closeVariable) != "" {
		runtime.UnlockOSThread()
	}
	k := process.NewKeeper()
	p, err := k.Run("child", exec.Command("sleep", "1000"), filepath.Join(folder, "child.log"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if os.Getenv(closeVariable) != "" {
		k.Close()
		select {
		case <-p.Done():
			os.Exit(0)
		case <-time.After(limit):
			fmt.Fprintln(os.Stderr, "the process is left")
			os.Exit(1)
		}
	}
	fmt.Println(p.Cmd.Process.Pid)
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(1)
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

// state is the letter of a process (proc_pid_stat(5)); empty for none.
func state(t *testing.T, pid int) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), ") ")
	return after[:1]
}

func alive(t *testing.T, pid int) bool {
	t.Helper()
	s := state(t, pid)
	return s != "" && s != "Z"
}

// start runs a script of the shell, which ends with the test.
func start(t *testing.T, k *process.Keeper, script string) *process.Process {
	t.Helper()
	p, err := k.Run("child", exec.Command("sh", "-c", script), filepath.Join(t.TempDir(), "child.log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

func keeper(t *testing.T) *process.Keeper {
	t.Helper()
	k := process.NewKeeper()
	t.Cleanup(k.Close)
	return k
}

func log(t *testing.T, p *process.Process) string {
	t.Helper()
	text, err := os.ReadFile(p.LogPath)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// says waits for a line of the process and returns it.
func says(t *testing.T, p *process.Process) string {
	t.Helper()
	until(t, "a line of "+p.Name, func() bool { return strings.Contains(log(t, p), "\n") })
	line, _, _ := strings.Cut(log(t, p), "\n")
	return line
}

func ended(t *testing.T, p *process.Process) {
	t.Helper()
	select {
	case <-p.Done():
	case <-time.After(limit):
		t.Fatalf("%s has not ended within %s", p.Name, limit)
	}
}

func TestStop(t *testing.T) {
	const patience = 200 * time.Millisecond
	for _, c := range []struct {
		name, script string
		patience     time.Duration
		signal       syscall.Signal
	}{
		{"it ends when asked", "echo ready; exec sleep 1000", limit, syscall.SIGTERM},
		{"it does not listen", "trap '' TERM; echo ready; while :; do sleep 1000; done", patience, syscall.SIGKILL},
		{"it is frozen", "echo ready; kill -STOP $$", patience, syscall.SIGKILL},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := start(t, keeper(t), c.script)
			says(t, p)
			if !p.Running() || p.Ending() {
				t.Errorf("running %t, ending %t before it was stopped", p.Running(), p.Ending())
			}
			if c.name == "it is frozen" {
				until(t, "frozen", func() bool { return state(t, p.Cmd.Process.Pid) == "T" })
			}
			p.Stop(c.patience)
			if p.Running() || !p.Ending() {
				t.Errorf("running %t, ending %t after it was stopped", p.Running(), p.Ending())
			}
			if got := p.Cmd.ProcessState.Sys().(syscall.WaitStatus).Signal(); got != c.signal {
				t.Errorf("it ended by %q, not %q", got, c.signal)
			}
			p.Stop(c.patience) // a second time is no error, and does not wait
		})
	}
}

// TestGroup ends and freezes what a process has started too.
func TestGroup(t *testing.T) {
	p := start(t, keeper(t), "sleep 1000 & echo $!; wait")
	child, err := strconv.Atoi(says(t, p))
	if err != nil {
		t.Fatal(err)
	}
	pids := []int{p.Cmd.Process.Pid, child}
	p.Signal(syscall.SIGSTOP)
	for _, pid := range pids {
		until(t, "frozen", func() bool { return state(t, pid) == "T" })
	}
	if !p.Running() {
		t.Error("what is frozen has ended")
	}
	p.Signal(syscall.SIGCONT)
	for _, pid := range pids {
		until(t, "thawed", func() bool { return state(t, pid) == "S" })
	}
	p.Kill()
	for _, pid := range pids {
		until(t, "ended", func() bool { return !alive(t, pid) })
	}
	p.Signal(syscall.SIGCONT) // of nobody
}

func TestFailure(t *testing.T) {
	for _, c := range []struct{ script, how string }{
		{"echo one; echo two >&2; exit 3", "exit status 3"},
		{"echo one; echo two >&2", "exit status 0"},
		{"echo one; echo two >&2; kill -9 $$", "signal: killed"},
	} {
		p := start(t, keeper(t), c.script)
		ended(t, p)
		want := fmt.Sprintf("child ended: %s\nlast lines of %s:\none\ntwo", c.how, p.LogPath)
		if diff := cmp.Diff(want, p.Failure().Error()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.script, diff)
		}
	}
}

// TestLogGoesOn: a second run appends.
func TestLogGoesOn(t *testing.T) {
	k, path := keeper(t), filepath.Join(t.TempDir(), "child.log")
	for range 2 {
		p, err := k.Run("child", exec.Command("echo", "hello"), path)
		if err != nil {
			t.Fatal(err)
		}
		ended(t, p)
	}
	if got, want := process.Tail(path), "last lines of "+path+":\nhello\nhello"; got != want {
		t.Errorf("%q, not %q", got, want)
	}
}

func TestTail(t *testing.T) {
	path := filepath.Join(t.TempDir(), "child.log")
	if got := process.Tail(path); !strings.Contains(got, "no such file") {
		t.Errorf("no file: %q", got)
	}
	var text strings.Builder
	for i := range 35 {
		fmt.Fprintln(&text, i)
	}
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(process.Tail(path), "\n")
	if len(lines) != 31 || lines[0] != "last lines of "+path+":" || lines[1] != "5" || lines[30] != "34" {
		t.Errorf("%q", lines)
	}
}

func TestNoProgram(t *testing.T) {
	k := keeper(t)
	_, err := k.Run("child", exec.Command("/does/not/exist"), filepath.Join(t.TempDir(), "child.log"))
	if !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), "starting child: ") {
		t.Errorf("no program: %v", err)
	}
	_, err = k.Run("child", exec.Command("true"), filepath.Join(t.TempDir(), "no", "child.log"))
	if !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), "starting child: ") {
		t.Errorf("no folder for the log: %v", err)
	}
}

// TestThreadEnds: a process lives on when the thread on which it was asked for ends.
func TestThreadEnds(t *testing.T) {
	k := keeper(t)
	cmd := exec.Command("cat")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "child.log")
	type result struct {
		p      *process.Process
		thread int
		err    error
	}
	results := make(chan result)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		p, err := k.Run("child", cmd, path)
		results <- result{p, syscall.Gettid(), err}
	}()
	r := <-results
	if r.err != nil {
		t.Fatal(r.err)
	}
	t.Cleanup(r.p.Kill)
	if r.thread != os.Getpid() { // the first thread of a program stays
		until(t, "the thread ends", func() bool {
			_, err := os.Stat(fmt.Sprintf("/proc/self/task/%d", r.thread))
			return errors.Is(err, fs.ErrNotExist)
		})
	}
	if _, err := in.Write([]byte("still here\n")); err != nil {
		t.Fatal(err)
	}
	if got := says(t, r.p); got != "still here" {
		t.Errorf("%q", got)
	}
}

// TestClose ends what runs, without a word to it.
func TestClose(t *testing.T) {
	k := process.NewKeeper()
	p := start(t, k, "echo ready; exec sleep 1000")
	says(t, p)
	k.Close()
	ended(t, p)
	if p.Ending() {
		t.Error("it was asked to end")
	}
}

// TestCloseFirstThread: with one processor the Keeper begins on the program's first
// thread, which the Go runtime never ends.
func TestCloseFirstThread(t *testing.T) {
	helper := exec.CommandContext(t.Context(), os.Args[0])
	helper.Env = append(os.Environ(), helperVariable+"="+t.TempDir(), closeVariable+"=1", "GOMAXPROCS=1")
	if out, err := helper.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// TestKilled kills a program that runs a process: nothing of it is left.
func TestKilled(t *testing.T) {
	helper := exec.CommandContext(t.Context(), os.Args[0])
	helper.Env = append(os.Environ(), helperVariable+"="+t.TempDir())
	helper.Stderr = os.Stderr
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
	var pid int
	if readErr == nil {
		pid, readErr = strconv.Atoi(strings.TrimSpace(line))
	}
	lived := readErr == nil && alive(t, pid)
	if err := helper.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = helper.Wait() // it never ends well
	if readErr != nil || !lived {
		t.Fatalf("process id %q: %v, alive %t", line, readErr, lived)
	}
	until(t, "the child ends", func() bool { return !alive(t, pid) })
}
