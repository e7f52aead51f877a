package snapshot_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bulkhead.dev/bulkhead/internal/kubesched/apiserver"
	"bulkhead.dev/bulkhead/internal/snapshot"
)

// FuzzRead: whatever the bytes, Read returns a snapshot whose workloads are
// complete, or an Error with at least one fault of one line each; it never
// panics. Seeds are testdata/fuzz/FuzzRead and the manifests in testdata. Run it
// with -fuzzminimizetime 10x: parsing on several cores makes coverage waver, and
// minimizing by it takes a minute for each find.
func FuzzRead(f *testing.F) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	server := apiserver.New(apiserver.Options{})
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := snapshot.Read(context.Background(),
			snapshot.Options{Paths: []string{"-"}, Stdin: strings.NewReader(string(text))}, server)
		if err != nil {
			faults, ok := errors.AsType[*snapshot.Error](err)
			if !ok || len(faults.Faults) == 0 {
				t.Fatalf("error without faults: %v", err)
			}
			for _, fault := range faults.Faults {
				if strings.Contains(fault.String(), "\n") || fault.Message == "" {
					t.Errorf("fault %q", fault)
				}
			}
			return
		}
		for _, w := range s.Workloads {
			if w.Template == nil || w.Name == "" || w.Source == "" || w.Replicas < 0 {
				t.Errorf("incomplete: %+v", w)
			}
			if (w.Daemon != nil) != (w.Kind == "DaemonSet") {
				t.Errorf("%s: DaemonSet %t", w.Ref, w.Daemon != nil)
			}
			if w.Kind != "DaemonSet" && len(w.Pods) > w.Replicas {
				t.Errorf("%s: %d pods of %d", w.Ref, len(w.Pods), w.Replicas)
			}
		}
	})
}

// FuzzLoad: whatever the bytes, Load returns a cluster that can be read, written
// and anonymized, or an Error with at least one fault; it never panics.
func FuzzLoad(f *testing.F) {
	_, config := newAPI(f, cluster(2))
	whole := written(f, mustCollect(f, collectOptions(config)))
	f.Add([]byte(whole))
	f.Add([]byte(whole[:len(whole)/2]))
	f.Add([]byte("\x1f\x8b\x08\x00"))
	server := apiserver.New(apiserver.Options{})
	path := filepath.Join(f.TempDir(), "s")
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := snapshot.Load(context.Background(), path, server)
		if err != nil {
			faults, ok := errors.AsType[*snapshot.Error](err)
			if !ok || len(faults.Faults) == 0 || faults.Faults[0].Message == "" {
				t.Fatalf("error without faults: %v", err)
			}
			return
		}
		written(t, c)
		if _, _, err := c.Anonymize(context.Background()); err != nil {
			t.Errorf("anonymizing: %v", err)
		}
		if _, err := snapshot.Read(context.Background(), snapshot.Options{Base: c}, server); err != nil {
			if _, ok := errors.AsType[*snapshot.Error](err); !ok {
				t.Errorf("reading: %v", err)
			}
		}
	})
}
