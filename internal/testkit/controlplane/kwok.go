//go:build linux

package controlplane

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"bulkhead.dev/bulkhead/internal/local/kwok"
)

const zoneLabel = corev1.LabelTopologyZone

// kwokOf names the kwok of a zone.
func kwokOf(zone string) string { return Kwok + "-" + zone }

// program names the program of a component.
func program(component string) string {
	if strings.HasPrefix(component, Kwok+"-") {
		return Kwok
	}
	return component
}

// KillZone ends the kubelets of a zone from one moment to the next: leases are
// not renewed any more, pods neither started nor removed. The zone is one of
// Options.Zones.
func (c *ControlPlane) KillZone(zone string) error { return c.KillComponent(kwokOf(zone)) }

// RestoreZone starts the kubelets of a zone again.
//
// A kubelet renews its lease under its node's name. kwok takes a new name at each
// start, and would wait until the leases of the one before have run out; so they
// are taken from it first.
func (c *ControlPlane) RestoreZone(ctx context.Context, zone string) error {
	clients, err := kubernetes.NewForConfig(c.Config())
	if err != nil {
		return fmt.Errorf("restoring zone %q: %w", zone, err)
	}
	nodes, err := clients.CoreV1().Nodes().List(ctx, metav1.ListOptions{LabelSelector: zoneLabel + "=" + zone})
	if err != nil {
		return fmt.Errorf("restoring zone %q: %w", zone, err)
	}
	leases := clients.CoordinationV1().Leases(corev1.NamespaceNodeLease)
	for _, node := range nodes.Items {
		_, err := leases.Patch(ctx, node.Name, types.MergePatchType, []byte(`{"spec":{"holderIdentity":null}}`), metav1.PatchOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("restoring zone %q: %w", zone, err)
		}
	}
	return c.StartComponent(ctx, kwokOf(zone))
}

// Node returns a node that kwok plays the kubelet of, once it is created: 8 CPU,
// 32 Gi of memory, 110 pods, in a zone (empty: in none).
func Node(name, zone string) *corev1.Node {
	size := corev1.ResourceList{
		corev1.ResourceCPU:              resource.MustParse("8"),
		corev1.ResourceMemory:           resource.MustParse("32Gi"),
		corev1.ResourceEphemeralStorage: resource.MustParse("100Gi"),
		corev1.ResourcePods:             resource.MustParse("110"),
	}
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name:        name,
			Annotations: map[string]string{kwok.Annotation: kwok.Fake},
			Labels: map[string]string{
				corev1.LabelHostname:   name,
				corev1.LabelOSStable:   "linux",
				corev1.LabelArchStable: "amd64",
			},
		},
		Status: corev1.NodeStatus{
			Capacity:    size,
			Allocatable: size.DeepCopy(),
			Addresses:   []corev1.NodeAddress{{Type: corev1.NodeHostName, Address: name}},
			NodeInfo:    corev1.NodeSystemInfo{OperatingSystem: "linux", Architecture: "amd64"},
		},
	}
	if zone != "" {
		node.Labels[zoneLabel] = zone
	}
	return node
}
