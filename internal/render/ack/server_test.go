//go:build linux

package ack

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"bulkhead.dev/bulkhead/internal/render/file"
	"bulkhead.dev/bulkhead/internal/testkit/controlplane"
	"bulkhead.dev/bulkhead/internal/testkit/rendered"
)

// TestOnAPIServer applies each variant's objects to a real API server.
func TestOnAPIServer(t *testing.T) {
	kubectl := rendered.Component(t, "kubectl")
	cp := controlplane.Start(t, controlplane.Options{Scheduler: controlplane.SchedulerOptions{Disabled: true}, DisableKwok: true})
	clients := kubernetes.NewForConfigOrDie(cp.Config())
	if _, err := clients.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "ingress"}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			files, err := Files(rendered.Example(t, "ack", v.replace...))
			if err != nil {
				t.Fatal(err)
			}
			var addons []file.File
			for _, f := range files {
				if strings.Contains(f.Path, "/addons/") {
					addons = append(addons, f)
				}
			}
			dir := t.TempDir()
			rendered.Write(t, dir, addons)
			for _, f := range addons {
				rendered.Run(t, dir, kubectl, "--kubeconfig="+cp.Kubeconfig(), "create", "--dry-run=server", "--validate=strict", "--filename="+f.Path)
			}
		})
	}
}
