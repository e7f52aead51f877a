//go:build linux

package drill

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
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

// sweep takes away what a drill left whose runner was killed: a local cluster has one
// drill at a time.
func (s *site) sweep(ctx context.Context) error {
	left, err := s.api.CoreV1().Namespaces().List(ctx, metav1.ListOptions{LabelSelector: loadLabel + "=true"})
	if err != nil {
		return fmt.Errorf("looking for what an earlier drill left: %w", err)
	}
	for _, n := range left.Items {
		if err := s.api.CoreV1().Namespaces().Delete(ctx, n.Name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			return fmt.Errorf("taking away what an earlier drill left: %w", err)
		}
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
