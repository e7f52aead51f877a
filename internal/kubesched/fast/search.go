package fast

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

// search finds the nodes among these that pass every filter, beginning where
// the last search ended, until there are enough to score, and puts them into
// p.passed: findNodesThatPassFilters. looked counts those that passed and all
// that were rejected in this cycle.
func (p *Profile) search(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, d *framework.Diagnosis, among []int32) (looked int, err error) {
	e := p.engine
	p.passed, p.found, p.failed, p.known = p.passed[:0], p.found[:0], p.failed[:0], p.known[:0]
	if len(among) == 0 {
		return 0, nil
	}
	enough := p.enough(len(among))
	fromMemory := p.memory && p.check == nil && len(e.nominated) == 0
	at := e.start % len(among)
	for range among {
		i := among[at]
		if at++; at == len(among) {
			at = 0
		}
		if fromMemory && p.knownToFail(i) {
			p.known = append(p.known, i)
			continue
		}
		status := p.filter(ctx, state, pod, i)
		if status != nil {
			if status.Code() == fwk.Error {
				return 0, status.AsError()
			}
			if !status.IsSuccess() {
				p.failed = append(p.failed, rejection{i, status})
				continue
			}
		}
		if len(p.passed) == enough {
			break
		}
		p.passed = append(p.passed, i)
	}
	before := d.NodeToStatus.Len() // a nominated node that was rejected
	if len(p.passed) > 0 && before == 0 {
		return len(p.passed) + len(p.failed) + len(p.known), nil
	}
	for _, i := range p.known {
		status := p.judge(ctx, state, pod, i)
		if status.Code() == fwk.Error {
			return 0, status.AsError()
		}
		p.failed = append(p.failed, rejection{i, status})
	}
	for _, r := range p.failed {
		d.NodeToStatus.Set(e.names[r.node], r.status)
		d.AddPluginStatus(r.status)
	}
	return len(p.passed) + d.NodeToStatus.Len(), nil
}

// rejection is why a node cannot take the pod.
type rejection struct {
	node   int32
	status *fwk.Status
}

// Sampling of nodes (schedule_one.go: numFeasibleNodesToFind).
const (
	leastNodes      = 100
	leastPercentage = 5
)

// enough is how many feasible nodes of n a cycle looks for.
func (p *Profile) enough(n int) int {
	if len(p.scorers) == 0 {
		return 1
	}
	if n < leastNodes {
		return n
	}
	percentage := int(p.percentage)
	if percentage == 0 {
		percentage = max(50-n/125, leastPercentage)
	}
	return max(n*percentage/100, leastNodes)
}

// filter returns why the node cannot take the pod; nil if it can.
func (p *Profile) filter(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, i int32) *fwk.Status {
	e := p.engine
	var status *fwk.Status
	if p.memory && !p.nominated(i) {
		status = p.judge(ctx, state, pod, i)
	} else {
		status = p.views.RunFilterPluginsWithNominatedPods(ctx, state, pod, e.nodes[i])
	}
	if p.check != nil {
		status = p.check.filter(ctx, pod, e.nodes[i], status)
	}
	return status
}

// nominated reports whether the node is nominated for some pod.
func (p *Profile) nominated(i int32) bool {
	e := p.engine
	return len(e.nominated) > 0 && len(p.own.NominatedPodsForNode(e.names[i])) > 0
}

// knownToFail reports whether one of the family's facets remembers that the node
// as it is now rejects the pod.
func (p *Profile) knownToFail(i int32) bool {
	e, fam := p.engine, p.family
	return fam.node.verdict[i] == e.version[i]<<1 || fam.room.verdict[i] == e.room[i]<<1
}

// judge returns the first rejection of the profile's filters, or nil.
func (p *Profile) judge(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, i int32) *fwk.Status {
	e, fam, asked := p.engine, p.family, p.asked
	status := fam.node.judge(ctx, p, state, pod, i, e.version[i])
	if status == nil {
		status = fam.room.judge(ctx, p, state, pod, i, e.room[i])
	}
	if status != nil {
		if !asked.inOrder || status.Code() == fwk.Error {
			return p.views.RunFilterPlugins(ctx, state, pod, e.nodes[i])
		}
		return status
	}
	for _, pl := range asked.others {
		if status = refusal(pl, pl.Filter(ctx, state, pod, e.nodes[i])); status != nil {
			if !asked.inOrder {
				return p.views.RunFilterPlugins(ctx, state, pod, e.nodes[i])
			}
			return status
		}
	}
	if asked.spread != nil {
		group := fam.grouping.of[i]
		answer, known := p.spreadVerdicts.get(group)
		if !known {
			answer = refusal(asked.spread, asked.spread.Filter(ctx, state, pod, e.nodes[i]))
			p.spreadVerdicts.set(group, answer)
		}
		status = answer
	}
	if status == nil && asked.affinity != nil && !fam.apart.knows(i) {
		if status = refusal(asked.affinity, asked.affinity.Filter(ctx, state, pod, e.nodes[i])); status == nil {
			fam.apart.note(i)
		}
	}
	return status
}

// refusal is a plugin's status as the framework passes it on; nil for success.
func refusal(pl fwk.Plugin, status *fwk.Status) *fwk.Status {
	if status.IsSuccess() {
		return nil
	}
	if !status.IsRejected() {
		status = fwk.AsStatus(fmt.Errorf("running %q filter plugin: %w", pl.Name(), status.AsError()))
	}
	status.SetPlugin(pl.Name())
	return status
}
