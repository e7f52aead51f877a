package snapshot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// CollectOptions of Collect.
type CollectOptions struct {
	// Config of the connection.
	Config *rest.Config
	// Name of the cluster for messages: the kubeconfig's context.
	Name string
	// Namespaces to read; none for all. What belongs to no namespace is read
	// either way.
	Namespaces []string
	// Now is written into the snapshot.
	Now time.Time
	// Bulkhead is the program's version, written into the snapshot.
	Bulkhead string
	// Progress is told how many objects of a kind have been read, of how many as
	// far as the server says, else 0. Nil for nobody.
	Progress func(what string, done, total int)
	// Timeout of one request; 0 is a minute.
	Timeout time.Duration
	// Backoff is the first wait before a request is made again, doubled each time;
	// 0 is half a second.
	Backoff time.Duration
}

// pageSize is how many objects are asked for at once, as by kubectl's
// --chunk-size.
const pageSize = 500

// mostRestarts of a list whose continue token has expired: the server forgets old
// versions after five minutes (etcd compaction).
const mostRestarts = 3

// Collect reads a live cluster: every kind that plays a part, page by page, never a
// Secret or ConfigMap. Kinds that may not be read, or that the cluster does not
// serve, are listed in Omitted; without nodes or pods there is an error. Each kind
// is as it was at one moment, but not all at the same.
func Collect(ctx context.Context, o CollectOptions) (*Cluster, error) {
	a, err := newAPI(o)
	if err != nil {
		return nil, err
	}
	version, err := a.version(ctx)
	if err != nil {
		return nil, err
	}
	c := &Cluster{Name: o.Name, ClusterSnapshot: v1alpha1.ClusterSnapshot{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.ClusterSnapshotKind},
		TakenAt:    metav1.NewTime(o.Now.UTC().Truncate(time.Second)),
		Versions:   v1alpha1.Versions{Bulkhead: o.Bulkhead, Kubernetes: version},
		Namespaces: slices.Sorted(slices.Values(o.Namespaces)),
	}}
	l := &collector{api: a, options: o}
	for _, k := range kinds() {
		a.trying = func(attempt int) {
			l.progress(fmt.Sprintf("reading %s, attempt %d of %d", k.resource, attempt, mostAttempts), 0, 0)
		}
		objects, err := l.kind(ctx, k)
		reason := ""
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case apierrors.IsForbidden(err):
			reason = "forbidden: it needs the verb list"
		case apierrors.IsNotFound(err), apierrors.IsMethodNotSupported(err):
			reason = "this cluster does not serve " + k.gvk.GroupVersion().String()
		case err != nil:
			return nil, fmt.Errorf("reading %s: %w", k, err)
		}
		if reason != "" && k.required() {
			return nil, fmt.Errorf("reading %s: %w\nhint: bulkhead needs the verb list on %s; docs/snapshot.md has a ClusterRole%s", k, err, k, orNamespace(k, o))
		}
		if reason != "" {
			c.Omitted = append(c.Omitted, v1alpha1.OmittedResource{Resource: k.String(), Reason: reason})
		}
		c.objects = append(c.objects, objects...)
	}
	l.control.tell(&c.ClusterSnapshot)
	if len(c.Namespaces) > 0 {
		c.Notes = append(c.Notes, "only some namespaces were read: what the pods of others take of the nodes is not known")
	}
	c.count()
	return c, nil
}

func orNamespace(k kind, o CollectOptions) string {
	if k.namespaced && len(o.Namespaces) == 0 {
		return "; -n NAMESPACE reads one that you may"
	}
	return ""
}

// collector reads kinds, one after the other.
type collector struct {
	api     *api
	options CollectOptions
	sharing sharing
	control controlPlane
}

// kind reads all objects of a kind, in the order of their namespaces and names.
func (l *collector) kind(ctx context.Context, k kind) ([]clusterObject, error) {
	namespaces := []string{""}
	if k.namespaced && len(l.options.Namespaces) > 0 {
		namespaces = slices.Sorted(slices.Values(l.options.Namespaces))
	}
	var all []clusterObject
	for _, ns := range slices.Compact(namespaces) {
		objects, err := l.list(ctx, k, ns, len(all))
		if err != nil {
			return nil, err
		}
		all = append(all, objects...)
	}
	slices.SortStableFunc(all, func(x, y clusterObject) int { return strings.Compare(sortKey(x), sortKey(y)) })
	return all, nil
}

func sortKey(o clusterObject) string {
	m, err := meta.Accessor(o.Object)
	if err != nil {
		return "" // every kind has metadata
	}
	return m.GetNamespace() + "\x00" + m.GetName()
}

// list reads a list to its end, again from its beginning when its continue token
// expires.
func (l *collector) list(ctx context.Context, k kind, namespace string, before int) ([]clusterObject, error) {
	var err error
	for range mostRestarts + 1 {
		var objects []clusterObject
		if objects, err = l.pages(ctx, k, namespace, before); !apierrors.IsResourceExpired(err) && !apierrors.IsGone(err) {
			return objects, err
		}
	}
	return nil, err
}

func (l *collector) pages(ctx context.Context, k kind, namespace string, before int) ([]clusterObject, error) {
	var all []clusterObject
	for token := ""; ; {
		list := k.empty()
		if err := l.api.get(ctx, k.path(namespace), token, list); err != nil {
			return nil, err
		}
		page, err := l.keep(ctx, k, list)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		m, err := meta.ListAccessor(list)
		if err != nil {
			return nil, err
		}
		done, total := before+len(all), 0
		if rest := m.GetRemainingItemCount(); rest != nil {
			total = done + int(*rest)
		}
		l.progress("reading "+k.resource, done, total)
		if token = m.GetContinue(); token == "" {
			return all, nil
		}
	}
}

func (l *collector) progress(what string, done, total int) {
	if l.options.Progress != nil {
		l.options.Progress(what, done, total)
	}
}

// keep redacts the objects of a page and makes them share what is alike in them.
func (l *collector) keep(ctx context.Context, k kind, list runtime.Object) ([]clusterObject, error) {
	items, err := meta.ExtractList(list)
	if err != nil {
		return nil, err
	}
	kept := make([]clusterObject, len(items))
	wrong := make([]error, len(items))
	for _, item := range items {
		if p, ok := item.(*corev1.Pod); ok {
			l.control.see(p)
		}
	}
	err = parallel(ctx, len(items), func(i int) {
		redact(items[i])
		kept[i].Object, wrong[i] = l.sharing.again(k, items[i])
	})
	return kept, errors.Join(append(wrong, err)...)
}

// again encodes an object and decodes it, as if it had been written and read.
func (s *sharing) again(k kind, obj runtime.Object) (runtime.Object, error) {
	obj.GetObjectKind().SetGroupVersionKind(k.gvk)
	raw, err := json.Marshal(obj)
	if err != nil {
		return nil, err
	}
	return s.decode(k, raw)
}
