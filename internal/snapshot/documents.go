package snapshot

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	yamlv3 "go.yaml.in/yaml/v3"
	"sigs.k8s.io/yaml"
)

// document is one object of a source, or a part of one that could not be read.
type document struct {
	file string
	// line of the first line with content, from 1.
	line int
	// text as written, YAML or JSON. Empty for an item of a list that had to be
	// read as a whole.
	text []byte
	// tree finds lines: of this text, or of the list with the item at the path at.
	tree *tree
	at   string
	// json is the object.
	json []byte
	// notes are warnings of the conversion: keys that are there twice.
	notes []note
}

// note is a warning at a line.
type note struct {
	line    int
	message string
}

// split cuts a source at its document markers. Nothing is parsed: "---" at the
// start of a line is always a marker (YAML 1.2, 9.1.2), and JSON has no such line.
func split(s source) []document {
	var docs []document
	line, start, startLine := 1, 0, 1
	cut := func(end int) {
		if d, ok := trim(document{file: s.name, line: startLine, text: s.text[start:end]}); ok {
			docs = append(docs, d)
		}
	}
	for at := 0; at < len(s.text); line++ {
		next := len(s.text)
		if i := bytes.IndexByte(s.text[at:], '\n'); i >= 0 {
			next = at + i + 1
		}
		if isMarker(s.text[at:next]) && at > start {
			cut(at)
			start, startLine = at, line
		}
		at = next
	}
	cut(len(s.text))
	return docs
}

func isMarker(line []byte) bool {
	rest, ok := bytes.CutPrefix(line, []byte("---"))
	return ok && (len(rest) == 0 || strings.IndexByte(" \t\r\n", rest[0]) >= 0)
}

// trim drops the marker's line, comments and blank lines before the content, and
// returns false when no content is left. Directives (%YAML) stay with it.
func trim(d document) (document, bool) {
	for len(d.text) > 0 {
		end := bytes.IndexByte(d.text, '\n') + 1
		if end == 0 {
			end = len(d.text)
		}
		first := bytes.TrimSpace(d.text[:end])
		if len(first) > 0 && first[0] != '#' && !onlyMarker(first) {
			return d, true
		}
		d.text, d.line = d.text[end:], d.line+1
	}
	return d, false
}

// onlyMarker holds for "---", "--- # comment" and "...".
func onlyMarker(line []byte) bool {
	rest, ok := bytes.CutPrefix(line, []byte("---"))
	if !ok {
		return bytes.Equal(line, []byte("..."))
	}
	rest = bytes.TrimSpace(rest)
	return len(rest) == 0 || rest[0] == '#'
}

// parse turns the text into JSON objects: one, or for JSON that stands one after
// the other, several.
func parse(d document) ([]document, []Fault) {
	if d.text[0] == '{' || bytes.HasPrefix(bytes.TrimSpace(d.text), []byte("{")) {
		docs, err := parseJSON(d)
		if err == nil {
			return docs, nil
		}
		converted, faults := parseYAML(d)
		if len(faults) == 0 {
			return converted, nil
		}
		if !looksLikeYAML(d.text) {
			return nil, []Fault{jsonFault(d, err)}
		}
		return nil, faults
	}
	return parseYAML(d)
}

// looksLikeYAML tells a flow mapping ({a: b}) from broken JSON ({"a" …).
func looksLikeYAML(text []byte) bool {
	rest := bytes.TrimSpace(bytes.TrimPrefix(bytes.TrimSpace(text), []byte("{")))
	return len(rest) > 0 && rest[0] != '"'
}

func parseJSON(d document) ([]document, error) {
	var docs []document
	for at, line := 0, d.line; ; {
		gap := len(d.text) - at - len(bytes.TrimLeft(d.text[at:], " \t\r\n"))
		line += bytes.Count(d.text[at:at+gap], []byte("\n"))
		at += gap
		if at == len(d.text) {
			return docs, nil
		}
		decoder := json.NewDecoder(bytes.NewReader(d.text[at:]))
		var raw json.RawMessage
		if err := decoder.Decode(&raw); err != nil {
			return nil, offsetError{err, at}
		}
		end := at + int(decoder.InputOffset())
		docs = append(docs, document{file: d.file, line: line, text: d.text[at:end], json: d.text[at:end]})
		line += bytes.Count(d.text[at:end], []byte("\n"))
		at = end
	}
}

// offsetError is a JSON error in a text that begins at an offset.
type offsetError struct {
	error
	offset int
}

func jsonFault(d document, err error) Fault {
	offset := len(d.text)
	message := err.Error()
	if o, ok := errors.AsType[offsetError](err); ok {
		if syntax, ok := errors.AsType[*json.SyntaxError](o.error); ok {
			offset = min(offset, o.offset+int(syntax.Offset))
		}
		if errors.Is(o.error, io.ErrUnexpectedEOF) {
			message = "unexpected end of JSON input"
		}
	}
	return Fault{File: d.file, Line: d.line + bytes.Count(d.text[:offset], []byte("\n")), Message: "reading JSON: " + message}
}

func parseYAML(d document) ([]document, []Fault) {
	converted, err := yaml.YAMLToJSONStrict(d.text)
	if err != nil {
		// Keys that are there twice: as the API server, warn and take the last.
		if converted, err = yaml.YAMLToJSON(d.text); err == nil {
			d.notes = duplicateKeys(d)
		}
	}
	if err != nil {
		return nil, []Fault{yamlFault(d, err)}
	}
	d.json = converted
	return []document{d}, nil
}

var yamlError = regexp.MustCompile(`^(?:error converting YAML to JSON: )?yaml: (?:line (\d+): )?(.*)$`)

func yamlFault(d document, err error) Fault {
	// yaml/v3 knows the line of more errors than sigs.k8s.io/yaml.
	var node yamlv3.Node
	if better := yamlv3.Unmarshal(d.text, &node); better != nil {
		err = better
	}
	line, message := 1, oneLine(err.Error())
	if m := yamlError.FindStringSubmatch(message); m != nil {
		message = m[2]
		if n, err := strconv.Atoi(m[1]); err == nil {
			line = n
		}
	}
	switch {
	case strings.HasPrefix(message, "did not find expected"):
		line = parserLine(d.text, line)
	case strings.HasPrefix(message, "invalid map key"):
		line, message = keyLine(&node), "a map or list stands where a key must be"
	}
	// An error at the end is counted one line after it.
	line = min(max(line, 1), len(bytes.SplitAfter(bytes.TrimSpace(d.text), []byte("\n"))))
	f := Fault{File: d.file, Line: d.line + line - 1, Message: "reading YAML: " + message}
	if bytes.Contains(d.text, []byte("{{")) {
		f.Hint = "this looks like a template: helm template … | bulkhead simulate -f -"
	}
	return f
}

// parserLine finds where yaml/v3's parser gave up. It reports the start of the
// structure it was in, counted from 0; the place is one line after the longest
// beginning of the text that can be read.
func parserLine(text []byte, from int) int {
	const farthest, longest = 400, 1 << 18 // lines and bytes looked at; each line costs one parse
	lines := bytes.SplitAfter(text, []byte("\n"))
	end, found := 0, from
	for i, l := range lines {
		end += len(l)
		if i+1 > from+farthest || end > longest {
			break
		}
		var node yamlv3.Node
		if i+1 >= from && yamlv3.Unmarshal(text[:end], &node) == nil {
			found = i + 2
		}
	}
	return min(found, len(lines))
}

// keyLine returns the line of the first key that is no scalar.
func keyLine(n *yamlv3.Node) int {
	for i, c := range n.Content {
		if n.Kind == yamlv3.MappingNode && i%2 == 0 && c.Kind != yamlv3.ScalarNode && c.Kind != yamlv3.AliasNode {
			return c.Line
		}
		if line := keyLine(c); line > 0 {
			return line
		}
	}
	return 0
}

// duplicateKeys names each key that its mapping has twice.
func duplicateKeys(d document) []note {
	var root yamlv3.Node
	if yamlv3.Unmarshal(d.text, &root) != nil {
		return nil
	}
	var notes []note
	var walk func(n *yamlv3.Node, path string)
	walk = func(n *yamlv3.Node, path string) {
		switch n.Kind {
		case yamlv3.DocumentNode:
			for _, c := range n.Content {
				walk(c, path)
			}
		case yamlv3.SequenceNode:
			for i, c := range n.Content {
				walk(c, fmt.Sprintf("%s[%d]", path, i))
			}
		case yamlv3.MappingNode:
			seen := map[string]bool{}
			for i := 0; i+1 < len(n.Content); i += 2 {
				key := n.Content[i].Value
				at := strings.TrimPrefix(path+"."+key, ".")
				if seen[key] && key != "<<" {
					notes = append(notes, note{d.line + n.Content[i].Line - 1, fmt.Sprintf("duplicate field %q", at)})
				}
				seen[key] = true
				walk(n.Content[i+1], at)
			}
		}
	}
	walk(&root, "")
	return notes
}
