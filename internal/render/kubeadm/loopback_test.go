package kubeadm_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/render/file"
	"bulkhead.dev/bulkhead/internal/render/kubeadm"
)

func TestLoopbackAddresses(t *testing.T) {
	c, p := decode(t, specs()["local"])
	for _, number := range []int{0, 7} {
		l, err := kubeadm.LayLoopback(c, p, number, 40123)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, m := range l.Machines[:4] {
			got = append(got, m.Name+" "+m.Zone+" "+strings.Replace(m.Address.String(), "127.7.", "127.0.", 1)+" says "+l.Advertised(m).String())
		}
		want := []string{
			"lab-cp-1 a 127.0.1.2 says 192.0.2.1", "lab-cp-2 b 127.0.2.2 says 192.0.2.2", "lab-cp-3 c 127.0.3.2 says 192.0.2.3",
			"lab-general-a-1 a 127.0.1.3 says 192.0.2.4",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("machines of cluster %d (-want +got):\n%s", number, diff)
		}
		if number != 0 && l.Machines[0].Address.String() != "127.7.1.2" {
			t.Errorf("cluster 7 has the addresses of another: %s", l.Machines[0].Address)
		}
		if l.Endpoint() != "127.0.0.1:40123" || l.BalancerPort == l.APIPort || l.BalancerPort == l.EndpointPort {
			t.Errorf("endpoint %s, HAProxy %d, API server %d", l.Endpoint(), l.BalancerPort, l.APIPort)
		}
	}
}

// TestLoopbackOfManyNodes: machines beyond a zone's 250 have addresses that no other
// zone has.
func TestLoopbackOfManyNodes(t *testing.T) {
	c, p := decode(t, specs()["local"])
	wide, pool := *p, p.Pools[0]
	wide.Network.CIDR = "10.0.0.0/16"
	pool.Groups = []v1alpha1.PlannedGroup{{Name: "g", Zones: p.Zones, Size: 3000}}
	wide.Pools = []v1alpha1.PlannedPool{pool}
	if _, err := kubeadm.LayLoopback(c, &wide, 0, 1); err != nil { // it refuses an address that is there twice
		t.Error(err)
	}
	pool.Groups = []v1alpha1.PlannedGroup{{Name: "g", Zones: p.Zones, Size: 15000}}
	wide.Pools = []v1alpha1.PlannedPool{pool}
	if _, err := kubeadm.LayLoopback(c, &wide, 0, 1); err == nil || !strings.Contains(err.Error(), "more machines than loopback addresses") {
		t.Errorf("15000 nodes: %v", err)
	}
}

// TestLoopbackFiles: no server of a machine listens on an address that another's has.
func TestLoopbackFiles(t *testing.T) {
	c, p := decode(t, specs()["local"])
	l, err := kubeadm.LayLoopback(c, p, 0, 40123)
	if err != nil {
		t.Fatal(err)
	}
	files, err := l.LocalFiles(c)
	if err != nil {
		t.Fatal(err)
	}
	text := map[string]string{}
	for _, f := range files {
		text[f.Path] = string(f.Data)
	}
	configuration := text["kubeadm/lab-cp-2/kubeadm.yaml"]
	for _, want := range []string{
		"advertiseAddress: 192.0.2.2", "bindPort: 6444", "controlPlaneEndpoint: 127.0.0.1:40123", "certificatesDir: /etc/kubernetes/pki",
		"value: https://127.0.2.2:2379", "value: https://127.0.2.2:2380", "value: http://127.0.2.2:2381",
		"lab-cp-1=https://127.0.1.2:2380,lab-cp-2=https://127.0.2.2:2380,lab-cp-3=https://127.0.3.2:2380",
	} {
		if !strings.Contains(configuration, want) {
			t.Errorf("kubeadm.yaml has no %q", want)
		}
	}
	if got := strings.Count(strings.Join(strings.Fields(configuration), " "), "name: bind-address value: 127.0.2.2"); got != 3 {
		t.Errorf("%d of three servers are bound to their machine's address", got)
	}
	if strings.Contains(configuration, "0.0.0.0\n") {
		t.Errorf("something listens on every address:\n%s", configuration)
	}
	balancer := text["haproxy/lab-cp-2/haproxy.cfg"]
	var binds []string
	for line := range strings.Lines(balancer) {
		if after, ok := strings.CutPrefix(strings.TrimSpace(line), "bind "); ok {
			binds = append(binds, after)
		}
	}
	if want := []string{"127.0.2.2:6443", "127.0.2.2:8404", "127.0.2.2:8405"}; !slices.Equal(binds, want) {
		t.Errorf("HAProxy listens on %s", binds)
	}
	for _, not := range []string{"user haproxy", "group haproxy", " /etc/", " /dev/log"} {
		if strings.Contains(balancer, not) {
			t.Errorf("haproxy.cfg has %q", not)
		}
	}
	for _, placed := range l.Place(l.Machines[1]) {
		if strings.Contains(placed.From, "keepalived") {
			t.Errorf("%s is put in place: there is no address that moves", placed.From)
		}
	}
}

// TestHAProxyTakesLoopbackFiles: the real program finds nothing wrong.
func TestHAProxyTakesLoopbackFiles(t *testing.T) {
	haproxy := program(t, "haproxy", install)
	c, p := decode(t, specs()["local"])
	l, err := kubeadm.LayLoopback(c, p, 0, 40123)
	if err != nil {
		t.Fatal(err)
	}
	files, err := l.LocalFiles(c)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	newAuthority(t).save(t, folder+"/ca.crt")
	for _, f := range files {
		if f.Path != "haproxy/lab-cp-2/haproxy.cfg" {
			continue
		}
		f.Data = []byte(strings.ReplaceAll(string(f.Data), "etc/haproxy/kubernetes-ca.crt", folder+"/ca.crt"))
		save(t, folder, map[string]file.File{f.Path: f})
	}
	if out, err := run(t, 20*time.Second, haproxy, "-c", "-f", folder+"/haproxy/lab-cp-2/haproxy.cfg"); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
