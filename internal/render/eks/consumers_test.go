//go:build linux

package eks

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/yaml"

	"bulkhead.dev/bulkhead/internal/testkit/controlplane"
)

// TestAPIServer creates the StorageClasses and the Service of every variant in a
// real kube-apiserver, with no field that it does not know.
func TestAPIServer(t *testing.T) {
	cp := controlplane.Start(t, controlplane.Options{DisableKwok: true, Scheduler: controlplane.SchedulerOptions{Disabled: true}})
	client, err := kubernetes.NewForConfig(cp.Config())
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	if _, err := client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "ingress"}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	created := map[string]int{}
	strict := metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict}
	for name := range variants() {
		_, _, out := files(t, name)
		for _, f := range out {
			switch f.Path {
			case "eks/addons/storage-class.yaml", "eks/addons/shared-storage-class.yaml":
				var class storagev1.StorageClass
				if err := yaml.UnmarshalStrict(f.Data, &class); err != nil {
					t.Fatalf("%s: %v", f.Path, err)
				}
				if _, err := client.StorageV1().StorageClasses().Create(ctx, &class, strict); err != nil {
					t.Errorf("%s: %s: %v", name, f.Path, err)
				}
				if err := client.StorageV1().StorageClasses().Delete(ctx, class.Name, metav1.DeleteOptions{}); err != nil {
					t.Error(err)
				}
			case "eks/addons/ingress.yaml":
				var service corev1.Service
				if err := yaml.UnmarshalStrict(f.Data, &service); err != nil {
					t.Fatalf("%s: %v", f.Path, err)
				}
				got, err := client.CoreV1().Services(service.Namespace).Create(ctx, &service, strict)
				if err != nil {
					t.Fatalf("%s: %s: %v", name, f.Path, err)
				}
				for _, p := range got.Spec.Ports {
					if p.NodePort != 0 {
						t.Errorf("%s: port %s has the node port %d, which nobody uses", name, p.Name, p.NodePort)
					}
				}
				if err := client.CoreV1().Services(service.Namespace).Delete(ctx, service.Name, metav1.DeleteOptions{}); err != nil {
					t.Error(err)
				}
			default:
				continue
			}
			created[f.Path]++
		}
	}
	for _, path := range []string{"eks/addons/storage-class.yaml", "eks/addons/shared-storage-class.yaml", "eks/addons/ingress.yaml"} {
		if created[path] == 0 {
			t.Errorf("no variant has %s", path)
		}
	}
}
