//go:build linux

package policies

import (
	"context"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/yaml"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/render/ack"
	"bulkhead.dev/bulkhead/internal/render/capa"
	"bulkhead.dev/bulkhead/internal/render/eks"
	"bulkhead.dev/bulkhead/internal/render/file"
	"bulkhead.dev/bulkhead/internal/render/kapsule"
	"bulkhead.dev/bulkhead/internal/render/observability"
	"bulkhead.dev/bulkhead/internal/testkit/controlplane"
	"bulkhead.dev/bulkhead/internal/testkit/rendered"
)

// sample is one object of testdata/samples.yaml and what is expected of it.
type sample struct {
	// Name of the case; Policy that it is about.
	Name   string `json:"name"`
	Policy string `json:"policy"`
	// Warning is a part of the message; empty: nobody complains.
	Warning string `json:"warning"`
	// Resource of the object.
	Resource schema.GroupVersionResource `json:"resource"`
	Object   map[string]any              `json:"object"`
}

// warnings collects what the API server warns of.
type warnings struct {
	mu   sync.Mutex
	text []string
}

func (w *warnings) HandleWarningHeader(_ int, _, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text = append(w.text, text)
}

// take returns the warnings of the policies since the last time.
func (w *warnings) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []string
	for _, text := range w.text {
		if strings.Contains(text, "ValidatingAdmissionPolicy") {
			out = append(out, text)
		}
	}
	w.text = nil
	return out
}

// cluster is a control plane with the policies.
type cluster struct {
	ctx      context.Context
	clients  kubernetes.Interface
	objects  dynamic.Interface
	warnings *warnings
}

// TestOnAPIServer creates the policies on a real API server, and every sample: with
// the bindings that warn, and with those that refuse.
func TestOnAPIServer(t *testing.T) {
	samples := readSamples(t)
	cp := controlplane.Start(t, controlplane.Options{Scheduler: controlplane.SchedulerOptions{Disabled: true}, DisableKwok: true})
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	config := cp.Config()
	w := &warnings{}
	config.WarningHandler = w
	c := cluster{ctx: ctx, clients: kubernetes.NewForConfigOrDie(config), objects: dynamic.NewForConfigOrDie(config), warnings: w}
	parameters := ParametersOf(clusterOf(t))
	for _, p := range all(parameters) {
		if _, err := c.clients.AdmissionregistrationV1().ValidatingAdmissionPolicies().Create(ctx, p.object(), metav1.CreateOptions{}); err != nil {
			t.Fatalf("creating %s: %v", p.name, err)
		}
		if _, err := c.clients.AdmissionregistrationV1().ValidatingAdmissionPolicyBindings().Create(ctx, p.binding(parameters.ExcludedNamespaces, false), metav1.CreateOptions{}); err != nil {
			t.Fatalf("binding %s: %v", p.name, err)
		}
	}
	c.awaitTypes(t, parameters)
	// Those that warn first: once each policy has warned, all are in force.
	slices.SortStableFunc(samples, func(a, b sample) int { return strings.Compare(b.Warning, a.Warning) })
	for _, s := range samples {
		t.Run("warn/"+s.Policy+"/"+s.Name, func(t *testing.T) { c.warns(t, s) })
	}
	t.Run("what we render", func(t *testing.T) {
		for _, s := range ourOwn(t) {
			if err := c.create(s); err != nil {
				t.Errorf("%s: %v", s.Name, err)
			}
			if got := c.warnings.take(); len(got) > 0 {
				t.Errorf("%s: %q", s.Name, got)
			}
		}
	})

	for _, p := range all(parameters) {
		if _, err := c.clients.AdmissionregistrationV1().ValidatingAdmissionPolicyBindings().Update(ctx, c.enforced(t, p, parameters), metav1.UpdateOptions{}); err != nil {
			t.Fatalf("enforcing %s: %v", p.name, err)
		}
	}
	advisory := map[string]bool{}
	for _, p := range all(parameters) {
		advisory[p.name] = p.advisory
	}
	for _, s := range samples {
		t.Run("enforce/"+s.Policy+"/"+s.Name, func(t *testing.T) {
			if advisory[s.Policy] {
				c.warns(t, s)
				return
			}
			c.refuses(t, s)
		})
	}
}

// awaitTypes waits until the controller manager has checked the policies' types, and
// reports what it found.
func (c cluster) awaitTypes(t *testing.T, parameters Parameters) {
	t.Helper()
	for _, p := range all(parameters) {
		for {
			got, err := c.clients.AdmissionregistrationV1().ValidatingAdmissionPolicies().Get(c.ctx, p.name, metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if got.Status.ObservedGeneration == got.Generation {
				if got.Status.TypeChecking != nil {
					for _, w := range got.Status.TypeChecking.ExpressionWarnings {
						t.Errorf("%s: %s: %s", p.name, w.FieldRef, w.Warning)
					}
				}
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
}

// create asks the API server whether it would take the object.
func (c cluster) create(s sample) error {
	object := &unstructured.Unstructured{Object: s.Object}
	c.warnings.take()
	var err error
	if object.GetNamespace() != "" {
		_, err = c.objects.Resource(s.Resource).Namespace(object.GetNamespace()).Create(c.ctx, object, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	} else {
		_, err = c.objects.Resource(s.Resource).Create(c.ctx, object, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	}
	return err
}

// warns: the object is taken, with the warning expected and no other.
func (c cluster) warns(t *testing.T, s sample) {
	t.Helper()
	for {
		if err := c.create(s); err != nil {
			t.Fatal(err)
		}
		got := c.warnings.take()
		switch {
		case s.Warning == "":
			if len(got) > 0 {
				t.Errorf("warnings: %q", got)
			}
			return
		case len(got) == 1 && strings.Contains(got[0], s.Warning) && strings.Contains(got[0], "'"+s.Policy+"'"):
			return
		case len(got) > 0:
			t.Fatalf("warnings: %q, not %q", got, s.Warning)
		}
		if c.ctx.Err() != nil {
			t.Fatalf("no warning %q", s.Warning)
		}
		time.Sleep(100 * time.Millisecond) // a new policy takes a moment to be known
	}
}

// refuses: the object is refused with the message expected, or taken without a word.
func (c cluster) refuses(t *testing.T, s sample) {
	t.Helper()
	for {
		err := c.create(s)
		switch {
		case s.Warning == "":
			if err != nil {
				t.Error(err)
			}
			return
		case apierrors.IsInvalid(err) && strings.Contains(err.Error(), s.Warning) && strings.Contains(err.Error(), "'"+s.Policy+"'"):
			return
		case err != nil:
			t.Fatalf("%v, not %q", err, s.Warning)
		}
		if c.ctx.Err() != nil {
			t.Fatalf("not refused: %q", s.Warning)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func (c cluster) enforced(t *testing.T, p policy, parameters Parameters) *admissionv1.ValidatingAdmissionPolicyBinding {
	t.Helper()
	got, err := c.clients.AdmissionregistrationV1().ValidatingAdmissionPolicyBindings().Get(c.ctx, p.name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := p.binding(parameters.ExcludedNamespaces, true)
	want.ResourceVersion = got.ResourceVersion
	return want
}

// ourOwn are the objects that render makes for the examples, of kinds that the
// policies are about: nothing of ours may break them.
func ourOwn(t *testing.T) []sample {
	t.Helper()
	resources := map[string]schema.GroupVersionResource{
		"Service":      {Version: "v1", Resource: "services"},
		"DaemonSet":    {Group: "apps", Version: "v1", Resource: "daemonsets"},
		"CronJob":      {Group: "batch", Version: "v1", Resource: "cronjobs"},
		"StorageClass": {Group: "storage.k8s.io", Version: "v1", Resource: "storageclasses"},
	}
	type files func(*v1alpha1.Cluster, *v1alpha1.ClusterPlan) ([]file.File, error)
	var out []sample
	seen := map[string]bool{}
	for example, renderers := range map[string][]files{
		"kapsule": {kapsule.Files, observability.Files}, "ack": {ack.Files}, "eks": {eks.Files}, "capa": {capa.Files},
	} {
		c, p := rendered.Example(t, example)
		for _, render := range renderers {
			made, err := render(c, p)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range made {
				if !strings.HasSuffix(f.Path, ".yaml") {
					continue
				}
				for document := range strings.SplitSeq(string(f.Data), "\n---\n") {
					var object map[string]any
					if err := yaml.Unmarshal([]byte(document), &object); err != nil {
						t.Fatalf("%s: %v", f.Path, err)
					}
					kind, _ := object["kind"].(string)
					resource, ours := resources[kind]
					if !ours {
						continue
					}
					seen[kind] = true
					u := unstructured.Unstructured{Object: object}
					if kind != "StorageClass" {
						u.SetNamespace(metav1.NamespaceDefault) // which is not exempt
					}
					out = append(out, sample{Name: f.Path + ": " + kind + " " + u.GetName(), Resource: resource, Object: u.Object})
				}
			}
		}
	}
	if len(seen) != len(resources) {
		t.Errorf("only %v are rendered", seen)
	}
	return out
}

// readSamples reads testdata/samples.yaml, and checks that each policy has objects
// that pass and objects that do not.
func readSamples(t *testing.T) []sample {
	t.Helper()
	data, err := os.ReadFile("testdata/samples.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var out []sample
	if err := yaml.UnmarshalStrict(data, &out); err != nil {
		t.Fatal(err)
	}
	for _, p := range all(ParametersOf(clusterOf(t))) {
		passes, warns := 0, map[string]bool{}
		for _, s := range out {
			if s.Policy != p.name {
				continue
			}
			if s.Warning == "" {
				passes++
				continue
			}
			for _, v := range p.validations {
				warns[v.Message] = warns[v.Message] || strings.Contains(v.Message, s.Warning)
			}
		}
		if passes == 0 {
			t.Errorf("%s: no sample passes", p.name)
		}
		for _, v := range p.validations {
			if !warns[v.Message] {
				t.Errorf("%s: no sample for %q", p.name, v.Message)
			}
		}
	}
	return out
}
