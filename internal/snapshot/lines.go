package snapshot

import (
	"strconv"
	"strings"
	"sync"

	yamlv3 "go.yaml.in/yaml/v3"
)

// tree is a text parsed for its lines, once somebody asks for one.
type tree struct {
	line int // of the text in its file
	root func() *yamlv3.Node
}

func treeOf(line int, text []byte) *tree {
	return &tree{line, sync.OnceValue(func() *yamlv3.Node {
		var root yamlv3.Node
		if yamlv3.Unmarshal(text, &root) != nil || len(root.Content) == 0 {
			return nil
		}
		return root.Content[0]
	})}
}

// lineOf returns the line of a field, or of the nearest thing around it that is
// there. Only the line of a document itself, "", is cheap.
func (d document) lineOf(path string) int {
	switch {
	case path == "" && d.at == "":
		return d.line
	case d.tree == nil:
		return treeOf(d.line, d.text).lineOf(path)
	}
	return d.tree.lineOf(d.at + "." + path)
}

func (t *tree) lineOf(path string) int {
	node, line := t.root(), 1
	if node == nil {
		return t.line
	}
	for _, step := range steps(path) {
		for node.Kind == yamlv3.AliasNode {
			node = node.Alias
		}
		child, at := childOf(node, step)
		if child == nil {
			break
		}
		node, line = child, at
	}
	return t.line + line - 1
}

// childOf returns the node that the step leads to and the line it begins at.
func childOf(n *yamlv3.Node, step string) (*yamlv3.Node, int) {
	switch n.Kind {
	case yamlv3.MappingNode:
		// The last of equal keys is the one that counts.
		for i := len(n.Content) - 2; i >= 0; i -= 2 {
			if n.Content[i].Value == step {
				return n.Content[i+1], n.Content[i].Line
			}
		}
	case yamlv3.SequenceNode:
		if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(n.Content) {
			return n.Content[i], n.Content[i].Line
		}
	}
	return nil, 0
}

// steps takes a field path apart: "a.b[0].c[x.y/z]" is a, b, 0, c, x.y/z.
func steps(path string) []string {
	var all []string
	for path != "" {
		switch {
		case path[0] == '.':
			path = path[1:]
		case path[0] == '[':
			end := strings.IndexByte(path, ']')
			if end < 0 {
				return all
			}
			all = append(all, path[1:end])
			path = path[end+1:]
		default:
			end := strings.IndexAny(path, ".[")
			if end < 0 {
				end = len(path)
			}
			all = append(all, path[:end])
			path = path[end:]
		}
	}
	return all
}
