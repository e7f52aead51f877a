package rendered

import (
	"embed"
	"encoding/json"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	hcl2 "github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"bulkhead.dev/bulkhead/internal/render/file"
)

// argument is what a provider says of one, as in ../shared/schemas/README.md.
type argument struct {
	Type       string              `json:"type"`
	Required   bool                `json:"required"`
	Optional   bool                `json:"optional"`
	Computed   bool                `json:"computed"`
	Deprecated string              `json:"deprecated"`
	MaxItems   int                 `json:"maxItems"`
	Elem       string              `json:"elem"`
	Block      map[string]argument `json:"block"`
}

// Schema is the arguments of a provider's resources.
type Schema struct {
	Resources map[string]map[string]argument `json:"resources"`
}

//go:embed testdata/terraform-*.json
var more embed.FS

// TerraformSchema reads ../shared/schemas/terraform-PROVIDER.json, with the resources
// of testdata beside it, or skips the test where it is absent; with
// BULKHEAD_REQUIRE_ALL=1 it fails instead.
func TerraformSchema(t testing.TB, provider string) Schema {
	t.Helper()
	name := filepath.Join(Root(t), "..", "shared", "schemas", "terraform-"+provider+".json")
	data, err := os.ReadFile(name)
	if err != nil {
		if os.Getenv("BULKHEAD_REQUIRE_ALL") == "1" {
			t.Fatal(err)
		}
		t.Skipf("%v: the provider's arguments are not here", err)
	}
	var out Schema
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatalf("reading %s: %v", name, err)
	}
	data, err = more.ReadFile("testdata/terraform-" + provider + ".json")
	if err != nil {
		return out // nothing is left out
	}
	var rest Schema
	if err := json.Unmarshal(data, &rest); err != nil {
		t.Fatalf("reading testdata/terraform-%s.json: %v", provider, err)
	}
	maps.Copy(out.Resources, rest.Resources)
	return out
}

// Terraform parses each .tf file and checks every resource's arguments against the
// schema: each exists, may be set, is not deprecated and is of its type; required
// ones are there; blocks are not more than allowed. In each folder, which is a module
// of its own, references must resolve.
func (s Schema) Terraform(t testing.TB, files []file.File) {
	t.Helper()
	modules := map[string][]*hclsyntax.Block{}
	for _, f := range files {
		if !strings.HasSuffix(f.Path, ".tf") {
			continue
		}
		parsed, diags := hclsyntax.ParseConfig(f.Data, f.Path, hcl2.InitialPos)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		body := parsed.Body.(*hclsyntax.Body)
		modules[path.Dir(f.Path)] = append(modules[path.Dir(f.Path)], body.Blocks...)
		if len(body.Attributes) > 0 {
			t.Errorf("%s: attributes outside blocks", f.Path)
		}
	}
	if len(modules) == 0 {
		t.Error("no Terraform files")
	}
	for _, blocks := range modules {
		s.module(t, blocks)
	}
}

func (s Schema) module(t testing.TB, blocks []*hclsyntax.Block) {
	t.Helper()
	declared := map[string]bool{}
	for _, b := range blocks {
		var name string
		switch b.Type {
		case "resource":
			name = strings.Join(b.Labels, ".")
		case "variable":
			name = "var." + b.Labels[0]
		case "output":
			name = "output." + b.Labels[0]
		case "terraform", "provider":
			continue
		default:
			t.Errorf("%s: block %q", b.Range(), b.Type)
		}
		if declared[name] {
			t.Errorf("%s: %s twice", b.Range(), name)
		}
		declared[name] = true
	}
	for _, b := range blocks {
		if b.Type == "resource" {
			arguments, known := s.Resources[b.Labels[0]]
			if !known {
				t.Errorf("%s: the provider has no %s", b.Range(), b.Labels[0])
				continue
			}
			s.body(t, b.Body, arguments, b.Labels[0], true)
		}
		_ = hclsyntax.VisitAll(b.Body, func(n hclsyntax.Node) hcl2.Diagnostics {
			if e, ok := n.(*hclsyntax.ScopeTraversalExpr); ok && b.Type != "terraform" && !isType(b, e) {
				s.reference(t, declared, e)
			}
			return nil
		})
	}
}

// isType tells whether e is a variable's type, which is no reference.
func isType(b *hclsyntax.Block, e *hclsyntax.ScopeTraversalExpr) bool {
	kind, ok := b.Body.Attributes["type"]
	return ok && b.Type == "variable" && kind.Range().Overlaps(e.Range())
}

// reference checks that TYPE.NAME.ATTRIBUTE is declared and has the attribute.
func (s Schema) reference(t testing.TB, declared map[string]bool, e *hclsyntax.ScopeTraversalExpr) {
	t.Helper()
	var parts []string
	for _, step := range e.Traversal {
		switch step := step.(type) {
		case hcl2.TraverseRoot:
			parts = append(parts, step.Name)
		case hcl2.TraverseAttr:
			parts = append(parts, step.Name)
		}
	}
	if len(parts) < 2 || !declared[parts[0]+"."+parts[1]] {
		t.Errorf("%s: nothing is called %s", e.Range(), strings.Join(parts, "."))
		return
	}
	if parts[0] == "var" || len(parts) == 2 {
		return
	}
	if _, known := s.Resources[parts[0]][parts[2]]; !known && parts[2] != "id" {
		t.Errorf("%s: %s has no attribute %s", e.Range(), parts[0], parts[2])
	}
}

// meta are arguments and blocks of Terraform itself, in every resource.
func meta() []string { return []string{"depends_on", "lifecycle", "count", "for_each", "provider"} }

func (s Schema) body(t testing.TB, body *hclsyntax.Body, arguments map[string]argument, of string, top bool) {
	t.Helper()
	count := map[string]int{}
	for name, attribute := range body.Attributes {
		if top && slices.Contains(meta(), name) {
			continue
		}
		count[name]++
		a, known := arguments[name]
		switch {
		case !known:
			t.Errorf("%s: %s has no argument %s", attribute.Range(), of, name)
		case len(a.Block) > 0:
			t.Errorf("%s: %s of %s is a block", attribute.Range(), name, of)
		default:
			usable(t, attribute.Range(), of, name, a)
			typed(t, attribute, of, a)
		}
	}
	for _, b := range body.Blocks {
		if top && slices.Contains(meta(), b.Type) {
			continue
		}
		count[b.Type]++
		a, known := arguments[b.Type]
		switch {
		case !known:
			t.Errorf("%s: %s has no block %s", b.Range(), of, b.Type)
		case len(a.Block) == 0 && !strings.HasSuffix(a.Elem, "Schema()"):
			t.Errorf("%s: %s of %s is no block", b.Range(), b.Type, of)
		default:
			usable(t, b.Range(), of, b.Type, a)
			if len(a.Block) > 0 { // else the provider's arguments were not read
				s.body(t, b.Body, a.Block, of+"."+b.Type, false)
			}
		}
	}
	for name, a := range arguments {
		if a.Required && count[name] == 0 {
			t.Errorf("%s: %s lacks %s", body.Range(), of, name)
		}
		if a.MaxItems > 0 && len(a.Block) > 0 && count[name] > a.MaxItems {
			t.Errorf("%s: %s has %d blocks %s, at most %d", body.Range(), of, count[name], name, a.MaxItems)
		}
	}
}

func usable(t testing.TB, at hcl2.Range, of, name string, a argument) {
	t.Helper()
	if a.Deprecated != "" {
		t.Errorf("%s: %s of %s is deprecated: %s", at, name, of, a.Deprecated)
	}
	if !a.Required && !a.Optional {
		t.Errorf("%s: %s of %s is the provider's to set", at, name, of)
	}
}

// typed checks a literal's type; references have whatever type they have.
func typed(t testing.TB, attribute *hclsyntax.Attribute, of string, a argument) {
	t.Helper()
	value, diags := attribute.Expr.Value(nil)
	kind := value.Type()
	if diags.HasErrors() {
		switch attribute.Expr.(type) {
		case *hclsyntax.TupleConsExpr:
			kind = cty.EmptyTuple
		case *hclsyntax.ObjectConsExpr:
			kind = cty.EmptyObject
		default:
			return
		}
	}
	var ok bool
	switch a.Type {
	case "Bool":
		ok = kind == cty.Bool
	case "Int", "Float":
		ok = kind == cty.Number
	case "String":
		// Terraform turns numbers into strings; tags are read as String in the
		// schema file although they are maps, for a helper defines them.
		ok = kind == cty.String || kind == cty.Number || attribute.Name == "tags" && kind.IsObjectType()
	case "List", "Set":
		ok = kind.IsTupleType()
	case "Map":
		ok = kind.IsObjectType()
	}
	if !ok {
		t.Errorf("%s: %s of %s is %s, not %s", attribute.Range(), attribute.Name, of, kind.FriendlyName(), a.Type)
	}
}

// Attributes are the names that a file of variables sets, in order.
func Attributes(t testing.TB, text []byte) []string {
	t.Helper()
	parsed, diags := hclsyntax.ParseConfig(text, "terraform.tfvars", hcl2.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	var out []string
	for name := range parsed.Body.(*hclsyntax.Body).Attributes {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}
