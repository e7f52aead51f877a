package fidelity

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/watch"
)

// step is what kube-scheduler did or saw next: an attempt, or a version of an
// object.
type step struct {
	at      time.Time
	attempt *attempt
	version *Version
}

// attempt is one scheduling cycle of kube-scheduler.
type attempt struct {
	Pod       string   `json:"pod"`            // namespace/name
	Node      string   `json:"node,omitempty"` // "" when it fitted nowhere
	Message   string   `json:"message,omitempty"`
	Plugins   []string `json:"plugins,omitempty"` // that refused it, sorted
	Nominated string   `json:"nominated,omitempty"`
	Victims   []string `json:"victims,omitempty"` // sorted
}

// Lines of kube-scheduler's log: pkg/scheduler/eventhandlers.go,
// schedule_one.go, framework/preemption, backend/queue.
const (
	lineAttempt    = "Attempting to schedule pod"
	lineBinding    = "Attempting to bind pod to node"
	lineNoFit      = "Unable to schedule pod; no fit; waiting"
	lineNoNodes    = "Unable to schedule pod; no nodes are registered to the cluster; waiting"
	lineFailed     = "Error scheduling pod; retrying"
	lineRequeued   = "Pod moved to an internal scheduling queue"
	lineTarget     = "the target node for the preemption is determined"
	linePreempted  = "Preemptor Pod preempted victim Pod"
	lineGone       = "Victim Pod is already deleted"
	lineAddNode    = "Add event for node"
	lineUpdateNode = "Update event for node"
	lineDeleteNode = "Delete event for node"
	lineAddPod     = "Add event for unscheduled pod"
	lineUpdatePod  = "Update event for unscheduled pod"
	lineDeletePod  = "Delete event for unscheduled pod"
	lineAddBound   = "Add event for scheduled pod"
	lineUpdBound   = "Update event for scheduled pod"
	lineDelBound   = "Delete event for scheduled pod"
)

// sequence puts the versions into the order in which kube-scheduler saw them, by
// its log. Those before first are what it found when it started. Versions of
// kinds that it does not log are left over, in the order in which they arrived
// here.
func sequence(versions []Version, first int, log []line) (steps []step, unlogged []*Version, err error) {
	s := &sequencer{waiting: map[string][]*Version{}, node: map[string]string{}, about: map[string][]line{}}
	s.take(versions, first)
	for _, l := range log {
		key := l.value("pod")
		if l.message == linePreempted || l.message == lineGone {
			key = l.value("preemptor")
		}
		if key != "" {
			s.about[key] = append(s.about[key], l)
		}
	}
	for _, l := range log {
		if err := s.line(l); err != nil {
			return nil, nil, fmt.Errorf("line %d of the scheduler's log: %w", l.number, err)
		}
	}
	for key, left := range s.waiting {
		if len(left) > 0 {
			return nil, nil, fmt.Errorf("%s: the scheduler's log does not tell of its last %d changes", key, len(left))
		}
	}
	return s.steps, s.unlogged, nil
}

type sequencer struct {
	// waiting are the versions that the log has not told of, by kind and key.
	waiting map[string][]*Version
	// unlogged are those that it will not tell of.
	unlogged []*Version
	node     map[string]string // pod → node, as kube-scheduler's informer knows
	about    map[string][]line // pod → lines that name it
	steps    []step
}

// take sorts the versions; of those before first, only the last of each object
// counts.
func (s *sequencer) take(versions []Version, first int) {
	for i := range versions {
		v := &versions[i]
		key, err := keyOf(v.Object)
		if err != nil {
			continue // every kind that is recorded has metadata
		}
		key = string(v.Kind) + " " + key
		if i < first {
			if v.Type == watch.Deleted {
				delete(s.waiting, key)
				continue
			}
			found := *v
			found.Type = watch.Added
			s.waiting[key] = []*Version{&found}
			continue
		}
		if !v.Kind.logged() {
			s.unlogged = append(s.unlogged, v)
			continue
		}
		s.waiting[key] = append(s.waiting[key], v)
	}
	// What there was at the start and is not logged comes first of all.
	var start []*Version
	for key, v := range s.waiting {
		if !v[0].Kind.logged() {
			start = append(start, v...)
			delete(s.waiting, key)
		}
	}
	slices.SortFunc(start, func(a, b *Version) int { return a.At.Compare(b.At) })
	for _, v := range start {
		s.add(v.At, v)
	}
}

func (s *sequencer) add(at time.Time, v *Version) {
	s.steps = append(s.steps, step{at: at, version: v})
	if p, ok := v.Object.(*corev1.Pod); ok {
		s.node[p.Namespace+"/"+p.Name] = p.Spec.NodeName
		if v.Type == watch.Deleted {
			delete(s.node, p.Namespace+"/"+p.Name)
		}
	}
}

// line adds what the line tells of.
func (s *sequencer) line(l line) error {
	pod := string(Pods) + " " + l.value("pod")
	assigned := func(v *Version) bool { return nodeOf(v) != "" }
	switch l.message {
	case lineAttempt:
		a, err := s.outcome(l)
		if err != nil {
			return err
		}
		s.steps = append(s.steps, step{at: l.at, attempt: a})
	case lineAddNode:
		return s.next(l, string(Nodes)+" "+l.value("node"), isA(watch.Added))
	case lineUpdateNode:
		return s.next(l, string(Nodes)+" "+l.value("node"), isA(watch.Modified))
	case lineDeleteNode:
		return s.next(l, string(Nodes)+" "+l.value("node"), isA(watch.Deleted))
	case lineAddPod:
		return s.next(l, pod, isA(watch.Added))
	case lineUpdatePod:
		return s.next(l, pod, isA(watch.Modified))
	case lineAddBound, lineUpdBound:
		return s.next(l, pod, assigned)
	case lineDelBound:
		return s.next(l, pod, isA(watch.Deleted))
	case lineDeletePod:
		if s.node[l.value("pod")] != "" {
			return nil // it is bound, as the line before this one has told
		}
		return s.next(l, pod, isA(watch.Deleted))
	}
	return nil
}

// logged says whether kube-scheduler logs each event of the kind.
func (k Kind) logged() bool { return k == Pods || k == Nodes }

func isA(t watch.EventType) func(*Version) bool {
	return func(v *Version) bool { return v.Type == t }
}

func nodeOf(v *Version) string {
	if p, ok := v.Object.(*corev1.Pod); ok && v.Type != watch.Deleted {
		return p.Spec.NodeName
	}
	return ""
}

// next adds the object's next version that is as the line says. kube-scheduler
// passes over changes of a pod that it has assumed: they may come before it.
func (s *sequencer) next(l line, key string, wanted func(*Version) bool) error {
	left := s.waiting[key]
	for i, v := range left {
		s.add(l.at, v)
		if wanted(v) {
			s.waiting[key] = left[i+1:]
			return nil
		}
		if v.Kind != Pods || v.Type != watch.Modified || nodeOf(v) != "" {
			break
		}
	}
	return fmt.Errorf("%q of %s: no version for it", l.message, key)
}

// outcome reads how the attempt of the line ended.
func (s *sequencer) outcome(begin line) (*attempt, error) {
	a := &attempt{Pod: begin.value("pod")}
	about := s.about[a.Pod]
	for len(about) > 0 && about[0].number <= begin.number {
		about = about[1:]
	}
	s.about[a.Pod] = about
	ended := false
	for _, l := range about {
		switch l.message {
		case lineAttempt:
			if !ended {
				return nil, fmt.Errorf("attempt of %s: no outcome before the next one", a.Pod)
			}
			slices.Sort(a.Victims)
			return a, nil
		case linePreempted, lineGone:
			a.Victims = append(a.Victims, l.value("victim"))
		case lineTarget:
			if !ended {
				a.Nominated = l.value("node")
			}
		case lineBinding:
			if !ended {
				a.Node = l.value("node")
			}
			ended = true
		case lineNoFit, lineNoNodes, lineFailed:
			if !ended {
				a.Message = strings.TrimSpace(l.value("err"))
			}
			ended = true
		case lineRequeued:
			if a.Message != "" && a.Plugins == nil {
				a.Plugins = pluginsOf(l)
			}
		}
	}
	if !ended {
		return nil, fmt.Errorf("attempt of %s: no outcome", a.Pod)
	}
	slices.Sort(a.Victims)
	return a, nil
}

// pluginsOf reads: unschedulable plugins={"NodeAffinity":{},…}.
func pluginsOf(l line) []string {
	_, text, ok := strings.Cut(l.text, "unschedulable plugins=")
	if !ok {
		return nil
	}
	set := map[string]struct{}{}
	if err := json.NewDecoder(strings.NewReader(text)).Decode(&set); err != nil {
		return nil
	}
	out := []string{}
	for name := range set {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}
