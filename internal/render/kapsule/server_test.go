//go:build linux

package kapsule

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"bulkhead.dev/bulkhead/internal/render/file"
	"bulkhead.dev/bulkhead/internal/testkit/controlplane"
	"bulkhead.dev/bulkhead/internal/testkit/rendered"
)

// TestOnAPIServer creates Services and StorageClasses on a real API server, and reads
// the Services' addresses with the step's own command.
func TestOnAPIServer(t *testing.T) {
	kubectl := rendered.Component(t, "kubectl")
	cp := controlplane.Start(t, controlplane.Options{Scheduler: controlplane.SchedulerOptions{Disabled: true}, DisableKwok: true})
	clients := kubernetes.NewForConfigOrDie(cp.Config())
	if _, err := clients.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "ingress"}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	strict := metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict, DryRun: []string{metav1.DryRunAll}}
	for _, v := range variants {
		c, p := rendered.Example(t, "kapsule", v.replace...)
		for _, zone := range p.Zones {
			if _, err := clients.CoreV1().Services("ingress").Create(t.Context(), ingressService(c, zone), strict); err != nil {
				t.Errorf("%s: %v", v.name, err)
			}
		}
		if class := storageClass(c); class != nil {
			if _, err := clients.StorageV1().StorageClasses().Create(t.Context(), class, strict); err != nil {
				t.Errorf("%s: %v", v.name, err)
			}
		}
	}

	// The files themselves, as kubectl reads them.
	c, p := rendered.Example(t, "kapsule")
	files, err := Files(c, p)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	rendered.Write(t, dir, files)
	kubeconfig := "--kubeconfig=" + cp.Kubeconfig()
	rendered.Run(t, dir, kubectl, kubeconfig, "apply", "--validate=strict", "--filename=kapsule/addons/ingress.yaml")
	for i, zone := range p.Zones {
		service, err := clients.CoreV1().Services("ingress").Get(t.Context(), "shop-ingress-"+zone, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if service.Spec.HealthCheckNodePort == 0 {
			t.Errorf("%s: externalTrafficPolicy %s has no health check port", service.Name, service.Spec.ExternalTrafficPolicy)
		}
		service.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: "192.0.2." + string(rune('1'+i))}}
		if _, err := clients.CoreV1().Services("ingress").UpdateStatus(t.Context(), service, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.ContainsFunc(Steps(c, p), func(s file.Step) bool {
		return slices.ContainsFunc(s.Commands, func(line string) bool { return strings.HasPrefix(line, ReadAddresses("ingress")) })
	}) {
		t.Error("no step reads the addresses")
	}
	shell := exec.CommandContext(t.Context(), "sh", "-c", strings.Replace(ReadAddresses("ingress"), "kubectl", kubectl+" "+kubeconfig, 1))
	out, err := shell.Output()
	if err != nil {
		t.Fatal(err)
	}
	want := `ingress_ips = {
  "fr-par-1" = "192.0.2.1"
  "fr-par-2" = "192.0.2.2"
  "fr-par-3" = "192.0.2.3"
}
`
	if string(out) != want {
		t.Errorf("addresses:\n%s", out)
	}
	if got := rendered.Attributes(t, out); len(got) != 1 || got[0] != "ingress_ips" {
		t.Errorf("variables %q", got)
	}
}
