package hcl_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	hcl2 "github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"pgregory.net/rapid"

	"bulkhead.dev/bulkhead/internal/render/hcl"
)

func TestFile(t *testing.T) {
	f := hcl.File("main.tf", "Head.\nMore.",
		hcl.Resource("kind", hcl.Name("1", "a"), "Why.",
			hcl.Attr("name", hcl.String(`a "quoted" ${literal}`)),
			hcl.Attribute{Name: "size", Value: hcl.Int(3), Comment: "Three."},
			hcl.Attr("on", hcl.Bool(true)),
			hcl.Attr("ids", hcl.List(hcl.Ref("other", "x", "id"), hcl.Index("a-1", "var", "ips"))),
			hcl.Attr("tags", hcl.StringMap(map[string]string{"b": "2", "a/x": "1"})),
			hcl.Nested("inner", hcl.Attr("first", hcl.Call("values", hcl.Ref("var", "ips")))),
		),
		hcl.Output("id", "Its ID.", hcl.Ref("kind", "_1-a", "id")),
	)
	want := `# Head.
# More.

# Why.
resource "kind" "_1-a" {
  name = "a \"quoted\" $${literal}"
  # Three.
  size = 3
  on   = true
  ids  = [other.x.id, var.ips["a-1"]]
  tags = {
    "a/x" = "1"
    "b"   = "2"
  }

  inner {
    first = values(var.ips)
  }
}

output "id" {
  description = "Its ID."
  value       = kind._1-a.id
}
`
	if diff := cmp.Diff(want, string(f.Data)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestStringsComeBack: whatever a string holds, HCL reads it as it was.
func TestStringsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.StringOf(rapid.RuneFrom([]rune("ab\"\\${}%\n\t'é#/"))).Draw(t, "text")
		f := hcl.File("main.tf", "", hcl.Resource("kind", "name", "", hcl.Attr("text", hcl.String(want))))
		parsed, diags := hclsyntax.ParseConfig(f.Data, f.Path, hcl2.InitialPos)
		if diags.HasErrors() {
			t.Fatalf("%v\n%s", diags, f.Data)
		}
		attribute := parsed.Body.(*hclsyntax.Body).Blocks[0].Body.Attributes["text"]
		got, diags := attribute.Expr.Value(nil)
		if diags.HasErrors() || !got.RawEquals(cty.StringVal(want)) {
			t.Fatalf("%q came back as %#v (%v)", want, got, diags)
		}
	})
}
