//go:build linux

package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Program is bulkhead with a state folder that no other has.
type Program struct {
	Path string
	// State is its XDG_STATE_HOME.
	State string
}

// Build builds bulkhead into a folder; version is what it calls itself.
func Build(ctx context.Context, folder, version string) (string, error) {
	path := filepath.Join(folder, "bulkhead")
	compiler := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w -X bulkhead.dev/bulkhead/internal/cli.version="+version, "-o", path, "bulkhead.dev/bulkhead/cmd/bulkhead")
	if out, err := compiler.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building bulkhead: %w\n%s", err, out)
	}
	return path, nil
}

// Home is the folder that its clusters are kept in.
func (p Program) Home() string { return filepath.Join(p.State, "bulkhead", "clusters") }

// Result is how a run of the program has ended.
type Result struct {
	Args []string
	// Code is -1 when a signal ended it.
	Code           int
	Stdout, Stderr string
	Wall           time.Duration
}

// String is for messages of tests.
func (r *Result) String() string {
	return fmt.Sprintf("bulkhead %s: exit code %d after %.1f s\n%s%s", strings.Join(r.Args, " "), r.Code, r.Wall.Seconds(), r.Stdout, r.Stderr)
}

// Running is the program while it runs.
type Running struct {
	*exec.Cmd
	start          time.Time
	stdout, stderr bytes.Buffer
	done           chan struct{}
	result         *Result
	err            error
}

// Start starts the program; when ctx ends it is killed.
func (p Program) Start(ctx context.Context, args ...string) (*Running, error) {
	r := &Running{Cmd: exec.CommandContext(ctx, p.Path, args...), start: time.Now(), done: make(chan struct{})}
	r.Env = append(os.Environ(), "XDG_STATE_HOME="+p.State)
	r.Cmd.Stdout, r.Cmd.Stderr = &r.stdout, &r.stderr
	if err := r.Cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(r.done)
		err := r.Cmd.Wait()
		if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
			r.err = err
		}
		r.result = &Result{Args: args, Code: r.ProcessState.ExitCode(), Stdout: r.stdout.String(), Stderr: r.stderr.String(), Wall: time.Since(r.start)}
	}()
	return r, nil
}

// Done is closed when it has ended.
func (r *Running) Done() <-chan struct{} { return r.done }

// End waits for its end and tells how it was.
func (r *Running) End() (*Result, error) {
	<-r.done
	return r.result, r.err
}

// Run runs the program to its end, whatever its exit code.
func (p Program) Run(ctx context.Context, args ...string) (*Result, error) {
	r, err := p.Start(ctx, args...)
	if err != nil {
		return nil, err
	}
	result, err := r.End()
	if err == nil && ctx.Err() != nil {
		err = fmt.Errorf("%w: %s", ctx.Err(), result)
	}
	return result, err
}
