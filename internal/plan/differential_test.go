package plan

import (
	"encoding/binary"
	"fmt"
	"math"
	"net"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/util/collections"
	"sigs.k8s.io/cluster-api/util/failuredomains"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/quorum"
)

func failureDomains(zones []string) []clusterv1.FailureDomain {
	out := []clusterv1.FailureDomain{}
	for _, z := range zones {
		out = append(out, clusterv1.FailureDomain{Name: z, ControlPlane: new(true)})
	}
	return out
}

func machines(members []v1alpha1.PlannedMember) collections.Machines {
	out := collections.New()
	for i, m := range members {
		out.Insert(&clusterv1.Machine{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%s-%d", m.Name, i)}, Spec: clusterv1.MachineSpec{FailureDomain: m.Zone}})
	}
	return out
}

// sizesOf are the counts of the zones, the largest first, whatever their names.
func sizesOf(members []v1alpha1.PlannedMember, zones []string) []int {
	by := zonesOf(members)
	out := []int{}
	for _, z := range zones {
		out = append(out, by[z])
	}
	slices.Sort(out)
	slices.Reverse(out)
	return out
}

// TestPlacementAsClusterAPI: Cluster API's failure-domain picker, asked once for each
// member as its control plane does, gives each zone as many members as quorum.Place.
// Which zone has one more it leaves to chance, so counts are compared.
func TestPlacementAsClusterAPI(t *testing.T) {
	for n := 1; n <= 9; n++ {
		for z := 1; z <= 6; z++ {
			zones := []string{}
			for i := range z {
				zones = append(zones, fmt.Sprintf("z%d", i+1))
			}
			theirs, ours := []v1alpha1.PlannedMember{}, []v1alpha1.PlannedMember{}
			for i := range n {
				all := machines(theirs)
				theirs = append(theirs, v1alpha1.PlannedMember{Name: fmt.Sprintf("m%d", i), Zone: failuredomains.PickFewest(t.Context(), failureDomains(zones), all, all)})
			}
			for i, zone := range quorum.Place(n, zones) {
				ours = append(ours, v1alpha1.PlannedMember{Name: fmt.Sprintf("m%d", i), Zone: zone})
			}
			if diff := cmp.Diff(sizesOf(theirs, zones), sizesOf(ours, zones)); diff != "" {
				t.Errorf("%d members over %d zones (-theirs +ours):\n%s", n, z, diff)
			}
		}
	}
}

// TestPickersAsClusterAPI: in any state of a rolling replacement our pickers choose a
// zone that Cluster API's might: one with the same counts, ties being broken at
// random there.
func TestPickersAsClusterAPI(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		zones := []string{"a", "b", "c", "d", "e"}[:rapid.IntRange(1, 5).Draw(t, "zones")]
		draw := func(label string, least int) []v1alpha1.PlannedMember {
			out := []v1alpha1.PlannedMember{}
			for i, z := range rapid.SliceOfN(rapid.SampledFrom(zones), least, 5).Draw(t, label) {
				out = append(out, v1alpha1.PlannedMember{Name: fmt.Sprintf("%s%d", label, i), Zone: z})
			}
			return out
		}
		old, fresh := draw("old", 1), draw("fresh", 0)
		all := append(slices.Clone(old), fresh...)
		key := func(zone string, favoured []v1alpha1.PlannedMember) [2]int {
			return [2]int{zonesOf(favoured)[zone], zonesOf(all)[zone]}
		}
		theirs := failuredomains.PickFewest(t.Context(), failureDomains(zones), machines(all), machines(fresh))
		if ours := pickFewest(zones, all, fresh); key(ours, fresh) != key(theirs, fresh) {
			t.Fatalf("fewest: we choose %s %v, Cluster API %s %v", ours, key(ours, fresh), theirs, key(theirs, fresh))
		}
		theirs = failuredomains.PickMost(t.Context(), failureDomains(zones), machines(all), machines(old))
		if ours := pickMost(zones, all, old); key(ours, old) != key(theirs, old) {
			t.Fatalf("most: we choose %s %v, Cluster API %s %v", ours, key(ours, old), theirs, key(theirs, old))
		}
	})
}

// TestRollIsSafeWithAnotherZone: a control plane of n members over n+1 zones or more
// survives every zone at every step of a rolling replacement.
func TestRollIsSafeWithAnotherZone(t *testing.T) {
	for n := 3; n <= 9; n += 2 {
		for z := n + 1; z <= n+3; z++ {
			zones := []string{}
			for i := range z {
				zones = append(zones, fmt.Sprintf("z%d", i+1))
			}
			members := []v1alpha1.PlannedMember{}
			for i, zone := range quorum.Place(n, zones) {
				members = append(members, v1alpha1.PlannedMember{Name: fmt.Sprintf("cp-%d", i+1), Zone: zone})
			}
			steps, exposed := roll(members, zones)
			if len(exposed) > 0 || len(steps) != 2*n {
				t.Errorf("%d members over %d zones: %d steps, exposed %v", n, z, len(steps), exposed)
			}
		}
	}
}

// capaSplit is Cluster API Provider AWS's SplitIntoSubnetsIPv4 (v2.13.0,
// pkg/internal/cidr, which cannot be imported), said again from its description:
// as many bits more as the logarithm of the number rounded up, counted up from the
// network's address.
func capaSplit(t *rapid.T, cidr string, n int) []string {
	_, parent, err := net.ParseCIDR(cidr)
	if err != nil {
		t.Fatal(err)
	}
	ones, _ := parent.Mask.Size()
	ones += int(math.Ceil(math.Log2(float64(n))))
	out := []string{}
	base := binary.BigEndian.Uint32(parent.IP.To4())
	for i := range n {
		ip := make(net.IP, 4)
		binary.BigEndian.PutUint32(ip, base+uint32(i)<<(32-ones))
		out = append(out, (&net.IPNet{IP: ip, Mask: net.CIDRMask(ones, 32)}).String())
	}
	return out
}

// TestCutAsCAPA: with room kept for no more zones than there are, subnets and their
// names are those of getDefaultSubnets.
func TestCutAsCAPA(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 9).Draw(t, "zones")
		cidr := fmt.Sprintf("10.%d.0.0/%d", rapid.IntRange(0, 15).Draw(t, "second")*16, rapid.IntRange(12, 20).Draw(t, "length"))
		c := &v1alpha1.Cluster{Metadata: v1alpha1.ClusterMetadata{Name: "test-cluster"}, Spec: v1alpha1.ClusterSpec{Provider: v1alpha1.ProviderCAPA}}
		c.Spec.Network.CIDR, c.Spec.Network.ReserveZones = cidr, &n
		for i := range n {
			c.Spec.Zones.Names = append(c.Spec.Zones.Names, fmt.Sprintf("us-east-1%c", 'a'+i))
		}
		p, err := Make(c, Options{})
		if err != nil {
			t.Fatal(err)
		}
		parts := capaSplit(t, cidr, n+1)
		public := capaSplit(t, parts[0], n)
		want := []v1alpha1.PlannedSubnet{}
		for i, z := range c.Spec.Zones.Names {
			want = append(want,
				v1alpha1.PlannedSubnet{Name: "test-cluster-subnet-public-" + z, Zone: z, CIDR: public[i], Public: true},
				v1alpha1.PlannedSubnet{Name: "test-cluster-subnet-private-" + z, Zone: z, CIDR: parts[i+1]})
		}
		if diff := cmp.Diff(want, p.Network.Subnets); diff != "" {
			t.Fatalf("-CAPA +ours:\n%s", diff)
		}
	})
}

// TestCutAsCAPAsOwnTests: the figures that Cluster API Provider AWS's own tests
// expect of its default subnets (v2.13.0,
// pkg/cloud/services/network/subnets_test.go: "one az" and "two az's", IPv4 and
// IPv6).
func TestCutAsCAPAsOwnTests(t *testing.T) {
	for _, c := range []struct {
		zones []string
		want  []v1alpha1.PlannedSubnet
	}{
		{[]string{"us-east-1c"}, []v1alpha1.PlannedSubnet{
			{Zone: "us-east-1c", CIDR: "10.0.0.0/17", IPv6CIDR: "2001:db8:1234:1a03::/64", Public: true},
			{Zone: "us-east-1c", CIDR: "10.0.128.0/17", IPv6CIDR: "2001:db8:1234:1a02::/64"},
		}},
		{[]string{"us-east-1b", "us-east-1c"}, []v1alpha1.PlannedSubnet{
			{Zone: "us-east-1b", CIDR: "10.0.0.0/19", IPv6CIDR: "2001:db8:1234:1a04::/64", Public: true},
			{Zone: "us-east-1b", CIDR: "10.0.64.0/18", IPv6CIDR: "2001:db8:1234:1a02::/64"},
			{Zone: "us-east-1c", CIDR: "10.0.32.0/19", IPv6CIDR: "2001:db8:1234:1a05::/64", Public: true},
			{Zone: "us-east-1c", CIDR: "10.0.128.0/18", IPv6CIDR: "2001:db8:1234:1a03::/64"},
		}},
	} {
		cluster := &v1alpha1.Cluster{Metadata: v1alpha1.ClusterMetadata{Name: "test-cluster"}, Spec: v1alpha1.ClusterSpec{Provider: v1alpha1.ProviderCAPA}}
		cluster.Spec.Zones.Names = c.zones
		cluster.Spec.Network = v1alpha1.NetworkSpec{CIDR: "10.0.0.0/16", IPv6CIDR: "2001:db8:1234:1a00::/56", ReserveZones: new(len(c.zones))}
		p, err := Make(cluster, Options{})
		if err != nil {
			t.Fatal(err)
		}
		got := slices.Clone(p.Network.Subnets)
		for i := range got {
			got[i].Name = ""
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%d zones, -CAPA +ours:\n%s", len(c.zones), diff)
		}
	}
}
