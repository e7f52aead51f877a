package fidelity

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"

	"bulkhead.dev/bulkhead/internal/kubesched"
)

// Recording is what a kube-scheduler saw and did from its start to its end.
type Recording struct {
	fixed    []runtime.Object
	versions []Version
	first    int
	log      []line
}

// When an object of a kind that kube-scheduler does not log reached it is known
// only by when it arrived here. It is handed over late, by as much as it may have
// been later there. Where an attempt then goes otherwise, those that may have been
// there sooner are handed over one by one, and the pod is tried again.
const (
	later  = 100 * time.Millisecond
	sooner = 300 * time.Millisecond
)

// Difference is an attempt that went otherwise here than there.
type Difference struct {
	// Step counts from the scheduler's start.
	Step int     `json:"step"`
	Real attempt `json:"real"`
	Here attempt `json:"here"`
	// What differs: node, message, plugins, nominated or victims.
	What string `json:"what"`
	// Why is an explanation that was proved, or "".
	Why string `json:"why,omitempty"`
}

// Replayed is the result of a replay.
type Replayed struct {
	Attempts int `json:"attempts"`
	// Placed attempts, and those of them that found the same node.
	Placed   int `json:"placed"`
	SameNode int `json:"sameNode"`
	// Refused attempts, and those of them for the same plugins on as many nodes
	// for the same reasons.
	Refused int `json:"refused"`
	SameWhy int `json:"sameWhy"`
	// Preempting attempts, and those that chose the same node and victims.
	Preempting  int `json:"preempting"`
	SameVictims int `json:"sameVictims"`
	// Ties are preempting attempts that chose another node of equal rank: among
	// those, kube-scheduler's choice is random.
	Ties        int          `json:"ties"`
	Differences []Difference `json:"differences,omitempty"`
	// Settled attempts are those that came out the same with another order of
	// objects that kube-scheduler does not log.
	Settled int `json:"settled"`
	// In the end: the pods that were tried, those on the same node or on none on
	// both sides, and whether the sets of Pending pods and each workload's replicas
	// in each zone are the same.
	Pods        int  `json:"pods"`
	SamePods    int  `json:"samePods"`
	SamePending bool `json:"samePending"`
	SameZones   bool `json:"sameZones"`
}

// Replay gives a scheduler here what the real one saw, in the same order, lets it
// try the same pods at the same moments, and compares each decision. It goes on
// from the real one's.
func Replay(ctx context.Context, r *Recording, s *kubesched.Scheduler) (*Replayed, error) {
	steps, unlogged, err := sequence(r.versions, r.first, r.log)
	if err != nil {
		return nil, fmt.Errorf("replaying: %w", err)
	}
	opened, err := s.Open(ctx)
	if err != nil {
		return nil, fmt.Errorf("replaying: %w", err)
	}
	defer opened.Close()
	session, ok := opened.(kubesched.Replay)
	if !ok {
		return nil, fmt.Errorf("replaying: a %T cannot", opened)
	}
	for _, obj := range r.fixed {
		if err := session.Set(obj); err != nil {
			return nil, fmt.Errorf("replaying: %w", err)
		}
	}
	p := &player{
		Replay: session, out: &Replayed{},
		unlogged: unlogged,
		pods:     map[string]*corev1.Pod{}, assumed: map[string]bool{}, nodes: map[string]string{}, zones: map[string]string{}, budgets: map[string]*policyv1.PodDisruptionBudget{},
	}
	for i, st := range steps {
		if err := p.catchUp(st.at.Add(-later), len(unlogged)); err != nil {
			return nil, fmt.Errorf("replaying: step %d: %w", i, err)
		}
		if st.attempt != nil {
			err = p.attempt(ctx, i, st.at, *st.attempt)
		} else {
			err = p.version(st.version)
		}
		if err != nil {
			return nil, fmt.Errorf("replaying: step %d: %w", i, err)
		}
	}
	p.end()
	return p.out, nil
}

type player struct {
	kubesched.Replay
	out      *Replayed
	unlogged []*Version             // not handed over yet
	pods     map[string]*corev1.Pod // as the API server last told
	assumed  map[string]bool        // placed, and the API server has not told of it yet
	nodes    map[string]string      // where the last attempt here put a pod, "" for nowhere
	zones    map[string]string      // of nodes
	budgets  map[string]*policyv1.PodDisruptionBudget
}

// version hands over what the watch told.
func (p *player) version(v *Version) error {
	pod, ok := v.Object.(*corev1.Pod)
	if !ok {
		if b, ok := v.Object.(*policyv1.PodDisruptionBudget); ok {
			p.budgets[b.Namespace+"/"+b.Name] = b
		}
		if n, ok := v.Object.(*corev1.Node); ok {
			p.zones[n.Name] = n.Labels[corev1.LabelTopologyZone]
		}
		if v.Type == watch.Deleted {
			return p.Delete(v.Object)
		}
		return p.Set(v.Object)
	}
	key := pod.Namespace + "/" + pod.Name
	if v.Type == watch.Deleted {
		delete(p.pods, key)
		delete(p.assumed, key)
		delete(p.nodes, key)
		return p.Delete(pod)
	}
	p.pods[key] = pod
	if pod.Spec.NodeName == "" && p.assumed[key] {
		return nil // kube-scheduler passes over it too
	}
	delete(p.assumed, key)
	return p.Set(pod)
}

// catchUp hands over unlogged versions from before a moment, most at a time.
func (p *player) catchUp(before time.Time, most int) error {
	for ; most > 0 && len(p.unlogged) > 0 && p.unlogged[0].At.Before(before); most-- {
		v := p.unlogged[0]
		p.unlogged = p.unlogged[1:]
		if err := p.version(v); err != nil {
			return err
		}
	}
	return nil
}

// attempt lets the pod be tried and compares.
func (p *player) attempt(ctx context.Context, number int, at time.Time, theirs attempt) error {
	pod := p.pods[theirs.Pod]
	if pod == nil {
		return fmt.Errorf("there is no pod %s", theirs.Pod)
	}
	if p.assumed[theirs.Pod] { // it could not be bound, and is tried again
		delete(p.assumed, theirs.Pod)
		if err := p.Delete(pod); err != nil {
			return err
		}
		if err := p.Set(pod); err != nil {
			return err
		}
	}
	here, err := p.try(ctx, pod)
	if err != nil {
		return err
	}
	if difference(theirs, here) != "" {
		for left := len(p.unlogged); left > 0; {
			if err := p.catchUp(at.Add(sooner), 1); err != nil {
				return err
			}
			if len(p.unlogged) == left {
				break
			}
			left--
			again, err := p.try(ctx, pod)
			if err != nil {
				return err
			}
			if difference(theirs, again) == "" {
				here = again
				p.out.Settled++
				break
			}
		}
	}
	p.out.compare(number, theirs, here, func() string { return p.tie(theirs, here) })
	p.nodes[theirs.Pod] = here.Node
	if theirs.Node == "" && theirs.Nominated != here.Nominated {
		if err := p.Nominate(pod.Namespace, pod.Name, theirs.Nominated); err != nil {
			return err
		}
	}
	if theirs.Node == "" {
		return nil
	}
	p.assumed[theirs.Pod] = true
	if err := p.assumeVolumes(pod); err != nil {
		return err
	}
	return p.Place(pod.Namespace, pod.Name, theirs.Node)
}

// assumeVolumes lets volumes be bound to the pod's claims at once: kube-scheduler
// assumes that they are when it has placed the pod, and the API server tells of it
// some time later.
func (p *player) assumeVolumes(pod *corev1.Pod) error {
	for _, volume := range pod.Spec.Volumes {
		if volume.PersistentVolumeClaim == nil {
			continue
		}
		for _, v := range p.unlogged {
			pv, ok := v.Object.(*corev1.PersistentVolume)
			if !ok || v.Type == watch.Deleted || pv.Spec.ClaimRef == nil ||
				pv.Spec.ClaimRef.Namespace != pod.Namespace || pv.Spec.ClaimRef.Name != volume.PersistentVolumeClaim.ClaimName {
				continue
			}
			if err := p.Set(pv); err != nil {
				return err
			}
			break
		}
	}
	return nil
}

// end compares what both have come to.
func (p *player) end() {
	type place struct{ workload, zone string }
	balance := map[place]int{} // theirs less here
	p.out.SamePending, p.out.SameZones = true, true
	for key, pod := range p.pods {
		here, tried := p.nodes[key]
		if !tried {
			continue
		}
		p.out.Pods++
		if here == pod.Spec.NodeName {
			p.out.SamePods++
		}
		if (here == "") != (pod.Spec.NodeName == "") {
			p.out.SamePending = false
		}
		balance[place{workloadOf(pod), p.zones[pod.Spec.NodeName]}]++
		balance[place{workloadOf(pod), p.zones[here]}]--
	}
	for _, n := range balance {
		p.out.SameZones = p.out.SameZones && n == 0
	}
}

// try lets the pod be tried.
func (p *player) try(ctx context.Context, pod *corev1.Pod) (attempt, error) {
	found, err := p.Try(ctx, pod.Namespace, pod.Name)
	if err != nil {
		return attempt{}, err
	}
	here := attempt{Pod: pod.Namespace + "/" + pod.Name, Node: found.Node, Message: found.Message, Plugins: found.Plugins, Nominated: found.Nominated}
	for _, v := range found.Victims {
		here.Victims = append(here.Victims, v.Namespace+"/"+v.Name)
	}
	slices.Sort(here.Victims)
	return here, nil
}

// recording is what the scheduler saw and did in a capture.
func (c *Capture) recording() (*Recording, error) {
	lines, err := readLog(bytes.NewReader(c.Log), c.Failed.UTC().Year())
	if err != nil {
		return nil, err
	}
	return &Recording{fixed: c.Fixed, versions: c.Versions, first: c.First, log: lines}, nil
}
