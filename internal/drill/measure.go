//go:build linux

package drill

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/local"
	"bulkhead.dev/bulkhead/internal/verdict"
)

// measured is what every drill does around its fault, whoever makes it: it waits,
// watches and writes down.
type measured struct {
	Options
	clock    clock
	journal  *journal
	observer *observer
	load     *load
	record   *v1alpha1.DrillRecord
	before   map[string]int // ready pods of each workload
	// amiss says what is not as it should be.
	amiss func() error
	// gap is how long writes may stop, in seconds.
	gap float64
}

func newMeasured(o Options, c clock) measured {
	if o.Say == nil {
		o.Say = func(string) {}
	}
	if o.Progress == nil {
		o.Progress = func(string, int, int) {}
	}
	return measured{Options: o, clock: c, journal: &journal{clock: c}}
}

// measure loads the API and has the fault made once all is steady. The fault is made
// and taken back by breakIt; an error says that it was not made.
func (r *measured) measure(ctx context.Context, to reach, ways []way, breakIt func()) error {
	r.load = newLoad(to, r.clock, r.Seed, ways)
	cleaned := func() error {
		final, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		return r.load.clean(final)
	}
	if err := r.load.prepare(ctx); err != nil {
		return errors.Join(err, cleaned())
	}
	loading, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	r.load.start(loading)
	steadyErr := r.steady(ctx)
	if steadyErr == nil {
		breakIt()
	}
	r.load.finish()
	if steadyErr == nil {
		final, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		r.record.FinalKeys = r.load.final(final)
	}
	if err := cleaned(); err != nil {
		r.record.Notes = append(r.record.Notes, err.Error())
	}
	return steadyErr
}

// evidence is all that was written down.
func (r *measured) evidence() *verdict.Evidence {
	r.record.EndedAt = r.clock.now()
	history := r.load.history
	slices.SortStableFunc(history, func(a, b v1alpha1.DrillOperation) int { return cmp.Compare(a.Intended, b.Intended) })
	return &verdict.Evidence{Record: r.record, Operations: history, Observations: r.journal.all()}
}

// ready waits until nothing is amiss: a drill on a cluster that is broken already
// proves nothing.
func (r *measured) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	r.Progress("waiting until the cluster is steady", 0, 0)
	if err := local.Await(ctx, "the cluster is steady", r.amiss); err != nil {
		if errors.Is(err, context.Canceled) {
			return err
		}
		return Refused{err}
	}
	return nil
}

// steady watches the cluster without a fault, and refuses to go on when what is
// expected does not hold already.
func (r *measured) steady(ctx context.Context) error {
	const warm = 2 * time.Second // connections are made
	if err := r.wait(ctx, "warming up", warm, nil); err != nil {
		return err
	}
	r.record.SteadyAt = r.clock.now()
	if err := r.wait(ctx, "watching the steady state", r.Steady, nil); err != nil {
		return err
	}
	// One look that is answered late is not the cluster's state; one after the other is.
	soon, cancel := context.WithTimeout(ctx, lookAgain)
	defer cancel()
	if err := local.Await(soon, "nothing is amiss", r.amiss); err != nil {
		if ctx.Err() != nil {
			return err
		}
		return Refused{fmt.Errorf("the cluster is not steady: %w", err)}
	}
	asked, failed, latencies := r.load.since(r.record.SteadyAt)
	if asked == 0 || float64(failed)/float64(asked) > steadyFailed {
		return Refused{fmt.Errorf("the cluster is not steady: %d of %d operations failed without a fault", failed, asked)}
	}
	p99 := latencies[len(latencies)*99/100]
	if p99*1000 > steadyP99 {
		return Refused{fmt.Errorf("the cluster is not steady: the 99th percentile is %.0f ms without a fault, expected at most %.0f", p99*1000, steadyP99)}
	}
	r.before = r.observer.ready()
	r.Say(fmt.Sprintf("steady: %s, %d operations, 99th percentile %.0f ms", r.Steady, asked, p99*1000))
	return nil
}

// settle waits until everything is as it was before the fault.
func (r *measured) settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, againTimeout)
	defer cancel()
	if r.record.HealedAt == nil {
		return
	}
	good := *r.record.HealedAt // since then nothing was seen to be amiss
	err := local.Await(ctx, "all is as before", func() error {
		now := r.clock.now()
		if err := r.missing(); err != nil {
			good = now
			return err
		}
		if now < good+calm {
			return fmt.Errorf("good for %.1f s", now-good)
		}
		asked, failed, _ := r.load.since(now - calm)
		if asked == 0 || float64(failed)/float64(asked) > steadyFailed {
			return fmt.Errorf("%d of %d operations failed in the last %.0f s", failed, asked, calm)
		}
		return nil
	})
	if err != nil {
		r.record.Notes = append(r.record.Notes, err.Error())
		r.Say(err.Error())
		return
	}
	at := max(good, r.clock.now()-calm)
	r.record.SteadyAgainAt = &at
	r.Say(fmt.Sprintf("steady again after %.0f s", at-*r.record.HealedAt))
	_ = r.wait(ctx, "watching the steady state again", min(r.Steady, 5*time.Second), nil)
}

// missing says what is not as it was before the fault.
func (r *measured) missing() error {
	if err := r.amiss(); err != nil {
		return err
	}
	ready := r.observer.ready()
	for name, n := range r.before {
		if ready[name] < n {
			return fmt.Errorf("%s: %d of %d pods ready", name, ready[name], n)
		}
	}
	return nil
}

// wait lets time pass; check, if there is one, may end it.
func (r *measured) wait(ctx context.Context, what string, d time.Duration, check func() error) error {
	timer := time.NewTimer(max(0, d))
	defer timer.Stop()
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for passed := 1; ; passed++ {
		select {
		case <-ctx.Done():
			return fmt.Errorf("interrupted: %w", context.Cause(ctx))
		case <-timer.C:
			return nil
		case <-ticker.C:
		}
		r.Progress(what+", s", passed, int(d.Seconds()))
		if check != nil {
			if err := check(); err != nil {
				return err
			}
		}
	}
}

// abortAfter is how long the API may answer nobody, beyond the hypothesis, before
// the drill is ended.
const abortAfter = 30.0

// abort is the condition under which the fault is taken back early: the API answers
// nobody inside the cluster, or etcd has lost its majority.
func (r *measured) abort() error {
	since := r.clock.now() - *r.record.InjectedAt
	if since < r.gap+abortAfter {
		return nil
	}
	if last := r.load.lastOK(); r.clock.now()-last > r.gap+abortAfter {
		return fmt.Errorf("no operation was acknowledged for %.0f s on any way", r.clock.now()-last)
	}
	return nil
}
