//go:build linux

package local

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/local/fabric"
	"bulkhead.dev/bulkhead/internal/local/machine"
	"bulkhead.dev/bulkhead/internal/plan"
	"bulkhead.dev/bulkhead/internal/render"
	"bulkhead.dev/bulkhead/internal/render/kubeadm"
	"bulkhead.dev/bulkhead/internal/spec"
)

// example is the Cluster of examples/local.yaml, with old texts replaced by new ones,
// as Apply has it.
func example(t *testing.T, oldNew ...string) *maker {
	t.Helper()
	data, err := os.ReadFile("../../examples/local.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for pair := range slices.Chunk(oldNew, 2) {
		if !strings.Contains(text, pair[0]) {
			t.Fatalf("examples/local.yaml has no %q", pair[0])
		}
		text = strings.ReplaceAll(text, pair[0], pair[1])
	}
	c, err := spec.Decode("local.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Make(c, plan.Options{})
	if err != nil {
		t.Fatal(err)
	}
	files, err := render.Files(c, p)
	if err != nil {
		t.Fatal(err)
	}
	layout, err := kubeadm.Lay(c, p)
	if err != nil {
		t.Fatal(err)
	}
	m := &maker{Options: Options{Cluster: c, Plan: p, Files: files, Home: filepath.Join(t.TempDir(), "state", "clusters"), Program: "/bin/bulkhead", Name: "bulkhead", Progress: func(string, int, int) {}}}
	m.c = &Cluster{Folder: Folder(m.Home, c.Metadata.Name), Layout: layout, Record: Record{Cluster: c, Plan: p}}
	return m
}

func TestPodsOf(t *testing.T) {
	for _, c := range []struct{ pods, want string }{
		{"10.244.0.0/16", "10.244.0.0/20 10.244.16.0/20 10.244.32.0/20"},
		{"10.1.2.3/16", "10.1.0.0/20 10.1.16.0/20 10.1.32.0/20"},
		{"172.16.0.0/12", "172.16.0.0/16 172.17.0.0/16 172.18.0.0/16"},
		{"192.168.7.0/24", "192.168.7.0/28 192.168.7.16/28 192.168.7.32/28"},
		{"", "10.244.0.0/20 10.244.16.0/20 10.244.32.0/20"},
	} {
		m := example(t)
		m.Cluster.Spec.Network.PodCIDRs = nil
		if c.pods != "" {
			m.Cluster.Spec.Network.PodCIDRs = []string{c.pods}
		}
		var got []string
		for _, z := range m.Plan.Zones {
			got = append(got, m.podsOf(z).String())
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %s, not %s", c.pods, got, c.want)
		}
	}
}

func TestNetworkOf(t *testing.T) {
	for _, c := range []struct{ plan, spec, want string }{
		{"10.1.0.0/24", "10.2.0.0/24", "10.1.0.0/24"},
		{"", "10.2.0.0/24", "10.2.0.0/24"},
		{"", "", "invalid Prefix"},
	} {
		cluster, p := &v1alpha1.Cluster{}, &v1alpha1.ClusterPlan{}
		cluster.Spec.Network.CIDR, p.Network.CIDR = c.spec, c.plan
		if got := networkOf(cluster, p).String(); got != c.want {
			t.Errorf("plan %q, spec %q: %s, not %s", c.plan, c.spec, got, c.want)
		}
	}
}

// TestFabricConfig: what the datacentre of the example is.
func TestFabricConfig(t *testing.T) {
	m := example(t)
	c := m.fabricConfig()
	got := []string{c.Cluster, c.Program, c.Name, c.Bridge, strings.Join(c.Endpoints, " ")}
	if diff := cmp.Diff([]string{"lab", "/bin/bulkhead", "bulkhead", "10.89.0.1/24", "10.89.0.254:6443"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got = nil
	for _, x := range c.Machines {
		var services []string
		for _, s := range x.Services {
			services = append(services, s.Name)
		}
		got = append(got, fmt.Sprintf("%s %s %s nodes=%t manifests=%t %s", x.Name, x.Zone, x.Address, x.Nodes, x.Manifests, strings.Join(services, ",")))
	}
	// Workers follow the control plane, three a zone, but a zone's nodes are one machine.
	want := []string{
		"lab-cp-1 a 10.89.0.2/24 nodes=false manifests=true haproxy,keepalived",
		"lab-nodes-a a 10.89.0.5/24 nodes=true manifests=false kwok",
		"lab-cp-2 b 10.89.0.3/24 nodes=false manifests=true haproxy,keepalived",
		"lab-nodes-b b 10.89.0.8/24 nodes=true manifests=false kwok",
		"lab-cp-3 c 10.89.0.4/24 nodes=false manifests=true haproxy,keepalived",
		"lab-nodes-c c 10.89.0.11/24 nodes=true manifests=false kwok",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("machines (-want +got):\n%s", diff)
	}
	if args := strings.Join(c.Machines[3].Services[0].Argv, " "); !strings.HasPrefix(args, "kwok --") || !strings.Contains(args, "--cidr=10.244.16.0/20") || !strings.Contains(args, "="+fabric.KubeletLabel+"=b") {
		t.Errorf("the kubelet of zone b: %s", args)
	}
}

// TestDigest: nodes are changed in place, everything else needs new machines.
func TestDigest(t *testing.T) {
	same := example(t).digest()
	for _, c := range []struct {
		name    string
		changed bool
		oldNew  []string
	}{
		{"nothing", false, nil},
		{"more nodes", false, []string{"size: 3", "size: 6"}},
		{"larger nodes", false, []string{`cpu: "4"`, `cpu: "8"`}},
		{"another pool", false, []string{"  storage:", "  - {name: other, scope: zonal, size: 1, resources: {cpu: \"2\", memory: 4Gi}}\n  storage:"}},
		{"a zone of another name", true, []string{"[a, b, c]", "[a, b, d]"}},
		{"another network of services", true, []string{"10.96.0.0/12", "10.112.0.0/12"}},
		{"another network", true, []string{"10.89.0.0/24", "10.88.0.0/24"}},
	} {
		if got := example(t, c.oldNew...).digest(); (got != same) != c.changed {
			t.Errorf("%s: changed %t, not %t", c.name, got != same, c.changed)
		}
	}
}

func TestKwokNode(t *testing.T) {
	m := example(t)
	for _, n := range plan.Nodes(m.Plan, plan.SizeNow) {
		before := n.DeepCopy()
		got := kwokNode(n)
		if diff := cmp.Diff(before, n); diff != "" {
			t.Fatalf("the planned node was changed (-before +after):\n%s", diff)
		}
		zone := n.Labels[corev1.LabelTopologyZone]
		if zone == "" || got.Labels[fabric.KubeletLabel] != zone || got.Annotations["kwok.x-k8s.io/node"] != "fake" || len(got.Status.Conditions) > 0 {
			t.Errorf("%s of zone %q: %+v", n.Name, zone, got)
		}
		if diff := cmp.Diff(n.Status.Allocatable, got.Status.Allocatable); diff != "" || len(got.Status.Allocatable) == 0 {
			t.Errorf("%s is of another size (-plan +kwok):\n%s", n.Name, diff)
		}
	}
}

func TestOpenDoor(t *testing.T) {
	first, port, err := openDoor(0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = first.Close() }()
	second, other, err := openDoor(port)
	if err != nil || other == port {
		t.Fatalf("port %d was taken, and is again: %d, %v", port, other, err)
	}
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{"127.0.0.1", "::1"} {
		conn, err := net.Dial("tcp", net.JoinHostPort(at, fmt.Sprint(port)))
		if (err == nil) != (at == "127.0.0.1") {
			t.Errorf("%s: %v", at, err)
		}
		if err == nil {
			_ = conn.Close()
		}
	}
}

func TestAwait(t *testing.T) {
	calls := 0
	err := Await(t.Context(), "it counts", func() error {
		if calls++; calls < 3 {
			return errors.New("not yet")
		}
		return nil
	})
	if err != nil || calls != 3 {
		t.Errorf("%v after %d calls", err, calls)
	}
	ctx, cancel := context.WithCancel(t.Context())
	last := errors.New("never")
	err = Await(ctx, "it ends", func() error { cancel(); return last })
	if !errors.Is(err, context.Canceled) || !errors.Is(err, last) || !strings.HasPrefix(err.Error(), "waiting until it ends: ") {
		t.Error(err)
	}
}

func TestEachMachine(t *testing.T) {
	machines := []kubeadm.Machine{{Name: "m1"}, {Name: "m2"}, {Name: "m3"}}
	var done atomic.Int32
	err := eachMachine(machines, func(x kubeadm.Machine) error {
		done.Add(1)
		if x.Name == "m2" {
			return nil
		}
		return errors.New("wrong")
	})
	if err == nil || err.Error() != "m1: wrong\nm3: wrong" || done.Load() != 3 {
		t.Errorf("%v after %d", err, done.Load())
	}
	if err := eachMachine(nil, nil); err != nil {
		t.Error(err)
	}
}

// TestMainIsOther: only what was started as a fabric or a machine is one.
func TestMainIsOther(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none")
	for _, c := range []struct {
		args []string
		is   bool
		want string
	}{
		{[]string{"bulkhead"}, false, ""},
		{[]string{"bulkhead", "apply", "-f"}, false, ""},
		{[]string{"bulkhead", fabric.Argument}, false, ""},
		{[]string{"bulkhead", fabric.Argument, none, "x"}, false, ""},
		{[]string{"bulkhead", fabric.Argument, none}, true, fabric.Argument + " " + none + ": starting a fabric: "},
		{[]string{"bulkhead", machine.Argument, none}, true, machine.Argument + " " + none + ": starting a machine: "},
	} {
		is, err := Main(c.args)
		if is != c.is || (err != nil) != (c.want != "") || err != nil && !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%q: %t, %v", c.args, is, err)
		}
	}
}

func TestHome(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", "/state")
	if got, err := Home(); err != nil || got != "/state/bulkhead/clusters" {
		t.Errorf("%s, %v", got, err)
	}
	t.Setenv("XDG_STATE_HOME", "")
	t.Setenv("HOME", "/home/me")
	if got, err := Home(); err != nil || got != "/home/me/.local/state/bulkhead/clusters" {
		t.Errorf("%s, %v", got, err)
	}
}
