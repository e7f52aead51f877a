//go:build linux

package controlplane

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"bulkhead.dev/bulkhead/internal/components"
	"bulkhead.dev/bulkhead/internal/local/process"
)

// ControlPlane is one that runs. Its methods may be called from any goroutine.
type ControlPlane struct {
	kubeconfig string
	config     *rest.Config
	dir        string // temporary: keys, data and, without Options.LogDir, logs
	logDir     string
	components []component       // in the order they start in
	programs   map[string]string // paths, by name
	prober     *http.Client

	mu        sync.Mutex
	keeper    *process.Keeper // nil when the control plane has been stopped
	processes map[string]*process.Process
}

// Run starts a control plane and returns when pods can be created in the
// namespace default. ctx bounds the start only; Stop ends the control plane. An
// error that wraps components.ErrMissing says that a program has to be built.
func Run(ctx context.Context, o Options) (*ControlPlane, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	programs, err := o.programs(ctx)
	if err != nil {
		return nil, fmt.Errorf("starting a control plane: %w", err)
	}
	c := &ControlPlane{processes: map[string]*process.Process{}, keeper: process.NewKeeper(), programs: programs}
	if err := c.start(ctx, o); err != nil {
		return nil, errors.Join(fmt.Errorf("starting a control plane: %w", err), c.Stop())
	}
	return c, nil
}

// programs finds what the options need, without downloading anything.
func (o Options) programs(ctx context.Context) (map[string]string, error) {
	names := []string{Etcd, APIServer, ControllerManager}
	if !o.Scheduler.Disabled {
		names = append(names, Scheduler)
	}
	if !o.DisableKwok {
		names = append(names, Kwok)
	}
	programs := map[string]string{}
	for _, name := range names {
		path, err := components.Locate(ctx, components.Options{Offline: true}, name)
		if err != nil {
			return nil, err
		}
		programs[name] = path
	}
	return programs, nil
}

// start lays out the files and starts the components, each when the one before
// is ready, save those that only need the API server: they start together.
func (c *ControlPlane) start(ctx context.Context, o Options) error {
	var err error
	if c.dir, err = os.MkdirTemp("", "bulkhead-controlplane-"); err != nil {
		return err
	}
	c.logDir = o.LogDir
	if c.logDir == "" {
		c.logDir = filepath.Join(c.dir, "logs")
	}
	if err := os.MkdirAll(c.logDir, 0o755); err != nil {
		return err
	}
	layout, err := newLayout(c.dir)
	if err != nil {
		return err
	}
	c.prober = layout.prober()
	if c.components, err = layout.commands(o); err != nil {
		return err
	}
	if c.kubeconfig, err = layout.kubeconfig(layout.server, "admin", "system:masters"); err != nil {
		return err
	}
	if c.config, err = clientcmd.BuildConfigFromFlags("", c.kubeconfig); err != nil {
		return err
	}
	c.config.QPS, c.config.Burst = -1, -1

	for _, name := range []string{Etcd, APIServer} {
		if err := c.StartComponent(ctx, name); err != nil {
			return err
		}
	}
	errs := make([]error, len(c.components))
	var group sync.WaitGroup
	for i, component := range c.components[2:] {
		group.Go(func() { errs[i] = c.StartComponent(ctx, component.name) })
	}
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return c.awaitAccount(ctx)
}

// Stop ends all components and removes their files, save logs in
// Options.LogDir. The error names the components that had ended by themselves
// before. To stop twice is no error.
func (c *ControlPlane) Stop() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.keeper == nil {
		return nil
	}
	var errs []error
	for _, p := range c.processes {
		if !p.Ending() && !p.Running() {
			errs = append(errs, p.Failure())
		}
	}
	// Clients first: a server waits for them.
	var group sync.WaitGroup
	for name, p := range c.processes {
		if name != Etcd && name != APIServer {
			group.Go(func() { p.Stop(stopTimeout) })
		}
	}
	group.Wait()
	for _, name := range []string{APIServer, Etcd} {
		if p, ok := c.processes[name]; ok {
			p.Stop(stopTimeout)
		}
	}
	c.keeper.Close()
	c.keeper = nil
	if c.prober != nil {
		c.prober.CloseIdleConnections()
	}
	return errors.Join(append(errs, os.RemoveAll(c.dir))...)
}

// Config returns the configuration of a client that may do everything, and is
// not held back by a rate limit.
func (c *ControlPlane) Config() *rest.Config { return rest.CopyConfig(c.config) }

// Kubeconfig returns the path of a kubeconfig of the same user.
func (c *ControlPlane) Kubeconfig() string { return c.kubeconfig }

// LogPath returns the path of a component's log.
func (c *ControlPlane) LogPath(name string) string { return filepath.Join(c.logDir, name+".log") }

// PID returns the process id of a component, 0 when it does not run.
func (c *ControlPlane) PID(name string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p, ok := c.processes[name]; ok && p.Running() {
		return p.Cmd.Process.Pid
	}
	return 0
}

// StartComponent starts a component that has been stopped, with the same flags
// and ports, and returns when it is ready (kwok: when it runs).
func (c *ControlPlane) StartComponent(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	i := slices.IndexFunc(c.components, func(m component) bool { return m.name == name })
	if i < 0 {
		return fmt.Errorf("starting %s: this control plane has no such component", name)
	}
	m := c.components[i]
	p, err := c.launch(m)
	if err != nil || m.ready == "" {
		return err
	}
	return m.awaitReady(ctx, c.prober, p)
}

func (c *ControlPlane) launch(m component) (*process.Process, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.keeper == nil {
		return nil, fmt.Errorf("starting %s: the control plane has been stopped", m.name)
	}
	if p, ok := c.processes[m.name]; ok && p.Running() {
		return nil, fmt.Errorf("starting %s: it runs already", m.name)
	}
	p, err := run(c.keeper, m, c.programs[program(m.name)], c.dir, c.LogPath(m.name))
	if err == nil {
		c.processes[m.name] = p
	}
	return p, err
}

// StopComponent asks a component to end and returns when it has, after 5 s at
// the latest: a server whose clients stay connected is killed then.
func (c *ControlPlane) StopComponent(name string) error {
	return c.end(name, func(p *process.Process) { p.Stop(stopTimeout) })
}

// KillComponent ends a component from one moment to the next.
func (c *ControlPlane) KillComponent(name string) error { return c.end(name, (*process.Process).Kill) }

func (c *ControlPlane) end(name string, how func(*process.Process)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, ok := c.processes[name]
	if !ok || !p.Running() {
		return fmt.Errorf("stopping %s: it does not run", name)
	}
	how(p)
	return nil
}
