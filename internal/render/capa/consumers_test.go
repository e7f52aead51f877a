//go:build linux

package capa

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/client-go/dynamic"
	infrav1 "sigs.k8s.io/cluster-api-provider-aws/v2/api/v1beta2"
	expinfrav1 "sigs.k8s.io/cluster-api-provider-aws/v2/exp/api/v1beta2"
	awswebhooks "sigs.k8s.io/cluster-api-provider-aws/v2/webhooks"
	bootstrapv1 "sigs.k8s.io/cluster-api/api/bootstrap/kubeadm/v1beta2"
	controlplanev1 "sigs.k8s.io/cluster-api/api/controlplane/kubeadm/v1beta2"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	bootstrapadmission "sigs.k8s.io/cluster-api/bootstrap/kubeadm/webhooks/admission"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
	"sigs.k8s.io/yaml"

	"bulkhead.dev/bulkhead/internal/render/file"
	"bulkhead.dev/bulkhead/internal/testkit/controlplane"
)

// documents are the objects of the files, save Helm's values.
func documents(t *testing.T, all []file.File) []*unstructured.Unstructured {
	t.Helper()
	var out []*unstructured.Unstructured
	for _, f := range all {
		for text := range strings.SplitSeq(string(f.Data), "\n---\n") {
			var o unstructured.Unstructured
			if err := yaml.UnmarshalStrict([]byte(text), &o.Object); err != nil {
				t.Fatalf("%s: %v", f.Path, err)
			}
			if o.GetKind() == "" {
				if f.Path != "capa/addons/cluster-autoscaler.yaml" {
					t.Fatalf("%s holds an object without a kind", f.Path)
				}
				continue
			}
			out = append(out, &o)
		}
	}
	return out
}

// typed decodes an object strictly.
func typed[T any](t *testing.T, o *unstructured.Unstructured) *T {
	t.Helper()
	text, err := yaml.Marshal(o.Object)
	if err != nil {
		t.Fatal(err)
	}
	var out T
	if err := yaml.UnmarshalStrict(text, &out); err != nil {
		t.Fatalf("%s %s: %v", o.GetKind(), o.GetName(), err)
	}
	return &out
}

// TestWebhooks asks the webhooks of Cluster API and CAPA, as they run in their
// controllers: first the defaults, then the validation of a new object.
func TestWebhooks(t *testing.T) {
	dryRun := false
	ctx := admission.NewContextWithRequest(context.Background(), admission.Request{
		AdmissionRequest: admissionv1.AdmissionRequest{Operation: admissionv1.Create, DryRun: &dryRun},
	})
	for name := range variants() {
		_, _, out := files(t, name)
		asked := map[string]int{}
		for _, o := range documents(t, out) {
			warnings, err := ask(ctx, t, o)
			if err != nil {
				t.Errorf("%s: %s %s: %v", name, o.GetKind(), o.GetName(), err)
			}
			if len(warnings) > 0 {
				t.Errorf("%s: %s %s: warned %q", name, o.GetKind(), o.GetName(), warnings)
			}
			asked[o.GetKind()]++
		}
		for _, kind := range []string{"Cluster", "AWSCluster", "KubeadmControlPlane", "MachineHealthCheck", "AWSMachineTemplate"} {
			if asked[kind] == 0 {
				t.Errorf("%s: no %s was asked about", name, kind)
			}
		}
	}
}

// webhook is what the webhooks of Cluster API have in common.
type webhook[T any] interface {
	Default(context.Context, T) error
	ValidateCreate(context.Context, T) (admission.Warnings, error)
}

func askWebhook[T any](ctx context.Context, w webhook[*T], o *T) (admission.Warnings, error) {
	if err := w.Default(ctx, o); err != nil {
		return nil, err
	}
	return w.ValidateCreate(ctx, o)
}

func ask(ctx context.Context, t *testing.T, o *unstructured.Unstructured) (admission.Warnings, error) {
	t.Helper()
	switch o.GetKind() {
	case "Cluster":
		typed[clusterv1.Cluster](t, o)
	case "MachineDeployment":
		typed[clusterv1.MachineDeployment](t, o)
	case "MachinePool":
		typed[clusterv1.MachinePool](t, o)
	case "MachineHealthCheck":
		typed[clusterv1.MachineHealthCheck](t, o)
	case "KubeadmControlPlane":
		kcp := typed[controlplanev1.KubeadmControlPlane](t, o)
		if errs := bootstrapadmission.Validate(&kcp.Spec.KubeadmConfigSpec, true, field.NewPath("spec", "kubeadmConfigSpec")); len(errs) > 0 {
			return nil, errs.ToAggregate()
		}
	case "KubeadmConfigTemplate":
		return askWebhook(ctx, &bootstrapadmission.KubeadmConfigTemplate{}, typed[bootstrapv1.KubeadmConfigTemplate](t, o))
	case "KubeadmConfig":
		return (&bootstrapadmission.KubeadmConfig{}).ValidateCreate(ctx, typed[bootstrapv1.KubeadmConfig](t, o))
	case "AWSCluster":
		w, cluster := &awswebhooks.AWSCluster{}, typed[infrav1.AWSCluster](t, o)
		if err := w.Default(ctx, cluster); err != nil {
			return nil, err
		}
		if cluster.Spec.ControlPlaneEndpoint.Host != "" || strings.Contains(string(mustYAML(t, o.Object)), "controlPlaneEndpoint") {
			t.Error("the AWSCluster sets controlPlaneEndpoint, which CAPA fills in")
		}
		return w.ValidateCreate(ctx, cluster)
	case "AWSMachineTemplate":
		return (&awswebhooks.AWSMachineTemplate{}).ValidateCreate(ctx, typed[infrav1.AWSMachineTemplate](t, o))
	case "AWSMachinePool":
		// Its webhook is in a package that wants the SDK of EKS; the CRD is asked
		// by TestAPIServer.
		typed[expinfrav1.AWSMachinePool](t, o)
	}
	return nil, nil
}

func mustYAML(t *testing.T, v any) []byte {
	t.Helper()
	out, err := yaml.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestAPIServer creates every object of every variant in a real kube-apiserver
// with the CRDs of Cluster API and CAPA. The server runs with the
// AuthenticationConfiguration that the control plane will have.
func TestAPIServer(t *testing.T) {
	authentication, err := authenticationFile()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "authentication.yaml")
	if err := os.WriteFile(path, []byte(authentication), 0o600); err != nil {
		t.Fatal(err)
	}
	cp := controlplane.Start(t, controlplane.Options{
		APIServerFlags: []string{"--authentication-config=" + path},
		DisableKwok:    true, Scheduler: controlplane.SchedulerOptions{Disabled: true},
	})
	client, err := dynamic.NewForConfig(cp.Config())
	if err != nil {
		t.Fatal(err)
	}
	s := &server{ctx: t.Context(), client: client, resources: builtin()}
	s.installCRDs(t)
	t.Run("anonymous", func(t *testing.T) { s.anonymous(t, cp) })
	for name := range variants() {
		t.Run(name, func(t *testing.T) {
			_, _, out := files(t, name)
			for _, o := range documents(t, out) {
				s.create(t, o)
			}
		})
	}
	t.Run("reapply", s.reapply)
}

type server struct {
	ctx       context.Context
	client    dynamic.Interface
	resources map[schema.GroupVersionKind]served
}

type served struct {
	schema.GroupVersionResource
	namespaced bool
}

func builtin() map[schema.GroupVersionKind]served {
	return map[schema.GroupVersionKind]served{
		{Group: "storage.k8s.io", Version: "v1", Kind: "StorageClass"}: {schema.GroupVersionResource{Group: "storage.k8s.io", Version: "v1", Resource: "storageclasses"}, false},
		{Group: "batch", Version: "v1", Kind: "CronJob"}:               {schema.GroupVersionResource{Group: "batch", Version: "v1", Resource: "cronjobs"}, true},
		{Version: "v1", Kind: "Service"}:                               {schema.GroupVersionResource{Version: "v1", Resource: "services"}, true},
		{Version: "v1", Kind: "Namespace"}:                             {schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}, false},
	}
}

func (s *server) of(t *testing.T, o *unstructured.Unstructured) dynamic.ResourceInterface {
	t.Helper()
	r, ok := s.resources[o.GroupVersionKind()]
	if !ok {
		t.Fatalf("no CRD for %s", o.GroupVersionKind())
	}
	if !r.namespaced {
		return s.client.Resource(r.GroupVersionResource)
	}
	if o.GetNamespace() == "" {
		return s.client.Resource(r.GroupVersionResource).Namespace("default")
	}
	return s.client.Resource(r.GroupVersionResource).Namespace(o.GetNamespace())
}

// create makes an object, with no field that the server does not know, and removes
// it again: the next variant has the same names.
func (s *server) create(t *testing.T, o *unstructured.Unstructured) {
	t.Helper()
	if ns := o.GetNamespace(); ns != "" {
		one := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": ns}}}
		if _, err := s.of(t, one).Create(s.ctx, one, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
			t.Fatal(err)
		}
	}
	if _, err := s.of(t, o).Create(s.ctx, o, metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict}); err != nil {
		t.Errorf("%s %s: %v", o.GetKind(), o.GetName(), err)
		return
	}
	if err := s.of(t, o).Delete(s.ctx, o.GetName(), metav1.DeleteOptions{}); err != nil {
		t.Error(err)
	}
}

// moduleDir is the folder of a module that the tests are compiled with.
func moduleDir(t *testing.T, module string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		t.Fatalf("finding module %s: %v", module, err)
	}
	return strings.TrimSpace(string(out))
}

func (s *server) installCRDs(t *testing.T) {
	t.Helper()
	capi, aws := moduleDir(t, "sigs.k8s.io/cluster-api"), moduleDir(t, "sigs.k8s.io/cluster-api-provider-aws/v2")
	var paths []string
	for _, pattern := range []string{
		capi + "/core/config/crd/bases/cluster.x-k8s.io_*.yaml",
		capi + "/bootstrap/kubeadm/config/crd/bases/*.yaml",
		capi + "/controlplane/kubeadm/config/crd/bases/*.yaml",
		aws + "/config/crd/bases/infrastructure.cluster.x-k8s.io_aws*.yaml",
	} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: no CRD, %v", pattern, err)
		}
		paths = append(paths, found...)
	}
	crds := s.client.Resource(schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"})
	var names []string
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var crd unstructured.Unstructured
		if err := yaml.Unmarshal(data, &crd.Object); err != nil {
			t.Fatal(err)
		}
		group, _, _ := unstructured.NestedString(crd.Object, "spec", "group")
		kind, _, _ := unstructured.NestedString(crd.Object, "spec", "names", "kind")
		plural, _, _ := unstructured.NestedString(crd.Object, "spec", "names", "plural")
		scope, _, _ := unstructured.NestedString(crd.Object, "spec", "scope")
		if !rendersKind(kind) {
			continue
		}
		if _, err := crds.Create(s.ctx, &crd, metav1.CreateOptions{}); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		names = append(names, crd.GetName())
		s.resources[schema.GroupVersionKind{Group: group, Version: "v1beta2", Kind: kind}] = served{
			schema.GroupVersionResource{Group: group, Version: "v1beta2", Resource: plural}, scope == "Namespaced",
		}
	}
	for _, name := range names {
		await(t, "CRD "+name+" is established", func() bool {
			crd, err := crds.Get(s.ctx, name, metav1.GetOptions{})
			if err != nil {
				return false
			}
			conditions, _, _ := unstructured.NestedSlice(crd.Object, "status", "conditions")
			for _, c := range conditions {
				if m, ok := c.(map[string]any); ok && m["type"] == "Established" && m["status"] == "True" {
					return true
				}
			}
			return false
		})
	}
	// Established is a moment before the paths answer.
	for gvk, r := range s.resources {
		await(t, gvk.Kind+" answers", func() bool {
			_, err := s.client.Resource(r.GroupVersionResource).List(s.ctx, metav1.ListOptions{Limit: 1})
			return err == nil
		})
	}
}

func rendersKind(kind string) bool {
	switch kind {
	case "Cluster", "MachineDeployment", "MachinePool", "MachineHealthCheck", "KubeadmControlPlane",
		"KubeadmConfig", "KubeadmConfigTemplate", "AWSCluster", "AWSMachineTemplate", "AWSMachinePool":
		return true
	}
	return false
}

func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("a minute is over and not yet: %s", what)
}

// anonymous: what the load balancer and a joining machine ask without a name is
// answered; all else is not even looked up in RBAC.
func (s *server) anonymous(t *testing.T, cp *controlplane.ControlPlane) {
	public := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap",
		"metadata": map[string]any{"name": "cluster-info", "namespace": "kube-public"},
		"data":     map[string]any{"kubeconfig": "{}"},
	}}
	maps := s.client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}).Namespace("kube-public")
	if _, err := maps.Create(s.ctx, public, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	// The Role and the RoleBinding of kubeadm's phase bootstrap-token.
	rbac := schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1"}
	for plural, o := range map[string]map[string]any{
		"roles": {
			"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": map[string]any{"name": "info"},
			"rules": []any{map[string]any{"apiGroups": []any{""}, "resources": []any{"configmaps"}, "resourceNames": []any{"cluster-info"}, "verbs": []any{"get"}}},
		},
		"rolebindings": {
			"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": map[string]any{"name": "info"},
			"roleRef":  map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "info"},
			"subjects": []any{map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "system:anonymous"}},
		},
	} {
		if _, err := s.client.Resource(rbac.GroupVersion().WithResource(plural)).Namespace("kube-public").Create(s.ctx, &unstructured.Unstructured{Object: o}, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	roots := x509.NewCertPool()
	ca := cp.Config().CAData
	if len(ca) == 0 {
		var err error
		if ca, err = os.ReadFile(cp.Config().CAFile); err != nil {
			t.Fatal(err)
		}
	}
	roots.AppendCertsFromPEM(ca)
	nobody := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	status := func(path string) int {
		response, err := nobody.Get(cp.Config().Host + path)
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.Copy(io.Discard, response.Body)
		if err := errors.Join(err, response.Body.Close()); err != nil {
			t.Fatal(err)
		}
		return response.StatusCode
	}
	const info = "/api/v1/namespaces/kube-public/configmaps/cluster-info"
	await(t, "the role is known to RBAC", func() bool { return status(info) == http.StatusOK })
	for path, want := range map[string]int{
		"/livez": http.StatusOK, "/readyz": http.StatusOK, "/healthz": http.StatusOK, info + "?timeout=10s": http.StatusOK,
		"/version": http.StatusUnauthorized, "/api": http.StatusUnauthorized, "/openapi/v3": http.StatusUnauthorized,
		"/api/v1/namespaces/kube-public/configmaps": http.StatusUnauthorized,
	} {
		if got := status(path); got != want {
			t.Errorf("anonymous GET %s: %d, want %d", path, got, want)
		}
	}
}

// reapply: CAPA writes the endpoint and the subnets' IDs into the object that the
// file made. Applied again, as the steps say, the file leaves them alone.
func (s *server) reapply(t *testing.T) {
	_, _, out := files(t, "three-zones")
	for _, o := range documents(t, out) {
		if o.GetKind() != "AWSCluster" {
			continue
		}
		apply := func() *unstructured.Unstructured {
			got, err := s.of(t, o).Apply(s.ctx, o.GetName(), o, metav1.ApplyOptions{FieldManager: "kubectl"})
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		live := apply()
		if err := unstructured.SetNestedField(live.Object, "api.elb.amazonaws.com", "spec", "controlPlaneEndpoint", "host"); err != nil {
			t.Fatal(err)
		}
		if err := unstructured.SetNestedField(live.Object, int64(6443), "spec", "controlPlaneEndpoint", "port"); err != nil {
			t.Fatal(err)
		}
		subnets, _, _ := unstructured.NestedSlice(live.Object, "spec", "network", "subnets")
		subnets[0].(map[string]any)["resourceID"] = "subnet-0123"
		if err := unstructured.SetNestedSlice(live.Object, subnets, "spec", "network", "subnets"); err != nil {
			t.Fatal(err)
		}
		if _, err := s.of(t, o).Update(s.ctx, live, metav1.UpdateOptions{FieldManager: "capa-controller-manager"}); err != nil {
			t.Fatal(err)
		}
		again := apply()
		host, _, _ := unstructured.NestedString(again.Object, "spec", "controlPlaneEndpoint", "host")
		subnets, _, _ = unstructured.NestedSlice(again.Object, "spec", "network", "subnets")
		if host != "api.elb.amazonaws.com" || subnets[0].(map[string]any)["resourceID"] != "subnet-0123" {
			t.Errorf("applied again, the file has taken away what CAPA wrote: host %q, subnet %v", host, subnets[0])
		}
		return
	}
	t.Fatal("no AWSCluster is rendered")
}

// TestPlanIsRendered reads the objects back and compares them with the plan: each
// group once, in its zone, at its sizes; each subnet once; as many members.
func TestPlanIsRendered(t *testing.T) {
	for name := range variants() {
		_, p, out := files(t, name)
		planned, written := map[string]string{}, map[string]string{}
		scaled := func(annotations map[string]string, replicas *int32) string {
			if replicas != nil {
				return fmt.Sprint(*replicas)
			}
			return annotations[clusterv1.AutoscalerMinSizeAnnotation] + "-" + annotations[clusterv1.AutoscalerMaxSizeAnnotation]
		}
		for _, pool := range p.Pools {
			for _, g := range pool.Groups {
				planned[g.Name] = fmt.Sprint(g.Zones, " ", g.Size)
				if pool.Autoscaling {
					planned[g.Name] = fmt.Sprint(g.Zones, " ", g.Min, "-", g.Max)
				}
			}
		}
		for _, s := range p.Network.Subnets {
			planned[s.Name] = fmt.Sprint(s.Zone, s.CIDR, s.Public)
		}
		planned["members"] = fmt.Sprint(len(p.ControlPlane.Members))
		for _, o := range documents(t, out) {
			switch o.GetKind() {
			case "MachineDeployment":
				md := typed[clusterv1.MachineDeployment](t, o)
				written[md.Name] = fmt.Sprint([]string{md.Spec.Template.Spec.FailureDomain}, " ", scaled(md.Annotations, md.Spec.Replicas))
			case "MachinePool":
				mp := typed[clusterv1.MachinePool](t, o)
				written[mp.Name] = fmt.Sprint(mp.Spec.FailureDomains, " ", scaled(mp.Annotations, mp.Spec.Replicas))
			case "AWSCluster":
				for _, s := range typed[infrav1.AWSCluster](t, o).Spec.NetworkSpec.Subnets {
					written[s.ID] = fmt.Sprint(s.AvailabilityZone, s.CidrBlock, s.IsPublic)
				}
			case "KubeadmControlPlane":
				written["members"] = fmt.Sprint(*typed[controlplanev1.KubeadmControlPlane](t, o).Spec.Replicas)
			}
		}
		if diff := cmp.Diff(planned, written); diff != "" {
			t.Errorf("%s (-plan +files):\n%s", name, diff)
		}
	}
}
