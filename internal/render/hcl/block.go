package hcl

import (
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"

	"bulkhead.dev/bulkhead/internal/render/file"
)

// Item stands in a block's body: an Attribute or a Block.
type Item interface {
	write(body *hclwrite.Body, first bool)
}

// Attribute is a name and its value, under comment lines.
type Attribute struct {
	Name    string
	Value   Value
	Comment string
}

// Attr is an attribute without a comment.
func Attr(name string, value Value) Attribute { return Attribute{Name: name, Value: value} }

// Block is a block with its labels and body, under comment lines.
type Block struct {
	Type    string
	Labels  []string
	Comment string
	Body    []Item
}

// Resource is a resource block.
func Resource(kind, name, comment string, body ...Item) Block {
	return Block{Type: "resource", Labels: []string{kind, name}, Comment: comment, Body: body}
}

// Output is an output block.
func Output(name, description string, value Value) Block {
	return Block{Type: "output", Labels: []string{name}, Body: []Item{Attr("description", String(description)), Attr("value", value)}}
}

// Nested is a block without labels in another's body.
func Nested(kind string, body ...Item) Block { return Block{Type: kind, Body: body} }

func (a Attribute) write(body *hclwrite.Body, _ bool) {
	comment(body, a.Comment)
	body.SetAttributeRaw(a.Name, a.Value.tokens)
}

func (b Block) write(body *hclwrite.Body, first bool) {
	if !first {
		body.AppendNewline()
	}
	comment(body, b.Comment)
	inner := body.AppendNewBlock(b.Type, b.Labels).Body()
	for i, item := range b.Body {
		item.write(inner, i == 0)
	}
}

func comment(body *hclwrite.Body, text string) {
	if text == "" {
		return
	}
	for line := range strings.Lines(text) {
		body.AppendUnstructuredTokens(hclwrite.Tokens{{Type: hclsyntax.TokenComment, Bytes: []byte("# " + strings.TrimRight(line, "\n") + "\n")}})
	}
}

// File is a Terraform file of blocks under comment lines.
func File(path, head string, blocks ...Block) file.File {
	f := hclwrite.NewEmptyFile()
	comment(f.Body(), head)
	for i, b := range blocks {
		b.write(f.Body(), i == 0 && head == "")
	}
	return file.File{Path: path, Data: hclwrite.Format(f.Bytes())}
}

// Name makes a Terraform name of parts, which are DNS labels or provider's zones: a
// name begins with a letter or an underscore.
func Name(parts ...string) string {
	name := strings.Join(parts, "-")
	if name == "" || name[0] >= '0' && name[0] <= '9' || name[0] == '-' {
		return "_" + name
	}
	return name
}
