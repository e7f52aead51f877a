//go:build linux

package sidebyside_test

import (
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
)

// counts says how far a group of pods has come.
type counts struct {
	created, scheduled, ready, evicted int
}

func (c *counts) add(p podState, n int) {
	c.created += n
	if p.node != "" {
		c.scheduled += n
	}
	if p.ready {
		c.ready += n
	}
	if p.evicted {
		c.evicted += n
	}
}

// podState is what counts of a pod.
type podState struct {
	node           string
	ready, evicted bool
}

func stateOf(p *corev1.Pod) podState {
	s := podState{node: p.Spec.NodeName, evicted: p.DeletionTimestamp != nil}
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady {
			s.ready = c.Status == corev1.ConditionTrue
		}
	}
	return s
}

// tally follows the pods of a cluster: those that are there before its zone is
// lost, and those that come after. It is told of changes by an informer.
type tally struct {
	zones   map[string]string // of nodes
	changed chan struct{}     // something did, or several things

	mu            sync.Mutex
	pods          map[types.UID]podState
	first         map[types.UID]bool // pods from before the loss; nil until then
	before, after counts
	firstEviction time.Time
	lastReady     time.Time // of a pod from after the loss
	astray        int       // pods evicted outside the lost zone, removed, or placed in it
}

func newTally(zones map[string]string) *tally {
	return &tally{zones: zones, changed: make(chan struct{}, 1), pods: map[types.UID]podState{}}
}

// handler is what an informer calls.
func (t *tally) handler() cache.ResourceEventHandlerFuncs {
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { t.see(o.(*corev1.Pod)) },
		UpdateFunc: func(_, o any) { t.see(o.(*corev1.Pod)) },
		DeleteFunc: func(any) {
			t.mu.Lock()
			t.astray++ // nobody removes a pod of a dead node
			t.mu.Unlock()
		},
	}
}

func (t *tally) see(p *corev1.Pod) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := stateOf(p)
	old, known := t.pods[p.UID]
	if known && now == old {
		return
	}
	t.pods[p.UID] = now
	group, late := &t.before, t.first != nil && !t.first[p.UID]
	if late {
		group = &t.after
	}
	if known {
		group.add(old, -1)
	}
	group.add(now, 1)
	if late && old.node == "" && t.zones[now.node] == lostZone {
		t.astray++
	}
	switch {
	case now.evicted && !old.evicted && t.zones[now.node] != lostZone:
		t.astray++
	case now.evicted && t.firstEviction.IsZero():
		t.firstEviction = time.Now()
	case late && now.ready:
		t.lastReady = time.Now()
	}
	select {
	case t.changed <- struct{}{}:
	default:
	}
}

// lose says that pods that come from now on are replacements.
func (t *tally) lose() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.first = map[types.UID]bool{}
	for uid := range t.pods {
		t.first[uid] = true
	}
}

// moment is what a tally says at one time.
type moment struct {
	before, after            counts
	astray                   int
	firstEviction, lastReady time.Time
}

func (t *tally) now() moment {
	t.mu.Lock()
	defer t.mu.Unlock()
	return moment{t.before, t.after, t.astray, t.firstEviction, t.lastReady}
}

// replacements counts those that are Ready, by zone.
func (t *tally) replacements() map[string]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := map[string]int{}
	for uid, pod := range t.pods {
		if pod.ready && !t.first[uid] {
			n[t.zones[pod.node]]++
		}
	}
	return n
}

// holds says whether exactly these pods are there.
func (t *tally) holds(uids []types.UID) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, uid := range uids {
		if _, ok := t.pods[uid]; !ok {
			return false
		}
	}
	return len(uids) == len(t.pods)
}
