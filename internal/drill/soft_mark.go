//go:build linux

package drill

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
)

// DrillAnnotation marks the nodes that a soft drill cordons, before it does: its value
// is the drill's name, " until ", and when it should be over at the latest (RFC 3339).
// Who finds it later than that may take it that nobody will heal the node.
const DrillAnnotation = "bulkhead.dev/drill"

// loadLabel is on the namespace of a drill's load.
const loadLabel = "bulkhead.dev/drill"

func markOf(name string, until time.Time) string {
	return name + " until " + until.UTC().Format(time.RFC3339)
}

// drillOf is the name of the drill in a mark, whoever wrote it.
func drillOf(mark string) string {
	name, _, _ := strings.Cut(mark, " ")
	return name
}

// marks are the nodes of one soft drill.
type marks struct {
	api   kubernetes.Interface
	name  string // of the drill
	value string // of the annotation
	nodes []string
}

// set marks every node, before one is cordoned: what happens then can be taken back by
// who knows nothing but the cluster. It then looks whether another drill began at the
// same moment: both give up rather than neither.
func (m *marks) set(ctx context.Context) error {
	for _, name := range m.nodes {
		err := m.change(ctx, name, func(n *corev1.Node) (map[string]any, error) {
			if value, ok := n.Annotations[DrillAnnotation]; ok {
				return nil, fmt.Errorf("node %s is in another drill: %s", name, value)
			}
			return map[string]any{"metadata": map[string]any{"annotations": map[string]any{DrillAnnotation: m.value}}}, nil
		})
		if err != nil {
			return fmt.Errorf("marking node %s: %w", name, err)
		}
	}
	nodes, err := m.api.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("reading the nodes: %w", err)
	}
	for _, n := range nodes.Items {
		if value, ok := n.Annotations[DrillAnnotation]; ok && value != m.value {
			return fmt.Errorf("node %s is in another drill, which began at the same time: %s", n.Name, value)
		}
	}
	return nil
}

// cordon makes every node unschedulable. A node that somebody else cordoned in the
// meantime loses the mark again: it is not ours to uncordon.
func (m *marks) cordon(ctx context.Context) error {
	for _, name := range m.nodes {
		err := m.change(ctx, name, func(n *corev1.Node) (map[string]any, error) {
			switch {
			case n.Annotations[DrillAnnotation] != m.value:
				return nil, errors.New("somebody took the drill's mark away")
			case n.Spec.Unschedulable:
				return map[string]any{"metadata": map[string]any{"annotations": map[string]any{DrillAnnotation: nil}}}, errors.New("somebody else cordoned it in this moment")
			}
			return map[string]any{"spec": map[string]any{"unschedulable": true}}, nil
		})
		if err != nil {
			return fmt.Errorf("cordoning node %s: %w", name, err)
		}
	}
	return nil
}

// change patches a node as it was read, again when it has changed meanwhile. The
// patch is made also when there is an error beside it.
func (m *marks) change(ctx context.Context, name string, decide func(*corev1.Node) (map[string]any, error)) error {
	const attempts = 5
	var err error
	for range attempts {
		var n *corev1.Node
		if n, err = m.api.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{}); err != nil {
			return err
		}
		patch, refused := decide(n)
		if patch == nil {
			return refused
		}
		if err = patchNode(ctx, m.api, n, patch); !apierrors.IsConflict(err) {
			return errors.Join(refused, err)
		}
	}
	return err
}

// patchNode merges a patch into the node if it still is as it was read.
func patchNode(ctx context.Context, api kubernetes.Interface, n *corev1.Node, patch map[string]any) error {
	meta, ok := patch["metadata"].(map[string]any)
	if !ok {
		meta = map[string]any{}
		patch["metadata"] = meta
	}
	meta["resourceVersion"], meta["uid"] = n.ResourceVersion, string(n.UID)
	text, err := json.Marshal(patch)
	if err != nil {
		return err
	}
	_, err = api.CoreV1().Nodes().Patch(ctx, n.Name, types.MergePatchType, text, metav1.PatchOptions{FieldManager: "bulkhead"})
	return err
}

// uncordoned is a node that a soft drill had cordoned.
type uncordoned struct{ node, mark string }

// uncordon makes the nodes that carry the mark of the drill, or of any drill (""),
// schedulable again and takes the mark away, both at once; and again every second
// until none carries it or ctx ends. It stops at once where it may not.
func uncordon(ctx context.Context, api kubernetes.Interface, drill string) ([]uncordoned, error) {
	var out []uncordoned
	for {
		healed, err := uncordonOnce(ctx, api, drill)
		out = append(out, healed...)
		if err == nil || apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) {
			return out, err
		}
		timer := time.NewTimer(time.Second)
		select {
		case <-ctx.Done():
			timer.Stop()
			return out, err
		case <-timer.C:
		}
	}
}

func uncordonOnce(ctx context.Context, api kubernetes.Interface, drill string) (out []uncordoned, err error) {
	nodes, err := api.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("reading the nodes: %w", err)
	}
	for i := range nodes.Items {
		n := &nodes.Items[i]
		value, ok := n.Annotations[DrillAnnotation]
		if !ok || drill != "" && drillOf(value) != drill {
			continue
		}
		patchErr := patchNode(ctx, api, n, map[string]any{
			"metadata": map[string]any{"annotations": map[string]any{DrillAnnotation: nil}},
			"spec":     map[string]any{"unschedulable": nil},
		})
		switch {
		case patchErr == nil:
			out = append(out, uncordoned{n.Name, value})
		case !apierrors.IsNotFound(patchErr): // a node that is gone needs nothing
			err = errors.Join(err, fmt.Errorf("uncordoning node %s: %w", n.Name, patchErr))
		}
	}
	return out, err
}

// healTimeout is how long the runner, and HealSoft, try to uncordon.
const healTimeout = 2 * time.Minute

// HealSoft takes back what a soft drill left that crashed: it uncordons the nodes that
// carry DrillAnnotation, takes that away, and deletes the namespaces of those drills'
// loads. It returns what it did, a line each.
func HealSoft(ctx context.Context, target SoftTarget) ([]string, error) {
	api, _, err := target.connect()
	if err != nil {
		return nil, err
	}
	return healSoft(ctx, api)
}

func healSoft(ctx context.Context, api kubernetes.Interface) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, healTimeout)
	defer cancel()
	nodes, err := uncordon(ctx, api, "")
	var lines, drills []string
	for _, n := range nodes {
		lines = append(lines, fmt.Sprintf("node %s uncordoned (%s)", n.node, n.mark))
		drills = append(drills, drillOf(n.mark))
	}
	if err != nil {
		return lines, err
	}
	spaces, err := api.CoreV1().Namespaces().List(ctx, metav1.ListOptions{LabelSelector: loadLabel})
	if err != nil {
		return lines, fmt.Errorf("reading the namespaces: %w", err)
	}
	for _, n := range spaces.Items {
		switch {
		case n.DeletionTimestamp != nil:
		case slices.Contains(drills, n.Name):
			if err := api.CoreV1().Namespaces().Delete(ctx, n.Name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
				return lines, fmt.Errorf("deleting namespace %s: %w", n.Name, err)
			}
			lines = append(lines, "namespace "+n.Name+" deleted")
		default:
			lines = append(lines, fmt.Sprintf("namespace %s is left, of a drill that marks no node: kubectl delete namespace %s, if none is under way", n.Name, n.Name))
		}
	}
	return lines, nil
}
