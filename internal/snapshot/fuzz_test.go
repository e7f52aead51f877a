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
