package design

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"

	"sigs.k8s.io/yaml"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/kubesched"
	"bulkhead.dev/bulkhead/internal/kubesched/apiserver"
	"bulkhead.dev/bulkhead/internal/model"
	"bulkhead.dev/bulkhead/internal/plan"
	"bulkhead.dev/bulkhead/internal/simulate"
	"bulkhead.dev/bulkhead/internal/snapshot"
)

// Given returns the planned nodes, at a size, and StorageClasses as manifests.
func Given(file string, c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan, size plan.Size) ([]snapshot.Given, error) {
	var b bytes.Buffer
	add := func(o any) error {
		text, err := yaml.Marshal(o)
		if err != nil {
			return fmt.Errorf("writing the nodes of %s: %w", file, err)
		}
		b.WriteString("---\n")
		b.Write(text)
		return nil
	}
	for _, n := range plan.Nodes(p, size) {
		n.APIVersion, n.Kind = "v1", "Node"
		if err := add(n); err != nil {
			return nil, err
		}
	}
	for _, class := range plan.StorageClasses(c) {
		if err := add(class); err != nil {
			return nil, err
		}
	}
	return []snapshot.Given{{Name: "the plan of " + file, Data: b.Bytes()}}, nil
}

// Proof is what simulations of a plan with its application said.
type Proof struct {
	Load      plan.Load
	Simulated plan.Simulated
	// Report of every zone's loss, at the pools' sizes.
	Report *v1alpha1.SimulationReport
}

// ProveOptions are what a plan is proved with.
type ProveOptions struct {
	Stdin     io.Reader
	Namespace string
	Progress  func(what string, done, total int)
}

// prover simulates a plan at several sizes.
type prover struct {
	ProveOptions
	in        *Input
	plan      *v1alpha1.ClusterPlan
	scheduler *kubesched.Scheduler
	stdin     []byte
}

// Prove simulates the loss of each zone with the application on the plan's nodes:
// at the pools' sizes for the time to recover, at their max for the room, and at
// smaller max to find the smallest that has it.
func (in *Input) Prove(ctx context.Context, p *v1alpha1.ClusterPlan, o ProveOptions) (*Proof, error) {
	s, err := kubesched.New(kubesched.Options{})
	if err != nil {
		return nil, err
	}
	pr := &prover{ProveOptions: o, in: in, plan: p, scheduler: s}
	if slices.Contains(in.Manifests, "-") {
		if pr.stdin, err = io.ReadAll(o.Stdin); err != nil {
			return nil, fmt.Errorf("reading standard input: %w", err)
		}
	}
	snap, err := pr.read(ctx, p, plan.SizeNow)
	if err != nil {
		return nil, err
	}
	out := &Proof{Load: load(snap)}
	if out.Report, err = pr.simulate(ctx, snap); err != nil {
		return nil, err
	}
	out.Simulated = worst(out.Report)
	if snap, err = pr.read(ctx, p, plan.SizeMax); err != nil {
		return nil, err
	}
	atMax, err := pr.simulate(ctx, snap)
	if err != nil {
		return nil, err
	}
	survivors := 1 - float64(withoutRoom(atMax))/float64(max(1, out.Load.Pods))
	out.Simulated.Survivors = &survivors
	if withoutRoom(atMax) == 0 && out.Load.Pods <= largestProof {
		if out.Simulated.Smallest, err = pr.smallest(ctx); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (pr *prover) read(ctx context.Context, p *v1alpha1.ClusterPlan, size plan.Size) (*model.Snapshot, error) {
	given, err := Given(pr.in.File, pr.in.Cluster, p, size)
	if err != nil {
		return nil, err
	}
	snap, err := snapshot.Read(ctx, snapshot.Options{
		Given: given, Paths: pr.in.Manifests, Stdin: bytes.NewReader(pr.stdin), Namespace: pr.Namespace,
	}, apiserver.New(apiserver.Options{TolerationSeconds: plan.TimingsOf(p).DefaultTolerationSeconds}))
	if err != nil {
		return nil, err
	}
	return snap, CheckNodes(snap, p, size)
}

// CheckNodes refuses manifests that bring nodes of their own.
func CheckNodes(snap *model.Snapshot, p *v1alpha1.ClusterPlan, size plan.Size) error {
	if planned := len(plan.Nodes(p, size)); len(snap.Nodes) != planned {
		return fmt.Errorf("the manifests hold %d Nodes: with a Cluster the nodes are those of its plan", len(snap.Nodes)-planned)
	}
	return nil
}

func (pr *prover) simulate(ctx context.Context, snap *model.Snapshot) (*v1alpha1.SimulationReport, error) {
	o := Options(pr.in.Cluster, pr.plan)
	o.Failures = []model.FailureSpec{{Each: "zones"}}
	var err error
	if o.Timings, err = simulate.DefaultTimings().With(plan.TimingsOf(pr.plan)); err != nil {
		return nil, fmt.Errorf("timings of the plan of %s: %w", pr.in.File, err)
	}
	o.Parallel = runtime.GOMAXPROCS(0)
	o.Progress = pr.Progress
	return simulate.Run(ctx, snap, pr.scheduler, kubesched.Admission{}, o)
}

// Options are what a Cluster sets of a simulation.
func Options(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) simulate.Options {
	o := simulate.Options{Dependencies: plan.DependenciesOf(p)}
	if t := c.Spec.Objectives.RecoveryTime; t != nil {
		o.RecoveryTime = t.Seconds()
	}
	return o
}

// load sums what the application asks for, without DaemonSets: they belong to
// their nodes.
func load(snap *model.Snapshot) plan.Load {
	var l plan.Load
	for _, w := range snap.Workloads {
		if w.Daemon != nil || w.Template == nil {
			continue
		}
		cpu, memory := simulate.Requests(&w.Template.Spec)
		for range w.Replicas {
			l.CPU.Add(cpu)
			l.Memory.Add(memory)
		}
		l.Pods += w.Replicas
	}
	return l
}

// worst returns the longest recovery of any workload after any zone's loss and what
// it is made of, or the first workload that never recovers.
func worst(r *v1alpha1.SimulationReport) plan.Simulated {
	longest := new(float64)
	var terms []v1alpha1.RecoveryTerm
	for _, s := range r.Scenarios {
		for _, w := range s.Workloads {
			name := w.Kind + " " + w.Namespace + "/" + w.Name
			switch {
			case w.Verdict == v1alpha1.Survives && w.RecoverySeconds == nil:
				// Its owner accepts to wait for the zone.
			case w.RecoverySeconds == nil:
				return plan.Simulated{Never: name + ", which never is at full count after " + s.Name + "'s loss"}
			case *w.RecoverySeconds > *longest:
				*longest, terms = *w.RecoverySeconds, nil
				for _, t := range w.RecoveryTerms {
					terms = append(terms, v1alpha1.RecoveryTerm{Name: t.Name, Seconds: t.Seconds, Source: "simulated: " + name + ", " + s.Name})
				}
			}
		}
	}
	return plan.Simulated{RecoverySeconds: longest, Terms: terms}
}

// withoutRoom counts the pods that fit nowhere for want of room, in the worst
// scenario.
func withoutRoom(r *v1alpha1.SimulationReport) int {
	before, most := 0, 0
	for _, w := range r.BeforeFailure {
		before += w.Pending
	}
	for _, s := range r.Scenarios {
		n := 0
		for _, w := range s.Workloads {
			for _, reason := range w.Reasons {
				if reason.Code == "no-room" {
					n += reason.Pods
				}
			}
		}
		most = max(most, n)
	}
	return before + most
}

// largestProof bounds the search for the smallest bounds: beyond so many pods one
// simulation takes seconds, and the arithmetic has to do.
const largestProof = 3000

// smallest finds for each pool the smallest max at which no pod lacks room after
// any zone's loss, the other pools at theirs, and the smallest min at which all
// fits before.
func (pr *prover) smallest(ctx context.Context) (map[string]v1alpha1.PoolBounds, error) {
	out := map[string]v1alpha1.PoolBounds{}
	for i := range pr.plan.Pools {
		pool := &pr.plan.Pools[i]
		if len(pool.Groups) == 0 || pool.Scope == v1alpha1.ScopeInstances {
			continue
		}
		limit := pool.Groups[0].Max
		highest, err := search(limit, func(n int) (bool, error) { return pr.fits(ctx, i, n, true) })
		if err != nil {
			return nil, err
		}
		least, err := search(highest, func(n int) (bool, error) { return pr.fits(ctx, i, n, false) })
		if err != nil {
			return nil, err
		}
		out[pool.Name] = v1alpha1.PoolBounds{Min: least, Max: highest}
	}
	return out, nil
}

// search returns the smallest n from 1 to limit that fits; limit is known to.
func search(limit int, fits func(n int) (bool, error)) (int, error) {
	low, high := 1, limit
	for low < high {
		middle := (low + high) / 2
		ok, err := fits(middle)
		if err != nil {
			return 0, err
		}
		if ok {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return high, nil
}

// fits reports whether everything has room with the pool's groups at a size, the
// other pools at their max: after any zone's loss, or before.
func (pr *prover) fits(ctx context.Context, pool, size int, lose bool) (bool, error) {
	p := *pr.plan
	p.Pools = slices.Clone(p.Pools)
	groups := slices.Clone(p.Pools[pool].Groups)
	for i := range groups {
		groups[i].Max = size
	}
	p.Pools[pool].Groups = groups
	snap, err := pr.read(ctx, &p, plan.SizeMax)
	if err != nil {
		return false, err
	}
	r, err := pr.simulate(ctx, snap)
	if err != nil {
		return false, err
	}
	if !lose {
		return len(r.BeforeFailure) == 0, nil
	}
	return withoutRoom(r) == 0, nil
}
