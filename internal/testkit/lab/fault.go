//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"bulkhead.dev/bulkhead/internal/local"
	"bulkhead.dev/bulkhead/internal/local/fabric"
)

// Fault is one in force.
type Fault struct {
	// Made is when.
	Made time.Time
	// What is broken, for people.
	What string
}

// Broken waits until a fault is in force that a drill made. It gives up when the
// drill ends without one.
func (c *Cluster) Broken(ctx context.Context, drill *Running) (Fault, error) {
	var made Fault
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-drill.Done():
			r, err := drill.End()
			cancel(fmt.Errorf("the drill ended before its fault: %w: %s", errors.Join(err, errNoFault), r))
		case <-ctx.Done():
		}
	}()
	err := c.ask(func(f *fabric.Client) error {
		return local.Await(ctx, "a fault is in force", func() error {
			s, err := f.Status()
			if err != nil {
				return err
			}
			if s.Fault == nil {
				return errNoFault
			}
			made = Fault{Made: s.HealAt.Add(-s.Fault.Within), What: s.Fault.String()}
			return nil
		})
	})
	if err != nil && context.Cause(ctx) != nil {
		err = context.Cause(ctx)
	}
	return made, err
}

var errNoFault = errors.New("there is none")

// Healed waits until no fault is in force, and returns who took it back and when.
func (c *Cluster) Healed(ctx context.Context) (fabric.Healed, error) {
	var healed fabric.Healed
	err := c.ask(func(f *fabric.Client) error {
		return local.Await(ctx, "no fault is in force", func() (err error) {
			if healed, err = f.Healed(); err == nil && healed.Faulty {
				err = errors.New("one is")
			}
			return err
		})
	})
	if err == nil && len(healed.Errors) > 0 {
		err = fmt.Errorf("healing: %s", strings.Join(healed.Errors, "; "))
	}
	return healed, err
}

func (c *Cluster) ask(do func(*fabric.Client) error) error {
	f, err := c.Fabric()
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	return do(f)
}

// Ready waits until all of the cluster runs, and no fault is in force.
func (c *Cluster) Ready(ctx context.Context) error {
	made, err := c.Open()
	if err != nil {
		return err
	}
	return local.Await(ctx, "all of "+c.Name+" runs", func() error {
		now, err := made.Status(ctx)
		if err == nil && now.State != local.StateReady {
			err = fmt.Errorf("it is %s: %s", now.State, strings.Join(now.Why, "; "))
		}
		return err
	})
}
