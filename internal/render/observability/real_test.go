//go:build linux

package observability

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"bulkhead.dev/bulkhead/internal/render/capa"
	"bulkhead.dev/bulkhead/internal/render/file"
	"bulkhead.dev/bulkhead/internal/render/kubeadm"
	"bulkhead.dev/bulkhead/internal/render/runbooks"
	"bulkhead.dev/bulkhead/internal/testkit/controlplane"
	"bulkhead.dev/bulkhead/internal/testkit/rendered"
)

// TestOnAPIServer: kube-apiserver has the metrics that the rules read, takes Fluent
// Bit's objects, and copies a node's zone onto the pods bound to it.
func TestOnAPIServer(t *testing.T) {
	cp := controlplane.Start(t, controlplane.Options{Scheduler: controlplane.SchedulerOptions{Disabled: true}, DisableKwok: true})
	clients := kubernetes.NewForConfigOrDie(cp.Config())
	exposed, err := clients.RESTClient().Get().AbsPath("/metrics").DoRaw(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	exposes(t, "apiserver", string(exposed))

	kubectl := rendered.Component(t, "kubectl")
	dir := t.TempDir()
	files := filesOf(t, "kubeadm")
	rendered.Write(t, dir, files)
	rendered.Run(t, dir, kubectl, "--kubeconfig="+cp.Kubeconfig(), "apply", "--validate=strict", "--filename=observability/fluent-bit/fluent-bit.yaml", "--filename=observability/prometheus/access.yaml")
	// As Prometheus itself: its metrics, and what its service discovery lists.
	prometheus := cp.Config()
	prometheus.Impersonate.UserName = "system:serviceaccount:monitoring:prometheus"
	as := kubernetes.NewForConfigOrDie(prometheus)
	if _, err := as.RESTClient().Get().AbsPath("/metrics").DoRaw(t.Context()); err != nil {
		t.Errorf("as prometheus: %v", err)
	}
	if _, err := as.DiscoveryV1().EndpointSlices("").List(t.Context(), metav1.ListOptions{}); err != nil {
		t.Errorf("as prometheus: %v", err)
	}
	if _, err := as.CoreV1().Pods("").List(t.Context(), metav1.ListOptions{}); err != nil {
		t.Errorf("as prometheus: %v", err)
	}
	if _, err := as.CoreV1().Secrets("").List(t.Context(), metav1.ListOptions{}); err == nil {
		t.Error("prometheus may read secrets")
	}

	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "a-1", Labels: map[string]string{corev1.LabelTopologyZone: "a"}}}
	if _, err := clients.CoreV1().Nodes().Create(t.Context(), node, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "logs"}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "logs", Image: fluentBitImage}}}}
	if _, err := clients.CoreV1().Pods("default").Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	binding := &corev1.Binding{ObjectMeta: metav1.ObjectMeta{Name: "logs"}, Target: corev1.ObjectReference{Kind: "Node", Name: "a-1"}}
	if err := clients.CoreV1().Pods("default").Bind(t.Context(), binding, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	bound, err := clients.CoreV1().Pods("default").Get(t.Context(), "logs", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got := bound.Labels[corev1.LabelTopologyZone]; got != "a" {
		t.Errorf("the pod's zone is %q: NODE_ZONE would be empty", got)
	}
}

// TestEtcdMetrics: etcd has the metrics that the rules read. The round trip between
// peers appears only where there are peers.
func TestEtcdMetrics(t *testing.T) {
	etcd := rendered.Component(t, "etcd")
	client, peer := freeAddress(t), freeAddress(t)
	start(t, etcd, "--data-dir="+t.TempDir(), "--name=a", "--listen-client-urls=http://"+client, "--advertise-client-urls=http://"+client,
		"--listen-peer-urls=http://"+peer, "--initial-advertise-peer-urls=http://"+peer, "--initial-cluster=a=http://"+peer, "--log-level=error")
	exposes(t, "etcd", scraped(t, "http://"+client+"/metrics", "etcd_server_has_leader 1"), "etcd_network_peer_round_trip_time_seconds_bucket")
}

// TestHAProxyMetrics: HAProxy's own exporter has the metrics that the rules read, with
// their labels.
func TestHAProxyMetrics(t *testing.T) {
	haproxy := rendered.Program(t, "haproxy", "haproxy")
	metrics, dead := freeAddress(t), freeAddress(t)
	config := filepath.Join(t.TempDir(), "haproxy.cfg")
	text := fmt.Sprintf(`defaults
    mode tcp
    timeout connect 1s
    timeout client 1s
    timeout server 1s
frontend metrics
    mode http
    bind %s
    http-request use-service prometheus-exporter if { path /metrics }
backend api
    default-server check inter 100ms fall 1
    server cp-a %s
`, metrics, dead)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, haproxy, "-db", "-f", config)
	got := scraped(t, "http://"+metrics+"/metrics", `haproxy_server_status{proxy="api",server="cp-a",state="DOWN"} 1`)
	exposes(t, "haproxy", got)
	if !strings.Contains(got, `haproxy_backend_active_servers{proxy="api"} 0`) {
		t.Error("no haproxy_backend_active_servers of a backend that is down")
	}
}

// TestOthersRenderWhatIsWatched: hosts' scripts write the metrics that the rules read,
// HAProxy exposes its own on the port that is scraped, the CronJob of capa is called
// so, and every alert's runbook is there.
func TestOthersRenderWhatIsWatched(t *testing.T) {
	c, p := rendered.Example(t, "kubeadm")
	files, err := kubeadm.Files(c, p)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		newScope(c, p).backupMetric, "bulkhead_certificate_expiry_timestamp_seconds",
		fmt.Sprintf("bindPort: %d\n", apiServerPort), fmt.Sprintf(":%d\n", haproxyMetricsPort), fmt.Sprintf(":%d", etcdMetricsPort),
	} {
		if !anyHolds(files, want) {
			t.Errorf("nothing of kubeadm holds %q", want)
		}
	}
	c, p = rendered.Example(t, "capa")
	if files, err = capa.Files(c, p); err != nil {
		t.Fatal(err)
	}
	if !anyHolds(files, "name: "+c.Metadata.Name+"-etcd-backup\n") {
		t.Error("capa has no CronJob of the name that is watched")
	}
	for _, v := range variants {
		c, p := rendered.Example(t, v.example, v.replace...)
		if files, err = runbooks.Files(c, p); err != nil {
			t.Fatal(err)
		}
		for _, g := range groupsOf(newScope(c, p)) {
			for _, a := range g.alerts {
				if !slices.ContainsFunc(files, func(f file.File) bool { return f.Path == a.runbook }) {
					t.Errorf("%s: %s points at %s, which is not rendered", v.name, a.name, a.runbook)
				}
			}
		}
	}
}

func anyHolds(files []file.File, text string) bool {
	return slices.ContainsFunc(files, func(f file.File) bool { return strings.Contains(string(f.Data), text) })
}

// exposes checks that all metrics of a program, by their prefix, that rules and
// dashboards read are in what it exposes.
func exposes(t *testing.T, prefix, exposition string, except ...string) {
	t.Helper()
	name := regexp.MustCompile(`\b` + prefix + `_[a-z_]+`)
	s := newScope(rendered.Example(t, "kubeadm"))
	recorded := regexp.MustCompile(`bulkhead:\w+:\w+`)
	var read []string
	reads := func(expr string) {
		read = append(read, name.FindAllString(recorded.ReplaceAllString(expr, ""), -1)...)
	}
	for _, g := range groupsOf(s) {
		for _, r := range g.records {
			reads(r.expr)
		}
		for _, a := range g.alerts {
			reads(a.expr)
		}
	}
	for _, p := range controlPlaneBoard(s).Panels {
		for _, q := range p.Targets {
			reads(q.Expr)
		}
	}
	slices.Sort(read)
	read = slices.Compact(read)
	if len(read) == 0 {
		t.Errorf("nothing reads %s_…", prefix)
	}
	for _, metric := range read {
		if !slices.Contains(except, metric) && !strings.Contains(exposition, "\n"+metric+"{") && !strings.Contains(exposition, "\n"+metric+" ") {
			t.Errorf("%s has no %s", prefix, metric)
		}
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// start runs a program until the test ends.
func start(t *testing.T, program string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, program, args...)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // it was killed
		if t.Failed() {
			t.Log(out.String())
		}
	})
}

// scraped is what the URL answers once it holds the text awaited.
func scraped(t *testing.T, url, awaited string) string {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	last := ""
	for time.Now().Before(deadline) {
		if response, err := http.Get(url); err == nil {
			text, err := io.ReadAll(response.Body)
			_ = response.Body.Close()
			if err == nil {
				last = string(text)
			}
			if strings.Contains(last, awaited) {
				return last
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("%s does not answer with %q:\n%s", url, awaited, last)
	return ""
}
