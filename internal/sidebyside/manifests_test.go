//go:build linux

package sidebyside_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"

	"bulkhead.dev/bulkhead/internal/benchmark"
)

// lostZone is the zone that is lost.
const lostZone = "b"

// manifests are the objects of a generated cluster, by kind.
type manifests struct {
	namespaces  []*corev1.Namespace
	nodes       []*corev1.Node
	deployments []*appsv1.Deployment
	replicaSets []*appsv1.ReplicaSet
	services    []*corev1.Service
	pods        []*corev1.Pod
}

// generate writes a cluster to dir and returns what it has written.
func generate(size benchmark.Size, dir string) (*manifests, error) {
	if err := size.Write(dir); err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	m := &manifests{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var list struct {
			Items []json.RawMessage `json:"items"`
		}
		if err := json.Unmarshal(text, &list); err != nil {
			return nil, fmt.Errorf("reading %s: %w", file, err)
		}
		for _, item := range list.Items {
			if err := m.add(item); err != nil {
				return nil, fmt.Errorf("reading %s: %w", file, err)
			}
		}
	}
	return m, nil
}

func (m *manifests) add(text []byte) error {
	object, _, err := scheme.Codecs.UniversalDeserializer().Decode(text, nil, nil)
	if err != nil {
		return err
	}
	switch o := object.(type) {
	case *corev1.Namespace:
		m.namespaces = append(m.namespaces, o)
	case *corev1.Node:
		m.nodes = append(m.nodes, o)
	case *appsv1.Deployment:
		m.deployments = append(m.deployments, o)
	case *appsv1.ReplicaSet:
		m.replicaSets = append(m.replicaSets, o)
	case *corev1.Service:
		m.services = append(m.services, o)
	case *corev1.Pod:
		m.pods = append(m.pods, o)
	default:
		return fmt.Errorf("a %T: nobody would create it", object)
	}
	return nil
}

// zones returns the zone of each node.
func (m *manifests) zones() map[string]string {
	zones := map[string]string{}
	for _, node := range m.nodes {
		zones[node.Name] = node.Labels[corev1.LabelTopologyZone]
	}
	return zones
}

// lostPods counts the pods that stand in the lost zone.
func (m *manifests) lostPods() int {
	zones, n := m.zones(), 0
	for _, pod := range m.pods {
		if zones[pod.Spec.NodeName] == lostZone {
			n++
		}
	}
	return n
}

// endpoints counts the pods of all Services: each selects one Deployment, by its
// label app.
func (m *manifests) endpoints() int {
	replicas := map[types.NamespacedName]int{}
	for _, d := range m.deployments {
		replicas[types.NamespacedName{Namespace: d.Namespace, Name: d.Spec.Selector.MatchLabels["app"]}] = int(*d.Spec.Replicas)
	}
	n := 0
	for _, s := range m.services {
		n += replicas[types.NamespacedName{Namespace: s.Namespace, Name: s.Spec.Selector["app"]}]
	}
	return n
}
