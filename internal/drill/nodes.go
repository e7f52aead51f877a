//go:build linux

package drill

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"bulkhead.dev/bulkhead/internal/local/fabric"
)

const kubeletLabel = fabric.KubeletLabel

// readNodes learns the zone of every node.
func (s *site) readNodes(ctx context.Context) error {
	nodes, err := s.api.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("reading the nodes: %w", err)
	}
	s.nodeZones = map[string]string{}
	for _, n := range nodes.Items {
		s.nodeZones[n.Name] = n.Labels[corev1.LabelTopologyZone]
	}
	return nil
}

// kubeletOf asks who carries a node.
func (s *site) kubeletOf(name string) string {
	node, err := s.api.CoreV1().Nodes().Get(context.Background(), name, metav1.GetOptions{})
	if err != nil {
		return ""
	}
	return node.Labels[kubeletLabel]
}
