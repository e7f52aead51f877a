//go:build linux

package controlplane

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// keeper starts processes that the kernel kills when this process ends.
//
// The parent death signal is sent when the thread that started a process ends,
// not the process (prctl(2), PR_SET_PDEATHSIG), so that one thread starts them
// all, and stays until close.
type keeper struct {
	calls chan func()
}

func newKeeper() *keeper {
	k := &keeper{calls: make(chan func())}
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		for call := range k.calls {
			call()
		}
	}()
	return k
}

// start starts cmd, in a process group of its own: an interrupt from the
// terminal reaches only this process, which then ends the others in order.
func (k *keeper) start(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	result := make(chan error)
	k.calls <- func() { result <- cmd.Start() }
	return <-result
}

// close ends the thread, and with it what it has started and still runs.
func (k *keeper) close() { close(k.calls) }

// process is one run of a component.
type process struct {
	name    string
	logPath string
	cmd     *exec.Cmd
	done    chan struct{} // closed when it has ended; err is set then
	err     error
	ending  bool // it was asked to end
}

// run starts a component with its output appended to the file at logPath. Of the
// environment it gets nothing that it would take for configuration, such as
// ETCD_NAME or ~/.kwok; home is its folder.
func (k *keeper) run(m component, program, home, logPath string) (*process, error) {
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", m.name, err)
	}
	defer func() { _ = log.Close() }() // the process has it
	p := &process{name: m.name, logPath: logPath, cmd: exec.Command(program, m.args...), done: make(chan struct{})}
	p.cmd.Dir = home
	p.cmd.Env = []string{"HOME=" + home, "TMPDIR=" + home, "PATH=" + os.Getenv("PATH")}
	p.cmd.Stdout, p.cmd.Stderr = log, log
	if err := k.start(p.cmd); err != nil {
		return nil, fmt.Errorf("starting %s: %w", m.name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// running says whether the process has not ended.
func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// stop asks the process to end, kills it after stopTimeout, and returns when it
// has ended.
func (p *process) stop() {
	p.ending = true
	p.signal(syscall.SIGTERM)
	timer := time.NewTimer(stopTimeout)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		p.kill()
	}
}

// kill ends the process at once.
func (p *process) kill() {
	p.ending = true
	p.signal(syscall.SIGKILL)
	<-p.done
}

// signal reaches the whole process group; a process that has ended is no error.
func (p *process) signal(s syscall.Signal) {
	if p.running() {
		_ = syscall.Kill(-p.cmd.Process.Pid, s)
	}
}

// failure says how the process ended, with the end of its log.
func (p *process) failure() error {
	how := "exit status 0"
	if p.err != nil {
		how = p.err.Error()
	}
	return fmt.Errorf("%s ended: %s\n%s", p.name, how, tail(p.logPath))
}

// tail returns the last 30 lines of a log, under a line that names it.
func tail(path string) string {
	const most = 30
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	lines = lines[max(0, len(lines)-most):]
	return fmt.Sprintf("last lines of %s:\n%s", path, strings.Join(lines, "\n"))
}
