package snapshot

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// Hints for files that are no snapshot, or none any more.
const (
	hintTake  = "bulkhead snapshot -o FILE makes one of a live cluster; manifests are given with -f"
	hintAgain = "copy or take it again"
)

// mostFaults of one file that are told; a damaged file has as many as objects.
const mostFaults = 10

// Load reads a file that Write made, compressed or not. The file is streamed:
// beside the objects, only what is being decoded is held. Every error but a
// cancelled context's is an *Error.
func Load(ctx context.Context, name string, admission Admission) (*Cluster, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, &Error{[]Fault{{File: name, Message: cause(err), Hint: hintTake}}}
	}
	// Only read from: closing has nothing to lose.
	defer func() { _ = f.Close() }()
	return load(ctx, name, f, admission)
}

func load(ctx context.Context, name string, in io.Reader, admission Admission) (*Cluster, error) {
	r := &documentReader{name: name}
	buffered := bufio.NewReaderSize(in, 1<<20)
	if magic, _ := buffered.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		unpacked, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, &Error{[]Fault{r.fault(err)}}
		}
		buffered = bufio.NewReaderSize(unpacked, 1<<20)
	}
	r.in = buffered
	first, err := r.next()
	if err != nil {
		return nil, &Error{[]Fault{r.fault(err)}}
	}
	c := &Cluster{Name: name, others: map[string]int{}}
	if f := c.header(first); f != nil {
		return nil, &Error{[]Fault{*f}}
	}
	l := &loader{cluster: c, admission: admission, kinds: kindsByGVK()}
	faults := l.all(ctx, r)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if len(faults) == 0 {
		faults = c.missing()
	}
	if len(faults) > 0 {
		return nil, &Error{faults}
	}
	return c, nil
}

// header reads the first document.
func (c *Cluster) header(d numbered) *Fault {
	f := &Fault{File: c.Name, Line: d.line, Hint: hintTake}
	var about struct{ APIVersion, Kind string }
	const longest = 1 << 20 // a header is far shorter; parsing YAML takes time
	switch err := yaml.Unmarshal(d.text[:min(len(d.text), longest)], &about); {
	case len(d.text) > longest || err != nil || about.Kind != v1alpha1.ClusterSnapshotKind:
		f.Message = "not a snapshot: it does not begin with kind: " + v1alpha1.ClusterSnapshotKind
		return f
	case about.APIVersion != v1alpha1.APIVersion:
		f.Field, f.Message = "apiVersion", fmt.Sprintf("%q is not known, want %s", about.APIVersion, v1alpha1.APIVersion)
		f.Hint = "a newer bulkhead may have made it: use that one"
		return f
	}
	if err := yaml.Unmarshal(d.text, &c.ClusterSnapshot); err != nil {
		f.Object, f.Message, f.Hint = v1alpha1.ClusterSnapshotKind, oneLine(err.Error()), ""
		return f
	}
	return nil
}

// missing compares the objects with the header's counts: a text that was cut off
// between two documents shows nothing else.
func (c *Cluster) missing() []Fault {
	found := map[string]int{}
	for _, o := range c.objects {
		found[o.GetObjectKind().GroupVersionKind().Kind]++
	}
	for _, k := range kinds() {
		if want := c.Counts[k.gvk.Kind]; found[k.gvk.Kind] < want {
			return []Fault{{File: c.Name, Message: fmt.Sprintf("cut short: %d of %d objects of kind %s", found[k.gvk.Kind], want, k.gvk.Kind),
				Hint: hintAgain + "; if objects were removed by hand, remove counts from its first document too"}}
		}
	}
	return nil
}

// numbered is a document with its place in the file, both from 1.
type numbered struct {
	number, line int
	text         []byte
}

// documentReader cuts a stream at its document markers.
type documentReader struct {
	name string
	in   *bufio.Reader
	// number of the last document, line of the last line read.
	number, line int
}

// next returns the next document that is not empty, or io.EOF.
func (r *documentReader) next() (numbered, error) {
	d := numbered{number: r.number + 1}
	for {
		line, err := r.in.ReadBytes('\n')
		if err != nil && err != io.EOF {
			return d, err
		}
		if len(line) > 0 {
			r.line++
		}
		marker := isMarker(line)
		if !marker && (len(d.text) > 0 || len(bytes.TrimSpace(line)) > 0) {
			if len(d.text) == 0 {
				d.line = r.line
			}
			if d.text = append(d.text, line...); len(d.text) > MaxFileBytes {
				return d, errTooLarge
			}
		}
		switch {
		case len(d.text) > 0 && (marker || err == io.EOF):
			r.number++
			return d, nil
		case err == io.EOF:
			return d, io.EOF
		}
	}
}

var errTooLarge = fmt.Errorf("a document larger than %d MiB", MaxFileBytes>>20)

// fault says why reading could not go on.
func (r *documentReader) fault(err error) Fault {
	f := Fault{File: r.name, Message: cause(err)}
	corrupt := flate.CorruptInputError(0)
	switch {
	case errors.Is(err, io.EOF) && r.number == 0:
		f.Message, f.Hint = "empty", hintTake
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		f.Message, f.Hint = fmt.Sprintf("cut short: it ends within document %d", r.number+1), hintAgain
	case errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader), errors.As(err, &corrupt):
		f.Message, f.Hint = fmt.Sprintf("damaged at document %d: %s", r.number+1, err), hintAgain
	}
	return f
}

// loader decodes documents on all cores and keeps them in their order.
type loader struct {
	cluster   *Cluster
	admission Admission
	kinds     map[schema.GroupVersionKind]kind
	sharing   sharing
}

// batch is what one worker decodes at a time.
type batch struct {
	documents []numbered
	objects   []clusterObject
	others    []string
	faults    []Fault
	done      chan struct{}
}

// batchBytes of text make a batch: enough to be worth a hand-over.
const batchBytes = 256 << 10

// all decodes the rest of the file.
func (l *loader) all(ctx context.Context, r *documentReader) []Fault {
	work, order := make(chan *batch), make(chan *batch, 4*runtime.GOMAXPROCS(0))
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for b := range work {
				for _, d := range b.documents {
					l.decode(b, d)
				}
				b.documents = nil
				close(b.done)
			}
		})
	}
	var broken error
	wg.Go(func() {
		defer close(order)
		defer close(work)
		for broken == nil && ctx.Err() == nil {
			b := &batch{done: make(chan struct{})}
			for size := 0; size < batchBytes && broken == nil; {
				var d numbered
				if d, broken = r.next(); broken == nil {
					b.documents, size = append(b.documents, d), size+len(d.text)
				}
			}
			order <- b
			work <- b
		}
	})
	var faults []Fault
	for b := range order {
		<-b.done
		l.cluster.objects = append(l.cluster.objects, b.objects...)
		for _, kind := range b.others {
			l.cluster.others[kind]++
		}
		if len(faults) < mostFaults {
			faults = append(faults, b.faults...)
		}
	}
	wg.Wait()
	// The stream's own end says more than the half document before it.
	if broken != nil && !errors.Is(broken, io.EOF) {
		return []Fault{r.fault(broken)}
	}
	return faults[:min(len(faults), mostFaults)]
}

// decode adds a document's object to the batch, or what is wrong with it.
func (l *loader) decode(b *batch, d numbered) {
	fault := func(f Fault) {
		f.File, f.Line = l.cluster.Name, d.line
		f.Object = strings.TrimSuffix(fmt.Sprintf("document %d: %s", d.number, f.Object), ": ")
		b.faults = append(b.faults, f)
	}
	text := bytes.TrimSpace(d.text)
	if text[0] != '{' { // somebody has edited it
		var err error
		if text, err = yaml.YAMLToJSON(text); err != nil {
			fault(Fault{Message: "reading YAML: " + oneLine(strings.TrimPrefix(err.Error(), "yaml: ")), Hint: hintAgain})
			return
		}
	}
	gvk, err := gvkOf(text)
	if err != nil {
		fault(Fault{Message: "reading JSON: " + err.Error(), Hint: hintAgain})
		return
	}
	if gvk.Kind == v1alpha1.ClusterSnapshotKind {
		fault(Fault{Object: gvk.Kind, Message: "a second snapshot in one file", Hint: "give one snapshot a file; -f adds manifests to one"})
		return
	}
	k, ok := l.kinds[gvk]
	if !ok {
		b.others = append(b.others, gvk.Kind)
		return
	}
	obj, err := l.sharing.decode(k, text)
	if err == nil {
		var m metav1.Object
		if m, err = meta.Accessor(obj); err == nil && m.GetUID() != "" && m.GetName() != "" {
			obj.GetObjectKind().SetGroupVersionKind(gvk)
			b.objects = append(b.objects, clusterObject{obj, d.line})
			return
		}
	}
	if invalid := json.Unmarshal(text, new(json.RawMessage)); invalid != nil {
		fault(Fault{Object: gvk.Kind, Message: "reading JSON: " + invalid.Error(), Hint: hintAgain})
		return
	}
	// Not as an API server writes it: what does not fit is told, what was added by
	// hand is accepted as a manifest is.
	obj, _, faults := l.admission.Accept(text, gvk, metav1.NamespaceDefault, "")
	for _, e := range faults {
		fault(Fault{Object: gvk.Kind, Field: e.Field, Message: describe(e), Hint: hintOf(e)})
	}
	if len(faults) == 0 {
		redact(obj)
		b.objects = append(b.objects, clusterObject{obj, d.line})
	}
}

// gvkOf reads apiVersion and kind of a JSON object.
func gvkOf(text []byte) (schema.GroupVersionKind, error) {
	var h struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}
	_, from, end := stringMember(text, "kind")
	_, fromVersion, endVersion := stringMember(text, "apiVersion")
	if end > 0 && endVersion > 0 {
		h.Kind, h.APIVersion = string(text[from+1:end-1]), string(text[fromVersion+1:endVersion-1])
	} else if err := unmarshal(text, &h); err != nil {
		return schema.GroupVersionKind{}, err
	}
	return schema.FromAPIVersionAndKind(h.APIVersion, h.Kind), nil
}
