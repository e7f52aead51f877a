package kubeadm_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"
)

// TestHAProxyLeavesOutWhoIsNotReady runs HAProxy with a rendered configuration in
// front of three small servers: one that is ready, one that says it is not, one with
// a certificate of the right CA that is no API server's. Then the first stops being
// ready, with a connection open.
func TestHAProxyLeavesOutWhoIsNotReady(t *testing.T) {
	haproxy := program(t, "haproxy", install)
	ca := newAuthority(t)
	folder := t.TempDir()
	ca.save(t, folder+"/ca.crt")

	var ready atomic.Bool
	ready.Store(true)
	serve := func(name string, ready func() bool, dns ...string) string {
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/readyz" && !ready() {
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
			_, _ = io.WriteString(w, name)
		}))
		server.Config.ErrorLog = log.New(io.Discard, "", 0)
		server.TLS = &tls.Config{Certificates: []tls.Certificate{ca.serving(t, dns...)}, MinVersion: tls.VersionTLS12}
		server.StartTLS()
		t.Cleanup(server.Close)
		return server.Listener.Addr().String()
	}
	always := func() bool { return true }
	good := serve("good", ready.Load, "kubernetes")
	sick := serve("sick", func() bool { return false }, "kubernetes")
	impostor := serve("impostor", always, "kubelet")

	front, status, metrics := freePort(t), freePort(t), freePort(t)
	save(t, folder, rendered(t, specs()["stacked"]),
		"10.10.1.10:6443", good, "10.10.2.10:6443", sick, "10.10.3.10:6443", impostor,
		"bind *:8443", "bind 127.0.0.1:"+front, "127.0.0.1:8404", "127.0.0.1:"+status, "bind *:8405", "bind 127.0.0.1:"+metrics,
		"/etc/haproxy/kubernetes-ca.crt", folder+"/ca.crt", "/run/haproxy/admin.sock", folder+"/admin.sock",
		"    user haproxy\n    group haproxy\n", "")
	start(t, haproxy, "-db", "-f", folder+"/haproxy/cp-a/haproxy.cfg")

	client := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: ca.pool(), ServerName: "kubernetes", MinVersion: tls.VersionTLS12},
		DisableKeepAlives: true,
	}}
	get := func(url string) (int, string) {
		response, err := client.Get(url)
		if err != nil {
			return 0, err.Error()
		}
		defer func() { _ = response.Body.Close() }()
		body, _ := io.ReadAll(response.Body)
		return response.StatusCode, string(body)
	}
	up := func() string {
		_, body := get("http://127.0.0.1:" + metrics + "/metrics")
		names := ""
		for _, name := range []string{"cp-a", "cp-b", "cp-c"} {
			if bytes.Contains([]byte(body), []byte(`haproxy_server_status{proxy="kube-apiservers",server="`+name+`",state="UP"} 1`)) {
				names += name + " "
			}
		}
		return names
	}
	within(t, 10*time.Second, "only cp-a is up", func() bool { return up() == "cp-a " })
	for range 20 {
		if code, body := get("https://127.0.0.1:" + front + "/api"); code != http.StatusOK || body != "good" {
			t.Fatalf("a request through HAProxy: %d %s", code, body)
		}
	}
	if code, _ := get("http://127.0.0.1:" + status + "/ready"); code != http.StatusOK {
		t.Fatalf("/ready with a server that is ready: %d", code)
	}

	// A client holds its connection, as a watch does.
	connection, err := tls.Dial("tcp", "127.0.0.1:"+front, &tls.Config{RootCAs: ca.pool(), ServerName: "kubernetes", MinVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = connection.Close() }()
	if err := connection.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	lost := time.Now()
	ready.Store(false)
	if _, err := connection.Read(make([]byte, 1)); err == nil || os.IsTimeout(err) {
		t.Errorf("a connection to a server that is not ready any more stayed open: %v", err)
	}
	t.Logf("the connection was closed after %v", time.Since(lost).Round(time.Millisecond))
	if took := time.Since(lost); took > 5*time.Second {
		t.Errorf("the connection was closed after %v; two checks of 500 ms should do", took)
	}
	within(t, 5*time.Second, "no server is up", func() bool {
		code, _ := get("http://127.0.0.1:" + status + "/ready")
		return code == http.StatusServiceUnavailable
	})
}

// freePort is one that nobody listens on now.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// start runs a program until the test ends.
func start(t *testing.T, name string, arguments ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, arguments...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s said:\n%s", filepath.Base(name), out.String())
		}
	})
}

// within waits until something is so.
func within(t *testing.T, limit time.Duration, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if so() {
			return
		}
	}
	t.Fatalf("waited %v until %s", limit, what)
}
