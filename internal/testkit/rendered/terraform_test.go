package rendered

import (
	"fmt"
	"strings"
	"testing"

	"bulkhead.dev/bulkhead/internal/render/file"
)

// findings records errors instead of failing.
type findings struct {
	testing.TB
	text []string
}

func (*findings) Helper() {}

func (f *findings) Errorf(format string, arguments ...any) {
	f.text = append(f.text, fmt.Sprintf(format, arguments...))
}

func (f *findings) Error(arguments ...any) { f.text = append(f.text, fmt.Sprint(arguments...)) }

// TestTerraformFinds: each kind of mistake is found, so that silence means something.
func TestTerraformFinds(t *testing.T) {
	schema := Schema{Resources: map[string]map[string]argument{
		"kind": {
			"name": {Type: "String", Required: true}, "size": {Type: "Int", Optional: true}, "id": {Type: "String", Computed: true},
			"old": {Type: "String", Optional: true, Deprecated: "use name"}, "list": {Type: "List", Optional: true, Elem: "String"},
			"inner": {Type: "List", Optional: true, MaxItems: 1, Block: map[string]argument{"on": {Type: "Bool", Required: true}}},
		},
	}}
	for _, test := range []struct{ body, want string }{
		{`name = "a"`, ""},
		{`name = "a"` + "\ninner {\n on = true\n}\nsize = 3\nlist = [kind.x.id]\ndepends_on = [kind.x]", ""},
		{`size = 3`, "lacks name"},
		{`name = "a"` + "\nother = 1", "no argument other"},
		{`name = "a"` + "\nold = \"b\"", "deprecated"},
		{`name = "a"` + "\nid = \"b\"", "the provider's to set"},
		{`name = "a"` + "\nsize = \"three\"", "is string, not Int"},
		{`name = "a"` + "\nlist = \"one\"", "not List"},
		{`name = "a"` + "\nlist = [kind.y.id]", "nothing is called kind.y.id"},
		{`name = kind.x.what`, "has no attribute what"},
		{`name = var.v`, "nothing is called var.v"},
		{`name = "a"` + "\ninner {\n}", "lacks on"},
		{`name = "a"` + "\ninner {\n on = true\n}\ninner {\n on = true\n}", "2 blocks inner, at most 1"},
		{`name = "a"` + "\ninner = []", "is a block"},
		{`name = "a"` + "\nsize {\n}", "is no block"},
		{`name = "a"` + "\nouter {\n}", "no block outer"},
	} {
		f := &findings{TB: t}
		schema.Terraform(f, []file.File{{Path: "main.tf", Data: []byte("resource \"kind\" \"x\" {\n" + test.body + "\n}\n")}})
		switch {
		case test.want == "" && len(f.text) > 0:
			t.Errorf("%s: %q", test.body, f.text)
		case test.want != "" && (len(f.text) != 1 || !strings.Contains(f.text[0], test.want)):
			t.Errorf("%s: %q, want %q", test.body, f.text, test.want)
		}
	}
}
