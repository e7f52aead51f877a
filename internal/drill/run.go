//go:build linux

package drill

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/local"
	"bulkhead.dev/bulkhead/internal/local/fabric"
	"bulkhead.dev/bulkhead/internal/verdict"
)

// Options of a drill.
type Options struct {
	Fault Fault
	// Zones that it is in; chosen by the seed where they are not named.
	Zones []string
	// Node of a soft drill with fault node; chosen by the seed where it is empty.
	Node string
	Seed int64
	// For is how long the fault lasts; 0: until what is predicted to come back
	// should have, or 15 s where nothing is lost.
	For time.Duration
	// Steady is how long the cluster is watched before the fault.
	Steady time.Duration
	// WorstCase moves every leader into the zone first.
	WorstCase bool
	// Force makes the fault although the simulation warns.
	Force bool
	// Writes and Reads a second, from outside by the API's address.
	Writes, Reads float64
	// Versions by name, for the record.
	Versions map[string]string
	// Say is told what happened, a line each; Progress what is under way.
	Say      func(line string)
	Progress func(what string, done, total int)
}

// What a drill waits for at most.
const (
	settleTimeout = 2 * time.Minute
	// lookAgain bounds the looks at the end of the steady state.
	lookAgain    = 3 * time.Second
	againTimeout = 3 * time.Minute
	// margin is what the dead-man waits beyond the fault's time: the runner heals
	// before.
	margin = 15 * time.Second
	// shortest fault where nothing is lost that could come back.
	shortest = 15 * time.Second
)

// Steadiness that is expected before the fault and after the healing, on any
// machine that the control plane runs on at all.
const (
	steadyP99    = 1000.0 // ms
	steadyFailed = 0.001
	steadyAgain  = 180.0 // s
	// calm is how long nothing may fail before all is as before.
	calm = 3.0 // s
)

// Refused is the error of a drill that was not begun: the cluster is not steady, or
// the simulation warns.
type Refused struct{ error }

// runner is one drill on a local cluster.
type runner struct {
	measured
	site *site
	// Those who watch the cluster until unwatch.
	watchers sync.WaitGroup
	cancel   context.CancelFunc
}

func newRunner(s *site, o Options) *runner {
	r := &runner{measured: newMeasured(o, s.clock), site: s}
	r.amiss, r.gap = r.wrong, o.Fault.Gap
	s.leaders = newLeaders(s, r.journal)
	r.observer = newObserver(s, r.journal)
	return r
}

// Run makes one drill on a local cluster and returns its evidence. A fault that was
// made is taken back whatever happens; an error without evidence says that none was
// made, or that what it did could not be read.
func Run(ctx context.Context, c *local.Cluster, o Options) (*verdict.Evidence, error) {
	r, err := begin(ctx, c, o)
	if err != nil {
		return nil, err
	}
	defer r.close()
	return r.run(ctx)
}

// begin chooses the zones and watches a cluster until it is steady; the caller closes
// the runner.
func begin(ctx context.Context, c *local.Cluster, o Options) (_ *runner, err error) {
	if err := o.Fault.possible(c); err != nil {
		return nil, err
	}
	s, err := open(ctx, c)
	if err != nil {
		return nil, err
	}
	r := newRunner(s, o)
	watching, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r.cancel = cancel
	defer func() {
		if err != nil {
			r.close()
		}
	}()
	s.random = rand.New(rand.NewPCG(uint64(o.Seed), 5))
	if s.zones, err = chooseZones(s, o); err != nil {
		return nil, err
	}
	r.Progress("watching the cluster", 0, 0)
	s.leaders.watch(watching, &r.watchers)
	if err := r.observer.watch(watching); err != nil {
		return nil, err
	}
	if err := r.ready(ctx); err != nil {
		return nil, err
	}
	return r, nil
}

// unwatch returns when nobody writes into the journal any more.
func (r *runner) unwatch() {
	r.cancel()
	r.watchers.Wait()
}

func (r *runner) close() {
	r.unwatch()
	r.site.close()
}

// chooseZones takes the zones that were named, or lets the seed choose.
func chooseZones(s *site, o Options) ([]string, error) {
	switch {
	case o.Fault.Zones == 0 && len(o.Zones) > 0:
		return nil, Refused{fmt.Errorf("fault %s is not in a zone of its own: --zone does not go with it", o.Fault.Name)}
	case len(o.Zones) > o.Fault.Zones:
		return nil, Refused{fmt.Errorf("fault %s takes %d of the zones: --zone names %d", o.Fault.Name, o.Fault.Zones, len(o.Zones))}
	}
	if o.Fault.Zones > len(s.allZones) {
		return nil, Refused{fmt.Errorf("fault %s needs %d zones; the cluster has %d", o.Fault.Name, o.Fault.Zones, len(s.allZones))}
	}
	for _, zone := range o.Zones {
		if !slices.Contains(s.allZones, zone) {
			return nil, Refused{fmt.Errorf("there is no zone %q: there are %s", zone, strings.Join(s.allZones, ", "))}
		}
	}
	if len(o.Zones) == 2 && o.Zones[0] == o.Zones[1] {
		return nil, Refused{fmt.Errorf("fault %s is between two zones: --zone names %s twice", o.Fault.Name, o.Zones[0])}
	}
	zones := slices.Clone(o.Zones)
	left := slices.DeleteFunc(slices.Clone(s.allZones), func(z string) bool { return slices.Contains(zones, z) })
	s.random.Shuffle(len(left), func(i, j int) { left[i], left[j] = left[j], left[i] })
	zones = append(zones, left[:o.Fault.Zones-len(zones)]...)
	if len(o.Zones) == 0 {
		slices.Sort(zones)
	}
	return zones, nil
}

func (r *runner) run(ctx context.Context) (*verdict.Evidence, error) {
	if r.WorstCase {
		if len(r.site.zones) != 1 {
			return nil, Refused{fmt.Errorf("--worst-case moves leaders into the zone that dies: fault %s has none", r.Fault.Name)}
		}
		r.Progress("moving every leader into zone "+r.site.zones[0], 0, 0)
		if err := r.site.gather(ctx, r.site.zones[0]); err != nil {
			return nil, err
		}
		r.Say(moved(r.site.cluster) + " moved into " + r.site.zones[0])
		if err := r.ready(ctx); err != nil {
			return nil, err
		}
	}
	a, err := r.Fault.Aim(r.site)
	if err != nil {
		return nil, Refused{fmt.Errorf("fault %s: %w", r.Fault.Name, err)}
	}
	r.Progress("simulating the fault", 0, 0)
	f, err := r.site.foresee(ctx, r.Fault, a)
	if err != nil {
		return nil, err
	}
	if err := f.refuse(); err != nil && !r.Force {
		return nil, Refused{err}
	}
	if a.failure != nil && len(f.refused) == 0 {
		r.Say("room and quorum: the rest holds everything")
	}
	if r.For == 0 {
		r.For = f.last()
	}
	if err := r.writeRecord(a, f); err != nil {
		return nil, err
	}
	if err := r.site.sweep(ctx); err != nil {
		return nil, err
	}
	err = r.measure(ctx, r.site, r.site.ways(r.Writes, r.Reads), func() { r.breakIt(ctx, a) })
	r.unwatch()
	if err != nil {
		return nil, err
	}
	if err := r.site.servers(r.journal); err != nil {
		return nil, err
	}
	return r.evidence(), nil
}

// wrong says what is not as it should be.
func (r *runner) wrong() error {
	s := r.site
	healed, err := s.fabric.Healed()
	switch {
	case err != nil:
		return err
	case healed.Faulty:
		return errors.New("a fault is in force: bulkhead drill heal takes it back")
	}
	if nodes := r.observer.unready(); len(nodes) > 0 {
		return fmt.Errorf("%d nodes are not ready: %s", len(nodes), strings.Join(nodes[:min(3, len(nodes))], ", "))
	}
	if got, want := s.leaders.voters(), len(s.layout.Voters()); got < want {
		return fmt.Errorf("%d of %d members of etcd answer", got, want)
	}
	for _, x := range []string{etcd, controllerManager, scheduler, viaVIP} {
		if x == viaVIP && s.cluster.Loopback {
			continue // there is none
		}
		if at := s.leaders.of(x); at == "" || strings.Contains(at, ",") {
			return fmt.Errorf("%s is nowhere or twice: %q", x, at)
		}
	}
	for _, m := range s.layout.ControlPlane() {
		if !s.answers(m.Name) {
			return fmt.Errorf("the API server on %s is not ready", m.Name)
		}
	}
	return nil
}

// writeRecord notes what is asked for and expected.
func (r *runner) writeRecord(a *aim, f *forecast) error {
	s := r.site
	flags, err := s.flags()
	if err != nil {
		return err
	}
	gap := r.Fault.Gap
	r.record = &v1alpha1.DrillRecord{
		TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.DrillRecordKind},
		Cluster:  s.cluster.Cluster.Metadata.Name, Provider: string(s.cluster.Cluster.Spec.Provider),
		Fault: r.Fault.Name, Target: a.target, Seed: r.Seed, WorstCase: r.WorstCase,
		Started: metav1.NewMicroTime(s.clock.start), AllZones: s.allZones,
		LostNodes: append([]string{}, a.nodes...), LostMachines: append([]string{}, a.machines...),
		Machines: map[string]string{}, NodeZones: s.nodeZones, AskedSeconds: r.For.Seconds(),
		Hypothesis: v1alpha1.DrillHypothesis{
			SteadyP99Milliseconds: steadyP99, SteadyFailedShare: steadyFailed, APIGapSeconds: &gap, SteadyAgainSeconds: steadyAgain,
		},
		Predicted: f.predicted, Flags: flags, Versions: r.Versions,
		Notes: append([]string{
			"pods are kwok's: they are placed, evicted and replaced as real ones are, and are Ready at once; nothing runs in them",
			"the clients ask over HTTP/1.1, each question on a connection of its own while it lasts",
		}, notesOf(s.cluster)...),
	}
	if len(s.zones) == 1 {
		r.record.Zone = s.zones[0]
	} else if len(s.zones) > 1 {
		r.record.Zones = s.zones
	}
	if t := s.cluster.Cluster.Spec.Objectives.RecoveryTime; t != nil {
		seconds := t.Seconds()
		r.record.Hypothesis.RecoverySeconds = &seconds
	}
	for _, m := range s.layout.Machines {
		if m.Role != v1alpha1.RoleWorker {
			r.record.Machines[m.Name] = m.Zone
		}
	}
	r.record.Workloads, r.record.Services = f.subjects()
	return nil
}

// breakIt makes the fault, lets it last, takes it back and waits until all is as
// before. Whatever happens on the way is in the record.
func (r *runner) breakIt(ctx context.Context, a *aim) {
	s := r.site
	a.fault.Within = r.For + margin
	asked := s.clock.now()
	injected, err := s.fabric.Inject(a.fault)
	if err != nil {
		r.record.Aborted = fmt.Sprintf("the fault could not be made: %v", err)
		return
	}
	at := max(asked, s.clock.of(injected.Began))
	r.record.InjectedAt = &at
	s.leaders.powerless(a.fault.PowerOff)
	r.Say(fmt.Sprintf("%s since %s", r.Fault.What, s.clock.start.Add(time.Duration(at*float64(time.Second))).Format(time.TimeOnly)))
	r.prove(ctx, a)
	left := r.For - time.Duration((s.clock.now()-at)*float64(time.Second))
	if err := r.wait(ctx, "fault "+r.Fault.Name, left, r.abort); err != nil {
		r.record.Aborted = err.Error()
		r.Say("aborted: " + err.Error())
	}
	r.silence(a)
	r.heal(a)
	r.settle(ctx)
}

// prove asks for the signs that the fault is in force until all are there.
func (r *runner) prove(ctx context.Context, a *aim) {
	// A frozen process takes a second to be found so; a packet filter none.
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var signs []sign
	if r.Fault.Proves != nil {
		signs = r.Fault.Proves(r.site, a)
	}
	var group sync.WaitGroup
	for _, x := range signs {
		group.Go(func() {
			err := local.Await(ctx, x.text, func() error {
				if x.ask() {
					return nil
				}
				return errors.New("it is not so")
			})
			r.journal.note(v1alpha1.DrillObservation{Kind: v1alpha1.ObservedProof, Object: r.Fault.Name, Text: x.text, Ready: err == nil})
		})
	}
	group.Wait()
	seen, err := r.site.fabric.Signs()
	if err != nil {
		seen = append(seen, err.Error())
	}
	for _, text := range seen {
		r.journal.note(v1alpha1.DrillObservation{Kind: v1alpha1.ObservedProof, Object: r.Fault.Name, Text: text, Ready: err == nil})
	}
}

// inFlight in seconds is what may still arrive of what was sent before the fault.
const inFlight = 1.0

// silence notes whether the lost nodes were heard of while the fault lasted.
func (r *runner) silence(a *aim) {
	last, seen := r.observer.heard(a.nodes)
	if !seen || r.record.InjectedAt == nil {
		return
	}
	since := last - *r.record.InjectedAt
	text := fmt.Sprintf("no lease of the %d lost nodes was renewed while the fault lasted; the last %.1f s before it", len(a.nodes), -since)
	if since > inFlight {
		text = fmt.Sprintf("a lease of the %d lost nodes was renewed %.1f s after the fault", len(a.nodes), since)
	} else if since > 0 {
		text = fmt.Sprintf("no lease of the %d lost nodes was renewed %.1f s after the fault or later", len(a.nodes), since)
	}
	r.journal.note(v1alpha1.DrillObservation{Kind: v1alpha1.ObservedProof, Object: r.Fault.Name, Text: text, Ready: since <= inFlight})
}

// heal takes the fault back, unless the dead-man was first.
func (r *runner) heal(a *aim) {
	s := r.site
	before := s.clock.now()
	healed, err := s.fabric.Heal()
	if err != nil {
		r.record.Notes = append(r.record.Notes, fmt.Sprintf("healing: %v", err))
		return
	}
	at := s.clock.of(healed.At)
	if healed.By == fabric.ByRunner {
		at = max(before, at)
	}
	r.record.HealedAt, r.record.HealedBy = &at, healed.By
	r.record.Notes = append(r.record.Notes, healed.Errors...)
	s.leaders.powerless(nil)
	if len(a.fault.PowerOff) > 0 {
		if s.status, err = s.fabric.Status(); err == nil {
			for _, zone := range s.zones {
				_ = s.enterZone(zone) // clients of the zone stay in the old network, which is gone with its machine
			}
		}
	}
	r.Say(fmt.Sprintf("healed by the %s after %.1f s", healed.By, at-*r.record.InjectedAt))
}
