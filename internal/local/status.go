//go:build linux

package local

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/local/fabric"
	"bulkhead.dev/bulkhead/internal/local/machine"
)

// The states of a LocalClusterStatus.
const (
	StateReady    = "ready"
	StateDegraded = "degraded"
	StateFaulty   = "faulty"
	StateStopped  = "stopped"
)

// statusTimeout bounds what the API is asked for.
const statusTimeout = 5 * time.Second

// Status tells what runs of a cluster. What does not answer is part of the status,
// not an error.
func (c *Cluster) Status(ctx context.Context) (*v1alpha1.LocalClusterStatus, error) {
	s := &v1alpha1.LocalClusterStatus{
		TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.LocalClusterStatusKind},
		Cluster:  c.Cluster.Metadata.Name, State: StateStopped, Why: []string{}, Leaders: map[string]string{},
		Loopback: c.Loopback, Kubeconfig: c.Kubeconfig(), Endpoint: c.Layout.Endpoint(), Zones: []v1alpha1.LocalZoneStatus{},
	}
	for _, zone := range c.Plan.Zones {
		s.Zones = append(s.Zones, v1alpha1.LocalZoneStatus{Zone: zone, Machines: []v1alpha1.LocalMachineStatus{}})
	}
	f, err := c.Fabric()
	if errors.Is(err, fabric.ErrNotRunning) {
		s.Why = append(s.Why, "none of its processes runs: bulkhead apply makes it again")
		return s, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	status, err := f.Status()
	if err != nil {
		return nil, fmt.Errorf("asking for the status of %s: %w", s.Cluster, err)
	}
	unready, err := f.Probe()
	if err != nil {
		return nil, fmt.Errorf("asking what is ready of %s: %w", s.Cluster, err)
	}
	for _, m := range status.Machines {
		c.addMachine(s, m, unready)
	}
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	if err := c.askAPI(ctx, s); err != nil {
		s.Why = append(s.Why, "the API does not answer: "+err.Error())
	}
	for _, z := range s.Zones {
		if z.NodesReady < z.Nodes {
			s.Why = append(s.Why, fmt.Sprintf("zone %s: %d of %d nodes are Ready", z.Zone, z.NodesReady, z.Nodes))
		}
	}
	switch {
	case status.Fault != nil:
		s.State, s.Fault = StateFaulty, status.Fault.String()
		at := metav1.NewTime(status.HealAt)
		s.HealAt = &at
	case len(s.Why) > 0:
		s.State = StateDegraded
	default:
		s.State = StateReady
	}
	return s, nil
}

// addMachine puts a machine into its zone.
func (c *Cluster) addMachine(s *v1alpha1.LocalClusterStatus, m fabric.MachineStatus, unready map[fabric.Process]string) {
	address, _, _ := strings.Cut(m.Address, "/")
	out := v1alpha1.LocalMachineStatus{Name: m.Name, Address: address, On: m.On, Processes: []v1alpha1.LocalProcessStatus{}}
	if !m.On {
		s.Why = append(s.Why, m.Name+" has no power")
	}
	if why, silent := unready[fabric.Process{Machine: m.Name}]; silent {
		s.Why = append(s.Why, fmt.Sprintf("%s does not answer: %s", m.Name, why))
	}
	for _, p := range m.Services {
		why, not := unready[fabric.Process{Machine: m.Name, Service: p.Name}]
		out.Processes = append(out.Processes, v1alpha1.LocalProcessStatus{Name: p.Name, State: string(p.State), Ready: p.State == machine.Running && !not, Restarts: p.Restarts})
		switch {
		case p.State != machine.Running:
			s.Why = append(s.Why, fmt.Sprintf("%s on %s is %s", p.Name, m.Name, p.State))
		case not:
			s.Why = append(s.Why, fmt.Sprintf("%s on %s is not ready: %s", p.Name, m.Name, why))
		}
	}
	for i := range s.Zones {
		if s.Zones[i].Zone == m.Zone {
			s.Zones[i].Machines = append(s.Zones[i].Machines, out)
		}
	}
}

// askAPI counts nodes and finds who leads.
func (c *Cluster) askAPI(ctx context.Context, s *v1alpha1.LocalClusterStatus) error {
	config, err := c.Config()
	if err != nil {
		return err
	}
	config.Timeout = statusTimeout
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	nodes, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	s.APIReady = true
	for i := range nodes.Items {
		n := &nodes.Items[i]
		for j := range s.Zones {
			if s.Zones[j].Zone != n.Labels[corev1.LabelTopologyZone] {
				continue
			}
			s.Zones[j].Nodes++
			if NodeReady(n) {
				s.Zones[j].NodesReady++
			}
		}
	}
	for _, name := range []string{"kube-controller-manager", "kube-scheduler"} {
		lease, err := client.CoordinationV1().Leases(metav1.NamespaceSystem).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if c.Loopback {
			s.Leaders[name] = c.Leading().Of(name)
		} else if lease.Spec.HolderIdentity != nil {
			s.Leaders[name], _, _ = strings.Cut(*lease.Spec.HolderIdentity, "_")
		}
	}
	return nil
}
