package hcl

import (
	"maps"
	"slices"

	hcl2 "github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
)

// Value is what an attribute is set to.
type Value struct{ tokens hclwrite.Tokens }

// String is a literal; ${ and %{ in it stay as they are written.
func String(s string) Value { return Value{hclwrite.TokensForValue(cty.StringVal(s))} }

// Int is a whole number.
func Int(n int) Value { return Value{hclwrite.TokensForValue(cty.NumberIntVal(int64(n)))} }

// Bool is true or false.
func Bool(b bool) Value { return Value{hclwrite.TokensForValue(cty.BoolVal(b))} }

// Strings is a list of literals.
func Strings(all ...string) Value {
	values := make([]Value, 0, len(all))
	for _, s := range all {
		values = append(values, String(s))
	}
	return List(values...)
}

// List is a list of values.
func List(values ...Value) Value {
	tokens := make([]hclwrite.Tokens, 0, len(values))
	for _, v := range values {
		tokens = append(tokens, v.tokens)
	}
	return Value{hclwrite.TokensForTuple(tokens)}
}

// Map is an object with its keys in order. Keys are quoted, for they need not be
// identifiers.
func Map(values map[string]Value) Value {
	attributes := make([]hclwrite.ObjectAttrTokens, 0, len(values))
	for _, key := range slices.Sorted(maps.Keys(values)) {
		attributes = append(attributes, hclwrite.ObjectAttrTokens{Name: String(key).tokens, Value: values[key].tokens})
	}
	return Value{hclwrite.TokensForObject(attributes)}
}

// StringMap is an object of literals.
func StringMap(values map[string]string) Value {
	out := map[string]Value{}
	for key, value := range values {
		out[key] = String(value)
	}
	return Map(out)
}

// Ref is a reference: Ref("scaleway_vpc", "main", "id") is scaleway_vpc.main.id.
func Ref(root string, attributes ...string) Value {
	return Value{hclwrite.TokensForTraversal(traversal(root, attributes))}
}

// Index is a reference to one key: Index("fr-par-1", "var", "ips") is
// var.ips["fr-par-1"].
func Index(key, root string, attributes ...string) Value {
	return Value{hclwrite.TokensForTraversal(append(traversal(root, attributes), hcl2.TraverseIndex{Key: cty.StringVal(key)}))}
}

func traversal(root string, attributes []string) hcl2.Traversal {
	out := hcl2.Traversal{hcl2.TraverseRoot{Name: root}}
	for _, a := range attributes {
		out = append(out, hcl2.TraverseAttr{Name: a})
	}
	return out
}

// Call is a function's result.
func Call(function string, arguments ...Value) Value {
	tokens := make([]hclwrite.Tokens, 0, len(arguments))
	for _, a := range arguments {
		tokens = append(tokens, a.tokens)
	}
	return Value{hclwrite.TokensForFunctionCall(function, tokens...)}
}

// Type is a type constraint of a variable, for example Type("map", "string").
func Type(outer string, inner ...string) Value {
	if len(inner) == 0 {
		return Ref(outer)
	}
	return Call(outer, Ref(inner[0]))
}
