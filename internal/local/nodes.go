//go:build linux

package local

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"bulkhead.dev/bulkhead/internal/local/fabric"
	"bulkhead.dev/bulkhead/internal/local/kwok"
	"bulkhead.dev/bulkhead/internal/local/machine"
	"bulkhead.dev/bulkhead/internal/plan"
)

// The files of kwok on its machine.
const (
	kwokConfig = "/etc/kubernetes/kwok.conf"
	kwokStages = "/etc/kubernetes/stages.yaml"
)

// kwok is the kubelet of a zone's nodes.
func (m *maker) kwok(zone string) machine.Service {
	args := kwok.Arguments(kwok.Options{
		Kubeconfig: kwokConfig, Stages: kwokStages, Label: fabric.KubeletLabel, Value: zone,
		CIDR: m.podsOf(zone).String(), LeaseSeconds: plan.NodeLeaseSeconds(m.Plan),
	})
	return machine.Service{Name: kwokName, Argv: append([]string{kwokName}, args...)}
}

// podsOf is the zone's sixteenth of the pods' addresses: there are at most nine
// zones.
func (m *maker) podsOf(zone string) netip.Prefix {
	all := netip.MustParsePrefix("10.244.0.0/16")
	if len(m.Cluster.Spec.Network.PodCIDRs) > 0 {
		if p, err := netip.ParsePrefix(m.Cluster.Spec.Network.PodCIDRs[0]); err == nil && p.Addr().Is4() && p.Bits() <= 24 {
			all = p.Masked()
		}
	}
	bits := all.Bits() + 4
	b := all.Addr().As4()
	n := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	for i, z := range m.Plan.Zones {
		if z == zone {
			n |= uint32(i) << (32 - bits)
		}
	}
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}), bits)
}

// startNodes registers every node and starts the kubelets of each zone.
func startNodes(ctx context.Context, m *maker) error {
	if _, err := m.syncNodes(ctx); err != nil {
		return err
	}
	for _, class := range plan.StorageClasses(m.Cluster) {
		class.Provisioner = fabric.Provisioner
		if err := insist(ctx, "StorageClass "+class.Name+" is made", func(ctx context.Context) error {
			_, err := m.api.StorageV1().StorageClasses().Create(ctx, class, metav1.CreateOptions{})
			return err
		}); err != nil {
			return err
		}
	}
	admin, err := os.ReadFile(filepath.Join(m.c.Folder, adminFile))
	if err != nil {
		return err
	}
	for _, x := range m.fabricConfig().Machines {
		if !x.Nodes {
			continue
		}
		files := []machine.File{{Path: kwokConfig, Mode: 0o600, Data: admin}, {Path: kwokStages, Mode: 0o644, Data: kwok.Stages}}
		if err := m.write(x.Name, files); err != nil {
			return err
		}
		if err := m.fabric.Call("Fabric.Serve", fabric.ServeRequest{Machine: x.Name, Do: x.Services}, &machine.Nothing{}); err != nil {
			return err
		}
	}
	return nil
}

// syncNodes makes the registered nodes those of the plan and tells what changed.
func (m *maker) syncNodes(ctx context.Context) (string, error) {
	wanted := map[string]bool{}
	var there *corev1.NodeList
	err := insist(ctx, "the nodes are listed", func(ctx context.Context) (err error) {
		there, err = m.api.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		return err
	})
	if err != nil {
		return "", err
	}
	present := map[string]bool{}
	for _, n := range there.Items {
		present[n.Name] = true
	}
	added, removed := 0, 0
	for _, n := range plan.Nodes(m.Plan, plan.SizeNow) {
		wanted[n.Name] = true
		if present[n.Name] {
			continue
		}
		m.Progress("registering nodes", added, len(wanted))
		if err := insist(ctx, "node "+n.Name+" is registered", func(ctx context.Context) error {
			_, err := m.api.CoreV1().Nodes().Create(ctx, kwokNode(n), metav1.CreateOptions{})
			return err
		}); err != nil {
			return "", err
		}
		added++
	}
	for name := range present {
		if wanted[name] {
			continue
		}
		if err := insist(ctx, "node "+name+" is deleted", func(ctx context.Context) error {
			return m.api.CoreV1().Nodes().Delete(ctx, name, metav1.DeleteOptions{})
		}); err != nil {
			return "", err
		}
		removed++
	}
	if added+removed == 0 {
		return "nothing changes", nil
	}
	return fmt.Sprintf("%d nodes added, %d removed", added, removed), nil
}

// insistTimeout bounds what is asked again.
const insistTimeout = 30 * time.Second

// insist asks a control plane that has just started, whose address may still move and
// whose API servers may not all know who is an administrator, until it does what is
// asked; that it is done already is as good. What is wrong in itself is not asked
// again.
func insist(ctx context.Context, what string, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, insistTimeout)
	defer cancel()
	var wrong error
	err := Await(ctx, what, func() error {
		err := ask(ctx)
		switch {
		case apierrors.IsAlreadyExists(err), apierrors.IsNotFound(err):
			return nil
		case apierrors.IsInvalid(err), apierrors.IsBadRequest(err):
			wrong = err
			return nil
		}
		return err
	})
	return errors.Join(wrong, err)
}

// kwokNode is a planned node with a kubelet that is kwok's.
func kwokNode(n *corev1.Node) *corev1.Node {
	n = n.DeepCopy()
	if n.Annotations == nil {
		n.Annotations = map[string]string{}
	}
	n.Annotations[kwok.Annotation] = kwok.Fake
	n.Labels[fabric.KubeletLabel] = n.Labels[corev1.LabelTopologyZone]
	n.Status.Conditions = nil // kwok says when it is Ready
	n.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeHostName, Address: n.Name}}
	n.Status.NodeInfo = corev1.NodeSystemInfo{OperatingSystem: "linux", Architecture: "amd64"}
	return n
}

// awaitAll returns when every node is Ready, pods can be made in the namespace
// default (the admission plugin ServiceAccount wants its account), and every process
// answers that it is ready.
func awaitAll(ctx context.Context, m *maker) error {
	return Await(ctx, "all is ready", func() error {
		// From the API server's cache, and not so often that asking is the work.
		nodes, err := m.api.CoreV1().Nodes().List(ctx, metav1.ListOptions{ResourceVersion: "0"})
		if err != nil {
			return err
		}
		for range len(nodes.Items) / 100 {
			pause()
		}
		waiting := []string{}
		for i := range nodes.Items {
			if n := &nodes.Items[i]; !NodeReady(n) || len(n.Spec.Taints) > 0 {
				waiting = append(waiting, n.Name)
			}
		}
		m.Progress("waiting until every node is Ready", len(nodes.Items)-len(waiting), len(nodes.Items))
		if len(waiting) > 0 {
			return fmt.Errorf("%d are not: %s", len(waiting), strings.Join(waiting[:min(3, len(waiting))], ", "))
		}
		if _, err := m.api.CoreV1().ServiceAccounts(metav1.NamespaceDefault).Get(ctx, "default", metav1.GetOptions{}); err != nil {
			return err
		}
		unready, err := m.fabric.Probe()
		for p, why := range unready {
			return fmt.Errorf("%s on %s is not ready: %s", p.Service, p.Machine, why)
		}
		return err
	})
}

// NodeReady reads the condition Ready; a node without one is not.
func NodeReady(n *corev1.Node) bool {
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// update brings the nodes of a cluster that runs to the plan.
func (m *maker) update(ctx context.Context, old *Cluster) (string, error) {
	m.c = old
	var err error
	if m.fabric, err = old.Fabric(); err != nil {
		return "", err
	}
	defer func() { _ = m.fabric.Close() }()
	if err := m.connect(); err != nil {
		return "", err
	}
	changed, err := m.syncNodes(ctx)
	if err != nil {
		return "", err
	}
	if err := awaitAll(ctx, m); err != nil {
		return "", err
	}
	old.Cluster, old.Plan = m.Cluster, m.Plan
	return changed, old.save()
}

func fields(s string) []string { return strings.Fields(s) }

// pause is the time between two looks at a process.
func pause() { time.Sleep(100 * time.Millisecond) }
