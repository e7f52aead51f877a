package simulate

import (
	"context"
	"slices"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/model"
)

// outcome judges the scenario after it has run.
func (s *scenario) outcome(ctx context.Context) (*v1alpha1.Scenario, error) {
	out := &v1alpha1.Scenario{
		Name:           s.failure.Name,
		Failure:        v1alpha1.Failure{Zones: s.failure.Zones, Nodes: s.deadNames(), Partition: s.failure.Partition, Dependency: s.failure.Dependency},
		Verdict:        s.leastVerdict(),
		Dependencies:   s.dependencyLoss(),
		Workloads:      []v1alpha1.WorkloadOutcome{},
		Services:       []v1alpha1.ServiceOutcome{},
		OtherWorld:     []v1alpha1.WorldDifference{},
		Timeline:       s.timeline,
		SettledSeconds: round(s.now),
	}
	classes := s.classes()
	if err := s.findRemedies(ctx, classes); err != nil {
		return nil, err
	}
	for index := range s.tracks {
		w := s.workload(index, classes)
		out.Verdict = out.Verdict.Worse(w.Verdict)
		out.Workloads = append(out.Workloads, w)
	}
	slices.SortFunc(out.Workloads, func(a, b v1alpha1.WorkloadOutcome) int {
		return model.Ref(a.WorkloadRef).Compare(model.Ref(b.WorkloadRef))
	})
	for _, t := range s.services {
		out.Services = append(out.Services, s.service(t))
	}
	slices.SortFunc(out.Services, func(a, b v1alpha1.ServiceOutcome) int {
		return model.Ref{Namespace: a.Namespace, Name: a.Name}.Compare(model.Ref{Namespace: b.Namespace, Name: b.Name})
	})
	capacity, err := s.capacity(ctx)
	if err != nil {
		return nil, err
	}
	out.Capacity = capacity
	return out, nil
}

// workload returns what became of one workload.
func (s *scenario) workload(index int, classes []*class) v1alpha1.WorkloadOutcome {
	w, t := s.sim.Snapshot.Workloads[index], s.tracks[index]
	o := v1alpha1.WorkloadOutcome{
		WorkloadRef:      v1alpha1.WorkloadRef(w.Ref),
		Replicas:         t.replicas,
		MinAvailable:     t.minimum,
		MinAvailableFrom: t.from,
		Before:           t.before,
		After:            map[string]int{},
		Lost:             t.lost,
		Preempted:        t.preempted,
		Lowest:           t.lowest,
		OutageSeconds:    t.outage(),
		RecoverySeconds:  t.recovery(),
		DataLost:         s.dataLost(index),
		Reasons:          []v1alpha1.Reason{},
	}
	for _, p := range s.byOwner[index] {
		switch {
		case p.ready:
			o.After[s.zone(p.node())]++
			if p.fresh {
				o.PlacedAgain++
			}
		case p.terminating && !p.gone:
			o.StuckTerminating++
		case p.alive() && p.fresh && p.node() == "":
			o.Pending++
		case p.alive() && p.fresh:
			o.PlacedAgain++
		}
	}
	o.NotCreated = max(0, t.target-t.ready-o.Pending-s.unready(index))
	if t.full && t.fullSince > 0 {
		o.RecoveryTerms = reportTerms(t.last)
	}
	if len(s.failure.Partition) == 2 && len(s.cut) == 0 {
		s.judgePartition(index, &o)
		return o
	}
	s.judge(index, &o, classes)
	return o
}

// unready counts fresh pods with a node that never became ready.
func (s *scenario) unready(index int) int {
	n := 0
	for _, p := range s.byOwner[index] {
		if p.fresh && p.alive() && p.node() != "" && !p.ready {
			n++
		}
	}
	return n
}

// judge gives the verdict:
//
//	ready before | lowest    | full count                   | verdict
//	-------------+-----------+------------------------------+-------------
//	none wanted  |           |                              | survives
//	0, or below the minimum and untouched                   | undetermined
//	             | < minimum |                              | outage
//	             |           | within the recovery time     | survives
//	             |           | waits for its zone only, and | survives
//	             |           | the owner accepts that       |
//	             |           | later or never               | degraded
func (s *scenario) judge(index int, o *v1alpha1.WorkloadOutcome, classes []*class) {
	w, t := s.sim.Snapshot.Workloads[index], s.tracks[index]
	o.Reasons = append(o.Reasons, s.reasons(index, o, classes)...)
	objective := s.sim.RecoveryTime
	withZone := false
	if w.RecoveryTime != nil {
		withZone = w.RecoveryTime.WithZone
		if !withZone {
			objective = w.RecoveryTime.Seconds
		}
	}
	touched := t.lost > 0 || t.preempted > 0 || t.lowest < t.start
	switch {
	case t.replicas == 0:
		o.Verdict = v1alpha1.Survives
	case t.start == 0, !touched && t.start < t.minimum:
		o.Verdict = v1alpha1.Undetermined
		o.Reasons = append(o.Reasons, notRunningBefore(t))
	case t.lowest < t.minimum:
		o.Verdict = v1alpha1.Outage
		o.Reasons = append([]v1alpha1.Reason{s.belowMinimum(o, t)}, o.Reasons...)
	case o.RecoverySeconds != nil && *o.RecoverySeconds <= objective:
		o.Verdict = v1alpha1.Survives
	case withZone && t.explicit && s.onlyWaitsForZone(o):
		o.Verdict = v1alpha1.Survives
		o.Reasons = append([]v1alpha1.Reason{acceptedWait(o, t)}, o.Reasons...)
	default:
		o.Verdict = v1alpha1.Degraded
		if o.RecoverySeconds != nil {
			o.Reasons = append([]v1alpha1.Reason{late(o, objective)}, o.Reasons...)
		}
	}
	if r, ok := s.autoscalerRoom(index, t); ok {
		o.Reasons = append(o.Reasons, r)
	}
}

// dataLost lists the data that is gone with its node: emptyDir and hostPath of
// pods on lost nodes, and volumes that live on a lost node.
func (s *scenario) dataLost(index int) []v1alpha1.DataLost {
	out := []v1alpha1.DataLost{}
	count := func(kind, name string) {
		for i := range out {
			if out[i].Kind == kind && out[i].Name == name {
				out[i].Pods++
				return
			}
		}
		out = append(out, v1alpha1.DataLost{Kind: kind, Name: name, Pods: 1})
	}
	for _, p := range s.byOwner[index] {
		if p.fresh || !s.dead[p.node()] || p.node() == "" {
			continue
		}
		for _, v := range p.obj.Spec.Volumes {
			switch {
			case v.EmptyDir != nil:
				count("emptyDir", v.Name)
			case v.HostPath != nil:
				count("hostPath", v.Name)
			case v.PersistentVolumeClaim != nil:
				claim, ok := s.claims[p.obj.Namespace+"/"+v.PersistentVolumeClaim.ClaimName]
				if !ok {
					continue
				}
				if scope, _ := s.volumeScope(claim); scope == model.ScopeNode {
					count("volume", v.Name)
				}
			}
		}
	}
	return out
}

// service returns what became of one Service.
func (s *scenario) service(t *serviceTrack) v1alpha1.ServiceOutcome {
	o := t.outcome(s)
	if len(s.failure.Partition) == 2 && len(s.cut) == 0 {
		s.splitService(t, &o)
	}
	return o
}

// free returns the allocatable room without requests on living nodes, by zone.
func (s *scenario) free() map[string]room {
	out := map[string]room{}
	for name, n := range s.nodes {
		if s.dead[name] || n.Spec.Unschedulable {
			continue
		}
		r := allocatable(n)
		for _, p := range s.byNode[name] {
			if !p.gone {
				r.sub(requests(&p.obj.Spec))
			}
		}
		z := out[s.zone(name)]
		z.add(r)
		out[s.zone(name)] = z
	}
	return out
}

// lostRoom returns the allocatable room of lost nodes and what their pods had
// requested.
func (s *scenario) lostRoom() (lost, needed room) {
	for _, n := range s.lostNodes {
		lost.add(allocatable(n))
	}
	for _, p := range s.pods {
		if !p.fresh && s.dead[p.node()] {
			needed.add(requests(&p.obj.Spec))
		}
	}
	return lost, needed
}
