//go:build linux

package machine

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"bulkhead.dev/bulkhead/internal/local/process"
)

// What a kubelet waits before it starts a container again: nothing the first time,
// then 10 s, doubled each time up to 5 min; it forgets after 10 min of running
// (pkg/kubelet/kubelet.go, containerBackOffPeriod and MaxCrashLoopBackOff; the
// back-off of k8s.io/client-go/util/flowcontrol is reset after twice the maximum).
const (
	firstBackOff = 10 * time.Second
	mostBackOff  = 5 * time.Minute
	forgiven     = 10 * time.Minute
)

// service is one process that is kept running. Its fields are the Machine's, under
// its lock.
type service struct {
	name     string
	argv     []string
	probe    string
	held     bool
	frozen   bool
	failures int
	restarts int
	last     string
	since    time.Time
	p        *process.Process
	wake     chan struct{} // it may run now
}

// keep runs the service until the machine ends.
func (s *service) keep(m *Machine) {
	for {
		p, err := s.start(m)
		if err != nil {
			m.mu.Lock()
			s.last, s.since = err.Error(), time.Now()
			s.failures++
			m.mu.Unlock()
		}
		if p != nil {
			<-p.Done()
			ended(p.Cmd.Process.Pid)
			m.mu.Lock()
			if time.Since(p.Started) > forgiven {
				s.failures = 0
			}
			s.last = fmt.Sprintf("%s after %s", p.Cmd.ProcessState, time.Since(p.Started).Round(time.Millisecond))
			s.p, s.since = nil, time.Now()
			s.failures++
			m.mu.Unlock()
		}
		s.await(m)
	}
}

// start starts the process unless the service is held.
func (s *service) start(m *Machine) (*process.Process, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s.held {
		return nil, nil
	}
	if !s.since.IsZero() {
		s.restarts++
	}
	cmd := exec.Command(s.argv[0], s.argv[1:]...)
	cmd.Env = m.environment()
	var p *process.Process
	err := started(cmd, func() (err error) {
		p, err = m.keeper.Run(s.name, cmd, filepath.Join(m.logs, s.name+".log"))
		return err
	})
	if err != nil {
		return nil, err
	}
	s.p, s.since = p, p.Started
	if s.frozen { // while it was down
		s.signal(syscall.SIGSTOP)
	}
	return p, nil
}

// await returns when the service may be started again.
func (s *service) await(m *Machine) {
	for {
		m.mu.Lock()
		held, wait := s.held, backOff(s.failures)
		m.mu.Unlock()
		if !held && wait == 0 {
			return
		}
		timer := time.NewTimer(wait)
		if held {
			timer.Stop()
			timer = &time.Timer{} // never
		}
		select {
		case <-s.wake:
		case <-timer.C:
			return
		}
	}
}

// backOff is the wait after so many ends in a row.
func backOff(failures int) time.Duration {
	if failures <= 1 {
		return 0
	}
	wait := firstBackOff
	for range failures - 2 {
		if wait *= 2; wait >= mostBackOff {
			return mostBackOff
		}
	}
	return wait
}

// signal reaches the service's whole process group.
func (s *service) signal(sig syscall.Signal) {
	if s.p != nil {
		s.p.Signal(sig)
	}
}

func (s *service) status() Status {
	out := Status{Name: s.name, Restarts: s.restarts, Since: s.since, Last: s.last, State: Waiting}
	switch {
	case s.held:
		out.State = Held
	case s.p != nil && s.frozen:
		out.State = Frozen
	case s.p != nil:
		out.State = Running
	}
	if s.p != nil {
		out.PID = s.p.Cmd.Process.Pid
	}
	return out
}
