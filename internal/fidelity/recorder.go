package fidelity

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
)

// Version is one version of one object, as the API server told it.
type Version struct {
	Kind   Kind
	Type   watch.EventType // Added, Modified or Deleted
	Object runtime.Object
	At     time.Time // when it arrived here
}

// Kind of object that the recorder watches.
type Kind string

// The kinds that change while pods are scheduled.
const (
	Pods    Kind = "pods"
	Nodes   Kind = "nodes"
	Volumes Kind = "persistentvolumes"
	Claims  Kind = "persistentvolumeclaims"
	Budgets Kind = "poddisruptionbudgets"
)

// source lists and watches a kind.
type source struct {
	kind  Kind
	list  func(context.Context, metav1.ListOptions) (runtime.Object, error)
	watch func(context.Context, metav1.ListOptions) (watch.Interface, error)
	only  string // field selector
}

func sources(c kubernetes.Interface) []source {
	core, policy := c.CoreV1(), c.PolicyV1()
	return []source{{
		kind: Pods,
		// What kube-scheduler watches (pkg/scheduler/scheduler.go,
		// NewInformerFactory): a pod that has ended is gone for it.
		only:  "status.phase!=Succeeded,status.phase!=Failed",
		list:  lister(core.Pods("").List),
		watch: core.Pods("").Watch,
	}, {
		kind: Nodes, list: lister(core.Nodes().List), watch: core.Nodes().Watch,
	}, {
		kind: Volumes, list: lister(core.PersistentVolumes().List), watch: core.PersistentVolumes().Watch,
	}, {
		kind: Claims, list: lister(core.PersistentVolumeClaims("").List), watch: core.PersistentVolumeClaims("").Watch,
	}, {
		kind: Budgets, list: lister(policy.PodDisruptionBudgets("").List), watch: policy.PodDisruptionBudgets("").Watch,
	}}
}

func lister[L runtime.Object](list func(context.Context, metav1.ListOptions) (L, error)) func(context.Context, metav1.ListOptions) (runtime.Object, error) {
	return func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) { return list(ctx, o) }
}

// Recorder keeps every version of the objects it watches, in the order of each
// kind's changes.
type Recorder struct {
	cancel  context.CancelFunc
	running sync.WaitGroup
	changed chan struct{} // something did, one token for any number

	mu       sync.Mutex
	versions []Version
	current  map[Kind]map[string]runtime.Object
	err      error
}

// NewRecorder starts to watch. What there is already comes first. Close ends it.
func NewRecorder(ctx context.Context, c kubernetes.Interface) (*Recorder, error) {
	ctx, cancel := context.WithCancel(ctx)
	r := &Recorder{cancel: cancel, changed: make(chan struct{}, 1), current: map[Kind]map[string]runtime.Object{}}
	for _, s := range sources(c) {
		r.current[s.kind] = map[string]runtime.Object{}
		list, err := s.list(ctx, metav1.ListOptions{FieldSelector: s.only})
		if err != nil {
			r.Close()
			return nil, fmt.Errorf("listing %s: %w", s.kind, err)
		}
		if err := meta.EachListItem(list, func(obj runtime.Object) error {
			return r.add(s.kind, watch.Added, obj)
		}); err != nil {
			r.Close()
			return nil, fmt.Errorf("listing %s: %w", s.kind, err)
		}
		m, err := meta.ListAccessor(list)
		if err != nil {
			r.Close()
			return nil, fmt.Errorf("listing %s: %w", s.kind, err)
		}
		r.running.Go(func() {
			if err := r.follow(ctx, s, m.GetResourceVersion()); err != nil && ctx.Err() == nil {
				r.mu.Lock()
				r.err = errors.Join(r.err, fmt.Errorf("watching %s: %w", s.kind, err))
				r.mu.Unlock()
				r.signal()
			}
		})
	}
	return r, nil
}

// Close ends the recording.
func (r *Recorder) Close() {
	r.cancel()
	r.running.Wait()
}

// follow watches from a version on. An API server under load ends a watch that it
// cannot serve in time; the next one goes on where it ended, and nothing is lost.
func (r *Recorder) follow(ctx context.Context, s source, version string) error {
	for {
		w, err := s.watch(ctx, metav1.ListOptions{FieldSelector: s.only, ResourceVersion: version, AllowWatchBookmarks: true})
		if err != nil {
			return err
		}
		version, err = r.drain(ctx, s.kind, w, version)
		w.Stop()
		if err != nil || ctx.Err() != nil {
			return err
		}
	}
}

// drain keeps what a watch tells until it ends, and returns the version that it
// has come to.
func (r *Recorder) drain(ctx context.Context, kind Kind, w watch.Interface, version string) (string, error) {
	for {
		select {
		case <-ctx.Done():
			return version, nil
		case e, ok := <-w.ResultChan():
			if !ok {
				return version, nil
			}
			if e.Type == watch.Error {
				return version, apierrors.FromObject(e.Object)
			}
			m, err := meta.Accessor(e.Object)
			if err != nil {
				return version, err
			}
			version = m.GetResourceVersion()
			if e.Type == watch.Bookmark {
				continue
			}
			if err := r.add(kind, e.Type, e.Object); err != nil {
				return version, err
			}
		}
	}
}

func (r *Recorder) add(kind Kind, event watch.EventType, obj runtime.Object) error {
	key, err := keyOf(obj)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.versions = append(r.versions, Version{Kind: kind, Type: event, Object: obj, At: time.Now()})
	if event == watch.Deleted {
		delete(r.current[kind], key)
	} else {
		r.current[kind][key] = obj
	}
	r.signal()
	return nil
}

func (r *Recorder) signal() {
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// keyOf returns namespace/name, or the name of what has no namespace.
func keyOf(obj runtime.Object) (string, error) {
	m, err := meta.Accessor(obj)
	if err != nil {
		return "", err
	}
	if m.GetNamespace() == "" {
		return m.GetName(), nil
	}
	return m.GetNamespace() + "/" + m.GetName(), nil
}

// Versions returns what was recorded so far, and an error when something may be
// missing.
func (r *Recorder) Versions() ([]Version, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.versions[:len(r.versions):len(r.versions)], r.err
}

// State is what there is at one moment, by key.
type State struct {
	Pods    map[string]*corev1.Pod
	Nodes   map[string]*corev1.Node
	Volumes map[string]*corev1.PersistentVolume
	Claims  map[string]*corev1.PersistentVolumeClaim
	Budgets map[string]*policyv1.PodDisruptionBudget
}

// State returns what there is now.
func (r *Recorder) State() State {
	r.mu.Lock()
	defer r.mu.Unlock()
	return State{
		Pods:    of[*corev1.Pod](r.current[Pods]),
		Nodes:   of[*corev1.Node](r.current[Nodes]),
		Volumes: of[*corev1.PersistentVolume](r.current[Volumes]),
		Claims:  of[*corev1.PersistentVolumeClaim](r.current[Claims]),
		Budgets: of[*policyv1.PodDisruptionBudget](r.current[Budgets]),
	}
}

func of[T runtime.Object](in map[string]runtime.Object) map[string]T {
	out := make(map[string]T, len(in))
	for key, obj := range in {
		if t, ok := obj.(T); ok {
			out[key] = t
		}
	}
	return out
}

// Await returns when the state has been as wanted for as long as quiet, and
// nothing has changed in that time.
func (r *Recorder) Await(ctx context.Context, what string, quiet time.Duration, wanted func(State) bool) error {
	was := "it never was so"
	for {
		var still <-chan time.Time // never, while the state is not as wanted
		if wanted(r.State()) {
			still = time.After(quiet)
			was = "it was so, and went on changing"
		}
		if _, err := r.Versions(); err != nil {
			return err
		}
		select {
		case <-r.changed:
		case <-still:
			return nil
		case <-ctx.Done():
			return fmt.Errorf("waiting until %s: %s; last changed: %s: %w", what, was, r.last(5), ctx.Err())
		}
	}
}

// last names the objects that changed last.
func (r *Recorder) last(n int) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	text := ""
	for _, v := range r.versions[max(0, len(r.versions)-n):] {
		key, err := keyOf(v.Object)
		if err != nil {
			continue // every kind that is recorded has metadata
		}
		text += fmt.Sprintf("%s %s %s at %s, ", v.Kind, key, v.Type, v.At.Format("05.000"))
	}
	return strings.TrimSuffix(text, ", ")
}
