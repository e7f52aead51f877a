package snapshot_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"sigs.k8s.io/yaml"

	"bulkhead.dev/bulkhead/internal/kubesched/apiserver"
	"bulkhead.dev/bulkhead/internal/model"
	"bulkhead.dev/bulkhead/internal/snapshot"
)

const (
	node  = "apiVersion: v1\nkind: Node\nmetadata:\n  name: n1\n  labels: {topology.kubernetes.io/zone: a}\nstatus:\n  allocatable: {cpu: \"4\"}\n"
	shop  = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  selector: {matchLabels: {app: a}}\n  template:\n    metadata: {labels: {app: a}}\n    spec:\n      containers:\n      - name: c\n        image: i\n"
	other = "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w}\n"
)

func asJSON(t *testing.T, text string) string {
	t.Helper()
	b, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func indent(text, first string) string {
	pad := strings.Repeat(" ", len(first))
	return first + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n"+pad) + "\n"
}

// However the same objects are written, the snapshot is the same, and the line
// of the Deployment is known.
func TestForms(t *testing.T) {
	n, d, o := asJSON(t, node), asJSON(t, shop), asJSON(t, other)
	tests := []struct {
		name, text, source string
	}{
		{"documents", node + "---\n" + shop + "---\n" + other, "-:9"},
		{"documents with markers at both ends, comments and carriage returns",
			strings.ReplaceAll("# x\n---\n"+node+"...\n--- # next\n\n# y\n"+shop+"---\n"+other+"---\n", "\n", "\r\n"), "-:14"},
		{"byte order mark", "\uFEFF" + node + "---\n" + shop + "---\n" + other, "-:9"},
		{"JSON documents", "---\n" + n + "\n---\n" + d + "\n---\n" + o, "-:4"},
		{"JSON one after the other", n + "\n\n" + d + o, "-:3"},
		{"YAML list as kubectl writes it", "apiVersion: v1\nitems:\n" + indent(node, "- ") + indent(shop, "- ") + indent(other, "- ") + "kind: List\n", "-:10"},
		{"YAML list, indented", "kind: List\napiVersion: v1\nitems:\n" + indent(node, "  - ") + "# here\n\n" + indent(shop, "  - ") + indent(other, "  - "), "-:13"},
		{"YAML list in flow style", "{kind: List, apiVersion: v1, items: [" + n + ",\n" + d + "," + o + "]}", "-:2"},
		{"YAML list with an anchor across items", "apiVersion: v1\nkind: List\nitems:\n" + indent(strings.Replace(node, "v1", "&v v1", 1), "- ") +
			indent(strings.Replace(shop, "name: c", "name: c\n        imagePullPolicy: &p Always", 1), "- ") +
			indent(strings.Replace(other, "w}", "*p }", 1), "- "), "-:11"},
		{"JSON list", `{"kind":"List","apiVersion":"v1","items":[` + n + ",\n" + d + "," + o + `]}`, "-:2"},
		{"JSON list, kind last", `{"items":[` + n + ",\n" + d + "," + o + `],"apiVersion":"v1","kind":"List"}`, "-:2"},
		{"lists in lists", `{"kind":"List","apiVersion":"v1","items":[{"kind":"NodeList","apiVersion":"v1","items":[` + n + "]},\n\n" +
			`{"kind":"DeploymentList","apiVersion":"apps/v1","items":[` + d + `]},{"kind":"WidgetList","apiVersion":"example.com/v1","items":[` + o + `]}]}`, "-:3"},
		{"typed lists whose items say no kind", strings.ReplaceAll(`{"kind":"NodeList","apiVersion":"v1","items":[`+n+"]}\n"+
			`{"kind":"DeploymentList","apiVersion":"apps/v1","items":[`+d+`]}`+o, `"apiVersion":"apps/v1","kind":"Deployment",`, ""), "-:2"},
		{"list without items beside them", node + "---\n" + shop + "---\napiVersion: v1\nkind: List\n---\n" + other, "-:9"},
	}
	want := mustRead(t, tests[0].text)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := mustRead(t, tt.text)
			if got.Workloads[0].Source != tt.source {
				t.Errorf("source %s, want %s", got.Workloads[0].Source, tt.source)
			}
			ignore := cmpopts.IgnoreFields(model.Workload{}, "Source", "Template", "Controller", "Selector")
			if diff := cmp.Diff(want, got, ignore); diff != "" {
				t.Error("(-want +got)\n" + diff)
			}
		})
	}
}

func TestFoldersAndNamespaces(t *testing.T) {
	write(t, map[string]string{
		"app/b/deploy.yml":        shop,
		"app/a.yaml":              node,
		"app/z.JSON":              asJSON(t, other),
		"app/notes.txt":           "not: [yaml",
		"app/.hidden/x.yaml":      "not: [yaml",
		"app/link.yaml -> a.yaml": "",
	})
	s, err := snapshot.Read(context.Background(), snapshot.Options{Paths: []string{"app", "app/a.yaml"}, Namespace: "shop"},
		apiserver.New(apiserver.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Nodes) != 1 || len(s.Workloads) != 1 || s.NotConsidered["Widget"] != 1 {
		t.Errorf("%d nodes, %d workloads, not considered %v", len(s.Nodes), len(s.Workloads), s.NotConsidered)
	}
	if w := s.Workloads[0]; w.Namespace != "shop" || w.Template.Namespace != "shop" || w.Source != "app/b/deploy.yml:1" {
		t.Errorf("%s in %s from %s", w.Ref, w.Template.Namespace, w.Source)
	}
}

// The same bytes give the same snapshot.
func TestDeterministic(t *testing.T) {
	text := node + "---\n" + shop + "---\n" + strings.Replace(shop, "name: web", "generateName: web-", 1)
	first, err := json.Marshal(mustRead(t, text))
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		again, err := json.Marshal(mustRead(t, text))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(first), string(again)); diff != "" {
			t.Fatal(diff)
		}
	}
}
