package snapshot

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// pseudonyms replaces originals.
type pseudonyms struct {
	Pseudonyms
	compared map[string]bool
}

// derive makes the names that are made of others, shorter ones first: each is made
// of shorter ones.
func (p *pseudonyms) derive(rules map[string]derived, children map[string][]string) {
	rank := map[string]string{}
	for _, names := range children {
		for i, name := range names {
			rank[name] = "r" + number0(i+1, len(names))
		}
	}
	names := make([]string, 0, len(rules))
	for name := range rules {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
	for _, name := range names {
		d := rules[name]
		end := rank[name]
		switch {
		case d.ordinal != "":
			end = d.ordinal
		case d.hash != "":
			end = p.LabelValues[d.hash]
		case d.second != "":
			end = p.Names[d.second]
		}
		p.Names[name] = p.Names[d.base] + "-" + end
	}
}

func (p *pseudonyms) name(s string) string      { return cmp.Or(p.Names[s], s) }
func (p *pseudonyms) namespace(s string) string { return cmp.Or(p.Namespaces[s], s) }
func (p *pseudonyms) key(s string) string       { return cmp.Or(p.LabelKeys[s], s) }
func (p *pseudonyms) image(s string) string     { return cmp.Or(p.Images[tagged(s)], s) }
func (p *pseudonyms) uid(s string) string       { return cmp.Or(p.UIDs[s], s) }

// value replaces a label's value. Those that name an object are replaced as names:
// what a simulation makes anew is labelled with its name.
func (p *pseudonyms) value(key, s string) string {
	switch poolOf(key) {
	case poolKept:
		return s
	case poolNames:
		return p.name(s)
	case poolNamespaces:
		return p.namespace(s)
	}
	if _, err := strconv.Atoi(s); err == nil && p.compared[key] {
		return s
	}
	parts := places(key, s)
	for i, part := range parts {
		parts[i] = cmp.Or(p.LabelValues[part], part)
	}
	return strings.Join(parts, placeSeparator)
}

func (p *pseudonyms) compare(string) {}

func (o *originals) name(s string) string      { o.names[s] = true; return s }
func (o *originals) namespace(s string) string { o.namespaces[s] = true; return s }
func (o *originals) key(s string) string       { o.keys[s] = true; return s }
func (o *originals) image(s string) string     { o.images[tagged(s)] = true; return s }
func (o *originals) uid(s string) string       { o.uids[s] = true; return s }
func (o *originals) compare(key string)        { o.compared[key] = true }

func (o *originals) value(key, s string) string {
	switch poolOf(key) {
	case poolKept:
	case poolNames:
		o.names[s] = true
	case poolNamespaces:
		o.namespaces[s] = true
	default:
		pool := o.values
		switch {
		case isPlace(key, "zone"):
			pool = o.zones
		case isPlace(key, "region"):
			pool = o.regions
		}
		for _, part := range places(key, s) {
			pool[part] = true
		}
	}
	return s
}

// The pools of label values that are not just values.
const (
	poolValues = iota
	poolKept
	poolNames
	poolNamespaces
)

// poolOf says what the values of a label are.
func poolOf(key string) int {
	switch key {
	case "kubernetes.io/os", "kubernetes.io/arch", "beta.kubernetes.io/os", "beta.kubernetes.io/arch",
		"node.kubernetes.io/windows-build", "apps.kubernetes.io/pod-index", "batch.kubernetes.io/job-completion-index":
		return poolKept
	case "kubernetes.io/hostname", "statefulset.kubernetes.io/pod-name", "job-name", "batch.kubernetes.io/job-name":
		return poolNames
	case "kubernetes.io/metadata.name":
		return poolNamespaces
	}
	return poolValues
}

// placeSeparator stands between the zones of a volume that reaches several
// (k8s.io/cloud-provider/volume, LabelMultiZoneDelimiter).
const placeSeparator = "__"

func places(key, value string) []string {
	if isPlace(key, "zone") || isPlace(key, "region") {
		return strings.Split(value, placeSeparator)
	}
	return []string{value}
}

func isPlace(key, what string) bool { return strings.HasSuffix(key, "/"+what) }

// tagged is an image's name as the scheduler compares it, with a tag (k8s.io/kubernetes
// pkg/scheduler/framework/plugins/imagelocality, normalizedImageName).
func tagged(image string) string {
	if image != "" && strings.LastIndexByte(image, ':') <= strings.LastIndexByte(image, '/') {
		return image + ":latest"
	}
	return image
}

// keptName holds for names that Kubernetes itself gives.
func keptName(s string) bool {
	return s == "" || s == "kubernetes" || s == "0.0.0.0" || strings.HasPrefix(s, "system-")
}

func keptNamespace(s string) bool {
	return s == "" || s == metav1.NamespaceDefault || s == metav1.NamespaceSystem || s == metav1.NamespacePublic || s == "kube-node-lease"
}

func keptValue(s string) bool { return s == "" || s == "true" || s == "false" }

// ranked numbers sorted originals, so that pseudonyms sort as they do.
func ranked(prefix string, sorted []string, kept func(string) bool) map[string]string {
	all := map[string]string{}
	for i, s := range sorted {
		if all[s] = s; !kept(s) {
			all[s] = prefix + number0(i+1, len(sorted))
		}
	}
	return all
}

// rankedKeys numbers label keys. Those of Kubernetes and of everybody stay; of a
// provider's zone or region, the end stays, which says what it is.
func rankedKeys(sorted []string) map[string]string {
	all := map[string]string{}
	for i, key := range sorted {
		name := "key-" + number0(i+1, len(sorted))
		domain, rest, qualified := strings.Cut(key, "/")
		switch {
		case keptKey(key):
			name = key
		case isPlace(key, "zone"), isPlace(key, "region"):
			name += "/" + rest
		case qualified && (domain == "node-role.kubernetes.io" || domain == "node-restriction.kubernetes.io"):
			name = domain + "/" + name
		}
		all[key] = name
	}
	return all
}

// keptKey holds for label keys that say nothing about whose cluster it is.
func keptKey(key string) bool {
	domain, rest, qualified := strings.Cut(key, "/")
	if !qualified {
		return slices.Contains([]string{"", "app", "name", "component", "tier", "role", "env", "version", "release", "chart", "heritage", "run",
			"k8s-app", "job-name", "controller-uid", "pod-template-hash", "controller-revision-hash", "pod-template-generation"}, key)
	}
	if domain == "node-role.kubernetes.io" || domain == "node-restriction.kubernetes.io" {
		return slices.Contains([]string{"control-plane", "master", "worker", "etcd", "infra"}, rest)
	}
	return domain == "kubernetes.io" || strings.HasSuffix(domain, ".kubernetes.io") || strings.HasSuffix(domain, ".k8s.io") ||
		strings.HasPrefix(domain, "topology.") && (rest == "zone" || rest == "region")
}

// number0 writes n with as many digits as most.
func number0(n, most int) string { return fmt.Sprintf("%0*d", len(strconv.Itoa(most)), n) }
