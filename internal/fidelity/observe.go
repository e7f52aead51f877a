package fidelity

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/watch"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// Observed is what became of a workload in the real cluster. Pods of the lost zone
// count as lost from the moment of the failure on, as in a simulation: nobody
// reaches them, whatever the API server still says.
type Observed struct {
	Ready   int            `json:"ready"` // before the failure
	Lost    int            `json:"lost"`
	Lowest  int            `json:"lowest"`
	After   map[string]int `json:"after"` // ready, by zone
	Pending int            `json:"pending"`
	// Recovery is when the full count was last reached, in seconds after the
	// failure: 0 when it was never missed, nil when it is missed at the end.
	Recovery *float64         `json:"recovery"`
	Verdict  v1alpha1.Verdict `json:"verdict"`
}

// Times of a zone's loss, in seconds after it; nil for what did not happen.
type Times struct {
	FirstNotReady *float64 `json:"firstNotReady"`
	LastNotReady  *float64 `json:"lastNotReady"`
	FirstEviction *float64 `json:"firstEviction"`
	LastEviction  *float64 `json:"lastEviction"`
	FullCount     *float64 `json:"fullCount"` // of the last workload that reaches it
}

// workloadOf names the workload of a pod by the label that all pods of one have.
func workloadOf(p *corev1.Pod) string { return p.Namespace + "/" + p.Labels["app"] }

// observer follows the ready pods of each workload.
type observer struct {
	zone   string // lost
	zones  map[string]string
	failed time.Time

	ready     map[string]map[string]string // workload → pod → zone
	pending   map[string]map[string]bool
	workloads map[string]*Observed
	missing   map[string]bool // workloads below their full count
	notReady  map[string]bool // nodes
	deleted   map[string]bool // pods of the lost zone
	times     Times
}

// Observe says what the failure of the zone at a moment has led to.
func Observe(versions []Version, zone string, failed time.Time) (map[string]*Observed, Times) {
	o := &observer{
		zone: zone, zones: map[string]string{}, failed: failed,
		ready: map[string]map[string]string{}, pending: map[string]map[string]bool{},
		workloads: map[string]*Observed{}, missing: map[string]bool{},
		notReady: map[string]bool{}, deleted: map[string]bool{},
	}
	before := true
	for _, v := range versions {
		if before && v.At.After(failed) {
			before = false
			o.fail()
		}
		switch obj := v.Object.(type) {
		case *corev1.Node:
			o.node(obj, v.At, before)
		case *corev1.Pod:
			o.pod(obj, v, before)
		}
	}
	for name, w := range o.workloads {
		w.After = map[string]int{}
		for _, z := range o.ready[name] {
			w.After[z]++
		}
		w.Pending = len(o.pending[name])
	}
	return o.workloads, o.times
}

func (o *observer) node(n *corev1.Node, at time.Time, before bool) {
	o.zones[n.Name] = n.Labels[corev1.LabelTopologyZone]
	if before || o.zones[n.Name] != o.zone || Ready(n) || o.notReady[n.Name] {
		return
	}
	o.notReady[n.Name] = true
	note(&o.times.FirstNotReady, &o.times.LastNotReady, at.Sub(o.failed))
}

// note sets the first, and the last, to the time.
func note(first, last **float64, after time.Duration) {
	seconds := after.Seconds()
	if *first == nil {
		*first = &seconds
	}
	*last = &seconds
}

func (o *observer) pod(p *corev1.Pod, v Version, before bool) {
	name, key := workloadOf(p), p.Namespace+"/"+p.Name
	if o.ready[name] == nil {
		o.ready[name], o.pending[name] = map[string]string{}, map[string]bool{}
		if !before {
			o.workloads[name] = &Observed{}
		}
	}
	zone := o.zones[p.Spec.NodeName]
	if !before && zone == o.zone && p.DeletionTimestamp != nil && !o.deleted[string(p.UID)] {
		o.deleted[string(p.UID)] = true
		note(&o.times.FirstEviction, &o.times.LastEviction, v.At.Sub(o.failed))
	}
	delete(o.ready[name], key)
	delete(o.pending[name], key)
	if v.Type != watch.Deleted {
		switch {
		case Serves(p) && (before || zone != o.zone):
			o.ready[name][key] = zone
		case p.Spec.NodeName == "" && p.DeletionTimestamp == nil:
			o.pending[name][key] = true
		}
	}
	if !before {
		o.count(name, v.At)
	}
}

// fail takes the pods of the zone away.
func (o *observer) fail() {
	for name, pods := range o.ready {
		w := &Observed{Ready: len(pods)}
		for key, zone := range pods {
			if zone == o.zone {
				w.Lost++
				delete(pods, key)
			}
		}
		w.Lowest = w.Ready
		zero := 0.0
		w.Recovery = &zero
		o.workloads[name] = w
		o.count(name, o.failed)
	}
}

// count notes what a change of the workload's ready pods means.
func (o *observer) count(name string, at time.Time) {
	w, n := o.workloads[name], len(o.ready[name])
	w.Lowest = min(w.Lowest, n)
	full := n >= w.Ready
	switch {
	case full && o.missing[name]:
		seconds := at.Sub(o.failed).Seconds()
		w.Recovery, o.times.FullCount = &seconds, &seconds
	case !full:
		w.Recovery = nil
	}
	o.missing[name] = !full
}

// judge gives the verdict, by the rules of docs/vocabulary.md.
func (w *Observed) judge(replicas, minimum int, daemon bool, objective float64) {
	if daemon && w.After != nil {
		// It wants one pod on each living node.
		if ready := total(w.After); ready >= w.Ready-w.Lost {
			zero := 0.0
			w.Recovery = &zero
		}
	}
	touched := w.Lost > 0 || w.Lowest < w.Ready
	switch {
	case replicas == 0:
		w.Verdict = v1alpha1.Survives
	case !touched && (w.Ready == 0 || w.Ready < minimum):
		w.Verdict = v1alpha1.Undetermined
	case w.Lowest < minimum:
		w.Verdict = v1alpha1.Outage
	case w.Recovery != nil && *w.Recovery <= objective:
		w.Verdict = v1alpha1.Survives
	default:
		w.Verdict = v1alpha1.Degraded
	}
}

func total(byZone map[string]int) int {
	n := 0
	for _, k := range byZone {
		n += k
	}
	return n
}
