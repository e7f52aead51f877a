//go:build linux

package machine

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestProbe: a service that runs is ready when its probe says so; one that does not
// run is not asked.
func TestProbe(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/ready":
			w.WriteHeader(http.StatusOK)
		case "/moved":
			http.Redirect(w, r, "/broken", http.StatusFound)
		default:
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	defer server.Close()
	m := newTestMachine(t)
	run := []string{"shell", "-c", "exec sleep 1000"}
	services := []Service{
		{Name: "ready", Argv: run, Probe: server.URL + "/ready"},
		{Name: "moved", Argv: run, Probe: server.URL + "/moved"},
		{Name: "broken", Argv: run, Probe: server.URL + "/broken"},
		{Name: "nobody", Argv: run, Probe: "http://127.0.0.1:1/ready"},
		{Name: "held", Argv: run, Probe: server.URL + "/broken"},
		{Name: "unasked", Argv: run},
	}
	if err := m.Serve(services, nil); err != nil {
		t.Fatal(err)
	}
	for _, s := range services {
		becomes(t, m, s.Name, Running, 0)
	}
	if err := m.Hold("held", nil); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	if err := m.Probe(Nothing{}, &got); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"broken": "500 Internal Server Error", "nobody": "connection refused"} {
		if !strings.Contains(got[name], want) {
			t.Errorf("%s: %q does not say %q", name, got[name], want)
		}
		delete(got, name)
	}
	if len(got) > 0 {
		t.Errorf("not ready: %v", got)
	}
}
