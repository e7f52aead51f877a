package spec

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"

	yamlv3 "go.yaml.in/yaml/v3"
)

// largest is the size of the largest spec that is read, in bytes: a thousand
// hosts take a tenth of it.
const largest = 1 << 20

// document is one YAML (or JSON) document, parsed.
type document struct {
	file string
	// root is nil where the text could not be read.
	root *yamlv3.Node
	// template: the text holds {{, which YAML reads as a map in a map.
	template bool
}

// read parses the text, which must be one document.
func (c *checker) read(text []byte) bool {
	if len(text) > largest {
		c.at(1, "", "is larger than 1 MiB: this is no spec")
		return false
	}
	c.doc.template = bytes.Contains(text, []byte("{{"))
	decoder := yamlv3.NewDecoder(bytes.NewReader(text))
	var roots []*yamlv3.Node
	for {
		var node yamlv3.Node
		err := decoder.Decode(&node)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			line, message := syntaxError(text, err)
			c.at(line, c.doc.syntaxHint(message), "reading YAML: "+message)
			return false
		}
		// Markers at the end of a file make documents without content.
		if len(node.Content) > 0 && node.Content[0].Tag != "!!null" {
			roots = append(roots, node.Content[0])
		}
	}
	switch {
	case len(roots) == 0:
		c.at(1, "a spec begins with apiVersion: bulkhead.dev/v1alpha1", "is empty")
		return false
	case len(roots) > 1:
		c.at(roots[1].Line, "put it into a file of its own", "a second document begins here: a file holds one")
		return false
	}
	c.doc.root = roots[0]
	return true
}

// at adds a fault of the document as a whole.
func (c *checker) at(line int, hint, message string) {
	c.faults = append(c.faults, Fault{File: c.doc.file, Line: line, Message: message, Hint: hint})
}

var yamlError = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

// syntaxError takes the line out of an error of the YAML reader.
func syntaxError(text []byte, err error) (int, string) {
	line, message := 1, oneLine(err.Error())
	if m := yamlError.FindStringSubmatch(message); m != nil {
		message = m[2]
		if n, err := strconv.Atoi(m[1]); err == nil {
			line = n
		}
	}
	lines := bytes.SplitAfter(bytes.TrimRight(text, " \t\r\n"), []byte("\n"))
	if strings.HasPrefix(message, "did not find expected") {
		line = gaveUp(lines, line)
	}
	return min(max(line, 1), max(len(lines), 1)), message
}

// gaveUp finds where the parser gave up. It reports the start of the structure
// that it was in; the place is one line after the longest beginning of the text
// that can be read.
func gaveUp(lines [][]byte, from int) int {
	const farthest = 400 // lines looked at; each costs one parse
	found := from
	for n := max(from, 1); n < len(lines) && n <= from+farthest; n++ {
		var node yamlv3.Node
		if yamlv3.Unmarshal(bytes.Join(lines[:n], nil), &node) == nil {
			found = n + 1
		}
	}
	return found
}

const templateHint = "this looks like a template: give what it renders to"

func (d document) syntaxHint(message string) string {
	switch {
	case d.template:
		return templateHint
	case strings.Contains(message, "cannot start any token"):
		return "YAML is indented with spaces, not with tabs"
	}
	return ""
}

// lineOf returns the line of a field, or of the nearest thing around it that is
// there.
func (d document) lineOf(path string) int {
	if d.root == nil {
		return 1
	}
	node, line := d.root, d.root.Line
	for _, step := range steps(path) {
		child, at := childOf(resolved(node), step)
		if child == nil {
			break
		}
		node, line = child, at
	}
	return line
}

// resolved follows an alias (*name) to what it stands for.
func resolved(n *yamlv3.Node) *yamlv3.Node {
	for n.Kind == yamlv3.AliasNode {
		n = n.Alias
	}
	return n
}

// childOf returns the node that the step leads to and the line it begins at.
func childOf(n *yamlv3.Node, step string) (*yamlv3.Node, int) {
	switch n.Kind {
	case yamlv3.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
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
		switch path[0] {
		case '.':
			path = path[1:]
		case '[':
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
