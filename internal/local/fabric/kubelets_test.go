//go:build linux

package fabric

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// api answers for nodes n1 and n2 of zone a, and writes down what it is asked to
// change.
func api(t *testing.T) (f *Fabric, changes func() []string) {
	t.Helper()
	var (
		mu   sync.Mutex
		seen []string
	)
	node := func(name string) map[string]any {
		return map[string]any{"apiVersion": "v1", "kind": "Node", "metadata": map[string]any{"name": name, "labels": map[string]string{zoneLabel: "a"}}}
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := filepath.Base(r.URL.Path)
		var answer any = node(name)
		switch {
		case name == "gone":
			w.WriteHeader(http.StatusNotFound)
			answer = map[string]any{"apiVersion": "v1", "kind": "Status", "status": "Failure", "reason": "NotFound", "code": http.StatusNotFound}
		case r.Method == http.MethodPatch:
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			seen = append(seen, fmt.Sprintf("%s %s %s", r.URL.Path, r.Header.Get("Content-Type"), body))
			mu.Unlock()
		case name == "nodes":
			items := []any{}
			if r.URL.Query().Get("labelSelector") == KubeletLabel+"=a" {
				items = []any{node("n1"), node("gone"), node("n2")}
			}
			answer = map[string]any{"apiVersion": "v1", "kind": "NodeList", "items": items}
		}
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(answer); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	path := filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf("apiVersion: v1\nkind: Config\ncurrent-context: x\nclusters: [{name: x, cluster: {server: %q}}]\ncontexts: [{name: x, context: {cluster: x}}]\n", server.URL)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return &Fabric{config: Config{Kubeconfig: path}}, func() []string {
		mu.Lock()
		defer mu.Unlock()
		slices.Sort(seen)
		out := seen
		seen = nil
		return out
	}
}

// TestKubelets: a kubelet that stops lets go of its node, one that runs again takes
// the node of its zone.
func TestKubelets(t *testing.T) {
	f, changes := api(t)
	const patch = `/api/v1/nodes/%s application/merge-patch+json {"metadata":{"labels":{"bulkhead.dev/kubelet":"%s"}}}`
	if err := f.kubelets([]string{"n1", "n2"}, false); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{fmt.Sprintf(patch, "n1", "stopped"), fmt.Sprintf(patch, "n2", "stopped")}, changes()); diff != "" {
		t.Errorf("stopped (-want +got):\n%s", diff)
	}
	if err := f.kubelets([]string{"n1", "gone"}, true); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{fmt.Sprintf(patch, "n1", "a")}, changes()); diff != "" {
		t.Errorf("runs again (-want +got):\n%s", diff)
	}
	if err := f.kubelets([]string{"gone"}, false); err == nil {
		t.Error("the kubelet of a node that is not there was stopped")
	}
	if err := (&Fabric{}).kubelets(nil, false); err != nil {
		t.Errorf("no nodes need no API: %v", err)
	}
}

func TestFreeLeases(t *testing.T) {
	f, changes := api(t)
	if err := f.freeLeases("a"); err != nil {
		t.Fatal(err)
	}
	const patch = `/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/%s application/merge-patch+json {"spec":{"holderIdentity":null}}`
	if diff := cmp.Diff([]string{fmt.Sprintf(patch, "n1"), fmt.Sprintf(patch, "n2")}, changes()); diff != "" {
		t.Errorf("leases (-want +got):\n%s", diff)
	}
	if err := f.freeLeases("b"); err != nil || len(changes()) > 0 {
		t.Errorf("another zone: %v", err)
	}
}

// TestEach does all in spite of errors, no more than some at a time.
func TestEach(t *testing.T) {
	var names []string
	for i := range 100 {
		names = append(names, fmt.Sprint(i))
	}
	var done, now, most atomic.Int32
	wrong := errors.New("wrong")
	err := each(names, func(name string) error {
		n := now.Add(1)
		defer now.Add(-1)
		for {
			seen := most.Load()
			if n <= seen || most.CompareAndSwap(seen, n) {
				break
			}
		}
		done.Add(1)
		if strings.HasSuffix(name, "7") {
			return fmt.Errorf("%s: %w", name, wrong)
		}
		return nil
	})
	if !errors.Is(err, wrong) || done.Load() != 100 || most.Load() > atOnce {
		t.Errorf("%v; %d done, %d at a time", err, done.Load(), most.Load())
	}
	if err := each(nil, func(string) error { return wrong }); err != nil {
		t.Error(err)
	}
}
