//go:build linux

package lab

import (
	"context"
	"fmt"
	"os/exec"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"bulkhead.dev/bulkhead/internal/components"
	"bulkhead.dev/bulkhead/internal/local"
)

// Client asks the cluster's API, by the port of this machine.
func (c *Cluster) Client() (kubernetes.Interface, error) {
	made, err := c.Open()
	if err != nil {
		return nil, err
	}
	config, err := made.Config()
	if err != nil {
		return nil, err
	}
	return kubernetes.NewForConfig(config)
}

// Deploy applies a folder of manifests with kubectl, and waits until every
// Deployment and StatefulSet has its full count, that of its autoscaler's minimum.
func (c *Cluster) Deploy(ctx context.Context, manifests string) error {
	kubectl, err := components.Locate(ctx, components.Options{}, "kubectl")
	if err != nil {
		return err
	}
	made, err := c.Open()
	if err != nil {
		return err
	}
	apply := exec.CommandContext(ctx, kubectl, "--kubeconfig", made.Kubeconfig(), "apply", "-f", manifests)
	if out, err := apply.CombinedOutput(); err != nil {
		return fmt.Errorf("applying %s: %w\n%s", manifests, err, out)
	}
	client, err := c.Client()
	if err != nil {
		return err
	}
	return local.Await(ctx, manifests+" runs", func() error { return full(ctx, client) })
}

// full says which workload has not its full count.
func full(ctx context.Context, client kubernetes.Interface) error {
	deployments, err := client.AppsV1().Deployments(corev1.NamespaceAll).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	scalers, err := client.AutoscalingV2().HorizontalPodAutoscalers(corev1.NamespaceAll).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	least := map[string]int32{} // replicas that an autoscaler will see to, by Deployment
	for _, h := range scalers.Items {
		if h.Spec.MinReplicas != nil {
			least[h.Namespace+"/"+h.Spec.ScaleTargetRef.Name] = *h.Spec.MinReplicas
		}
	}
	for _, d := range deployments.Items {
		if want := least[d.Namespace+"/"+d.Name]; *d.Spec.Replicas < want {
			return fmt.Errorf("the autoscaler has not scaled Deployment %s/%s to %d", d.Namespace, d.Name, want)
		}
		if d.Status.ObservedGeneration < d.Generation || d.Status.ReadyReplicas < *d.Spec.Replicas {
			return fmt.Errorf("of Deployment %s/%s %d of %d are ready", d.Namespace, d.Name, d.Status.ReadyReplicas, *d.Spec.Replicas)
		}
	}
	sets, err := client.AppsV1().StatefulSets(corev1.NamespaceAll).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, s := range sets.Items {
		if s.Status.ObservedGeneration < s.Generation || s.Status.ReadyReplicas < *s.Spec.Replicas {
			return fmt.Errorf("of StatefulSet %s/%s %d of %d are ready", s.Namespace, s.Name, s.Status.ReadyReplicas, *s.Spec.Replicas)
		}
	}
	return nil
}
