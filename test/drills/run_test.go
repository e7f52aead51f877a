//go:build linux

package drills_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/testkit/lab"
)

const (
	// runBound is the longest that a drill may take: it waits at most two minutes
	// before, twice with --worst-case, and three after the fault.
	runBound = 10 * time.Minute
	// healBound is the longest that a fault may be in force for after its runner was
	// killed: the dead-man waits 15 s more than the runner.
	healBound = lasts + 15*time.Second + 30*time.Second
	// againBound is the longest until the cluster is whole.
	againBound = 3 * time.Minute
	// tries of a drill that is refused because the cluster is not steady; nothing was
	// broken then.
	tries = 5
)

func (c *cluster) arguments(r run) []string {
	args := []string{"drill", r.fault, "--cluster", c.Name, "--for", lasts.String(), "--steady", steady.String(),
		"--seed", strconv.FormatInt(r.seed, 10), "--output-dir", c.evidence, "-q", "-o", "json"}
	if r.zone != "" {
		args = append(args, "--zone", r.zone)
	}
	if r.kind == worstCase {
		args = append(args, "--worst-case")
	}
	return args
}

// make makes one run.
func (c *cluster) make(ctx context.Context, r run) (*result, error) {
	ctx, cancel := context.WithTimeout(ctx, runBound)
	defer cancel()
	if r.kind == killed {
		return c.kill(ctx, r)
	}
	out := newResult(r)
	for {
		ended, err := c.Run(ctx, c.arguments(r)...)
		if err != nil {
			return nil, err
		}
		if ended.Code == 2 && len(out.Refused) < tries-1 {
			out.Refused = append(out.Refused, strings.TrimSpace(ended.Stderr))
			continue
		}
		if !slices.Contains([]int{0, 1, 3}, ended.Code) {
			return nil, fmt.Errorf("%s", ended)
		}
		var report v1alpha1.DrillReport
		if err := json.Unmarshal([]byte(ended.Stdout), &report); err != nil {
			return nil, fmt.Errorf("%w: %s", err, ended)
		}
		out.take(&report)
		return out, nil
	}
}

// kill makes a drill, ends its runner with SIGKILL while the fault lasts, and waits
// for whoever heals.
func (c *cluster) kill(ctx context.Context, r run) (*result, error) {
	out := newResult(r)
	drill, fault, err := c.broken(ctx, r, out)
	if err != nil {
		return nil, err
	}
	timer := time.NewTimer(time.Until(fault.Made.Add(moment(r.seed))))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-drill.Done():
	}
	out.KilledSeconds = time.Since(fault.Made).Seconds()
	if err := drill.Process.Kill(); err != nil {
		return nil, err
	}
	if ended, err := drill.End(); err != nil || ended.Code != -1 {
		return nil, fmt.Errorf("the runner was not killed: %w: %s", err, ended)
	}
	out.Broken = fault.What
	healing, cancel := context.WithTimeout(ctx, healBound)
	defer cancel()
	healed, err := c.Healed(healing)
	if err != nil {
		out.Why = err.Error()
		return out, nil // what unmet says of it
	}
	out.Healed, out.HealedBy, out.FaultSeconds = true, healed.By, healed.At.Sub(fault.Made).Seconds()
	again, cancel := context.WithTimeout(ctx, againBound)
	defer cancel()
	if err := c.Ready(again); err != nil {
		out.Why = err.Error()
		return out, nil
	}
	took := time.Since(healed.At).Seconds()
	out.SteadySeconds = &took
	return out, nil
}

// broken starts a drill and waits for its fault.
func (c *cluster) broken(ctx context.Context, r run, out *result) (*lab.Running, lab.Fault, error) {
	for {
		drill, err := c.Start(ctx, c.arguments(r)...)
		if err != nil {
			return nil, lab.Fault{}, err
		}
		fault, err := c.Broken(ctx, drill)
		if err == nil {
			return drill, fault, nil
		}
		select {
		case <-drill.Done():
		default:
			return nil, lab.Fault{}, err
		}
		ended, endErr := drill.End()
		if endErr != nil || ended.Code != 2 || len(out.Refused) == tries-1 {
			return nil, lab.Fault{}, err
		}
		out.Refused = append(out.Refused, strings.TrimSpace(ended.Stderr))
	}
}
