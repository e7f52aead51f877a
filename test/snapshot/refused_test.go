//go:build linux

package snapshot_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"k8s.io/client-go/rest"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// testNoVolumes reads the cluster without the right to list volumes: that is told,
// and is no reason to give up.
func testNoVolumes(ctx context.Context, t *testing.T, kubeconfig string) {
	path := filepath.Join(t.TempDir(), "no-volumes.yaml.gz")
	r := must(ctx, t, []int{0}, "snapshot", "--kubeconfig", kubeconfig, "-o", path)
	if !strings.Contains(r.stderr, "persistentvolumes were not read") {
		t.Errorf("it is not told that volumes were not read:\n%s", r.stderr)
	}
	r = must(ctx, t, answered, "simulate", "-q", "--snapshot", path, "--fail", "zone=wombat-1a", "-o", "json")
	if !strings.Contains(r.stdout, "persistentvolumes") {
		t.Error("the simulation does not warn that volumes were not read")
	}
}

// testNoPods reads the cluster without the right to list pods: nothing can be said,
// and there is no file.
func testNoPods(ctx context.Context, t *testing.T, kubeconfig string) {
	dir := t.TempDir()
	r := must(ctx, t, []int{3}, "snapshot", "--kubeconfig", kubeconfig, "-o", filepath.Join(dir, "no-pods.yaml.gz"))
	if !strings.Contains(r.stderr, "pods") || r.stdout != "" {
		t.Errorf("want a message about pods on stderr alone:\n%s%s", r.stdout, r.stderr)
	}
	left(t, dir)
}

// testInterrupt interrupts the program while it waits for the list of pods: it ends
// at once, and the file of an earlier run is still what it was.
func testInterrupt(ctx context.Context, t *testing.T, l *live) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(sig.String(), func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "cluster.yaml.gz")
			if err := os.WriteFile(path, []byte("earlier"), 0o600); err != nil {
				t.Fatal(err)
			}
			asked, kubeconfig := holding(t, l, "/api/v1/pods")
			process := exec.CommandContext(ctx, *bulkhead, "snapshot", "--kubeconfig", kubeconfig, "-o", path)
			var stdout, stderr bytes.Buffer
			process.Stdout, process.Stderr = &stdout, &stderr
			if err := process.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				_ = process.Wait() // its exit code is looked at below
			}()
			select {
			case <-asked:
				if err := process.Process.Signal(sig); err != nil {
					t.Error(err)
				}
				<-ended
			case <-ended:
			}
			if code := process.ProcessState.ExitCode(); code != 130 || stdout.Len() > 0 || !strings.Contains(stderr.String(), "interrupted") {
				t.Errorf("exit code %d, want 130 and nothing on stdout\n%s%s", code, &stdout, &stderr)
			}
			left(t, dir, "cluster.yaml.gz")
			if text, err := os.ReadFile(path); err != nil || string(text) != "earlier" {
				t.Errorf("the earlier file is now %q, %v", text, err)
			}
		})
	}
}

// left fails the test if there are other files in dir.
func left(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !slices.Contains(names, e.Name()) {
			t.Errorf("%s is left", e.Name())
		}
	}
}

// holding returns a kubeconfig for an API server that passes every request on, but
// never answers those for a path: asked is closed when there is one.
func holding(t *testing.T, l *live, path string) (asked <-chan struct{}, kubeconfig string) {
	t.Helper()
	config := l.cp.Config()
	target, err := url.Parse(config.Host)
	if err != nil {
		t.Fatal(err)
	}
	transport, err := rest.TransportFor(config)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	held := make(chan struct{})
	var once sync.Once
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != path {
			proxy.ServeHTTP(w, r)
			return
		}
		once.Do(func() { close(held) })
		<-r.Context().Done() // until the client has gone
	}))
	t.Cleanup(server.Close)
	kubeconfig, err = writeKubeconfig(filepath.Join(t.TempDir(), "kubeconfig"), &clientcmdapi.Cluster{Server: server.URL}, clientcmdapi.NewAuthInfo())
	if err != nil {
		t.Fatal(err)
	}
	return held, kubeconfig
}
