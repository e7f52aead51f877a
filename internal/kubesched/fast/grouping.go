package fast

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// grouping puts nodes that are equal in some labels, and in their taints if they
// matter, into one group. Groups are numbered from 0; one may become empty.
type grouping struct {
	engine *Engine
	distinction

	ids  map[string]int32
	of   []int32 // node → group
	size []int32 // nodes of each group
	// first is a node of each group, -1 of an empty one.
	first []int32
	// complete groups have every label in keys and has.
	complete []bool
	moves    []move
}

// move is a node that went to another group.
type move struct{ node, from, to int32 }

// distinction is in what nodes of one group do not differ.
type distinction struct {
	keys   []string // labels that matter by value
	has    []string // labels that matter by being there
	taints bool     // those that keep pods away
	name   bool
}

// groupingFor returns the grouping by the distinction; all who ask share it.
func (e *Engine) groupingFor(d distinction) *grouping {
	id := fmt.Sprintf("%q %q %t %t", d.keys, d.has, d.taints, d.name)
	if g, ok := e.groupings[id]; ok {
		return g
	}
	g := &grouping{engine: e, distinction: d, ids: map[string]int32{}, of: make([]int32, len(e.nodes))}
	for i, n := range e.nodes {
		g.join(int32(i), n.Node())
	}
	e.groupings[id] = g
	return g
}

func (g *grouping) join(i int32, node *corev1.Node) {
	id := g.id(node)
	group, ok := g.ids[id]
	if !ok {
		group = int32(len(g.size))
		g.ids[id] = group
		g.size = append(g.size, 0)
		g.first = append(g.first, -1)
		g.complete = append(g.complete, g.hasAll(node))
	}
	g.of[i] = group
	if g.size[group] == 0 {
		g.first[group] = i
	}
	g.size[group]++
}

// update puts a changed node where it belongs now.
func (g *grouping) update(i int32, node *corev1.Node) {
	was := g.of[i]
	if id, ok := g.ids[g.id(node)]; ok && id == was {
		return
	}
	g.size[was]--
	g.join(i, node)
	g.moves = append(g.moves, move{i, was, g.of[i]})
	if g.first[was] == i {
		g.first[was] = int32(slices.Index(g.of, was)) // -1: empty
	}
}

func (g *grouping) hasAll(node *corev1.Node) bool {
	for _, key := range slices.Concat(g.keys, g.has) {
		if _, ok := node.Labels[key]; !ok {
			return false
		}
	}
	return true
}

// id is equal for nodes of one group.
func (g *grouping) id(node *corev1.Node) string {
	var b strings.Builder
	if g.name {
		b.WriteString(node.Name)
		b.WriteByte(0)
	}
	for _, key := range g.keys {
		value, ok := node.Labels[key]
		if ok {
			b.WriteByte('=')
		}
		b.WriteString(value)
		b.WriteByte(0)
	}
	for _, key := range g.has {
		if _, ok := node.Labels[key]; ok {
			b.WriteByte('+')
		}
		b.WriteByte(0)
	}
	if g.taints {
		for _, t := range node.Spec.Taints {
			if t.Effect != corev1.TaintEffectPreferNoSchedule {
				b.WriteString(t.Key + "=" + t.Value + ":" + string(t.Effect))
				b.WriteByte(0)
			}
		}
	}
	return b.String()
}
