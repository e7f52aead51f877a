package simulate

import (
	"context"
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	storagehelpers "k8s.io/component-helpers/storage/volume"

	"bulkhead.dev/bulkhead/internal/model"
)

// World is what becomes of the objects of dead nodes.
type World string

// The worlds.
const (
	// Keep: the Node objects stay, tainted unreachable. Their pods stay
	// Terminating for ever.
	Keep World = "keep"
	// Delete: the Node objects are deleted soon after they are NotReady, as a
	// cloud controller or a person does, and their pods are collected.
	Delete World = "delete"
	// OutOfService: the Node objects stay and get the taint
	// node.kubernetes.io/out-of-service; their pods are collected and their
	// volumes detached at once.
	OutOfService World = "out-of-service"
)

// Worlds lists every world.
func Worlds() []World { return []World{Keep, Delete, OutOfService} }

// LeaderLost says that the controller-manager's leader is always in what is lost.
const LeaderLost = "lost"

// Options of a simulation.
type Options struct {
	// Failures to simulate; at least one.
	Failures []model.FailureSpec
	// DeadNodes is the world; "" is Keep.
	DeadNodes World
	// RecoveryTime is the objective in seconds for the full count.
	RecoveryTime float64
	// Timings of the time axis.
	Timings Timings
	// ControllerLeader is the zone of the controller-manager's leader,
	// LeaderLost, or "" for a zone that survives.
	ControllerLeader string
	// RegionalClasses names StorageClasses whose volumes reach every zone.
	RegionalClasses []string
	// Dependencies of the cluster; nil when nothing is known of them.
	Dependencies Dependencies
	// Virtual says which nodes to make when the snapshot has none.
	Virtual model.VirtualCluster
	// Parallel is how many scenarios run at a time; at least 1.
	Parallel int
	// Progress is told what is under way, if not nil; safe for concurrent use.
	Progress func(what string, done, total int)
}

// simulation is a snapshot, the options and what is derived from both once. It
// does not change after it is made, so that scenarios share it.
type simulation struct {
	Options
	Snapshot  *model.Snapshot
	Scheduler Scheduler
	Admission Admission

	names   []string // of the workloads, as messages say them
	classes map[string]*storagev1.StorageClass
	fixed   []runtime.Object
	zoneOf  map[string]string // of every node, also of dead ones
	budgets map[int]*policyv1.PodDisruptionBudget
	quotas  map[string][]*corev1.ResourceQuota // by namespace
}

func newSimulation(snap *model.Snapshot, s Scheduler, a Admission, o Options) (*simulation, error) {
	if len(o.Failures) == 0 {
		return nil, fmt.Errorf("simulating: no failure is named")
	}
	if o.DeadNodes == "" {
		o.DeadNodes = Keep
	}
	if !slices.Contains(Worlds(), o.DeadNodes) {
		return nil, fmt.Errorf("simulating: no world %q", o.DeadNodes)
	}
	o.Parallel = max(1, o.Parallel)
	sim := &simulation{
		Options: o, Snapshot: snap, Scheduler: s, Admission: a,
		classes: map[string]*storagev1.StorageClass{},
		zoneOf:  map[string]string{},
		budgets: map[int]*policyv1.PodDisruptionBudget{},
		quotas:  map[string][]*corev1.ResourceQuota{},
	}
	for _, w := range snap.Workloads {
		sim.names = append(sim.names, w.String())
	}
	for _, class := range snap.StorageClasses {
		sim.classes[class.Name] = class
	}
	for _, name := range o.RegionalClasses {
		if !namesClass(snap, name) {
			return nil, inputError("there is no StorageClass %q, and no claim names it", name)
		}
	}
	for _, q := range snap.Quotas {
		sim.quotas[q.Namespace] = append(sim.quotas[q.Namespace], q)
	}
	for i, w := range snap.Workloads {
		for _, b := range snap.Budgets {
			if b.Namespace == w.Namespace && sim.budgetCovers(b, w) {
				sim.budgets[i] = b
				break
			}
		}
	}
	sim.fixed = fixedObjects(snap)
	return sim, nil
}

// namesClass reports whether the snapshot has the StorageClass, or a claim of it.
func namesClass(snap *model.Snapshot, name string) bool {
	claims := slices.Clone(snap.Claims)
	for _, w := range snap.Workloads {
		claims = append(claims, w.ClaimTemplates...)
	}
	return slices.ContainsFunc(snap.StorageClasses, func(c *storagev1.StorageClass) bool { return c.Name == name }) ||
		slices.ContainsFunc(claims, func(c *corev1.PersistentVolumeClaim) bool {
			return storagehelpers.GetPersistentVolumeClaimClass(c) == name
		})
}

// budgetCovers reports whether the budget selects the workload's pods.
func (s *simulation) budgetCovers(b *policyv1.PodDisruptionBudget, w *model.Workload) bool {
	if w.Template == nil || b.Spec.Selector == nil {
		return false
	}
	sel, err := metav1.LabelSelectorAsSelector(b.Spec.Selector)
	if err != nil {
		return false // refused when it was read
	}
	return sel.Matches(labels.Set(w.Template.Labels))
}

// budgetMinimum returns how many of the expected pods the budget wants healthy
// (pkg/controller/disruption, getExpectedPodCount).
func budgetMinimum(b *policyv1.PodDisruptionBudget, expected int) int {
	scaled := func(v *intstr.IntOrString) int {
		n, err := intstr.GetScaledValueFromIntOrPercent(v, expected, true)
		if err != nil {
			return 0 // refused when it was read
		}
		return n
	}
	switch {
	case b.Spec.MaxUnavailable != nil:
		return max(0, expected-scaled(b.Spec.MaxUnavailable))
	case b.Spec.MinAvailable != nil:
		return scaled(b.Spec.MinAvailable)
	}
	return 0
}

// GCPercent is the garbage collector's target (runtime/debug.SetGCPercent) that
// suits a simulation of the snapshot: a small state makes much garbage beside it,
// and may do so; a large one must fit into memory. It lets the heap grow to about
// a GiB, and where 100,000 pods take more than that, to twice the state.
func GCPercent(snap *model.Snapshot) int {
	return min(max(8_000_000/max(pods(snap), 1), 100), 800)
}

// MemoryLimit is a soft limit for the heap (runtime/debug.SetMemoryLimit), in bytes,
// that goes with GCPercent: where a small cluster makes much garbage, collections come
// sooner. It is above what the state of so many pods takes, so that it never binds
// because of that alone.
func MemoryLimit(snap *model.Snapshot) int64 {
	return 2<<30 + int64(pods(snap))*20<<10
}

func pods(snap *model.Snapshot) int {
	n := 0
	for _, w := range snap.Workloads {
		n += max(w.Replicas, len(w.Pods))
	}
	return n
}

// progress tells what is under way.
func (s *simulation) progress(what string, done, total int) {
	if s.Progress != nil {
		s.Progress(what, done, total)
	}
}

// addNode makes a node known by name. It is called before scenarios run.
func (s *simulation) addNode(n *corev1.Node) { s.zoneOf[n.Name] = model.ZoneOf(n) }

// eachParallel calls f for 0 to n-1 on at most limit goroutines at a time and
// returns the first error in order of the index.
func eachParallel(ctx context.Context, n, limit int, f func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make([]error, n)
	slots := make(chan struct{}, limit)
	done := make(chan struct{})
	for i := range n {
		go func() {
			defer func() { done <- struct{}{} }()
			slots <- struct{}{}
			defer func() { <-slots }()
			if ctx.Err() != nil {
				errs[i] = ctx.Err()
				return
			}
			if errs[i] = f(ctx, i); errs[i] != nil {
				cancel()
			}
		}()
	}
	for range n {
		<-done
	}
	first := error(nil)
	for _, err := range errs {
		if err != nil && (first == nil || errors.Is(first, context.Canceled)) {
			first = err
		}
	}
	return first
}
