package kubesched

import (
	"context"
	"fmt"
	"reflect"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/informers/apps"
	"k8s.io/client-go/informers/core"
	"k8s.io/client-go/informers/internalinterfaces"
	"k8s.io/client-go/informers/policy"
	"k8s.io/client-go/informers/resource"
	"k8s.io/client-go/informers/storage"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// informerFactory is a SharedInformerFactory whose informers are filled by set
// and remove and call their handlers before those return: what a watch would
// deliver some time later arrives at once and in order.
type informerFactory struct {
	// The embedded factory answers for groups that the scheduler does not watch.
	informers.SharedInformerFactory
	byType map[reflect.Type]*informer
}

func newInformerFactory(client kubernetes.Interface) *informerFactory {
	return &informerFactory{
		SharedInformerFactory: informers.NewSharedInformerFactory(client, 0),
		byType:                map[reflect.Type]*informer{},
	}
}

// InformerFor returns the one informer for the object's type.
func (f *informerFactory) InformerFor(obj runtime.Object, _ internalinterfaces.NewInformerFunc) cache.SharedIndexInformer {
	return f.informer(obj)
}

func (f *informerFactory) informer(obj runtime.Object) *informer {
	t := reflect.TypeOf(obj)
	i, ok := f.byType[t]
	if !ok {
		indexers := cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc}
		if _, ok := obj.(*corev1.Pod); ok {
			indexers = cache.Indexers{} // there are many, and nobody lists those of a namespace
		}
		i = &informer{Indexer: cache.NewIndexer(cache.MetaNamespaceKeyFunc, indexers)}
		f.byType[t] = i
	}
	return i
}

// set stores the object and tells the handlers; it returns the object that was
// there before, or nil.
func (f *informerFactory) set(obj runtime.Object) (runtime.Object, error) {
	i := f.informer(obj)
	old, exists, err := i.Get(obj)
	if err != nil {
		return nil, fmt.Errorf("looking up %T: %w", obj, err)
	}
	if err := i.Update(obj); err != nil {
		return nil, fmt.Errorf("storing %T: %w", obj, err)
	}
	for _, h := range i.handlers {
		if exists {
			h.OnUpdate(old, obj)
		} else {
			h.OnAdd(obj, false)
		}
	}
	was, _ := old.(runtime.Object)
	return was, nil
}

// remove forgets the object and tells the handlers; it returns the object that
// was there, or nil.
func (f *informerFactory) remove(obj runtime.Object) (runtime.Object, error) {
	i := f.informer(obj)
	old, exists, err := i.Get(obj)
	if err != nil {
		return nil, fmt.Errorf("looking up %T: %w", obj, err)
	}
	if !exists {
		return nil, nil
	}
	if err := i.Indexer.Delete(obj); err != nil {
		return nil, fmt.Errorf("removing %T: %w", obj, err)
	}
	for _, h := range i.handlers {
		h.OnDelete(old)
	}
	was, _ := old.(runtime.Object)
	return was, nil
}

// The groups that the scheduler and its plugins watch.

func (f *informerFactory) Core() core.Interface         { return core.New(f, "", nil) }
func (f *informerFactory) Apps() apps.Interface         { return apps.New(f, "", nil) }
func (f *informerFactory) Policy() policy.Interface     { return policy.New(f, "", nil) }
func (f *informerFactory) Storage() storage.Interface   { return storage.New(f, "", nil) }
func (f *informerFactory) Resource() resource.Interface { return resource.New(f, "", nil) }

// informer is a store that calls its handlers synchronously.
type informer struct {
	cache.Indexer
	handlers []cache.ResourceEventHandler
}

// AddEventHandler registers a handler and tells it of what is already stored.
func (i *informer) AddEventHandler(h cache.ResourceEventHandler) (cache.ResourceEventHandlerRegistration, error) {
	i.handlers = append(i.handlers, h)
	for _, obj := range i.List() {
		h.OnAdd(obj, true)
	}
	return synced{}, nil
}

func (i *informer) AddEventHandlerWithResyncPeriod(h cache.ResourceEventHandler, _ time.Duration) (cache.ResourceEventHandlerRegistration, error) {
	return i.AddEventHandler(h)
}

func (i *informer) AddEventHandlerWithOptions(h cache.ResourceEventHandler, _ cache.HandlerOptions) (cache.ResourceEventHandlerRegistration, error) {
	return i.AddEventHandler(h)
}

func (i *informer) AddIndexers(indexers cache.Indexers) error {
	missing := cache.Indexers{}
	for name, f := range indexers {
		if _, ok := i.GetIndexers()[name]; !ok {
			missing[name] = f
		}
	}
	return i.Indexer.AddIndexers(missing)
}

func (i *informer) GetStore() cache.Store                                           { return i.Indexer }
func (i *informer) GetIndexer() cache.Indexer                                       { return i.Indexer }
func (i *informer) GetController() cache.Controller                                 { return nil }
func (i *informer) HasSynced() bool                                                 { return true }
func (i *informer) HasSyncedChecker() cache.DoneChecker                             { return synced{} }
func (i *informer) IsStopped() bool                                                 { return false }
func (i *informer) LastSyncResourceVersion() string                                 { return "" }
func (i *informer) RemoveEventHandler(cache.ResourceEventHandlerRegistration) error { return nil }
func (i *informer) Run(<-chan struct{})                                             {}
func (i *informer) RunWithContext(context.Context)                                  {}
func (i *informer) SetTransform(cache.TransformFunc) error                          { return nil }
func (i *informer) SetWatchErrorHandler(cache.WatchErrorHandler) error              { return nil }
func (i *informer) SetWatchErrorHandlerWithContext(cache.WatchErrorHandlerWithContext) error {
	return nil
}

// synced is a registration that is always up to date.
type synced struct{}

func (synced) HasSynced() bool                     { return true }
func (synced) HasSyncedChecker() cache.DoneChecker { return synced{} }
func (synced) Name() string                        { return "synchronous informer" }
func (synced) Done() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}
