//go:build linux

package drill

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"sync"
	"time"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// opTimeout is when a client gives up on an answer: what a write did then is not
// known.
const opTimeout = 3 * time.Second

// registers is how many objects are written over and over and read: so many that few
// operations on one are under way together, which is what the proof of a history
// takes its time for.
const registers = 64

// way is one client's way to the API, with how often it asks a second.
type way struct {
	from, via            string
	writes, reads, fresh float64
}

// reach is how the load gets to the API.
type reach interface {
	// client is one of HTTP from somewhere: outside, or a zone.
	client(from string, timeout time.Duration) *http.Client
	// base is the URL of the API by a way, without the path of an object.
	base(via string) string
}

// load asks the API on every way, at the times that were intended whether the API
// answers or not: a slow answer does not make the next question later, and counts
// from when it should have been asked.
type load struct {
	reach     reach
	clock     clock
	namespace string
	seed      int64
	ways      []way
	clients   map[string]*http.Client // by where they are

	mu      sync.Mutex
	history []v1alpha1.DrillOperation
	next    int // number of the next value

	group sync.WaitGroup
	stop  context.CancelFunc
}

// ways are the ways of the default load, scaled: from outside by the API's address
// and to every API server, and from every zone by the API's address.
func (s *site) ways(writes, reads float64) []way {
	all := []way{{from: outside, via: viaVIP, writes: writes / 2, fresh: writes / 2, reads: reads}}
	for _, m := range s.layout.ControlPlane() {
		all = append(all, way{from: outside, via: m.Name, writes: writes / 20, fresh: writes / 20, reads: reads / 10})
	}
	for _, zone := range s.allZones {
		all = append(all, way{from: zone, via: viaVIP, writes: writes / 20, fresh: writes / 20, reads: reads / 10})
	}
	return all
}

func newLoad(to reach, c clock, seed int64, ways []way) *load {
	l := &load{reach: to, clock: c, seed: seed, ways: ways, namespace: namespaceOf(c), clients: map[string]*http.Client{}}
	for _, w := range ways {
		if l.clients[w.from] == nil {
			l.clients[w.from] = to.client(w.from, opTimeout)
		}
	}
	return l
}

// namespaceOf is the name of a drill, and of the namespace of its load.
func namespaceOf(c clock) string { return fmt.Sprintf("bulkhead-drill-%d", c.start.UnixMilli()) }

// prepare makes the namespace and the registers.
func (l *load) prepare(ctx context.Context) error {
	body := fmt.Sprintf(`{"apiVersion":"v1","kind":"Namespace","metadata":{"name":%q,"labels":{"bulkhead.dev/drill":"true"}}}`, l.namespace)
	if status, text, err := l.request(ctx, l.clients[outside], http.MethodPost, l.reach.base(viaVIP), "/api/v1/namespaces", []byte(body)); err != nil || status/100 != 2 {
		return fmt.Errorf("making namespace %s: %w", l.namespace, answered(status, text, err))
	}
	for i := range registers {
		op := v1alpha1.DrillOperation{From: outside, Via: viaVIP, Kind: v1alpha1.DrillWrite, Key: register(i), Value: l.value()}
		op.Intended = l.clock.now()
		op.Start = op.Intended
		status, text, err := l.request(ctx, l.clients[outside], http.MethodPost, l.reach.base(viaVIP), l.path(""), l.object(op.Key, op.Value))
		if err != nil || status/100 != 2 {
			return fmt.Errorf("making register %s: %w", op.Key, answered(status, text, err))
		}
		op.End, op.Outcome, op.Version = l.clock.now(), v1alpha1.DrillOK, versionOf(text)
		l.history = append(l.history, op)
	}
	return nil
}

func answered(status int, text []byte, err error) error {
	if err != nil {
		return err
	}
	return fmt.Errorf("status %d: %.200s", status, text)
}

func register(i int) string { return fmt.Sprintf("register-%d", i) }

// start asks until ctx ends or finish is called.
func (l *load) start(ctx context.Context) {
	ctx, l.stop = context.WithCancel(ctx)
	stream := 0
	for _, w := range l.ways {
		for _, s := range []struct {
			kind string
			rate float64
		}{{v1alpha1.DrillWrite, w.writes}, {v1alpha1.DrillCreate, w.fresh}, {v1alpha1.DrillRead, w.reads}} {
			if s.rate > 0 {
				stream++
				l.group.Go(func() { l.stream(ctx, w, s.kind, s.rate, stream) })
			}
		}
	}
}

// stream asks at a rate; number sets it apart from the others.
func (l *load) stream(ctx context.Context, w way, kind string, rate float64, number int) {
	interval := time.Duration(float64(time.Second) / rate)
	// Streams of one rate do not ask at the same moment.
	intended := l.clock.now() + float64(number%7)/7*interval.Seconds()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for i := 0; ; i++ {
		wait := time.Duration((intended - l.clock.now()) * float64(time.Second))
		timer.Reset(max(0, wait))
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		op := v1alpha1.DrillOperation{From: w.from, Via: w.via, Kind: kind, Intended: intended}
		switch kind {
		case v1alpha1.DrillCreate:
			op.Value = l.value()
			op.Key = "object-" + op.Value
		default:
			op.Key = register((i*5 + number*11) % registers)
			if kind == v1alpha1.DrillWrite {
				op.Value = l.value()
			}
		}
		l.group.Go(func() { l.ask(op) })
		intended += interval.Seconds()
	}
}

// finish ends the load and returns the history, in order of the intended time, when
// every answer is there or given up on.
func (l *load) finish() []v1alpha1.DrillOperation {
	l.stop()
	l.group.Wait()
	for _, c := range l.clients {
		c.CloseIdleConnections()
	}
	return l.history
}

func (l *load) value() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next++
	return fmt.Sprintf("%d-%d", l.seed, l.next)
}

// ask does one operation and notes what is known of it.
//
//	answer            | outcome
//	------------------+---------------------------------------------------------
//	2xx               | ok
//	no connection     | failed: nothing was sent
//	4xx               | failed: the API server refused it before it was done
//	5xx, no answer    | unknown: etcd may have taken it; for a read: failed
func (l *load) ask(op v1alpha1.DrillOperation) {
	var sent bool
	ctx := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { sent = true }})
	method, path, body := http.MethodGet, l.path(op.Key), []byte(nil)
	switch op.Kind {
	case v1alpha1.DrillWrite:
		method, body = http.MethodPut, l.object(op.Key, op.Value)
	case v1alpha1.DrillCreate:
		method, path, body = http.MethodPost, l.path(""), l.object(op.Key, op.Value)
	}
	op.Start = l.clock.now()
	status, text, err := l.request(ctx, l.clients[op.From], method, l.reach.base(op.Via), path, body)
	op.End = l.clock.now()
	switch {
	case err == nil && status/100 == 2:
		op.Outcome, op.Version = v1alpha1.DrillOK, versionOf(text)
		if op.Kind == v1alpha1.DrillRead {
			op.Value = valueOf(text)
		}
	case err != nil && !sent, err == nil && status/100 == 4, op.Kind == v1alpha1.DrillRead:
		op.Outcome = v1alpha1.DrillFailed
	default:
		op.Outcome = v1alpha1.DrillUnknown
	}
	if op.Outcome != v1alpha1.DrillOK {
		op.Error = fmt.Sprintf("%.160s", answered(status, text, err))
		if op.Kind == v1alpha1.DrillRead {
			op.Value = ""
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.history = append(l.history, op)
}

func (l *load) request(ctx context.Context, c *http.Client, method, base, path string, body []byte) (int, []byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, base+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "bulkhead-drill")
	response, err := c.Do(r)
	if err != nil {
		return 0, nil, err
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, 16<<20))
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return 0, nil, err
	}
	return response.StatusCode, text, nil
}

func (l *load) path(name string) string {
	path := "/api/v1/namespaces/" + l.namespace + "/configmaps"
	if name != "" {
		path += "/" + name
	}
	return path
}

// object is a ConfigMap without a resourceVersion: an update of it is a blind write.
func (l *load) object(key, value string) []byte {
	return fmt.Appendf(nil, `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":%q},"data":{"value":%q}}`, key, value)
}

type configMap struct {
	Metadata struct {
		Name            string `json:"name"`
		ResourceVersion string `json:"resourceVersion"`
		Continue        string `json:"continue"`
	} `json:"metadata"`
	Data  map[string]string `json:"data"`
	Items []configMap       `json:"items"`
}

func decode(text []byte) configMap {
	var m configMap
	_ = json.Unmarshal(text, &m) // what is no object has no version and no value
	return m
}

func versionOf(text []byte) string { return decode(text).Metadata.ResourceVersion }
func valueOf(text []byte) string   { return decode(text).Data["value"] }

// final reads every register once more, into the history, and lists the objects
// that were created. It is called after finish; nil keys: they could not be read.
func (l *load) final(ctx context.Context) (keys []string) {
	for i := range registers {
		now := l.clock.now()
		l.ask(v1alpha1.DrillOperation{From: outside, Via: viaVIP, Kind: v1alpha1.DrillRead, Key: register(i), Intended: now})
	}
	keys = []string{}
	after := ""
	for {
		status, text, err := l.request(ctx, l.clients[outside], http.MethodGet, l.reach.base(viaVIP), l.path("")+"?limit=1000&continue="+url.QueryEscape(after), nil)
		if err != nil || status != http.StatusOK {
			return nil
		}
		list := decode(text)
		for _, m := range list.Items {
			if m.Data["value"] != "" && m.Metadata.Name == "object-"+m.Data["value"] {
				keys = append(keys, m.Metadata.Name)
			}
		}
		if after = list.Metadata.Continue; after == "" {
			return keys
		}
	}
}

// clean takes the namespace away again.
func (l *load) clean(ctx context.Context) error {
	status, text, err := l.request(ctx, l.clients[outside], http.MethodDelete, l.reach.base(viaVIP), "/api/v1/namespaces/"+l.namespace, nil)
	if err != nil || status/100 != 2 && status != http.StatusNotFound {
		return fmt.Errorf("deleting namespace %s: %w", l.namespace, answered(status, text, err))
	}
	return nil
}

// since sums the operations by the API's address from outside that were due since a
// time and have ended: latencies in seconds from the intended time, sorted.
func (l *load) since(at float64) (asked, failed int, latencies []float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := len(l.history) - 1; i >= 0 && l.history[i].End >= at; i-- {
		op := &l.history[i]
		if op.From != outside || op.Via != viaVIP || op.Intended < at {
			continue
		}
		if asked++; op.Outcome != v1alpha1.DrillOK {
			failed++
			continue
		}
		latencies = append(latencies, op.End-op.Intended)
	}
	slices.Sort(latencies)
	return asked, failed, latencies
}

// lastOK is when the last operation on any way was acknowledged.
func (l *load) lastOK() float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := len(l.history) - 1; i >= 0; i-- {
		if l.history[i].Outcome == v1alpha1.DrillOK {
			return l.history[i].End
		}
	}
	return 0
}
