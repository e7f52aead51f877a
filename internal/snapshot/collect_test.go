package snapshot_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/kubesched/apiserver"
	"bulkhead.dev/bulkhead/internal/snapshot"
	"bulkhead.dev/bulkhead/internal/testkit/fakeapi"
)

const pods = "/api/v1/pods"

// cluster is a live cluster of two nodes and n pods of one ReplicaSet.
func cluster(n int) string {
	var b strings.Builder
	for i, zone := range []string{"a", "b"} {
		fmt.Fprintf(&b, `apiVersion: v1
kind: Node
metadata: {name: n%d, uid: node-%d, labels: {topology.kubernetes.io/zone: %s, kubernetes.io/hostname: n%d}}
status: {allocatable: {cpu: "64", memory: 64Gi, pods: "1000"}, conditions: [{type: Ready, status: "True"}]}
---
`, i, i, zone, i)
	}
	spec := `{schedulerName: default-scheduler, containers: [{name: c, image: "i:1", resources: {requests: {cpu: 10m}}}]`
	fmt.Fprintf(&b, `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop, uid: d, annotations: {deployment.kubernetes.io/revision: "1"}}
spec: {replicas: %d, selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: %s}}}
---
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: web-5f, namespace: shop, uid: rs, annotations: {deployment.kubernetes.io/revision: "1"}, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: d, controller: true}]}
spec: {replicas: %d, selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web, pod-template-hash: 5f}}, spec: %s}}}`, n, spec, n, spec)
	for i := range n {
		fmt.Fprintf(&b, `
---
apiVersion: v1
kind: Pod
metadata: {name: web-5f-%03d, namespace: shop, uid: p%d, labels: {app: web, pod-template-hash: 5f}, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-5f, uid: rs, controller: true}]}
spec: %s, nodeName: n%d}
status: {phase: Running, startTime: "2026-11-20T18:00:%02dZ", conditions: [{type: Ready, status: "True"}]}`, i, i, spec, i%2, i%60)
	}
	return b.String()
}

func written(t rapid.TB, c *snapshot.Cluster) string {
	t.Helper()
	var b bytes.Buffer
	if err := c.Write(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func mustCollect(t testing.TB, o snapshot.CollectOptions) *snapshot.Cluster {
	t.Helper()
	c, err := snapshot.Collect(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A cluster is read in pages, whatever happens between them, and what is read is
// the same.
func TestCollect(t *testing.T) {
	plain, config := newAPI(t, cluster(25))
	want := written(t, mustCollect(t, collectOptions(config)))
	if n := strings.Count(want, `"kind":"Pod"`); n != 25 {
		t.Errorf("%d pods", n)
	}
	for _, path := range plain.Asked() {
		if strings.Contains(path, "secret") || strings.Contains(path, "configmap") {
			t.Errorf("asked for %s", path)
		}
	}
	tests := []struct {
		name    string
		answers []fakeapi.Answer
	}{
		{"small pages", nil},
		{"too many requests, once", []fakeapi.Answer{{Code: 429, Reason: "TooManyRequests", RetryAfter: "0"}}},
		{"errors of the server, four times", []fakeapi.Answer{{Code: 500, Reason: "InternalError", Page: 1}, {Code: 503, Reason: "ServiceUnavailable", Page: 1}, {Code: 504, Reason: "Timeout", Page: 1}, {Code: 502, Page: 1}}},
		{"a token that expires", []fakeapi.Answer{{Code: 410, Reason: "Expired", Page: 2}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, config := newAPI(t, cluster(25))
			a.PageSize, a.Answers[pods] = 10, tt.answers
			done, total := 0, 0
			o := collectOptions(config)
			o.Progress = func(what string, d, n int) {
				if what == "reading pods" && d == 10 {
					done, total = d, n
				}
			}
			if diff := cmp.Diff(want, written(t, mustCollect(t, o))); diff != "" {
				t.Error("(-want +got)\n" + diff)
			}
			if done != 10 || total != 25 {
				t.Errorf("progress told %d of %d", done, total)
			}
		})
	}
}

// What may not be read is told; nothing can be said without nodes and pods.
func TestCollectOmits(t *testing.T) {
	a, config := newAPI(t, cluster(2))
	a.Answers["/api/v1/resourcequotas"] = []fakeapi.Answer{{Code: 403, Reason: "Forbidden"}}
	a.Answers["/apis/autoscaling/v2/horizontalpodautoscalers"] = []fakeapi.Answer{{Code: 404, Reason: "NotFound"}}
	c := mustCollect(t, collectOptions(config))
	want := []v1alpha1.OmittedResource{
		{Resource: "horizontalpodautoscalers.autoscaling", Reason: "this cluster does not serve autoscaling/v2"},
		{Resource: "resourcequotas", Reason: "forbidden: it needs the verb list"},
	}
	if diff := cmp.Diff(want, c.Omitted); diff != "" {
		t.Error("(-want +got)\n" + diff)
	}
	for _, path := range []string{pods, "/api/v1/nodes"} {
		a, config := newAPI(t, cluster(2))
		a.Answers[path] = []fakeapi.Answer{{Code: 403, Reason: "Forbidden"}}
		_, err := snapshot.Collect(context.Background(), collectOptions(config))
		if err == nil || !strings.Contains(err.Error(), "hint: bulkhead needs the verb list on "+filepath.Base(path)) {
			t.Errorf("%s forbidden: %v", path, err)
		}
	}
}

func TestCollectGivesUp(t *testing.T) {
	tests := []struct {
		name   string
		answer fakeapi.Answer
		want   string
		asked  int
	}{
		{"the server is broken", fakeapi.Answer{Code: 500, Reason: "InternalError", Always: true}, "reading pods: ", 5},
		{"the token always expires", fakeapi.Answer{Code: 410, Reason: "Expired", Page: 1, Always: true}, "reading pods: ", 8},
		{"not logged in", fakeapi.Answer{Code: 401, Reason: "Unauthorized", Always: true}, "reading pods: ", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, config := newAPI(t, cluster(5))
			a.PageSize, a.Answers[pods] = 2, []fakeapi.Answer{tt.answer}
			_, err := snapshot.Collect(context.Background(), collectOptions(config))
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("%v", err)
			}
			asked := 0
			for _, path := range a.Asked() {
				if strings.HasPrefix(path, pods+"?") {
					asked++
				}
			}
			if asked != tt.asked {
				t.Errorf("asked %d times, want %d", asked, tt.asked)
			}
		})
	}
}

func TestCollectUnreachable(t *testing.T) {
	a, config := newAPI(t, cluster(1))
	a.Hang["/version"] = true
	o := collectOptions(config)
	o.Timeout = 20 * time.Millisecond
	_, err := snapshot.Collect(context.Background(), o)
	host := strings.TrimPrefix(config.Host, "http://")
	if want := "reading the cluster at " + host + ": no answer within 20ms\nhint: is the cluster reachable from here? kubectl version"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	ctx, cancel := context.WithCancel(context.Background())
	a, config = newAPI(t, cluster(1))
	a.Hang[pods] = true
	o = collectOptions(config)
	o.Progress = func(what string, _, _ int) {
		if what == "reading persistentvolumeclaims" { // the kind before
			cancel()
		}
	}
	if _, err := snapshot.Collect(ctx, o); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}

// Only the namespaces that are named are asked for, and what has none.
func TestCollectNamespaces(t *testing.T) {
	a, config := newAPI(t, cluster(3))
	o := collectOptions(config)
	o.Namespaces = []string{"shop"}
	c := mustCollect(t, o)
	if c.Counts["Pod"] != 3 || c.Counts["Node"] != 2 || slices.Contains(a.Asked(), pods+"?limit=500") {
		t.Errorf("counts %v, asked %v", c.Counts, a.Asked())
	}
	if warnings := strings.Join(c.Warnings(), "\n"); !strings.Contains(warnings, "only some namespaces were read") {
		t.Errorf("warnings %s", warnings)
	}
}

// The timings are those that the control plane's flags set.
func TestCollectTimings(t *testing.T) {
	mirror := func(name, component, command string) string {
		return fmt.Sprintf(`
---
apiVersion: v1
kind: Pod
metadata: {name: %s-cp, namespace: kube-system, uid: u-%s, labels: {component: %s}, annotations: {kubernetes.io/config.mirror: h}}
spec: {nodeName: n0, containers: [{name: %s, image: k, command: %s}]}`, name, name, component, component, command)
	}
	_, config := newAPI(t, cluster(1)+
		mirror("kcm", "kube-controller-manager", `[kube-controller-manager, --node-monitor-grace-period=20s, --node-eviction-rate, "0.5", --large-cluster-size-threshold=10, --root-ca-file=/canary]`)+
		mirror("kcm2", "kube-controller-manager", `[kube-controller-manager, --node-monitor-grace-period=30s]`)+
		mirror("sched", "kube-scheduler", `[sh, -c, "kube-scheduler --config=/canary --leader-elect-retry-period=1s"]`)+
		mirror("api", "kube-apiserver", `[kube-apiserver, --default-unreachable-toleration-seconds=30, --default-not-ready-toleration-seconds=40]`)+
		strings.Replace(mirror("fake", "kube-controller-manager", `[x, --node-monitor-period=1s]`), "kube-system", "shop", 1))
	c := mustCollect(t, collectOptions(config))
	want := map[string]string{
		"nodeMonitorGracePeriod":    "kube-controller-manager --node-monitor-grace-period=20s",
		"nodeEvictionRate":          "kube-controller-manager --node-eviction-rate=0.5",
		"largeClusterSizeThreshold": "kube-controller-manager --large-cluster-size-threshold=10",
		"kubeAPIQPS":                "kube-controller-manager without --kube-api-qps: 20",
		"leaderRetryPeriod":         "kube-scheduler --leader-elect-retry-period=1s",
		"defaultTolerationSeconds":  "kube-apiserver --default-unreachable-toleration-seconds=30",
	}
	if diff := cmp.Diff(want, c.TimingSources); diff != "" {
		t.Error("(-want +got)\n" + diff)
	}
	if got := c.Timings.NodeMonitorGracePeriod; got == nil || got.Duration != 20*time.Second || *c.Timings.DefaultTolerationSeconds != 30 {
		t.Errorf("timings %+v", c.Timings)
	}
	wantNotes := []string{
		"the pods of kube-controller-manager have different flags: those of the first are taken",
		"kube-scheduler has a configuration file, which cannot be read from here: give it with --scheduler-config",
	}
	if diff := cmp.Diff(wantNotes, c.Notes); diff != "" {
		t.Error("(-want +got)\n" + diff)
	}
	if strings.Contains(written(t, c), "canary") {
		t.Error("other flags are written")
	}
}

// A file that is written is read as what was written, compressed or not.
func TestSaveAndLoad(t *testing.T) {
	_, config := newAPI(t, cluster(25))
	c := mustCollect(t, collectOptions(config))
	dir := t.TempDir()
	for _, name := range []string{"s.yaml", "s.yaml.gz"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := c.Save(context.Background(), path); err != nil {
			t.Fatal(err)
		}
		again, err := snapshot.Load(context.Background(), path, apiserver.New(apiserver.Options{}))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(written(t, c), written(t, again)); diff != "" {
			t.Error("(-written +read)\n" + diff)
		}
		s, err := snapshot.Read(context.Background(), snapshot.Options{Base: again}, apiserver.New(apiserver.Options{}))
		if err != nil {
			t.Fatal(err)
		}
		if len(s.Workloads) != 1 || len(s.Workloads[0].Pods) != 25 || s.Workloads[0].Controller.Name != "web-5f" {
			t.Fatalf("%d workloads", len(s.Workloads))
		}
		first, second := s.Workloads[0].Pods[0].Spec, s.Workloads[0].Pods[1].Spec
		if &first.Containers[0] != &second.Containers[0] || first.NodeName == second.NodeName {
			t.Error("pods that are alike do not share their containers")
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 2 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if err := c.Save(context.Background(), filepath.Join(dir, "nowhere", "s.yaml")); err == nil || !strings.HasSuffix(err.Error(), "nowhere/s.yaml: no such file or directory") {
		t.Errorf("into a folder that is not there: %v", err)
	}
}

// What is wrong with a file is said, with what to do.
func TestLoadFaults(t *testing.T) {
	_, config := newAPI(t, cluster(25))
	whole := written(t, mustCollect(t, collectOptions(config)))
	header, _, _ := strings.Cut(whole, "---\n")
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write([]byte(whole)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	damaged := slices.Clone(packed.Bytes())
	damaged[len(damaged)-6] ^= 1 // the checksum
	tests := []struct{ name, text, want string }{
		{"empty", "", "s: empty"},
		{"manifests", "apiVersion: v1\nkind: Pod\n", "s:1: not a snapshot: it does not begin with kind: ClusterSnapshot"},
		{"binary", "\x00\x01\x02", "s:1: not a snapshot: it does not begin with kind: ClusterSnapshot"},
		{"newer", strings.Replace(whole, "bulkhead.dev/v1alpha1", "bulkhead.dev/v2", 1), `s:1: apiVersion: "bulkhead.dev/v2" is not known, want bulkhead.dev/v1alpha1`},
		{"two", whole + "---\n" + whole, "s:76: document 31: ClusterSnapshot: a second snapshot in one file"},
		{"cut between documents", whole[:strings.LastIndex(whole, "---\n")], "s: cut short: 0 of 1 objects of kind ReplicaSet"},
		{"cut within a document", whole[:len(whole)-40], "document 30: ReplicaSet: reading JSON: unexpected end of JSON input"},
		{"compressed and cut", packed.String()[:packed.Len()/2], "s: cut short: it ends within document"},
		{"compressed and damaged", string(damaged), "s: damaged at document 30: gzip: invalid checksum"},
		{"a wrong type", header + "---\n" + `{"kind":"Pod","apiVersion":"v1","metadata":{"name":"p","uid":"u","namespace":"n"},"spec":{"containers":"none"}}` + "\n",
			"document 2: Pod: spec.containers: must be a list, not a string"},
		{"a wrong time", strings.Replace(whole, "takenAt: \"", "takenAt: \"x", 1), "s:1: ClusterSnapshot: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "s")
			if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := snapshot.Load(context.Background(), path, apiserver.New(apiserver.Options{}))
			if err == nil {
				t.Fatal("no error")
			}
			got := strings.ReplaceAll(err.Error(), path, "s")
			if strings.HasPrefix(tt.want, "document") {
				got = got[max(0, strings.Index(got, "document")):]
			}
			if !strings.HasPrefix(got, tt.want) {
				t.Errorf("%s\nwant %s", got, tt.want)
			}
			if tt.name != "a wrong type" && tt.name != "a wrong time" && !strings.Contains(got, "hint: ") {
				t.Errorf("no hint: %s", got)
			}
		})
	}
}
