package snapshot_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"bulkhead.dev/bulkhead/internal/kubesched/apiserver"
	"bulkhead.dev/bulkhead/internal/snapshot"
)

// Manifests laid over a cluster take the place of what is there.
func TestOverlay(t *testing.T) {
	const defaults = "{schedulerName: default-scheduler, containers:"
	live := strings.ReplaceAll(cluster(4), defaults, "{restartPolicy: Always, terminationGracePeriodSeconds: 30, schedulerName: default-scheduler, containers:")
	_, config := newAPI(t, live)
	base := mustCollect(t, collectOptions(config))
	before := written(t, base)
	deployment := func(replicas, image string) string {
		return "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec: {replicas: " + replicas +
			`, selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: "` + image + `", env: [{name: A, value: b}], resources: {requests: {cpu: 10m}}}]}}}` + "\n"
	}
	tests := []struct {
		name, text             string
		workloads, pods, nodes int
		warning, fault         string
	}{
		{name: "nothing", workloads: 1, pods: 4, nodes: 2},
		{name: "more replicas", text: deployment("6", "i:1"), workloads: 1, pods: 4, nodes: 2},
		{name: "fewer replicas", text: deployment("2", "i:1"), workloads: 1, pods: 2, nodes: 2, warning: "4 pods exist but 2 replicas are wanted"},
		{name: "another image", text: deployment("4", "i:2"), workloads: 1, pods: 0, nodes: 2, warning: "its template is not that of the snapshot: 4 pods are placed anew"},
		{name: "another workload", text: strings.ReplaceAll(deployment("1", "i:1"), "web", "api"), workloads: 2, pods: 4, nodes: 2},
		{name: "another node", text: strings.ReplaceAll(node, "n1", "n7"), workloads: 1, pods: 4, nodes: 3},
		{name: "twice", text: deployment("6", "i:1") + "---\n" + deployment("7", "i:1"), fault: "m.yaml:6: Deployment shop/web: already defined at m.yaml:1"},
		{name: "invalid", text: deployment("many", "i:1"), fault: "m.yaml:4: Deployment shop/web: spec.replicas: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := snapshot.Options{Base: base}
			if tt.text != "" {
				t.Chdir(t.TempDir())
				if err := os.WriteFile("m.yaml", []byte(tt.text), 0o600); err != nil {
					t.Fatal(err)
				}
				o.Paths = []string{"m.yaml"}
			}
			s, err := snapshot.Read(context.Background(), o, apiserver.New(apiserver.Options{}))
			if tt.fault != "" {
				if err == nil || !strings.HasPrefix(err.Error(), tt.fault) {
					t.Fatalf("%v, want %s", err, tt.fault)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(s.Workloads) != tt.workloads || len(s.Workloads[0].Pods) != tt.pods || len(s.Nodes) != tt.nodes {
				t.Errorf("%d workloads, %d pods of the first, %d nodes", len(s.Workloads), len(s.Workloads[0].Pods), len(s.Nodes))
			}
			if warnings := strings.Join(s.Warnings, "\n"); !strings.Contains(warnings, tt.warning) || tt.warning == "" && strings.Contains(warnings, "m.yaml") {
				t.Errorf("warnings %s", warnings)
			}
			if tt.pods > 0 && s.Workloads[0].Controller.Name != "web-5f" {
				t.Errorf("kept by %s", s.Workloads[0].Controller.Name)
			}
		})
	}
	if written(t, base) != before {
		t.Error("the cluster was changed")
	}
}
