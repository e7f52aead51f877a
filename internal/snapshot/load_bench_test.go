package snapshot_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"bulkhead.dev/bulkhead/internal/kubesched/apiserver"
	"bulkhead.dev/bulkhead/internal/snapshot"
)

// BenchmarkLoad loads a snapshot file of 5,000 nodes and 100,000 pods of 2,000
// Deployments, and makes a model.Snapshot of it. heap-MiB is what is held
// afterwards, system-MiB the most that the process has asked the system for.
func BenchmarkLoad(b *testing.B) {
	path := filepath.Join(b.TempDir(), "s.yaml.gz")
	bytes := writeLarge(b, path, 5000, 2000, 50)
	server := apiserver.New(apiserver.Options{})
	b.SetBytes(bytes)
	b.ReportAllocs()
	var m runtime.MemStats
	for b.Loop() {
		c, err := snapshot.Load(context.Background(), path, server)
		if err != nil {
			b.Fatal(err)
		}
		s, err := snapshot.Read(context.Background(), snapshot.Options{Base: c}, server)
		if err != nil {
			b.Fatal(err)
		}
		if len(s.Workloads) != 2000 || len(s.Workloads[7].Pods) != 50 {
			b.Fatalf("%d workloads", len(s.Workloads))
		}
		b.StopTimer()
		runtime.GC()
		runtime.ReadMemStats(&m)
		runtime.KeepAlive(s)
		b.StartTimer()
	}
	b.ReportMetric(float64(m.HeapAlloc)/(1<<20), "heap-MiB")
	b.ReportMetric(float64(m.Sys)/(1<<20), "system-MiB")
}

// writeLarge writes a snapshot and returns its size without compression.
func writeLarge(b *testing.B, path string, nodes, deployments, replicas int) int64 {
	b.Helper()
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	z, err := gzip.NewWriterLevel(f, gzip.BestSpeed)
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriterSize(z, 1<<20)
	size := int64(0)
	add := func(format string, args ...any) {
		n, _ := fmt.Fprintf(w, "---\n"+format+"\n", args...)
		size += int64(n)
	}
	_, _ = w.WriteString("apiVersion: bulkhead.dev/v1alpha1\nkind: ClusterSnapshot\ntakenAt: \"2026-11-20T18:04:11Z\"\n")
	for i := range nodes {
		add(`{"kind":"Node","apiVersion":"v1","metadata":{"name":"node-%04d","uid":"1b4e28ba-2fa1-11d2-883f-%012d","creationTimestamp":"2026-01-02T03:04:05Z","labels":{"kubernetes.io/hostname":"node-%04d","kubernetes.io/arch":"amd64","kubernetes.io/os":"linux","node.kubernetes.io/instance-type":"m6i.2xlarge","topology.kubernetes.io/region":"eu-central-1","topology.kubernetes.io/zone":"eu-central-1%c"}},"spec":{},"status":{"capacity":{"cpu":"8","memory":"32Gi","pods":"110"},"allocatable":{"cpu":"7800m","memory":"30Gi","pods":"110"},"conditions":[{"type":"Ready","status":"True"}],"images":[{"names":["registry.example.com/team/app-%d@sha256:0123456789abcdef","registry.example.com/team/app-%d:1.2.3"],"sizeBytes":123456789}]}}`,
			i, i, i, 'a'+rune(i%3), i%50, i%50)
	}
	// As pods are in practice: of one template, by one ReplicaSet, on many nodes.
	for d := range deployments {
		app := fmt.Sprintf("app-%04d", d)
		labels := fmt.Sprintf(`{"app.kubernetes.io/instance":%q,"app.kubernetes.io/name":%q,"app.kubernetes.io/part-of":"suite-%d","pod-template-hash":"6b9f4c8d7f","version":"1.2.%d"}`, app, app, d%20, d%10)
		selector := fmt.Sprintf(`{"matchLabels":{"app.kubernetes.io/name":%q}}`, app)
		spec := fmt.Sprintf(`"volumes":[{"name":"tmp","emptyDir":{}}],"containers":[{"name":"app","image":"registry.example.com/team/app-%d:1.2.3","ports":[{"name":"http","containerPort":8080,"protocol":"TCP"}],"resources":{"limits":{"cpu":"1","memory":"1Gi"},"requests":{"cpu":"250m","memory":"512Mi"}}},{"name":"proxy","image":"registry.example.com/mesh/proxy:2.0","resources":{"requests":{"cpu":"100m","memory":"128Mi"}}}],"restartPolicy":"Always","terminationGracePeriodSeconds":30,"affinity":{"podAntiAffinity":{"preferredDuringSchedulingIgnoredDuringExecution":[{"weight":100,"podAffinityTerm":{"labelSelector":%s,"topologyKey":"kubernetes.io/hostname"}}]}},"schedulerName":"default-scheduler","tolerations":[{"key":"node.kubernetes.io/not-ready","operator":"Exists","effect":"NoExecute","tolerationSeconds":300},{"key":"node.kubernetes.io/unreachable","operator":"Exists","effect":"NoExecute","tolerationSeconds":300}],"priority":0,"preemptionPolicy":"PreemptLowerPriority","topologySpreadConstraints":[{"maxSkew":1,"topologyKey":"topology.kubernetes.io/zone","whenUnsatisfiable":"ScheduleAnyway","labelSelector":%s}]`, d%50, selector, selector)
		add(`{"kind":"Deployment","apiVersion":"apps/v1","metadata":{"name":"%s","namespace":"team-%02d","uid":"d-%d","annotations":{"deployment.kubernetes.io/revision":"7"}},"spec":{"replicas":%d,"selector":%s,"template":{"metadata":{"labels":%s},"spec":{%s}},"strategy":{}},"status":{}}`, app, d%40, d, replicas, selector, labels, spec)
		add(`{"kind":"ReplicaSet","apiVersion":"apps/v1","metadata":{"name":"%s-6b9f4c8d7f","namespace":"team-%02d","uid":"rs-%d","annotations":{"deployment.kubernetes.io/revision":"7"},"ownerReferences":[{"apiVersion":"apps/v1","kind":"Deployment","name":"%s","uid":"d-%d","controller":true,"blockOwnerDeletion":true}]},"spec":{"replicas":%d,"selector":%s,"template":{"metadata":{"labels":%s},"spec":{%s}}},"status":{"replicas":0}}`, app, d%40, d, app, d, replicas, selector, labels, spec)
		for i := range replicas {
			add(`{"kind":"Pod","apiVersion":"v1","metadata":{"name":"%s-6b9f4c8d7f-%05d","namespace":"team-%02d","uid":"9f1c28ba-2fa1-11d2-883f-%06d%06d","creationTimestamp":"2026-11-01T02:03:04Z","labels":%s,"ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"%s-6b9f4c8d7f","uid":"rs-%d","controller":true,"blockOwnerDeletion":true}]},"spec":{%s,"nodeName":"node-%04d"},"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True","lastProbeTime":null,"lastTransitionTime":null}],"startTime":"2026-11-01T02:03:%02dZ","qosClass":"Burstable"}}`,
				app, i, d%40, d, i, labels, app, d, spec, (d*replicas+i)%nodes, i%60)
		}
	}
	for _, closing := range []func() error{w.Flush, z.Close, f.Close} {
		if err := closing(); err != nil {
			b.Fatal(err)
		}
	}
	return size
}
