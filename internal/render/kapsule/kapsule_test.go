package kapsule

import (
	"flag"
	"path/filepath"
	"strings"
	"testing"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/testkit/rendered"
)

var update = flag.Bool("update", false, "write golden files instead of comparing")

// variants of examples/clusters/kapsule.yaml.
var variants = []struct {
	name    string
	replace []string
}{
	{name: "example"},
	{name: "full-isolation", replace: []string{"isolation: controlled", "isolation: full, gatewayZone: fr-par-2"}},
	{name: "two-zones", replace: []string{"[fr-par-1, fr-par-2, fr-par-3]", "[fr-par-1, fr-par-2]"}},
	{name: "fixed", replace: []string{
		`kubernetesVersion: "1.36"`, "kubernetesVersion: 1.36.3",
		"autoscaling: true, autohealing: true", "labels: {tier: web}, taints: [{key: dedicated, value: web, effect: NoSchedule}]",
		"min: 3, max: 6, ", "",
		"className: scw-bssd", "className: zonal",
		"cni: cilium", "cni: calico, podCIDRs: [100.64.0.0/15], serviceCIDRs: [10.32.0.0/20]",
		"healthPath: /up", "externalTrafficPolicy: Cluster",
	}},
}

func TestGolden(t *testing.T) {
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			files, err := Files(rendered.Example(t, "kapsule", v.replace...))
			if err != nil {
				t.Fatal(err)
			}
			rendered.Golden(t, *update, filepath.Join("testdata", v.name), files)
		})
	}
}

// TestTerraform checks each file against the arguments of Scaleway's provider.
func TestTerraform(t *testing.T) {
	schema := rendered.TerraformSchema(t, "scaleway")
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			files, err := Files(rendered.Example(t, "kapsule", v.replace...))
			if err != nil {
				t.Fatal(err)
			}
			schema.Terraform(t, files)
		})
	}
}

// TestIsolation: the gateway and nodes without public addresses go together.
func TestIsolation(t *testing.T) {
	for _, isolation := range []string{"controlled", "full"} {
		c, p := rendered.Example(t, "kapsule", "isolation: controlled", "isolation: "+isolation)
		files, err := Files(c, p)
		if err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		for _, f := range files {
			text.Write(f.Data)
		}
		full := isolation == "full"
		for part, want := range map[string]bool{
			`resource "scaleway_vpc_public_gateway" `: full, "push_default_route = true": full,
			"depends_on": full,
		} {
			if got := strings.Contains(text.String(), part); got != want {
				t.Errorf("%s: %q is there: %v", isolation, part, got)
			}
		}
		if got := strings.Count(strings.ReplaceAll(text.String(), " ", ""), "public_ip_disabled="+map[bool]string{true: "true", false: "false"}[full]); got != 3 {
			t.Errorf("%s: %d pools of 3 say so", isolation, got)
		}
	}
}

func TestErrors(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*v1alpha1.Cluster, *v1alpha1.ClusterPlan)
		want   string
	}{
		{"regional", func(_ *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) { p.Pools[0].Scope = v1alpha1.ScopeRegional }, "spec.nodePools[0].scope is regional"},
		{"instances", func(_ *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) { p.Pools[0].Scope = v1alpha1.ScopeInstances }, "spec.nodePools[0].scope is instances"},
		{"no gateway", func(c *v1alpha1.Cluster, _ *v1alpha1.ClusterPlan) { c.Spec.Network.Isolation = v1alpha1.IsolationFull }, "exactly one public gateway, the plan has 0"},
		{"no text", func(c *v1alpha1.Cluster, _ *v1alpha1.ClusterPlan) { c.Spec.DNS.HealthCheck.MustContain = "" }, "spec.dns.healthCheck.mustContain is empty"},
		{"no ingress", func(c *v1alpha1.Cluster, _ *v1alpha1.ClusterPlan) { c.Spec.Ingress = nil }, "spec.ingress asks for none"},
		{"no ports", func(c *v1alpha1.Cluster, _ *v1alpha1.ClusterPlan) { c.Spec.Ingress.Ports = nil }, "spec.ingress.ports is empty"},
		{"no subnet", func(_ *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) { p.Network.Subnets = nil }, "0 subnets"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, p := rendered.Example(t, "kapsule")
			test.change(c, p)
			_, err := Files(c, p)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}
