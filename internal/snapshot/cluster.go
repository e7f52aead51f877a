package snapshot

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// Cluster is what was read of a live cluster, or of a file that Write made: the
// objects that play a part, redacted. Pods that are alike share what they have in
// common. It is not changed once made.
type Cluster struct {
	v1alpha1.ClusterSnapshot
	// Name for messages: of the file, or of the kubeconfig's context.
	Name string

	objects []clusterObject
	// others counts documents of kinds that play no part.
	others map[string]int
}

// clusterObject is an object with the line of its file, 0 for a live cluster.
type clusterObject struct {
	runtime.Object
	line int
}

// Warnings say what a simulation of the cluster does not know.
func (c *Cluster) Warnings() []string {
	var all []string
	for _, o := range c.Omitted {
		all = append(all, fmt.Sprintf("%s: %s were not read: %s", c.Name, o.Resource, o.Reason))
	}
	for _, n := range c.Notes {
		all = append(all, c.Name+": "+n)
	}
	return all
}

// Describe says for a report where the input came from.
func (c *Cluster) Describe() string {
	what := ""
	if c.Anonymized {
		what = ", anonymized"
	}
	return fmt.Sprintf("%s%s, taken %s", c.Name, what, c.TakenAt.UTC().Format("2006-01-02T15:04:05Z"))
}

// count fills in the header's counts.
func (c *Cluster) count() {
	c.Counts = map[string]int{}
	for _, o := range c.objects {
		c.Counts[o.GetObjectKind().GroupVersionKind().Kind]++
	}
}

// admitted returns the objects as if they had just been accepted.
func (c *Cluster) admitted() []admitted {
	all := make([]admitted, 0, len(c.objects))
	for _, o := range c.objects {
		source := &object{document: document{file: c.Name, line: o.line}}
		source.gvk = o.GetObjectKind().GroupVersionKind()
		if m, err := meta.Accessor(o.Object); err == nil { // every kind has metadata
			source.namespace, source.name, source.uid = m.GetNamespace(), m.GetName(), string(m.GetUID())
		}
		all = append(all, admitted{source: source, object: o.Object})
	}
	return all
}
