//go:build linux

package snapshot_test

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"text/template"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/yaml"
)

//go:embed cluster.yaml.tmpl
var clusterText string

// cluster is what cluster.yaml.tmpl is filled with.
type cluster struct {
	Namespaces []string
	Volumes    []volume
	Sets       []set
	Apps       []app
	FirstUID   types.UID // of the first node, once it is created

	nodes, zones []string // zone of each node
	pods         int      // that run when all is placed, the static one among them
}

type volume struct{ Name, Zone string }

type set struct{ Name, Namespace string }

type app struct {
	Name, Namespace                                             string
	Replicas                                                    int
	Spread, Apart, Priority, Service, Budget, Scaled, Annotated bool
}

// FirstNode is where the static pod runs, which belongs to it.
func (c *cluster) FirstNode() string { return c.nodes[0] }

// newCluster plans a cluster of so many nodes in three zones: a pod of a DaemonSet
// on each, StatefulSets with a volume in each zone for one pod in thirty, and
// Deployments of 2 to 30 replicas for the rest.
func newCluster(nodes, pods int) (*cluster, error) {
	if nodes < 9 || pods < 2*nodes {
		return nil, fmt.Errorf("%d nodes with %d pods: want at least 9, and two pods each", nodes, pods)
	}
	c := &cluster{pods: pods}
	zones := []string{"wombat-1a", "wombat-1b", "wombat-1c"}
	for i := range nodes {
		c.nodes = append(c.nodes, fmt.Sprintf("wombat-node-%04d", i))
		c.zones = append(c.zones, zones[i%len(zones)])
	}
	for i := range 1 + pods/500 {
		c.Namespaces = append(c.Namespaces, fmt.Sprintf("wombat-%02d", i))
	}
	namespace := func(i int) string { return c.Namespaces[i%len(c.Namespaces)] }
	left := pods - nodes - 1 // the DaemonSet's, the static one
	for i := range pods / 100 {
		c.Sets = append(c.Sets, set{Name: fmt.Sprintf("wombat-db-%03d", i), Namespace: namespace(i)})
		for _, zone := range zones {
			c.Volumes = append(c.Volumes, volume{Name: fmt.Sprintf("wombat-disk-%03d-%s", i, zone), Zone: zone})
			left--
		}
	}
	replicas := []int{2, 3, 5, 10, 20, 30, 1}
	for i := 0; left > 0; i++ {
		// A pod of priority that a spread keeps out has the scheduler try to preempt
		// others on every node, each time: the first is enough.
		priority := i%5 == 0 && (i%3 != 0 || i == 0)
		a := app{
			Name: fmt.Sprintf("wombat-app-%04d", i), Namespace: namespace(i), Replicas: min(replicas[i%len(replicas)], left),
			Spread: i%3 == 0, Apart: i%10 == 1, Priority: priority, Service: i%2 == 0, Budget: i%4 == 0, Scaled: i%20 == 3, Annotated: i%6 == 5,
		}
		if a.Apart {
			a.Replicas = min(a.Replicas, nodes/3)
		}
		left -= a.Replicas
		c.Apps = append(c.Apps, a)
	}
	return c, nil
}

// objects returns the objects but the nodes, in the order that they are created in:
// namespaces, what workloads need, workloads.
func (c *cluster) objects(planted canaries) (stages [3][]*unstructured.Unstructured, err error) {
	parsed, err := template.New("cluster").Funcs(template.FuncMap{"canary": planted.plant}).Parse(clusterText)
	if err != nil {
		return stages, err
	}
	var text bytes.Buffer
	if err := parsed.Execute(&text, c); err != nil {
		return stages, err
	}
	decoder := yaml.NewYAMLOrJSONDecoder(&text, 4096)
	for {
		u := &unstructured.Unstructured{}
		switch err := decoder.Decode(u); {
		case errors.Is(err, io.EOF):
			return stages, nil
		case err != nil:
			return stages, fmt.Errorf("reading cluster.yaml.tmpl: %w", err)
		}
		stage := 1
		switch u.GetKind() {
		case "": // after the last ---
			continue
		case "Namespace":
			stage = 0
		case "Pod", "Deployment", "StatefulSet", "DaemonSet", "Job":
			stage = 2
		}
		stages[stage] = append(stages[stage], u)
	}
}
