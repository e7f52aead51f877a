//go:build linux

package machine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"bulkhead.dev/bulkhead/internal/local/process"
)

// Machine is what the fabric calls; each method is one request.
type Machine struct {
	config Config
	logs   string
	disk   string // of a machine on loopback
	keeper *process.Keeper

	mu       sync.Mutex
	services []*service // in the order they were asked for
}

func newMachine(c Config, logs string) *Machine {
	return &Machine{config: c, logs: logs, keeper: process.NewKeeper()}
}

// Write writes files and the folders above them.
func (m *Machine) Write(files []File, _ *Nothing) error {
	for _, f := range files {
		f.Path = m.path(f.Path)
		if m.disk != "" {
			f.Data = []byte(onDisk(m.disk, string(f.Data)))
		}
		if err := os.MkdirAll(parent(f.Path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(f.Path, f.Data, os.FileMode(f.Mode)); err != nil {
			return err
		}
		if err := os.Chmod(f.Path, os.FileMode(f.Mode)); err != nil {
			return err
		}
	}
	return nil
}

// Read reads files.
func (m *Machine) Read(paths []string, out *[]File) error {
	for _, path := range paths {
		data, err := os.ReadFile(m.path(path))
		if err != nil {
			return err
		}
		info, err := os.Stat(m.path(path))
		if err != nil {
			return err
		}
		*out = append(*out, File{Path: path, Mode: uint32(info.Mode().Perm()), Data: data})
	}
	return nil
}

// outputDelay is how long the output of a command is waited for after its end: a
// process that it has left behind may hold it open.
const outputDelay = time.Second

// Run runs a command to its end.
func (m *Machine) Run(c Command, out *Output) error {
	ctx, cancel := context.WithTimeout(context.Background(), c.Timeout)
	defer cancel()
	argv := m.resolve(c.Argv)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	var text bytes.Buffer
	cmd.Stdout, cmd.Stderr = &text, &text
	cmd.Env = m.environment()
	cmd.WaitDelay = outputDelay
	if err := started(cmd, cmd.Start); err != nil {
		return fmt.Errorf("running %s on %s: %w", strings.Join(c.Argv, " "), m.config.Name, err)
	}
	defer ended(cmd.Process.Pid)
	err := cmd.Wait()
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil
	}
	out.Text = text.String()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		out.Code = exit.ExitCode()
		return nil
	}
	if err != nil {
		return fmt.Errorf("running %s on %s: %w", strings.Join(c.Argv, " "), m.config.Name, err)
	}
	return nil
}

// Serve starts services, and keeps them running. Those that run already stay.
func (m *Machine) Serve(services []Service, _ *Nothing) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range services {
		if slices.ContainsFunc(m.services, func(x *service) bool { return x.name == s.Name }) {
			continue
		}
		x := &service{name: s.Name, argv: m.resolve(s.Argv), probe: s.Probe, wake: make(chan struct{}, 1)}
		m.services = append(m.services, x)
		go x.keep(m)
	}
	return nil
}

// ServeManifests starts the static pods that are called so; all of them without a
// name. A static pod has one container, whose command is a program of Config.
func (m *Machine) ServeManifests(names []string, _ *Nothing) error {
	all, err := manifests(m.path(manifestFolder))
	if err != nil {
		return err
	}
	var wanted []Service
	for _, s := range all {
		if len(names) == 0 || slices.Contains(names, s.Name) {
			wanted = append(wanted, s)
		}
	}
	return m.Serve(wanted, nil)
}

// Hold ends a service at once and keeps it from starting until Release.
func (m *Machine) Hold(name string, _ *Nothing) error {
	return m.with(name, func(s *service) { s.held = true; s.signal(syscall.SIGKILL) })
}

// Stop asks a service to end, which may clean up, and keeps it from starting until
// Release.
func (m *Machine) Stop(name string, _ *Nothing) error {
	return m.with(name, func(s *service) { s.held = true; s.signal(syscall.SIGTERM) })
}

// Release lets a service that was held, stopped or frozen run.
func (m *Machine) Release(name string, _ *Nothing) error {
	return m.with(name, func(s *service) {
		s.held, s.failures = false, 0
		if s.frozen {
			s.frozen = false
			s.signal(syscall.SIGCONT)
		}
		select {
		case s.wake <- struct{}{}:
		default:
		}
	})
}

// Freeze stops a service's processes without ending them (SIGSTOP): connections
// stay, nothing answers.
func (m *Machine) Freeze(name string, _ *Nothing) error {
	return m.with(name, func(s *service) { s.frozen = true; s.signal(syscall.SIGSTOP) })
}

// Status lists the services.
func (m *Machine) Status(_ Nothing, out *[]Status) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.services {
		*out = append(*out, s.status())
	}
	return nil
}

func (m *Machine) with(name string, f func(*service)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.services {
		if s.name == name {
			f(s)
			return nil
		}
	}
	return fmt.Errorf("%s runs no %s", m.config.Name, name)
}

// path is where a path of the machine is seen from here.
func (m *Machine) path(p string) string {
	if m.disk == "" {
		return p
	}
	return onDisk(m.disk, p)
}

// resolve finds the program of a command, and the paths in its arguments.
func (m *Machine) resolve(argv []string) []string {
	argv = slices.Clone(argv)
	if path, ok := m.config.Programs[argv[0]]; ok {
		argv[0] = path
	}
	for i := range argv[1:] {
		argv[i+1] = m.path(argv[i+1])
	}
	return argv
}

func (m *Machine) environment() []string {
	if m.disk != "" {
		// kubeadm writes static pods only into the host's own folder, unless it is
		// run dry (cmd/kubeadm/app/cmd/init.go, ManifestDir).
		return []string{"HOME=" + m.disk, "TMPDIR=" + m.disk + "/run", "KUBEADM_INIT_DRYRUN_DIR=" + m.path(manifestFolder), "PATH=" + os.Getenv("PATH")}
	}
	return []string{"HOME=/root", "TMPDIR=/run", "PATH=" + os.Getenv("PATH")}
}

func parent(path string) string { return filepath.Dir(path) }
