package report_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/report"
	"github.com/google/go-cmp/cmp"
	"github.com/invopop/jsonschema"
	validator "github.com/santhosh-tekuri/jsonschema/v6"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const schemaFile = "docs/schemas/simulation-report.schema.json"

func generate(t *testing.T) []byte {
	t.Helper()
	return generateOf(t, &v1alpha1.SimulationReport{}, v1alpha1.SimulationReportKind, "simulation-report")
}

// generateOf makes the schema from the Go types and their comments; it needs the
// source, so it runs in the module's root.
func generateOf(t *testing.T, value any, kind, file string) []byte {
	t.Helper()
	t.Chdir(filepath.Join("..", ".."))
	reflector := &jsonschema.Reflector{
		Anonymous:                 true,
		AllowAdditionalProperties: true, // fields are added within a version
		Mapper: func(typ reflect.Type) *jsonschema.Schema {
			switch typ {
			case reflect.TypeFor[resource.Quantity]():
				return &jsonschema.Schema{Type: "string", Description: "A Kubernetes quantity, for example 16Gi."}
			case reflect.TypeFor[v1alpha1.Verdict]():
				return &jsonschema.Schema{
					Type:        "string",
					Enum:        []any{v1alpha1.Survives, v1alpha1.Undetermined, v1alpha1.Degraded, v1alpha1.Outage},
					Description: "Verdict, from best to worst: survives, undetermined, degraded, outage.",
				}
			case reflect.TypeFor[metav1.MicroTime]():
				return &jsonschema.Schema{Type: "string", Format: "date-time"}
			case reflect.TypeFor[v1alpha1.DrillVerdict]():
				return &jsonschema.Schema{
					Type:        "string",
					Enum:        []any{v1alpha1.DrillHolds, v1alpha1.DrillFails, v1alpha1.DrillUndetermined},
					Description: "Verdict: whether every expectation held, one did not, or one could not be judged.",
				}
			case reflect.TypeFor[v1alpha1.Linearizability]():
				return &jsonschema.Schema{
					Type: "string",
					Enum: []any{v1alpha1.Linearizable, v1alpha1.NotLinearizable, v1alpha1.LinearizabilityUnknown},
				}
			}
			return nil
		},
	}
	if err := reflector.AddGoComments("bulkhead.dev/bulkhead", "./api/v1alpha1"); err != nil {
		t.Fatal(err)
	}
	for name, text := range reflector.CommentMap {
		reflector.CommentMap[name] = strings.Join(strings.Fields(text), " ")
	}
	s := reflector.Reflect(value)
	s.ID = jsonschema.ID("https://bulkhead.dev/schemas/" + file + ".schema.json")
	s.Title = kind
	allowNull(s.Definitions, reflect.TypeOf(value), map[reflect.Type]bool{})

	root := s.Definitions[kind]
	root.Properties.Set("apiVersion", &jsonschema.Schema{Type: "string", Const: v1alpha1.APIVersion})
	root.Properties.Set("kind", &jsonschema.Schema{Type: "string", Const: kind})
	root.Required = append([]string{"apiVersion", "kind"}, root.Required...)
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(text, '\n')
}

// allowNull lets be null what can be: pointers that are always there, and
// ExtraNodes, whose null has a meaning. All other lists and maps are there,
// though they may be empty.
func allowNull(definitions jsonschema.Definitions, typ reflect.Type, seen map[reflect.Type]bool) {
	for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice || typ.Kind() == reflect.Map {
		typ = typ.Elem()
	}
	if typ.Kind() != reflect.Struct || seen[typ] || typ.PkgPath() != reflect.TypeFor[v1alpha1.SimulationReport]().PkgPath() {
		return
	}
	seen[typ] = true
	for i := range typ.NumField() {
		field := typ.Field(i)
		allowNull(definitions, field.Type, seen)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if field.Type.Kind() != reflect.Pointer && field.Name != "ExtraNodes" || strings.Contains(options, "omit") {
			continue
		}
		old, ok := definitions[typ.Name()].Properties.Get(name)
		if !ok {
			continue
		}
		description := old.Description
		old.Description = ""
		definitions[typ.Name()].Properties.Set(name, &jsonschema.Schema{
			AnyOf: []*jsonschema.Schema{old, {Type: "null"}}, Description: description,
		})
	}
}

// The file is made from the types: go test ./internal/report -run Schema -update.
func TestSchemaFileIsCurrent(t *testing.T) {
	want := generate(t)
	if *update {
		if err := os.WriteFile(schemaFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := report.Schema()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s is not what the types say (go test ./internal/report -run Schema -update):\n%s", schemaFile, diff)
	}
}

func compiled(t *testing.T) *validator.Schema {
	t.Helper()
	text := generate(t)
	document, err := validator.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := validator.NewCompiler()
	if err := c.AddResource("report.json", document); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("report.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestReportsFollowTheSchema(t *testing.T) {
	schema := compiled(t)
	for name, r := range samples() {
		if name == "empty" {
			r.Verdict = v1alpha1.Undetermined // a report has a verdict
		}
		value, err := validator.UnmarshalJSON(strings.NewReader(render(t, report.FormatJSON, r, report.Options{})))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(value); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSchemaRefusesWhatIsNoReport(t *testing.T) {
	schema := compiled(t)
	text := render(t, report.FormatJSON, shop(), report.Options{})
	for what, change := range map[string][2]string{
		"another kind":          {`"kind": "SimulationReport"`, `"kind": "Report"`},
		"an unknown verdict":    {`"verdict": "outage"`, `"verdict": "fine"`},
		"no workloads":          {`"workloads": 11,`, ``},
		"a list that is null":   {`"beforeFailure": []`, `"beforeFailure": null`},
		"text for a number":     {`"settledSeconds": 700`, `"settledSeconds": "700"`},
		"a number for a room":   {`"memory": "48Gi"`, `"memory": 48`},
		"a time that is a text": {`"recoverySeconds": null`, `"recoverySeconds": "never"`},
	} {
		changed := strings.Replace(text, change[0], change[1], 1)
		if changed == text {
			t.Fatalf("%s: %q is not in the report", what, change[0])
		}
		value, err := validator.UnmarshalJSON(strings.NewReader(changed))
		if err != nil {
			t.Fatal(err)
		}
		if schema.Validate(value) == nil {
			t.Errorf("%s is taken for a report", what)
		}
	}
}

// Every field says what it is.
func TestSchemaDescribesEveryStruct(t *testing.T) {
	var s struct {
		Schema string `json:"$schema"`
		Defs   map[string]struct {
			Description string `json:"description"`
		} `json:"$defs"`
	}
	text, err := report.Schema()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	if s.Schema != "https://json-schema.org/draft/2020-12/schema" {
		t.Errorf("$schema is %q", s.Schema)
	}
	for name, d := range s.Defs {
		if d.Description == "" {
			t.Errorf("%s has no description", name)
		}
	}
}
