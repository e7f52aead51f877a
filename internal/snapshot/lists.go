package snapshot

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"
)

// deepestList is how many lists may stand in each other.
const deepestList = 16

// header is what tells one object from another.
type header struct {
	gvk          schema.GroupVersionKind
	namespace    string
	name         string
	generateName string
	// uid is "" for an object that no API server has accepted yet.
	uid string
}

// span is a part of a JSON text.
type span struct{ start, end int }

// expand returns the objects in a document: itself, or a list's items. The kind
// of items that name none follows from the list's (PodList holds Pods).
func expand(d document, inherited schema.GroupVersionKind, depth int) ([]object, []Fault) {
	fields, err := members(d.json)
	if err != nil {
		return nil, []Fault{{File: d.file, Line: d.lineOf(""), Message: "not an object: " + err.Error(),
			Hint: "a document holds one object with apiVersion, kind and metadata"}}
	}
	h, faults := headerOf(d, fields, inherited)
	if len(faults) > 0 {
		return nil, faults
	}
	items, ok := fields["items"]
	if !ok || !strings.HasSuffix(h.gvk.Kind, "List") {
		if h.gvk.Kind == "List" {
			return nil, nil
		}
		if d.tree == nil {
			d.tree = treeOf(d.line, d.text)
		}
		return []object{{document: d, header: h}}, nil
	}
	if depth == deepestList {
		return nil, []Fault{{File: d.file, Line: d.lineOf(""), Object: h.gvk.Kind,
			Message: fmt.Sprintf("more than %d lists in each other", deepestList)}}
	}
	child := schema.GroupVersionKind{}
	if h.gvk.Kind != "List" {
		child = h.gvk
		child.Kind = strings.TrimSuffix(h.gvk.Kind, "List")
	}
	docs, err := itemsOf(d, items)
	if err != nil {
		return nil, []Fault{{File: d.file, Line: d.lineOf("items"), Object: h.gvk.Kind, Field: "items", Message: err.Error()}}
	}
	var objects []object
	for _, item := range docs {
		more, wrong := expand(item, child, depth+1)
		objects = append(objects, more...)
		faults = append(faults, wrong...)
	}
	return objects, faults
}

// headerOf reads the members that every object has.
func headerOf(d document, fields map[string]span, inherited schema.GroupVersionKind) (header, []Fault) {
	var faults []Fault
	fault := func(path, message, hint string) {
		faults = append(faults, Fault{File: d.file, Line: d.lineOf(path), Field: path, Message: message, Hint: hint})
	}
	text := func(name string) string {
		at, ok := fields[name]
		if !ok {
			return ""
		}
		var s string
		if json.Unmarshal(d.json[at.start:at.end], &s) != nil {
			fault(name, "must be a string", "")
		}
		return s
	}
	apiVersion, kind := text("apiVersion"), text("kind")
	if len(faults) > 0 {
		return header{}, faults
	}
	var h header
	if apiVersion == "" && kind == "" && inherited.Kind != "" {
		h.gvk = inherited
	} else {
		const hint = "manifests only: values files and kustomization files are rendered first (helm template, kubectl kustomize)"
		if apiVersion == "" {
			fault("apiVersion", "required value", hint)
		}
		if kind == "" {
			fault("kind", "required value", hint)
		}
		gv, err := schema.ParseGroupVersion(apiVersion)
		if err != nil {
			fault("apiVersion", fmt.Sprintf("invalid value: %q", apiVersion), "")
		}
		h.gvk = gv.WithKind(kind)
	}
	if at, ok := fields["metadata"]; ok {
		var m struct{ Namespace, Name, GenerateName, UID any }
		if json.Unmarshal(d.json[at.start:at.end], &m) == nil {
			h.namespace, _ = m.Namespace.(string)
			h.name, _ = m.Name.(string)
			h.generateName, _ = m.GenerateName.(string)
			h.uid, _ = m.UID.(string)
		}
	}
	return h, faults
}

// members returns where each member of a JSON object stands; of members with
// the same name, the last, as the decoder takes it.
func members(text []byte) (map[string]span, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	if t, err := decoder.Token(); err != nil || t != json.Delim('{') {
		return nil, fmt.Errorf("a document must be a map")
	}
	fields := map[string]span{}
	for decoder.More() {
		t, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		name, _ := t.(string)
		at, err := next(decoder, text)
		if err != nil {
			return nil, err
		}
		fields[name] = at
	}
	return fields, nil
}

// elements returns where each element of a JSON list stands.
func elements(text []byte) ([]span, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	switch t, err := decoder.Token(); {
	case err != nil:
		return nil, err
	case t == nil:
		return nil, nil
	case t != json.Delim('['):
		return nil, fmt.Errorf("must be a list")
	}
	var all []span
	for decoder.More() {
		at, err := next(decoder, text)
		if err != nil {
			return nil, err
		}
		all = append(all, at)
	}
	return all, nil
}

// next reads one value and returns where it stands.
func next(decoder *json.Decoder, text []byte) (span, error) {
	start := int(decoder.InputOffset())
	for start < len(text) && strings.IndexByte(" \t\r\n,:", text[start]) >= 0 {
		start++
	}
	var raw json.RawMessage
	if err := decoder.Decode(&raw); err != nil && err != io.EOF {
		return span{}, err
	}
	return span{start, int(decoder.InputOffset())}, nil
}

// itemsOf cuts a list into documents. Items of JSON are cut from the text as it
// was written, so that their lines are known; those of YAML are found in the
// JSON that was made of it, and their lines only when somebody asks.
func itemsOf(d document, items span) ([]document, error) {
	list := d.json[items.start:items.end]
	all, err := elements(list)
	if err != nil {
		return nil, err
	}
	written := len(d.text) > 0 && len(d.json) == len(d.text) && &d.text[0] == &d.json[0]
	docs := make([]document, len(all))
	whole, line, at := d.tree, d.line, 0
	if whole == nil && !written {
		whole = treeOf(d.line, d.text)
	}
	for i, s := range all {
		item := list[s.start:s.end]
		if !written {
			docs[i] = document{file: d.file, tree: whole, at: fmt.Sprintf("%s.items[%d]", d.at, i), json: item}
			continue
		}
		start := items.start + s.start
		line += bytes.Count(d.text[at:start], []byte("\n"))
		at = start
		docs[i] = document{file: d.file, line: line, text: item, json: item}
	}
	return docs, nil
}

// cutList cuts a YAML document that is a list in block style, as kubectl writes
// it, into its items without parsing the whole: each item then has its line, and
// large lists are converted in parallel. It returns false for anything else.
//
//	apiVersion: v1
//	items:
//	- apiVersion: v1        ← begins an item: the first line's indentation
//	  kind: Pod
//	kind: List              ← less indented, or no dash: the items are over
func cutList(d document) (items []document, kind schema.GroupVersionKind, ok bool) {
	var rest []byte
	dash, inItems, over := -1, false, false
	line := d.line
	for text := d.text; len(text) > 0; line++ {
		end := bytes.IndexByte(text, '\n') + 1
		if end == 0 {
			end = len(text)
		}
		l := text[:end]
		text = text[end:]
		indent := len(l) - len(bytes.TrimLeft(l, " "))
		content := bytes.TrimSpace(l)
		blank := len(content) == 0 || content[0] == '#'
		switch {
		case !inItems && !over && indent == 0 && isItemsKey(content):
			inItems = true
			continue
		case !inItems:
			rest = append(rest, l...)
			continue
		case blank:
		case dash < 0 && content[0] != '-', dash >= 0 && indent < dash,
			dash >= 0 && indent == dash && !isDash(content):
			inItems, over = false, true
			rest = append(rest, l...)
			continue
		case dash < 0 || indent == dash:
			dash = indent
			items = append(items, document{file: d.file, line: line})
		}
		if n := len(items); n > 0 {
			items[n-1].text = append(items[n-1].text, l...)
			if len(items[n-1].text) == len(l) {
				items[n-1].text[dash] = ' '
			}
		}
	}
	var h struct{ APIVersion, Kind string }
	if len(items) == 0 || yaml.Unmarshal(rest, &h) != nil || !strings.HasSuffix(h.Kind, "List") {
		return nil, kind, false
	}
	gv, err := schema.ParseGroupVersion(h.APIVersion)
	if err != nil {
		return nil, kind, false
	}
	if h.Kind != "List" {
		kind = gv.WithKind(strings.TrimSuffix(h.Kind, "List"))
	}
	return items, kind, true
}

func isItemsKey(content []byte) bool {
	rest, ok := bytes.CutPrefix(content, []byte("items:"))
	rest = bytes.TrimSpace(rest)
	return ok && (len(rest) == 0 || rest[0] == '#')
}

func isDash(content []byte) bool {
	return content[0] == '-' && (len(content) == 1 || content[1] == ' ')
}
