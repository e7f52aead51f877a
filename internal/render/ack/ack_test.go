package ack

import (
	"flag"
	"path/filepath"
	"strings"
	"testing"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/render/hcl"
	"bulkhead.dev/bulkhead/internal/testkit/rendered"
)

var update = flag.Bool("update", false, "write golden files instead of comparing")

const ingress = `
  ingress: {namespace: ingress, selector: {app: ingress}, ports: [{name: http, port: 80, targetPort: 8080}], healthPath: /up}
  storage:`

// variants of examples/clusters/ack.yaml.
var variants = []struct {
	name    string
	replace []string
}{
	{name: "example"},
	{name: "regional", replace: []string{"scope: zonal", "scope: regional", "size: 2, min: 2, max: 4", "size: 6, min: 6, max: 12"}},
	{name: "single-nat-flannel", replace: []string{"serviceCIDRs: [172.21.0.0/20]", "gateways: single, gatewayZone: cn-beijing-k, podCIDRs: [172.24.0.0/14]", ", sharedClassName: nas", "", "\n  storage:", ingress}},
	{name: "two-zones-fixed", replace: []string{
		"[cn-beijing-h, cn-beijing-k, cn-beijing-l]", "[cn-beijing-h, cn-beijing-k]", `"1.36"`, "1.34.2",
		"size: 2, min: 2, max: 4, autoscaling: true, autohealing: true", "size: 3, labels: {tier: web, a: b}, taints: [{key: dedicated, value: web, effect: NoSchedule}]",
		"className: disk", "className: alicloud-disk-essd",
	}},
}

func TestGolden(t *testing.T) {
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			files, err := Files(rendered.Example(t, "ack", v.replace...))
			if err != nil {
				t.Fatal(err)
			}
			rendered.Golden(t, *update, filepath.Join("testdata", v.name), files)
		})
	}
}

// TestTerraform checks each file against the arguments of Alibaba Cloud's provider.
func TestTerraform(t *testing.T) {
	schema := rendered.TerraformSchema(t, "alicloud")
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			files, err := Files(rendered.Example(t, "ack", v.replace...))
			if err != nil {
				t.Fatal(err)
			}
			schema.Terraform(t, files)
		})
	}
}

// TestZonesStandAlone: with a gateway a zone, what a zone's nodes wait for and go out
// through is of their own zone.
func TestZonesStandAlone(t *testing.T) {
	c, p := rendered.Example(t, "ack")
	for _, zone := range p.Zones {
		block := pool(p, c.Spec.NodePools[0], p.Pools[0], v1alpha1.PlannedGroup{Name: "g", Zones: []string{zone}, Min: 1, Max: 2})
		text := string(hclText(block))
		for _, other := range p.Zones {
			if got := strings.Contains(text, "alicloud_snat_entry."+other); got != (other == zone) {
				t.Errorf("pool of %s waits for the way out of %s: %v", zone, other, got)
			}
		}
	}
	if got := len(p.Network.Gateways); got != 3 {
		t.Errorf("%d gateways", got)
	}
}

func TestVersions(t *testing.T) {
	for _, test := range []struct{ version, minor, prefix, proxy string }{
		{"1.36", "1.36", "1.36.", "nftables"},
		{"1.36.3", "1.36", "1.36.3-", "nftables"},
		{"1.35", "1.35", "1.35.", "nftables"},
		{"1.34.2", "1.34", "1.34.2-", "ipvs"},
	} {
		if minorVersion(test.version) != test.minor || prefix(test.version) != test.prefix || proxyMode(test.version) != test.proxy {
			t.Errorf("%s: %s %s %s", test.version, minorVersion(test.version), prefix(test.version), proxyMode(test.version))
		}
	}
}

func TestErrors(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*v1alpha1.Cluster, *v1alpha1.ClusterPlan)
		want   string
	}{
		{"instances", func(_ *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) { p.Pools[0].Scope = v1alpha1.ScopeInstances }, "spec.nodePools[0].scope is instances"},
		{"no growth", func(_ *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) { p.Pools[0].Groups[1].Max = 2 }, "spec.nodePools[0] grows from 2 to 2 nodes"},
		{"no subnet", func(_ *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) { p.Network.Subnets = p.Network.Subnets[1:] }, "zone cn-beijing-h has 0 subnets"},
		{"existing subnet", func(_ *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) { p.Network.Subnets[0].Existing = true }, "exists already"},
		{"no services", func(_ *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) { p.Network.ServiceCIDRs = nil }, "0 service CIDRs"},
		{"flannel", func(_ *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) { p.Network.PodCIDRs = []string{"172.24.0.0/14"} }, "asks for flannel"},
		{"dns", func(c *v1alpha1.Cluster, _ *v1alpha1.ClusterPlan) {
			c.Spec.DNS = &v1alpha1.DNSSpec{Zone: "example.com"}
		}, "spec.dns"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, p := rendered.Example(t, "ack")
			test.change(c, p)
			_, err := Files(c, p)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}

// hclText is a block as it is written.
func hclText(b hcl.Block) []byte { return hcl.File("main.tf", "", b).Data }
