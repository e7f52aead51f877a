package simulate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/model"
)

// Run simulates each failure on the snapshot and reports what becomes of it.
// Errors name a zone or node that does not exist, or come from the scheduler's
// code; ctx ends it early. Versions in the report are the caller's to fill.
func Run(ctx context.Context, snap *model.Snapshot, s Scheduler, a Admission, o Options) (*v1alpha1.SimulationReport, error) {
	sim, err := newSimulation(snap, s, a, o)
	if err != nil {
		return nil, err
	}
	base, err := buildBase(ctx, sim)
	if err != nil {
		return nil, fmt.Errorf("placing the pods before the failure: %w", err)
	}
	failures, err := sim.expand(base)
	if err != nil {
		return nil, err
	}
	if err := checkLeader(sim.ControllerLeader, base.zones()); err != nil {
		return nil, err
	}
	report := newReport(sim, base)
	if report.BeforeFailure, err = pendingBefore(ctx, sim, base); err != nil {
		return nil, err
	}
	if err := sim.runAll(ctx, base, failures, report); err != nil {
		return nil, err
	}
	return report, nil
}

// runAll runs the scenarios, as many at a time as Parallel says, and puts their
// outcomes into the report in order.
func (s *simulation) runAll(ctx context.Context, base *cluster, failures []model.Failure, report *v1alpha1.SimulationReport) error {
	outcomes := make([]*v1alpha1.Scenario, len(failures))
	assumed := make([]map[string]bool, len(failures))
	finished := make(chan struct{}, len(failures))
	err := eachParallel(ctx, len(failures), s.Parallel, func(ctx context.Context, i int) error {
		var err error
		outcomes[i], assumed[i], err = s.runOne(ctx, base, failures[i])
		finished <- struct{}{}
		s.progress("simulating", len(finished), len(failures))
		return err
	})
	if err != nil {
		return err
	}
	all := map[string]bool{}
	for i, o := range outcomes {
		report.Scenarios = append(report.Scenarios, *o)
		report.Verdict = report.Verdict.Worse(o.Verdict)
		for a := range assumed[i] {
			all[a] = true
		}
	}
	report.Assumptions = append(sortedKeys(all), report.Assumptions...)
	report.ExtraNodes = extraForAll(outcomes)
	return nil
}

// maxSecondLook is how many pods may be lost for a scenario to be simulated in
// another world too when all that is wrong is that they are back late.
const maxSecondLook = 2000

// runOne simulates a failure, and again in another world if something is not
// back, to tell where the answer differs.
func (s *simulation) runOne(ctx context.Context, base *cluster, f model.Failure) (*v1alpha1.Scenario, map[string]bool, error) {
	out, assumed, err := s.inWorld(ctx, base, f, s.DeadNodes)
	if err != nil {
		return nil, nil, err
	}
	other := Keep
	if s.DeadNodes == Keep {
		other = Delete
	}
	never, late, lost := 0, 0, 0
	for _, w := range out.Workloads {
		lost += w.Lost
		switch {
		case w.RecoverySeconds == nil:
			never++
		case w.Verdict == v1alpha1.Degraded:
			late++
		}
	}
	switch {
	case len(out.Failure.Nodes) == 0, s.DeadNodes == Keep && never+late == 0:
		return out, assumed, nil
	case never == 0 && late > 0 && lost > maxSecondLook:
		assumed[fmt.Sprintf("where more than %d pods are lost and all come back, only late, it was not looked whether they are sooner with --dead-nodes %s", maxSecondLook, other)] = true
		return out, assumed, nil
	}
	there, _, err := s.inWorld(ctx, base, f, other)
	if err != nil {
		return nil, nil, err
	}
	for i, w := range out.Workloads {
		o := there.Workloads[i]
		if w.Verdict == o.Verdict && (w.RecoverySeconds == nil) == (o.RecoverySeconds == nil) {
			continue
		}
		out.OtherWorld = append(out.OtherWorld, v1alpha1.WorldDifference{
			WorkloadRef: w.WorkloadRef, World: string(other), Verdict: o.Verdict,
			RecoverySeconds: o.RecoverySeconds, Why: whyOther(w, o, other),
		})
	}
	return out, assumed, nil
}

func (s *simulation) inWorld(ctx context.Context, base *cluster, f model.Failure, world World) (*v1alpha1.Scenario, map[string]bool, error) {
	sc, err := newScenario(ctx, base, f, world)
	if err != nil {
		return nil, nil, err
	}
	defer sc.close()
	if err := sc.run(ctx); err != nil {
		return nil, nil, err
	}
	out, err := sc.outcome(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("scenario %s: %w", f.Name, err)
	}
	return out, sc.assumed, nil
}

// whyOther says why the workload fares otherwise in the other world.
func whyOther(here, there v1alpha1.WorkloadOutcome, world World) string {
	worse, prefix := here, "deleting the node objects "
	if world == Keep {
		worse, prefix = there, "while the node objects stay: "
	}
	why := map[string]string{
		"statefulset-waits": "takes the pod objects with them, so that the StatefulSet creates its pods again",
		"spread":            "takes the lost zone out of the spread, so that its empty domain no longer counts",
		"volume-attached":   "lets the volume be detached, six minutes after its pod object is gone",
		"evictions-stopped": "takes the pod objects with them, which the controller does not evict",
		"tolerates-forever": "takes the pod objects with them, which tolerate a dead node for ever",
		"job-waits":         "takes the pod objects with them, so that the Job goes on",
		"quota-refuses":     "takes the pod objects out of the quota",
		"below-minimum":     "lets replacements be created sooner",
		"late":              "lets replacements be created sooner",
	}
	for _, r := range worse.Reasons {
		if text, ok := why[r.Code]; ok && r.Code != "below-minimum" {
			if world == Keep {
				return prefix + r.Message
			}
			return prefix + text
		}
	}
	if world == Keep {
		return strings.TrimSuffix(prefix, ": ") + " their pods are evicted later"
	}
	return prefix + "lets replacements be created sooner"
}

// extraForAll joins the scenarios' extra nodes: the most that any needs in each
// zone; nil when nodes do not help in one of them.
func extraForAll(outcomes []*v1alpha1.Scenario) map[string]int {
	out := map[string]int{}
	for _, o := range outcomes {
		if o.Capacity.ExtraNodes == nil {
			return nil
		}
		for zone, n := range o.Capacity.ExtraNodes {
			out[zone] = max(out[zone], n)
		}
	}
	return out
}

func newReport(sim *simulation, base *cluster) *v1alpha1.SimulationReport {
	r := &v1alpha1.SimulationReport{
		TypeMeta:            metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.SimulationReportKind},
		Verdict:             v1alpha1.Survives,
		Scenarios:           []v1alpha1.Scenario{},
		DeadNodes:           string(sim.DeadNodes),
		RecoveryTimeSeconds: sim.RecoveryTime,
		Timings:             sim.Timings.List(),
		Assumptions:         assumptions(sim, base),
		Warnings:            append([]string{}, sim.Snapshot.Warnings...),
		Input: v1alpha1.Input{
			Zones: base.zones(), Nodes: len(base.nodes), Workloads: len(sim.Snapshot.Workloads),
			NodeSource: "from the input", NodesPerZone: map[string]int{}, NotConsidered: []v1alpha1.KindCount{},
		},
	}
	if len(sim.Snapshot.Nodes) == 0 {
		v := sim.Virtual
		r.Input.NodeSource = fmt.Sprintf("virtual: %s cpu, %s each", v.CPU.String(), v.Memory.String())
	}
	for name := range base.nodes {
		r.Input.NodesPerZone[base.zone(name)]++
	}
	for _, p := range base.pods {
		if p.alive() {
			r.Input.Pods++
		}
	}
	for _, kind := range sortedKeys(sim.Snapshot.NotConsidered) {
		r.Input.NotConsidered = append(r.Input.NotConsidered, v1alpha1.KindCount{Kind: kind, Count: sim.Snapshot.NotConsidered[kind]})
	}
	return r
}

// pendingBefore lists the workloads with pods that do not run even before the
// failure: because they fit nowhere, or because a quota refuses them.
func pendingBefore(ctx context.Context, sim *simulation, base *cluster) ([]v1alpha1.PendingWorkload, error) {
	out := []v1alpha1.PendingWorkload{}
	if base.pendingCount() == 0 && len(base.refused) == 0 {
		return out, nil
	}
	nothing, err := newScenario(ctx, base, model.Failure{Name: "before any failure"}, Keep)
	if err != nil {
		return nil, err
	}
	defer nothing.close()
	classes := classesOf(nothing.cluster, nil, func(*pod) bool { return true })
	if err := nothing.findRemedies(ctx, classes); err != nil {
		return nil, fmt.Errorf("finding remedies before any failure: %w", err)
	}
	add := func(index, pods int, reason v1alpha1.Reason) {
		w := sim.Snapshot.Workloads[index]
		ref := v1alpha1.WorkloadRef(w.Ref)
		i := slices.IndexFunc(out, func(p v1alpha1.PendingWorkload) bool { return p.WorkloadRef == ref })
		if i < 0 {
			out = append(out, v1alpha1.PendingWorkload{WorkloadRef: ref, Replicas: w.Replicas})
			i = len(out) - 1
		}
		out[i].Pending += pods
		out[i].Reasons = append(out[i].Reasons, reason)
	}
	for _, c := range classes {
		add(c.workload, len(c.pods), c.reason)
	}
	for _, index := range sortedKeys(base.refused) {
		refused := base.refused[index]
		add(index, refused.pods, v1alpha1.Reason{
			Code: "quota-refuses", Pods: refused.pods,
			Message: fmt.Sprintf("ResourceQuota %s refuses them", refused.quota), Remedy: "room in the quota",
		})
	}
	return out, nil
}

// assumptions are what the input did not decide.
func assumptions(sim *simulation, base *cluster) []string {
	out := []string{
		"requests to a Service come from every living node alike",
		"pods that the input does not place are placed by the scheduler in the order of the input",
	}
	if sim.ControllerLeader == "" {
		out = append(out, "the controller-manager's and scheduler's leader survives (--controller-leader lost for the worst case)")
	}
	outside := 0
	for name := range base.nodes {
		if base.zone(name) == "" {
			outside++
		}
	}
	if outside > 0 {
		out = append(out, plural(outside, "node")+" without the label "+corev1.LabelTopologyZone+": no zone's loss takes them")
	}
	for _, w := range sim.Snapshot.Workloads {
		if w.Autoscaler != nil {
			out = append(out, "HorizontalPodAutoscalers do not act: their load is not known")
			break
		}
	}
	return out
}

func checkLeader(leader string, zones []string) error {
	if leader == "" || leader == LeaderLost || slices.Contains(zones, leader) {
		return nil
	}
	return inputError("controller leader: there is no zone %q (zones: %s)", leader, strings.Join(zones, ", "))
}

// expand turns what was asked for into scenarios, in order and without repeats.
func (s *simulation) expand(base *cluster) ([]model.Failure, error) {
	zones := base.zones()
	var out []model.Failure
	add := func(f model.Failure) {
		if !slices.ContainsFunc(out, func(o model.Failure) bool { return o.Name == f.Name }) {
			out = append(out, f)
		}
	}
	for _, spec := range s.Failures {
		switch spec.Each {
		case "zones":
			for _, z := range zones {
				add(model.Failure{Name: "zone-" + z, Zones: []string{z}})
			}
		case "zone-pairs":
			for i, z := range zones {
				for _, y := range zones[i+1:] {
					add(model.Failure{Name: "zones-" + z + "+" + y, Zones: []string{z, y}})
				}
			}
		case "nodes":
			for _, n := range slices.Sorted(slices.Values(base.nodeNames)) {
				add(model.Failure{Name: "node-" + n, Nodes: []string{n}})
			}
		case "dependencies":
			if s.Dependencies == nil {
				return nil, errNoDependencies
			}
			for _, d := range s.Dependencies.Names() {
				add(model.Failure{Name: "dependency-" + d, Dependency: d})
			}
		case "":
			f, err := s.explicit(spec, zones, base.nodes)
			if err != nil {
				return nil, err
			}
			add(f)
		default:
			return nil, inputError("failure %q: want zones, zone-pairs, nodes or dependencies", spec.Each)
		}
	}
	for i := range out {
		if s.Dependencies != nil {
			out[i].Consequences = s.Dependencies.Consequences(out[i])
		}
	}
	if len(out) == 0 {
		return nil, inputError("no scenario: the cluster has %s in %s\nhint: zones are read from the node label %s",
			plural(len(base.nodes), "node"), plural(len(zones), "zone"), corev1.LabelTopologyZone)
	}
	return out, nil
}

func (s *simulation) explicit(spec model.FailureSpec, zones []string, nodes map[string]*corev1.Node) (model.Failure, error) {
	if spec.Dependency != "" {
		return s.explicitDependency(spec.Dependency)
	}
	for _, z := range append(slices.Clone(spec.Zones), spec.Partition...) {
		if !slices.Contains(zones, z) {
			return model.Failure{}, inputError("there is no zone %q (zones: %s)", z, strings.Join(zones, ", "))
		}
	}
	for _, n := range spec.Nodes {
		if nodes[n] == nil {
			return model.Failure{}, inputError("there is no node %q", n)
		}
	}
	f := model.Failure{Zones: sortedSet(spec.Zones), Nodes: sortedSet(spec.Nodes), Partition: sortedSet(spec.Partition)}
	switch {
	case len(f.Partition) > 0:
		if len(f.Partition) != 2 {
			return f, inputError("a partition is between two different zones")
		}
		f.Name = "partition-" + strings.Join(f.Partition, "-")
	case len(f.Zones) == 1:
		f.Name = "zone-" + f.Zones[0]
	case len(f.Zones) > 1:
		f.Name = "zones-" + strings.Join(f.Zones, "+")
	default:
		f.Name = "node-" + strings.Join(f.Nodes, "+")
	}
	return f, nil
}

func sortedSet(in []string) []string {
	out := slices.Sorted(slices.Values(in))
	return slices.Compact(out)
}
