//go:build linux

package sidebyside_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"bulkhead.dev/bulkhead/internal/testkit/controlplane"
)

// realCost is what it took a real control plane to replace the pods of a zone.
type realCost struct {
	lost, evicted, created, scheduled, ready int

	replacements map[string]int // Ready, by zone
	// wall counts from the first eviction to the last replacement that became
	// Ready, or to the bound.
	wall      time.Duration
	cpu       map[string]time.Duration // by component; in the same time
	memory    map[string]int64         // by component: the peak, in bytes
	watching  time.Duration            // CPU of this process, which only watches
	perMinute []int                    // pods scheduled in each minute

	// filling the cluster, and waiting from the zone's loss for the first
	// eviction, are not part of wall.
	filling, waiting time.Duration
}

// complete says whether every lost pod is replaced.
func (c *realCost) complete() bool { return c.ready >= c.lost }

// controlPlaneCPU is that of etcd, the API server, the controller manager and the
// scheduler; kwok, which stands for as many kubelets as there are nodes, is apart.
func (c *realCost) controlPlaneCPU() (components, kubelets time.Duration) {
	for name, used := range c.cpu {
		if slices.Contains(controlPlane(), name) {
			components += used
		} else {
			kubelets += used
		}
	}
	return components, kubelets
}

func controlPlane() []string {
	return []string{controlplane.Etcd, controlplane.APIServer, controlplane.ControllerManager, controlplane.Scheduler}
}

// survivors are the components that run when the zone is lost.
func survivors(zones []string) []string {
	names := controlPlane()
	for _, zone := range zones {
		if zone != lostZone {
			names = append(names, controlplane.Kwok+"-"+zone)
		}
	}
	return names
}

// lose loses the zone and returns when every lost pod is replaced and Ready, or
// when bound has passed since the first eviction.
func (r *realSide) lose(ctx context.Context, zones []string, bound time.Duration) (*realCost, error) {
	r.tally.lose()
	killed := time.Now()
	if err := r.cp.KillZone(lostZone); err != nil {
		return nil, err
	}
	if err := r.await(ctx, "the first pod is evicted", func(m moment) bool { return !m.firstEviction.IsZero() }); err != nil {
		return nil, err
	}
	cost := &realCost{lost: r.lostPods(), memory: map[string]int64{}}
	names := survivors(zones)
	before, err := r.cpuTimes(names)
	if err != nil {
		return nil, err
	}
	own, err := ownCPUTime()
	if err != nil {
		return nil, err
	}
	start := r.tally.now().firstEviction
	cost.waiting = start.Sub(killed)
	r.log("the first pod is evicted; %d are lost", cost.lost)

	bounded, cancel := context.WithDeadline(ctx, start.Add(bound))
	defer cancel()
	minutes := r.countMinutes(bounded)
	err = r.await(bounded, "every lost pod is replaced", func(m moment) bool { return m.after.ready >= cost.lost })
	cancel()
	cost.perMinute = <-minutes
	m := r.tally.now()
	switch {
	case err == nil:
		cost.wall = m.lastReady.Sub(start)
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
		cost.wall = bound
	default:
		return nil, err
	}
	if m.astray > 0 {
		return nil, fmt.Errorf("%d pods were evicted outside zone %s, removed, or placed in it: the machine is too slow for its kubelets", m.astray, lostZone)
	}
	cost.evicted, cost.created, cost.scheduled, cost.ready = m.before.evicted, m.after.created, m.after.scheduled, m.after.ready
	cost.replacements = r.tally.replacements()
	if cost.cpu, err = r.cpuTimes(names); err != nil {
		return nil, err
	}
	for name := range cost.cpu {
		cost.cpu[name] -= before[name]
		if cost.memory[name], err = peakMemory(r.cp.PID(name)); err != nil {
			return nil, err
		}
	}
	now, err := ownCPUTime()
	cost.watching = now - own
	return cost, err
}

// countMinutes counts the replacements scheduled in each minute from now until
// ctx ends; the last one is not whole.
func (r *realSide) countMinutes(ctx context.Context) <-chan []int {
	out := make(chan []int, 1)
	go func() {
		var scheduled []int
		total := 0
		count := func() {
			now := r.tally.now().after.scheduled
			scheduled = append(scheduled, now-total)
			total = now
		}
		ticker := time.NewTicker(time.Minute)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				count()
			case <-ctx.Done():
				count()
				out <- scheduled
				return
			}
		}
	}()
	return out
}

func (r *realSide) cpuTimes(names []string) (map[string]time.Duration, error) {
	used := map[string]time.Duration{}
	for _, name := range names {
		var err error
		if used[name], err = cpuTime(r.cp.PID(name)); err != nil {
			return nil, err
		}
	}
	return used, nil
}
