//go:build linux

package fabric

import (
	"context"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// KubeletLabel on a Kubernetes node names the zone whose kwok is its kubelet. A
// node that carries another value has none.
const KubeletLabel = "bulkhead.dev/kubelet"

// noKubelet is the label's value of a node whose kubelet has stopped.
const noKubelet = "stopped"

// zoneLabel is the zone of a node.
const zoneLabel = "topology.kubernetes.io/zone"

// atOnce is how many requests are under way together; healTimeout is what all may
// take when a fault is taken back, injectTimeout when it is made: the dead-man waits
// for that.
const (
	atOnce        = 16
	healTimeout   = 2 * time.Minute
	injectTimeout = 5 * time.Second
)

func (f *Fabric) client() (kubernetes.Interface, error) {
	config, err := clientcmd.BuildConfigFromFlags("", f.config.Kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS, config.Burst = -1, -1
	return kubernetes.NewForConfig(config)
}

// kubelets stops or starts the kubelets of single nodes: kwok lets go of a node that
// its selector does not match any more.
func (f *Fabric) kubelets(nodes []string, run bool) error {
	if len(nodes) == 0 {
		return nil
	}
	client, err := f.client()
	if err != nil {
		return err
	}
	timeout := injectTimeout
	if run {
		timeout = healTimeout
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return each(nodes, func(name string) error {
		value := noKubelet
		if run {
			node, err := client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
			if apierrors.IsNotFound(err) {
				return nil // somebody deleted it meanwhile
			}
			if err != nil {
				return err
			}
			value = node.Labels[zoneLabel]
		}
		patch := fmt.Appendf(nil, `{"metadata":{"labels":{%q:%q}}}`, KubeletLabel, value)
		_, err := client.CoreV1().Nodes().Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{})
		return err
	})
}

// freeLeases takes the leases of a zone's nodes from the kwok that had them: a
// kubelet renews its lease under its node's name, while kwok takes a new name at
// each start and would wait until the old leases have run out.
func (f *Fabric) freeLeases(zone string) error {
	client, err := f.client()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), healTimeout)
	defer cancel()
	nodes, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{LabelSelector: KubeletLabel + "=" + zone})
	if err != nil {
		return err
	}
	names := []string{}
	for _, n := range nodes.Items {
		names = append(names, n.Name)
	}
	return each(names, func(name string) error {
		_, err := client.CoordinationV1().Leases("kube-node-lease").Patch(ctx, name, types.MergePatchType, []byte(`{"spec":{"holderIdentity":null}}`), metav1.PatchOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return err
	})
}

// each does something for all names, some at a time, and returns the first error.
func each(names []string, do func(string) error) error {
	var (
		group sync.WaitGroup
		once  sync.Once
		first error
	)
	slots := make(chan struct{}, atOnce)
	for _, name := range names {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			if err := do(name); err != nil {
				once.Do(func() { first = err })
			}
		})
	}
	group.Wait()
	return first
}
