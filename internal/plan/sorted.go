package plan

import (
	"cmp"
	"slices"
)

// sorted is the distinct names in alphabetical order.
func sorted(names []string) []string {
	out := slices.Clone(names)
	slices.Sort(out)
	return slices.Compact(out)
}

func compare(a, b string) int { return cmp.Compare(a, b) }

// without is the names except the one.
func without(names []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == name })
}
