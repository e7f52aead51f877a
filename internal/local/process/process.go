//go:build linux

package process

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// Keeper starts processes that the kernel kills when this process ends.
//
// The parent death signal is sent when the thread that started a process ends,
// not the process (prctl(2), PR_SET_PDEATHSIG), so that one thread starts them
// all, and stays until Close.
type Keeper struct {
	calls chan func()
}

// NewKeeper returns a Keeper; Close ends it.
func NewKeeper() *Keeper {
	k := &Keeper{calls: make(chan func())}
	locked := make(chan struct{})
	go k.serve(locked)
	<-locked
	return k
}

// serve makes the calls on a thread that ends with them. The first thread of a
// program is not one: the runtime keeps it for good (runtime/proc.go, mexit), so it is
// held until another has been locked.
func (k *Keeper) serve(locked chan<- struct{}) {
	runtime.LockOSThread()
	if syscall.Gettid() == os.Getpid() {
		other := make(chan struct{})
		go k.serve(other)
		<-other
		runtime.UnlockOSThread()
		close(locked)
		return
	}
	close(locked) // never unlocked: the thread ends with the goroutine
	for call := range k.calls {
		call()
	}
}

// Start starts cmd, in a process group of its own: an interrupt from the
// terminal reaches only this process, which then ends the others in order.
func (k *Keeper) Start(cmd *exec.Cmd) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig, cmd.SysProcAttr.Setpgid = syscall.SIGKILL, true
	result := make(chan error)
	k.calls <- func() { result <- cmd.Start() }
	return <-result
}

// Close ends the thread, and with it what it has started and still runs.
func (k *Keeper) Close() { close(k.calls) }

// Process is one run of a program.
type Process struct {
	Name    string
	LogPath string
	Cmd     *exec.Cmd
	Started time.Time

	done   chan struct{} // closed when it has ended; err is set then
	err    error
	ending bool // it was asked to end
}

// Run starts cmd under a name for people, with its output appended to the file at
// logPath.
func (k *Keeper) Run(name string, cmd *exec.Cmd, logPath string) (*Process, error) {
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	defer func() { _ = log.Close() }() // the process has it
	p := &Process{Name: name, LogPath: logPath, Cmd: cmd, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = log, log
	p.Started = time.Now()
	if err := k.Start(cmd); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Running says whether the process has not ended.
func (p *Process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Ending says whether it was asked to end.
func (p *Process) Ending() bool { return p.ending }

// Stop asks the process to end, kills it after the time given, and returns when it
// has ended.
func (p *Process) Stop(patience time.Duration) {
	p.ending = true
	p.Signal(syscall.SIGTERM)
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		p.Kill()
	}
}

// Kill ends the process at once.
func (p *Process) Kill() {
	p.ending = true
	p.Signal(syscall.SIGKILL)
	<-p.done
}

// Signal reaches the whole process group; a process that has ended is no error.
func (p *Process) Signal(s syscall.Signal) {
	if p.Running() {
		_ = syscall.Kill(-p.Cmd.Process.Pid, s)
	}
}

// Failure says how the process ended, with the end of its log. It has ended.
func (p *Process) Failure() error {
	how := "exit status 0"
	if p.err != nil {
		how = p.err.Error()
	}
	return fmt.Errorf("%s ended: %s\n%s", p.Name, how, Tail(p.LogPath))
}

// Tail returns the last 30 lines of a log, under a line that names it.
func Tail(path string) string {
	const most = 30
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	lines = lines[max(0, len(lines)-most):]
	return fmt.Sprintf("last lines of %s:\n%s", path, strings.Join(lines, "\n"))
}
