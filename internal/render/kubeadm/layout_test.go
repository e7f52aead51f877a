package kubeadm_test

import (
	"bytes"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/plan"
	"bulkhead.dev/bulkhead/internal/render/kubeadm"
)

func TestLocalAddresses(t *testing.T) {
	c, p := decode(t, specs()["local"])
	l, err := kubeadm.Lay(c, p)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range l.Machines[:4] {
		got = append(got, m.Name+" "+m.Zone+" "+m.Address.String())
	}
	want := []string{"lab-cp-1 a 10.89.0.2", "lab-cp-2 b 10.89.0.3", "lab-cp-3 c 10.89.0.4", "lab-general-a-1 a 10.89.0.5"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("machines:\n%s", diff)
	}
	if got := l.VirtualIP.String(); got != "10.89.0.254" {
		t.Errorf("the virtual IP is %s, not the last usable address", got)
	}
	if got := l.Endpoint(); got != "10.89.0.254:6443" {
		t.Errorf("the endpoint is %s", got)
	}
	if l.APIPort == l.EndpointPort {
		t.Errorf("HAProxy and the API server of one machine both want port %d", l.APIPort)
	}
}

// TestLocalAddressesAreUsable draws networks and sizes: addresses are inside, never
// the network's, the bridge's, the virtual IP or the broadcast's, and never twice. A
// network that is too small is refused.
func TestLocalAddressesAreUsable(t *testing.T) {
	c, p := decode(t, specs()["local"])
	rapid.Check(t, func(t *rapid.T) {
		c, p := *c, *p
		bits := rapid.IntRange(20, 29).Draw(t, "bits")
		network := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(rapid.IntRange(0, 255).Draw(t, "b")), byte(rapid.IntRange(0, 255).Draw(t, "c")), 0}), bits).Masked()
		p.Network.CIDR = network.String()
		pool := p.Pools[0]
		pool.Groups = []v1alpha1.PlannedGroup{{Name: "g", Zones: p.Zones, Size: rapid.IntRange(0, 300).Draw(t, "nodes")}}
		p.Pools = []v1alpha1.PlannedPool{pool}
		l, err := kubeadm.Lay(&c, &p)
		usable := 1<<(32-bits) - 2
		need := 3 + pool.Groups[0].Size + 2
		if (err != nil) != (need > usable) {
			t.Fatalf("%s, %d machines: %v", network, need-2, err)
		}
		if err != nil {
			return
		}
		seen := map[netip.Addr]bool{l.VirtualIP: true, network.Addr(): true, network.Addr().Next(): true, l.VirtualIP.Next(): true}
		if !network.Contains(l.VirtualIP) || !network.Contains(l.VirtualIP.Next()) || network.Contains(l.VirtualIP.Next().Next()) {
			t.Fatalf("%s: the virtual IP %s is not the last usable address", network, l.VirtualIP)
		}
		for _, m := range l.Machines {
			if seen[m.Address] || !network.Contains(m.Address) {
				t.Fatalf("%s: %s has %s", network, m.Name, m.Address)
			}
			seen[m.Address] = true
		}
	})
}

// TestFaults: one clear error that names the object and the field.
func TestFaults(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*v1alpha1.Cluster, *v1alpha1.ClusterPlan)
		want   string
	}{
		"provider": {func(c *v1alpha1.Cluster, _ *v1alpha1.ClusterPlan) { c.Spec.Provider = v1alpha1.ProviderEKS }, `spec.provider "eks"`},
		"address": {func(c *v1alpha1.Cluster, _ *v1alpha1.ClusterPlan) { c.Spec.Hosts[1].Address = "10.10" },
			`spec.hosts[1] "cp-b": address "10.10" is not an IP address`},
		"same address": {func(c *v1alpha1.Cluster, _ *v1alpha1.ClusterPlan) {
			c.Spec.Hosts[1].Address = c.Spec.Hosts[0].Address
		}, `host "cp-b": host cp-a has its address 10.10.1.10 as well`},
		"same name": {func(c *v1alpha1.Cluster, _ *v1alpha1.ClusterPlan) { c.Spec.Hosts[4].Name = "worker-a1" }, `host "worker-a1": there are two`},
		"name":      {func(c *v1alpha1.Cluster, _ *v1alpha1.ClusterPlan) { c.Spec.Hosts[4].Name = "a;reboot" }, `host "a;reboot": the name is not a DNS name`},
		"virtual IP": {func(c *v1alpha1.Cluster, _ *v1alpha1.ClusterPlan) { c.Spec.ControlPlane.LoadBalancer.VirtualIP = "x" },
			`spec.controlPlane.loadBalancer.virtualIP "x"`},
		"virtual IP taken": {func(c *v1alpha1.Cluster, _ *v1alpha1.ClusterPlan) {
			c.Spec.ControlPlane.LoadBalancer.VirtualIP = "10.10.1.10"
		}, `host "cp-a": the virtual IP has its address`},
		"interface missing": {func(c *v1alpha1.Cluster, _ *v1alpha1.ClusterPlan) { c.Spec.ControlPlane.LoadBalancer.Interface = "" },
			`spec.controlPlane.loadBalancer.interface "" is not`},
		"interface": {func(c *v1alpha1.Cluster, _ *v1alpha1.ClusterPlan) {
			c.Spec.ControlPlane.LoadBalancer.Interface = "eth0 }"
		}, `interface "eth0 }" is not a name of a link`},
		"endpoint": {func(_ *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) { p.ControlPlane.Endpoint.Host = "" },
			`spec.controlPlane.endpoint.host is missing`},
		"endpoint's form": {func(_ *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) { p.ControlPlane.Endpoint.Host = "a b" },
			`spec.controlPlane.endpoint.host "a b"`},
		"unknown member": {func(_ *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) { p.ControlPlane.Members[0].Name = "gone" },
			`control plane member "gone" of the plan is no host`},
		"version too old": {func(c *v1alpha1.Cluster, _ *v1alpha1.ClusterPlan) { c.Spec.KubernetesVersion = "1.33.2" },
			`spec.kubernetesVersion 1.33.2 is older than 1.34`},
		"version of two parts": {func(c *v1alpha1.Cluster, _ *v1alpha1.ClusterPlan) { c.Spec.KubernetesVersion = "1.36" },
			`spec.kubernetesVersion "1.36" is not 1.y.z`},
		"destination": {func(c *v1alpha1.Cluster, _ *v1alpha1.ClusterPlan) { c.Spec.Backup.Destinations[1] = "ftp://x" },
			`spec.backup.destinations[1] "ftp://x"`},
		"interval": {func(c *v1alpha1.Cluster, _ *v1alpha1.ClusterPlan) { c.Spec.Backup.Every.Duration = 1 }, `spec.backup.every 1ns`},
	} {
		t.Run(name, func(t *testing.T) {
			c, p := decode(t, specs()["stacked"])
			test.change(c, p)
			_, err := kubeadm.Files(c, p)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("rendering: %v\nwant it to say %s", err, test.want)
			}
		})
	}
}

// TestSnapshotsAreStaggered: members never start at the same moment.
func TestSnapshotsAreStaggered(t *testing.T) {
	for every, want := range map[string][]string{
		"6h":  {"*-*-* 00/6:00:00 UTC", "*-*-* 02/6:00:00 UTC", "*-*-* 04/6:00:00 UTC"},
		"1h":  {"*-*-* 00/1:00:00 UTC", "*-*-* 00/1:20:00 UTC", "*-*-* 00/1:40:00 UTC"},
		"24h": {"*-*-* 00:00:00 UTC", "*-*-* 08:00:00 UTC", "*-*-* 16:00:00 UTC"},
		"15m": {"*-*-* *:00/15:00 UTC", "*-*-* *:05/15:00 UTC", "*-*-* *:10/15:00 UTC"},
		"5h":  {"OnActiveSec=0s", "OnActiveSec=6000s", "OnActiveSec=12000s"},
		"45m": {"OnActiveSec=0s", "OnActiveSec=900s", "OnActiveSec=1800s"},
	} {
		t.Run(every, func(t *testing.T) {
			if analyze, err := exec.LookPath("systemd-analyze"); err == nil {
				for _, event := range want {
					if strings.HasPrefix(event, "On") {
						continue
					}
					if out, err := run(t, time.Minute, analyze, "calendar", event); err != nil {
						t.Errorf("%s: %v\n%s", event, err, out)
					}
				}
			}
			c, _ := decode(t, specs()["stacked"])
			if err := c.Spec.Backup.Every.UnmarshalJSON([]byte(`"` + every + `"`)); err != nil {
				t.Fatal(err)
			}
			p, err := plan.Make(c, plan.Options{})
			if err != nil {
				t.Fatal(err)
			}
			files, err := kubeadm.Files(c, p)
			if err != nil {
				t.Fatal(err)
			}
			found := 0
			for _, f := range files {
				for i, host := range []string{"cp-a", "cp-b", "cp-c"} {
					if f.Path == "systemd/"+host+"/bulkhead-etcd-backup.timer" {
						found++
						if !strings.Contains(string(f.Data), want[i]+"\n") {
							t.Errorf("%s: want %s in\n%s", host, want[i], f.Data)
						}
					}
				}
			}
			if found != 3 {
				t.Errorf("%d timers for 3 members", found)
			}
		})
	}
}

// TestTimings: what the plan sets for a short recovery is in the configuration, and
// nothing of it where Kubernetes' defaults do.
func TestTimings(t *testing.T) {
	all := []string{
		"- name: default-not-ready-toleration-seconds\n    value: \"10\"", "- name: default-unreachable-toleration-seconds\n    value: \"10\"",
		"- name: node-monitor-grace-period\n    value: 16s", "- name: node-eviction-rate\n    value: \"10\"",
		"- name: leader-elect-renew-deadline\n    value: 6s",
		"nodeLeaseDurationSeconds: 16", "nodeStatusUpdateFrequency: 4s", "nodeStatusReportFrequency: 5m0s",
	}
	text, err := os.ReadFile(specs()["stacked"])
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "kubeadm.yaml")
	if err := os.WriteFile(path, bytes.Replace(text, []byte("recoveryTime: 10m"), []byte("recoveryTime: 1m"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	fast := string(rendered(t, path)["kubeadm/cp-a/kubeadm.yaml"].Data)
	slow := string(rendered(t, specs()["stacked"])["kubeadm/cp-a/kubeadm.yaml"].Data)
	for _, x := range all {
		if !strings.Contains(fast, x) {
			t.Errorf("%q is not in:\n%s", x, fast)
		}
		if strings.Contains(slow, x) {
			t.Errorf("%q is there without need", x)
		}
	}
	if n := strings.Count(fast, "leader-elect-lease-duration"); n != 2 {
		t.Errorf("%d components elect faster, want the controller-manager and the scheduler:\n%s", n, fast)
	}
}
