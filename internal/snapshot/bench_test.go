package snapshot_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"bulkhead.dev/bulkhead/internal/kubesched/apiserver"
	"bulkhead.dev/bulkhead/internal/snapshot"
)

// BenchmarkRead records bytes a second for the sizes that docs name.
func BenchmarkRead(b *testing.B) {
	for _, bb := range []struct {
		name string
		text string
	}{
		{"1523-nodes-200-deployments-json", list(1523, 200, 0)},
		{"20000-pods-json", list(0, 0, 20000)},
		{"20000-pods-yaml", yamlPods(20000)},
	} {
		b.Run(bb.name, func(b *testing.B) {
			server := apiserver.New(apiserver.Options{})
			b.SetBytes(int64(len(bb.text)))
			b.ReportAllocs()
			for b.Loop() {
				_, err := snapshot.Read(context.Background(),
					snapshot.Options{Paths: []string{"-"}, Stdin: strings.NewReader(bb.text)}, server)
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// list is a JSON list on one line, as a generator writes it.
func list(nodes, deployments, pods int) string {
	var items []string
	for i := range nodes {
		items = append(items, fmt.Sprintf(`{"apiVersion":"v1","kind":"Node","metadata":{"name":"n%d","labels":{"topology.kubernetes.io/zone":"z%d"}},"status":{"allocatable":{"cpu":"8","memory":"32Gi","pods":"110"}}}`, i, i%3))
	}
	for i := range deployments {
		items = append(items, fmt.Sprintf(`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d%d"},"spec":{"replicas":20,"selector":{"matchLabels":{"app":"d%d"}},"template":{"metadata":{"labels":{"app":"d%d"}},"spec":{"containers":[{"name":"c","image":"i","resources":{"requests":{"cpu":"100m","memory":"1Gi"}}}]}}}}`, i, i, i))
	}
	for i := range pods {
		items = append(items, fmt.Sprintf(`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p%d","uid":"%d","labels":{"app":"w%d"},"ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"w%d","uid":"w%d","controller":true}]},"spec":{"nodeName":"n%d","containers":[{"name":"c","image":"registry.example.com/app:1.2.3","env":[{"name":"A","value":"b"}],"resources":{"requests":{"cpu":"100m","memory":"1Gi"}}}],"tolerations":[{"key":"node.kubernetes.io/not-ready","operator":"Exists","effect":"NoExecute","tolerationSeconds":300}]},"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}}`, i, i, i/20, i/20, i/20, i%1000))
	}
	return `{"apiVersion":"v1","kind":"List","items":[` + strings.Join(items, ",") + "]}"
}

func yamlPods(n int) string {
	var b strings.Builder
	b.WriteString("apiVersion: v1\nitems:\n")
	for i := range n {
		fmt.Fprintf(&b, `- apiVersion: v1
  kind: Pod
  metadata:
    name: p%d
    uid: "%d"
    labels:
      app: w%d
    ownerReferences:
    - apiVersion: apps/v1
      kind: ReplicaSet
      name: w%d
      uid: w%d
      controller: true
  spec:
    nodeName: n%d
    containers:
    - name: c
      image: registry.example.com/app:1.2.3
      resources:
        requests:
          cpu: 100m
          memory: 1Gi
    tolerations:
    - key: node.kubernetes.io/not-ready
      operator: Exists
      effect: NoExecute
      tolerationSeconds: 300
  status:
    phase: Running
    conditions:
    - type: Ready
      status: "True"
`, i, i, i/20, i/20, i/20, i%1000)
	}
	b.WriteString("kind: List\n")
	return b.String()
}
