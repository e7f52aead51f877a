package fidelity

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/scheme"

	"bulkhead.dev/bulkhead/internal/kubesched/apiserver"
	"bulkhead.dev/bulkhead/internal/model"
	"bulkhead.dev/bulkhead/internal/snapshot"
)

// Capture is all that was seen of one zone's loss in a real cluster. It can be
// evaluated any time later, with another model.
type Capture struct {
	Seed   uint64    `json:"seed"`
	Lost   string    `json:"lost"`   // zone
	Failed time.Time `json:"failed"` // when
	// Seconds that it took, and Tries that it needed.
	Seconds float64 `json:"seconds"`
	Tries   int     `json:"tries"`
	// First is the first of Versions that the scheduler did not find at its start.
	First int `json:"first"`

	// Fixed objects do not change: namespaces, controllers, services, classes.
	Fixed    []runtime.Object `json:"-"`
	Versions []Version        `json:"-"`
	Log      []byte           `json:"-"` // kube-scheduler's, with LogFlags
	// Cluster as it was just before the failure.
	Cluster *snapshot.Cluster `json:"-"`
}

// storedVersion is a line of a capture's file. A fixed object has no type.
type storedVersion struct {
	Kind   Kind            `json:"kind,omitempty"`
	Type   watch.EventType `json:"type,omitempty"`
	At     time.Time       `json:"at,omitzero"`
	Object json.RawMessage `json:"object"`
}

var codec = scheme.Codecs.LegacyCodec(
	corev1.SchemeGroupVersion, appsv1.SchemeGroupVersion, policyv1.SchemeGroupVersion, storagev1.SchemeGroupVersion)

// Files of a capture in its folder.
func captureFiles(dir string, seed uint64) (events, log, cluster string) {
	name := func(what string) string { return filepath.Join(dir, fmt.Sprintf("%04d-%s.gz", seed, what)) }
	return name("events"), name("scheduler.log"), name("cluster.yaml")
}

// Save writes the capture's files into the folder, and makes it.
func (c *Capture) Save(ctx context.Context, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("saving a capture: %w", err)
	}
	var text bytes.Buffer
	lines := json.NewEncoder(&text)
	if err := lines.Encode(c); err != nil {
		return fmt.Errorf("saving a capture: %w", err)
	}
	all := make([]Version, 0, len(c.Fixed)+len(c.Versions))
	for _, obj := range c.Fixed {
		all = append(all, Version{Object: obj})
	}
	for _, v := range append(all, c.Versions...) {
		raw, err := runtime.Encode(codec, v.Object)
		if err == nil {
			err = lines.Encode(storedVersion{Kind: v.Kind, Type: v.Type, At: v.At, Object: raw})
		}
		if err != nil {
			return fmt.Errorf("saving a capture: %w", err)
		}
	}
	events, log, cluster := captureFiles(dir, c.Seed)
	if err := errors.Join(writePacked(events, text.Bytes()), writePacked(log, trimLog(c.Log))); err != nil {
		return fmt.Errorf("saving a capture: %w", err)
	}
	return c.Cluster.Save(ctx, cluster)
}

func writePacked(path string, text []byte) error {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := w.Write(text)
	if err := errors.Join(err, w.Close()); err != nil {
		return err
	}
	return os.WriteFile(path, packed.Bytes(), 0o644)
}

// LoadCapture reads what Save has written.
func LoadCapture(ctx context.Context, dir string, seed uint64) (*Capture, error) {
	events, log, cluster := captureFiles(dir, seed)
	c := &Capture{}
	text, err := readPacked(events)
	if err != nil {
		return nil, fmt.Errorf("loading a capture: %w", err)
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 16<<20)
	for n := 1; lines.Scan(); n++ {
		if n == 1 {
			err = json.Unmarshal(lines.Bytes(), c)
		} else {
			err = c.add(lines.Bytes())
		}
		if err != nil {
			return nil, fmt.Errorf("loading a capture: %s, line %d: %w", events, n, err)
		}
	}
	if c.Log, err = readPacked(log); err != nil {
		return nil, fmt.Errorf("loading a capture: %w", err)
	}
	if c.Cluster, err = snapshot.Load(ctx, cluster, apiserver.New(apiserver.Options{})); err != nil {
		return nil, fmt.Errorf("loading a capture: %w", err)
	}
	return c, lines.Err()
}

func (c *Capture) add(text []byte) error {
	var s storedVersion
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	obj, err := runtime.Decode(scheme.Codecs.UniversalDeserializer(), s.Object)
	if err != nil {
		return err
	}
	if s.Kind == "" {
		c.Fixed = append(c.Fixed, obj)
	} else {
		c.Versions = append(c.Versions, Version{Kind: s.Kind, Type: s.Type, At: s.At, Object: obj})
	}
	return nil
}

func readPacked(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read from
	r, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	_, err = text.ReadFrom(r)
	return text.Bytes(), err
}

// model returns the cluster as a simulation takes it.
func (c *Capture) model(ctx context.Context) (*model.Snapshot, error) {
	return snapshot.Read(ctx, snapshot.Options{Base: c.Cluster}, apiserver.New(apiserver.Options{}))
}
