package snapshot

import (
	"bytes"
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"bulkhead.dev/bulkhead/internal/model"
)

// Options of Read.
type Options struct {
	// Paths of files and folders, "-" for Stdin, in the order given.
	Paths []string
	// Stdin is read at most once.
	Stdin io.Reader
	// Namespace of namespaced objects that name none; "" is default.
	Namespace string
	// Base is a cluster that the manifests are laid over; nil for none. With it,
	// there need be no manifests.
	Base *Cluster
	// Given are manifests by value, read before those of Paths.
	Given []Given
}

// Given is a manifest that is not in a file.
type Given struct {
	// Name for messages.
	Name string
	Data []byte
}

// Read returns the cluster that the manifests describe, or that Base becomes with
// them. Every error but a cancelled context's is an *Error with all faults.
func Read(ctx context.Context, o Options, admission Admission) (*model.Snapshot, error) {
	if o.Namespace == "" {
		o.Namespace = "default"
	}
	r := &reader{stdin: o.Stdin, seen: map[string]bool{}, order: map[string]int{}}
	if o.Base != nil {
		r.mention(o.Base.Name)
	}
	for _, g := range o.Given {
		r.stream(g.Name, bytes.NewReader(g.Data))
	}
	for _, p := range o.Paths {
		r.path(p)
	}
	var docs []document
	for _, s := range r.sources {
		found := split(s)
		docs = append(docs, found...)
		if len(found) == 0 && !slices.Contains(o.Paths, s.name) {
			continue // an empty file in a folder
		}
		if len(found) == 0 {
			r.fault(s.name, "no objects in it", hintNothing)
		}
	}
	if len(docs) == 0 && len(r.faults) == 0 && o.Base == nil {
		name := strings.Join(o.Paths, ", ")
		if name == "" {
			name = "nothing given"
		}
		r.fault(name, "no objects in it", hintNothing)
	}
	b := &builder{options: o, admission: admission, faults: r.faults}
	b.notConsidered = map[string]int{}
	objects, err := b.objects(ctx, docs)
	if err != nil {
		return nil, err
	}
	accepted, err := b.accept(ctx, objects)
	if err != nil {
		return nil, err
	}
	if o.Base != nil {
		for kind, n := range o.Base.others {
			b.notConsidered[kind] += n
		}
		accepted = b.overlay(o.Base.admitted(), accepted)
	}
	b.keep(accepted)
	// Also after faults: assembling finds more of them.
	snapshot := b.snapshot()
	if len(b.faults) > 0 {
		sortFaults(b.faults, r.order)
		return nil, &Error{Faults: b.faults}
	}
	if o.Base != nil {
		snapshot.Warnings = o.Base.Warnings()
	}
	sortFaults(b.warnings, r.order)
	for _, w := range b.warnings {
		snapshot.Warnings = append(snapshot.Warnings, w.String())
	}
	snapshot.Warnings = slices.Compact(snapshot.Warnings)
	return snapshot, nil
}

// object is a document with its header, and later what was made of it.
type object struct {
	document
	header
	// suffix for a name to generate.
	suffix string
}

// clusterScoped lists the understood kinds without a namespace.
var clusterScoped = []string{"Namespace", "Node", "PersistentVolume", "PriorityClass", "CSINode", "StorageClass"}

// ref names the object in messages, in the namespace that it will have.
func (o *object) ref(namespace string) string {
	name := o.name
	if name == "" && o.generateName != "" {
		name = o.generateName + o.suffix
	}
	if o.namespace != "" {
		namespace = o.namespace
	}
	switch {
	case name == "":
		return o.gvk.Kind
	case slices.Contains(clusterScoped, o.gvk.Kind):
		return o.gvk.Kind + " " + name
	}
	return o.gvk.Kind + " " + namespace + "/" + name
}

// builder turns documents into a snapshot, collecting what is wrong.
type builder struct {
	options       Options
	admission     Admission
	faults        []Fault
	warnings      []Fault
	notConsidered map[string]int
	stored
}

// objects parses the documents, on all cores, into the objects that play a part,
// in the order of the input.
func (b *builder) objects(ctx context.Context, docs []document) ([]object, error) {
	var pieces []piece
	for i, d := range docs {
		items, kind, ok := cutList(d)
		if !ok {
			pieces = append(pieces, piece{document: d, from: i})
		}
		for _, item := range items {
			pieces = append(pieces, piece{document: item, kind: kind, from: i, cut: true})
		}
	}
	err := parallel(ctx, len(pieces), func(i int) { pieces[i].parse() })
	if err != nil {
		return nil, err
	}
	pieces = mend(pieces, docs)
	var all []object
	generated := map[string]int{}
	for _, p := range pieces {
		b.faults = append(b.faults, p.faults...)
		for _, o := range p.objects {
			for _, n := range o.notes {
				b.warnings = append(b.warnings, Fault{File: o.file, Line: n.line, Object: o.ref(b.options.Namespace), Message: n.message})
			}
			if !b.plays(&o) {
				continue
			}
			if o.name == "" && o.generateName != "" {
				prefix := o.gvk.Kind + "/" + o.namespace + "/" + o.generateName
				o.suffix = stableSuffix(prefix, generated[prefix])
				generated[prefix]++
			}
			all = append(all, o)
		}
	}
	return all, nil
}

// plays says whether the object plays a part, and counts it when it does not.
func (b *builder) plays(o *object) bool {
	known, err := b.admission.Known(o.gvk)
	if err != nil {
		b.fault(o, "apiVersion", err.Error(), "")
		return false
	}
	if known {
		return true
	}
	b.notConsidered[o.gvk.Kind]++
	if o.gvk.Kind == "KubeSchedulerConfiguration" {
		b.warn(o, "", "not considered here; give it with --scheduler-config")
	}
	return false
}

// accept sends the objects through admission, on all cores.
func (b *builder) accept(ctx context.Context, objects []object) ([]admitted, error) {
	accepted := make([]admitted, len(objects))
	err := parallel(ctx, len(objects), func(i int) {
		o := &objects[i]
		a := admitted{source: o}
		a.object, a.warnings, a.faults = b.admission.Accept(o.json, o.gvk, b.options.Namespace, o.suffix)
		if a.object != nil {
			strip(a.object)
		}
		accepted[i] = a
	})
	if err != nil {
		return nil, err
	}
	for _, a := range accepted {
		for _, w := range a.warnings {
			b.warn(a.source, pathIn(w), w)
		}
		for _, f := range a.faults {
			b.fault(a.source, f.Field, describe(f), hintOf(f))
		}
	}
	return accepted, nil
}

func (b *builder) fault(o *object, path, message, hint string) {
	b.faults = append(b.faults, Fault{
		File: o.file, Line: o.lineOf(path), Object: o.ref(b.options.Namespace), Field: path, Message: message, Hint: hint,
	})
}

// warn adds a warning; path is only used to find its line.
func (b *builder) warn(o *object, path, message string) {
	b.warnings = append(b.warnings, Fault{
		File: o.file, Line: o.lineOf(path), Object: o.ref(b.options.Namespace), Message: oneLine(message),
	})
}

// pathIn finds the field that a warning of the API server is about: the path
// before its first colon, or within quotes after "field".
func pathIn(warning string) string {
	if _, rest, ok := strings.Cut(warning, `field "`); ok {
		path, _, _ := strings.Cut(rest, `"`)
		return path
	}
	path, _, ok := strings.Cut(warning, ": ")
	if !ok || strings.Contains(path, " ") {
		return ""
	}
	return path
}

// stableSuffix stands for the five random characters of a generated name: the
// same for the same place among the objects of one prefix.
func stableSuffix(prefix string, n int) string {
	const alphabet = "bcdfghjklmnpqrstvwxz2456789" // k8s.io/apimachinery pkg/util/rand
	h := fnv.New64a()
	_, _ = h.Write(fmt.Appendf(nil, "%s/%d", prefix, n)) // a hash takes everything
	sum := h.Sum64()
	var suffix [5]byte
	for i := range suffix {
		suffix[i] = alphabet[sum%uint64(len(alphabet))]
		sum /= uint64(len(alphabet))
	}
	return string(suffix[:])
}

// parallel calls do for 0 to n-1 on all cores, and stops early with the
// context's error.
func parallel(ctx context.Context, n int, do func(i int)) error {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				do(i)
			}
		})
	}
	wg.Wait()
	return ctx.Err()
}
