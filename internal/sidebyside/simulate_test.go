//go:build linux

package sidebyside_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/kubesched"
	"bulkhead.dev/bulkhead/internal/kubesched/apiserver"
	"bulkhead.dev/bulkhead/internal/model"
	"bulkhead.dev/bulkhead/internal/simulate"
	"bulkhead.dev/bulkhead/internal/snapshot"
)

// simulatedCost is what it took to simulate the same loss, once.
type simulatedCost struct {
	wall, cpu time.Duration
	memory    int64 // the peak, in bytes
	outcome
}

// outcome is what a report says of the lost pods.
type outcome struct {
	lost, placed int
	replacements map[string]int // pods that stand there more than before, by zone
}

// program builds bulkhead into dir.
func program(ctx context.Context, dir string) (string, error) {
	path := filepath.Join(dir, "bulkhead")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "bulkhead.dev/bulkhead/cmd/bulkhead")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building bulkhead: %w\n%s", err, out)
	}
	return path, nil
}

// command is what is measured.
func command(bulkhead, dir string) []string {
	return []string{bulkhead, "simulate", "-q", "-f", dir, "--fail", "zone=" + lostZone, "-o", "json"}
}

// simulated runs the program on the manifests in dir: its whole process, from its
// start to its end.
func simulated(ctx context.Context, bulkhead, dir string) (*simulatedCost, error) {
	args := command(bulkhead, dir)
	process := exec.CommandContext(ctx, args[0], args[1:]...)
	var stdout, stderr bytes.Buffer
	process.Stdout, process.Stderr = &stdout, &stderr
	start := time.Now()
	err := process.Run()
	wall := time.Since(start)
	// 1 says that not every workload is back in time, and is as good an answer.
	if exit := (*exec.ExitError)(nil); err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) {
		return nil, fmt.Errorf("simulating: %w\n%s", err, &stderr)
	}
	var report v1alpha1.SimulationReport
	if err := json.Unmarshal(stdout.Bytes(), &report); err != nil {
		return nil, fmt.Errorf("reading the report: %w", err)
	}
	usage := process.ProcessState.SysUsage().(*syscall.Rusage)
	cost := &simulatedCost{wall: wall, cpu: process.ProcessState.UserTime() + process.ProcessState.SystemTime(), memory: usage.Maxrss << 10}
	cost.outcome, err = outcomeOf(&report)
	return cost, err
}

func outcomeOf(r *v1alpha1.SimulationReport) (outcome, error) {
	o := outcome{replacements: map[string]int{}}
	if len(r.Scenarios) != 1 || len(r.BeforeFailure) > 0 {
		return o, fmt.Errorf("the report has %d scenarios, and %d workloads that were pending before: want 1 and 0", len(r.Scenarios), len(r.BeforeFailure))
	}
	for _, w := range r.Scenarios[0].Workloads {
		o.lost += w.Lost
		o.placed += w.PlacedAgain
		for zone, n := range w.After {
			o.replacements[zone] += n - w.Before[zone]
		}
	}
	return o, nil
}

// withoutReading simulates the loss in this process, and returns how long it takes
// once the manifests are read, and how long to read them.
func withoutReading(ctx context.Context, dir string) (simulating, reading time.Duration, err error) {
	defer debug.SetGCPercent(debug.SetGCPercent(300)) // as the command does
	start := time.Now()
	snap, err := snapshot.Read(ctx, snapshot.Options{Paths: []string{dir}, Namespace: "default"}, apiserver.New(apiserver.Options{}))
	if err != nil {
		return 0, 0, err
	}
	reading = time.Since(start)
	start = time.Now()
	scheduler, err := kubesched.New(kubesched.Options{})
	if err != nil {
		return 0, 0, err
	}
	_, err = simulate.Run(ctx, snap, scheduler, kubesched.Admission{}, simulate.Options{
		Failures: []model.FailureSpec{{Zones: []string{lostZone}}}, Timings: simulate.DefaultTimings(), RecoveryTime: 600, Parallel: 1,
	})
	return time.Since(start), reading, err
}
