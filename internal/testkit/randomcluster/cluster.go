package randomcluster

import (
	"fmt"
	"io"
	"math/rand/v2"
	"slices"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"
)

// Cluster is a cluster of one seed.
type Cluster struct {
	Seed uint64
	// Lose is the zone whose loss is worth a look: any of Zones, by the seed.
	Lose string

	nodes, rules, volumes, workloads []runtime.Object
}

// Options of New.
type Options struct {
	// Nodes is how many there are; 0 means NodesOf(seed).
	Nodes int
	// Varied draws more kinds of pods: with several containers, with init
	// containers, without requests; and nodes that have images. The cluster is
	// another one than without.
	Varied bool
}

// Zones returns the zones of every cluster, sorted.
func Zones() []string { return []string{"a", "b", "c"} }

// Every largeEvery-th seed is large.
const largeEvery = 20

// NodesOf returns the size of the seed's cluster, unless Options say otherwise:
// 6 to 60 nodes, or 300 to 500 for one seed in twenty.
func NodesOf(seed uint64) int {
	r := random(seed, 0)
	if Large(seed) {
		return 300 + r.IntN(201)
	}
	return 6 + r.IntN(55)
}

// Large says whether the seed's cluster has 300 nodes or more.
func Large(seed uint64) bool { return seed%largeEvery == largeEvery-1 }

// random returns the numbers of a seed; each use has its own, so that one does
// not change with another.
func random(seed, use uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, use)) }

// New returns the cluster of the seed.
func New(seed uint64, o Options) *Cluster {
	if o.Nodes == 0 {
		o.Nodes = NodesOf(seed)
	}
	c := &Cluster{Seed: seed}
	g := &generator{Cluster: c, Rand: random(seed, 1), varied: o.Varied}
	c.Lose = pick(g, Zones()...)
	g.makeNodes(o.Nodes)
	g.makeRules()
	g.makeWorkloads()
	return c
}

// Objects returns the objects in the order in which they can be created:
// namespaces, classes, nodes, volumes, workloads. The caller owns them.
func (c *Cluster) Objects() []runtime.Object {
	all := slices.Concat(c.rules, c.nodes, c.volumes, c.workloads)
	for i := range all {
		all[i] = all[i].DeepCopyObject()
	}
	return all
}

// Write writes the objects as YAML documents, in the order of Objects.
func (c *Cluster) Write(w io.Writer) error {
	for _, obj := range c.Objects() {
		text, err := yaml.Marshal(obj)
		if err != nil {
			return fmt.Errorf("writing the cluster of seed %d: %w", c.Seed, err)
		}
		if _, err := fmt.Fprintf(w, "---\n%s", text); err != nil {
			return fmt.Errorf("writing the cluster of seed %d: %w", c.Seed, err)
		}
	}
	return nil
}

// generator holds what is made so far.
type generator struct {
	*Cluster
	*rand.Rand
	varied bool

	names      []string // namespaces
	priorities []string // "" for none
	// cpu in thousandths and memory in MiB that the nodes have and the workloads
	// have asked for.
	cpuRoom, cpuAsked int64
	memRoom, memAsked int64
	podRoom, pods     int
	smallest          int64 // cpu of the smallest node
	apps              []app // so far
	claims            int
}

// app is a workload that others may want to be near to, or far from.
type app struct{ namespace, name string }

// typed gives the object its apiVersion and kind.
func typed[T runtime.Object](obj T) T {
	kinds, _, err := scheme.Scheme.ObjectKinds(obj)
	if err == nil { // all are of Kubernetes' own scheme
		obj.GetObjectKind().SetGroupVersionKind(kinds[0])
	}
	return obj
}

func pick[T any](g *generator, of ...T) T { return of[g.IntN(len(of))] }

// chance is true in percent of the cases.
func (g *generator) chance(percent int) bool { return g.IntN(100) < percent }
