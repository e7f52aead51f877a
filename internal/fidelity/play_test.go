//go:build linux

package fidelity_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"sigs.k8s.io/yaml"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/fidelity"
	"bulkhead.dev/bulkhead/internal/simulate"
	"bulkhead.dev/bulkhead/internal/snapshot"
	"bulkhead.dev/bulkhead/internal/testkit/controlplane"
	"bulkhead.dev/bulkhead/internal/testkit/randomcluster"
)

// objective is the recovery time of both sides. What comes back does so within a
// third of it, so that no verdict hangs on a second.
const objective = 120

// play plays the loss of a zone on the cluster, and leaves the control plane
// empty, also when it fails.
func (r *rig) play(ctx context.Context, c *randomcluster.Cluster) (capture *fidelity.Capture, err error) {
	start := time.Now()
	rec, err := fidelity.NewRecorder(ctx, r.clients)
	if err != nil {
		return nil, err
	}
	defer rec.Close()
	defer func() {
		if r.cp.PID(controlplane.Scheduler) != 0 {
			err = errors.Join(err, r.cp.StopComponent(controlplane.Scheduler))
		}
		if cleaned := r.clean(context.WithoutCancel(ctx)); cleaned != nil {
			err = errors.Join(err, fmt.Errorf("%w: %w", errUnclean, cleaned))
		}
		if capture != nil {
			capture.Seconds = time.Since(start).Seconds()
		}
	}()
	capture = &fidelity.Capture{Seed: c.Seed, Lost: c.Lose}
	return capture, r.capture(ctx, rec, c, capture)
}

// capture plays the loss and notes all that is seen.
func (r *rig) capture(ctx context.Context, rec *fidelity.Recorder, c *randomcluster.Cluster, out *fidelity.Capture) error {
	if err := r.fill(ctx, rec, c); err != nil {
		return err
	}
	var err error
	if out.Fixed, err = r.fixed(ctx); err != nil {
		return err
	}
	found, err := rec.Versions()
	if err != nil {
		return err
	}
	out.First = len(found)
	if err := r.startScheduler(ctx); err != nil {
		return err
	}
	if err := await(ctx, rec, "all pods are placed or Pending", steady); err != nil {
		return err
	}
	if out.Cluster, err = snapshot.Collect(ctx, snapshot.CollectOptions{Config: r.cp.Config(), Name: "fidelity"}); err != nil {
		return err
	}
	out.Failed = time.Now()
	if err := r.cp.KillZone(c.Lose); err != nil {
		return err
	}
	if err := await(ctx, rec, "the loss of zone "+c.Lose+" is over", over(c.Lose)); err != nil {
		return err
	}
	if err := r.cp.StopComponent(controlplane.Scheduler); err != nil {
		return err
	}
	if out.Versions, err = rec.Versions(); err != nil {
		return err
	}
	if out.Log, err = os.ReadFile(r.cp.LogPath(controlplane.Scheduler)); err != nil {
		return err
	}
	return fidelity.Sound(out.Versions, out.First, c.Lose)
}

// errUnclean says that the control plane cannot be used again.
var errUnclean = errors.New("emptying the control plane")

func await(ctx context.Context, rec *fidelity.Recorder, what string, wanted func(fidelity.State) bool) error {
	ctx, cancel := context.WithTimeout(ctx, phaseTimeout)
	defer cancel()
	err := rec.Await(ctx, what, quiet, wanted)
	if err == nil {
		return nil
	}
	for key, p := range rec.State().Pods {
		if p.DeletionTimestamp != nil || !fidelity.Serves(p) && !fidelity.Refused(p) {
			return fmt.Errorf("%w\nfor example pod %s on %q, deleted %v, phase %s", err, key, p.Spec.NodeName, p.DeletionTimestamp, p.Status.Phase)
		}
	}
	return err
}

// clean empties the control plane with a recorder of its own.
func (r *rig) clean(ctx context.Context) error {
	rec, err := fidelity.NewRecorder(ctx, r.clients)
	if err != nil {
		return err
	}
	defer rec.Close()
	return r.empty(ctx, rec)
}

func shortTimings() (simulate.Timings, error) {
	_, _, text := shortened()
	var o v1alpha1.Timings
	if err := yaml.UnmarshalStrict([]byte(text), &o); err != nil {
		return simulate.Timings{}, err
	}
	return simulate.DefaultTimings().With(o)
}
