package plan

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// cutForEKS returns the subnets of a VPC, public before private in each zone.
func cutForEKS(cidr string, zones int) (out []netip.Prefix, faults Faults) {
	m := &maker{c: &v1alpha1.Cluster{}, p: &v1alpha1.ClusterPlan{}}
	m.c.Spec.Provider = v1alpha1.ProviderEKS
	for i := range zones {
		m.p.Zones = append(m.p.Zones, "eu-west-1"+string(rune('a'+i)))
	}
	vpc, _ := netip.ParsePrefix(cidr)
	m.cutEKS(vpc)
	for _, s := range m.p.Network.Subnets {
		out = append(out, netip.MustParsePrefix(s.CIDR))
	}
	return out, m.faults
}

// TestCutEKS compares with what eksctl documents (usage/vpc-networking:
// 192.168.0.0/16 in 8 subnets of /19, 3 private, 3 public and 2 reserved), and
// holds for every VPC that none overlaps and all fit.
func TestCutEKS(t *testing.T) {
	got, _ := cutForEKS("192.168.0.0/16", 3)
	var want []netip.Prefix
	for _, text := range []string{"192.168.0.0/19", "192.168.96.0/19", "192.168.32.0/19", "192.168.128.0/19", "192.168.64.0/19", "192.168.160.0/19"} {
		want = append(want, netip.MustParsePrefix(text))
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Errorf("(-eksctl +got):\n%s", diff)
	}
	for bits := eksctlShortest; bits <= eksctlLongest; bits++ {
		for zones := 1; zones <= eksctlZones; zones++ {
			vpc := netip.PrefixFrom(netip.MustParseAddr("10.0.0.0"), bits)
			all, faults := cutForEKS(vpc.String(), zones)
			if len(faults) > 0 || len(all) != 2*zones {
				t.Fatalf("%s for %d zones: %v %v", vpc, zones, all, faults)
			}
			for i, a := range all {
				if !vpc.Contains(a.Addr()) || a != a.Masked() {
					t.Errorf("%s for %d zones: %s", vpc, zones, a)
				}
				for _, b := range all[:i] {
					if a.Overlaps(b) {
						t.Errorf("%s for %d zones: %s overlaps %s", vpc, zones, a, b)
					}
				}
			}
		}
	}
	for _, wrong := range []struct {
		cidr  string
		zones int
	}{{"10.0.0.0/25", 3}, {"10.0.0.0/15", 3}, {"10.0.0.0/16", 9}, {"fd00::/56", 2}, {"", 2}} {
		if all, faults := cutForEKS(wrong.cidr, wrong.zones); len(faults) != 1 {
			t.Errorf("%s for %d zones is cut: %v", wrong.cidr, wrong.zones, all)
		}
	}
}
