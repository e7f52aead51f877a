package simulate_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cockroachdb/datadriven"
)

// object is a Kubernetes object, or a part of one.
type object = map[string]any

// list is a YAML list.
type list = []any

// line is a macro: "deployment web replicas=3 cpu=1".
type line struct {
	kind, name string
	set        map[string]string
	used       []string
}

func parseLine(text string) *line {
	words := strings.Fields(text)
	l := &line{kind: words[0], set: map[string]string{}}
	for i, w := range words[1:] {
		key, value, ok := strings.Cut(w, "=")
		if i == 0 && !ok {
			l.name = w
			continue
		}
		if !ok {
			value = "yes"
		}
		l.set[key] = value
	}
	return l
}

// get returns the setting, or the default.
func (l *line) get(key, otherwise string) string {
	l.used = append(l.used, key)
	if v, ok := l.set[key]; ok {
		return v
	}
	return otherwise
}

func (l *line) has(key string) bool { return l.get(key, "") != "" }

// each returns the values of a setting that may be given several times, joined
// by "|".
func (l *line) each(key string) []string {
	v := l.get(key, "")
	if v == "" {
		return nil
	}
	return strings.Split(v, "|")
}

// number returns a setting that is a number, or a percentage.
func number(v string) any {
	if n, err := strconv.Atoi(v); err == nil {
		return n
	}
	return v
}

// pairs reads "k:v,l:w".
func pairs(text string) object {
	out := object{}
	if text == "" {
		return out
	}
	for _, p := range strings.Split(text, ",") {
		k, v, _ := strings.Cut(p, ":")
		out[k] = v
	}
	return out
}

// expand turns macros, a line each, into YAML documents. A line that begins
// with "{" is an object in YAML's flow style and stays as it is.
func expand(text string) (string, error) {
	var out strings.Builder
	for _, t := range strings.Split(text, "\n") {
		t = strings.TrimSpace(t)
		if t == "" || strings.HasPrefix(t, "#") {
			continue
		}
		out.WriteString("---\n")
		if strings.HasPrefix(t, "{") {
			out.WriteString(t + "\n")
			continue
		}
		l := parseLine(t)
		expand, ok := macros[l.kind]
		if !ok {
			return "", fmt.Errorf("no macro %q", l.kind)
		}
		doc, err := json.Marshal(expand(l))
		if err != nil {
			return "", err
		}
		for _, key := range keys(l.set) {
			if !slices.Contains(l.used, key) {
				return "", fmt.Errorf("%s: no setting %q", l.kind, key)
			}
		}
		out.Write(append(doc, '\n'))
	}
	return out.String(), nil
}

// expandNodes makes Node objects, named ZONE-NUMBER:
//
//	zones=a,b,c per-zone=2 cpu=4 memory=16Gi pods=110
//	more=(b:3,c:1)           more nodes in some zones
//	beta                     the old zone label in place of the new one
//	labels=(a:disk=ssd,a-1:gpu=yes)      of a zone or a node
//	taints=(a:spot=yes:NoSchedule)       of a zone or a node
//
// The body holds further nodes, as macros or in YAML. "nodes none" leaves the
// nodes to the virtual cluster.
func expandNodes(args []datadriven.CmdArg, body string) (string, error) {
	set := map[string]string{"per-zone": "1", "cpu": "4", "memory": "16Gi", "pods": "110"}
	for _, a := range args {
		set[a.Key] = strings.Join(a.Vals, ",")
	}
	more := pairs(set["more"])
	var out strings.Builder
	for _, zone := range strings.Split(set["zones"], ",") {
		if zone == "" {
			continue
		}
		n, err := strconv.Atoi(set["per-zone"])
		if err != nil {
			return "", err
		}
		if v, ok := more[zone].(string); ok {
			plus, err := strconv.Atoi(v)
			if err != nil {
				return "", err
			}
			n += plus
		}
		for i := range n {
			name := fmt.Sprintf("%s-%d", zone, i+1)
			labels := object{"kubernetes.io/hostname": name}
			if _, beta := set["beta"]; beta {
				labels["failure-domain.beta.kubernetes.io/zone"] = zone
			} else {
				labels["topology.kubernetes.io/zone"] = zone
			}
			for _, l := range extras(set["labels"], zone, name) {
				k, v, _ := strings.Cut(l, "=")
				labels[k] = v
			}
			var taints list
			for _, t := range extras(set["taints"], zone, name) {
				what, effect, _ := strings.Cut(t, ":")
				k, v, _ := strings.Cut(what, "=")
				taints = append(taints, object{"key": k, "value": v, "effect": effect})
			}
			room := object{"cpu": set["cpu"], "memory": set["memory"], "pods": set["pods"]}
			doc, err := json.Marshal(object{
				"apiVersion": "v1", "kind": "Node", "metadata": object{"name": name, "labels": labels},
				"spec":   object{"taints": taints},
				"status": object{"allocatable": room, "capacity": room, "conditions": list{object{"type": "Ready", "status": "True"}}},
			})
			if err != nil {
				return "", err
			}
			fmt.Fprintf(&out, "---\n%s\n", doc)
		}
	}
	further, err := expand(body)
	return out.String() + further, err
}

// extras returns what "WHO:REST" says of the zone or the node.
func extras(text, zone, node string) []string {
	var out []string
	for _, part := range strings.Split(text, ",") {
		if who, rest, ok := strings.Cut(part, ":"); ok && (who == zone || who == node) {
			out = append(out, rest)
		}
	}
	return out
}
