package plan_test

import (
	"fmt"
	"math/big"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/resource"
	"pgregory.net/rapid"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/plan"
	"bulkhead.dev/bulkhead/internal/quorum"
)

// zoneNames are z1, z2, …
func zoneNames(n int) []string {
	out := []string{}
	for i := range n {
		out = append(out, fmt.Sprintf("z%d", i+1))
	}
	return out
}

// drawNetwork draws a cluster whose subnets are cut, or not for want of room. For
// EKS eksctl cuts them: TestCutEKS.
func drawNetwork(t *rapid.T) *v1alpha1.Cluster {
	provider := rapid.SampledFrom([]v1alpha1.Provider{v1alpha1.ProviderCAPA, v1alpha1.ProviderACK}).Draw(t, "provider")
	c := &v1alpha1.Cluster{Metadata: v1alpha1.ClusterMetadata{Name: "shop"}, Spec: v1alpha1.ClusterSpec{Provider: provider}}
	c.Spec.Zones.Names = zoneNames(rapid.IntRange(1, 9).Draw(t, "zones"))
	length := rapid.IntRange(8, 28).Draw(t, "length")
	c.Spec.Network.CIDR = netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 77, 33, 211}), length).Masked().String()
	reserve := rapid.IntRange(1, 12).Draw(t, "reserve")
	c.Spec.Network.ReserveZones = &reserve
	if rapid.Bool().Draw(t, "dual") {
		c.Spec.Network.IPv6CIDR = netip.PrefixFrom(netip.MustParseAddr("2600:1f14:e08:7400::"), rapid.IntRange(48, 60).Draw(t, "length6")).Masked().String()
	}
	return c
}

// TestSubnetsNeverOverlap: subnets lie in the network, overlap nothing, and with
// what is spare they are all of it.
func TestSubnetsNeverOverlap(t *testing.T) {
	made := 0
	rapid.Check(t, func(t *rapid.T) {
		c := drawNetwork(t)
		p, err := plan.Make(c, plan.Options{})
		if err != nil {
			return // no room: TestSubnetsFit
		}
		made++
		outer := netip.MustParsePrefix(p.Network.CIDR)
		v4 := []netip.Prefix{}
		for _, s := range p.Network.Subnets {
			v4 = append(v4, netip.MustParsePrefix(s.CIDR))
		}
		whole := append(slices.Clone(v4), prefixes(p.Network.Spare)...)
		apart(t, outer, whole)
		if sum := addresses(whole); sum.Cmp(addresses([]netip.Prefix{outer})) != 0 {
			t.Fatalf("subnets and spare are %v of %v addresses", sum, addresses([]netip.Prefix{outer}))
		}
		if c.Spec.Network.IPv6CIDR != "" {
			v6 := []netip.Prefix{}
			for _, s := range p.Network.Subnets {
				v6 = append(v6, netip.MustParsePrefix(s.IPv6CIDR))
			}
			apart(t, netip.MustParsePrefix(c.Spec.Network.IPv6CIDR), v6)
		}
	})
	if made < 20 && !testing.Short() { // -short tries a fifth
		t.Errorf("only %d networks had room: the property was hardly tried", made)
	}
}

func apart(t *rapid.T, outer netip.Prefix, inner []netip.Prefix) {
	t.Helper()
	for i, a := range inner {
		if a != a.Masked() {
			t.Fatalf("%s is not aligned", a)
		}
		if !outer.Contains(a.Addr()) || a.Bits() < outer.Bits() {
			t.Fatalf("%s is not in %s", a, outer)
		}
		for _, b := range inner[:i] {
			if a.Overlaps(b) {
				t.Fatalf("%s overlaps %s", a, b)
			}
		}
	}
}

func prefixes(texts []string) []netip.Prefix {
	out := []netip.Prefix{}
	for _, s := range texts {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

func addresses(ps []netip.Prefix) *big.Int {
	sum := new(big.Int)
	for _, p := range ps {
		sum.Add(sum, new(big.Int).Lsh(big.NewInt(1), uint(p.Addr().BitLen()-p.Bits())))
	}
	return sum
}

// TestSubnetsFit: a network that is refused for want of room has none: its subnets
// would be smaller than the provider makes them.
func TestSubnetsFit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawNetwork(t)
		c.Spec.Network.IPv6CIDR = ""
		_, err := plan.Make(c, plan.Options{})
		bits := netip.MustParsePrefix(c.Spec.Network.CIDR).Bits()
		reserve := max(len(c.Spec.Zones.Names), *c.Spec.Network.ReserveZones)
		parts, smallest := 1, 29
		if c.Spec.Provider == v1alpha1.ProviderACK {
			for parts < reserve {
				parts, bits = parts*2, bits+1
			}
		} else {
			smallest = 28
			for parts < reserve+1 {
				parts, bits = parts*2, bits+1
			}
			for parts = 1; parts < reserve; {
				parts, bits = parts*2, bits+1
			}
		}
		if fits := bits <= smallest; fits != (err == nil) {
			t.Fatalf("the smallest subnet is a /%d, and the plan says %v", bits, err)
		}
	})
}

// TestSubnetsAreStable: a zone appended within the room that is kept moves no
// subnet.
func TestSubnetsAreStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawNetwork(t)
		reserve := len(c.Spec.Zones.Names) + 1
		c.Spec.Network.ReserveZones = &reserve
		before, err := plan.Make(c, plan.Options{})
		if err != nil {
			return
		}
		c.Spec.Zones.Names = append(c.Spec.Zones.Names, "z99")
		after, err := plan.Make(c, plan.Options{})
		if err != nil {
			t.Fatal(err)
		}
		got := slices.DeleteFunc(slices.Clone(after.Network.Subnets), func(s v1alpha1.PlannedSubnet) bool { return s.Zone == "z99" })
		if diff := cmp.Diff(before.Network.Subnets, got); diff != "" {
			t.Fatalf("appending a zone moved subnets:\n%s", diff)
		}
		for _, s := range plan.Diff(before, after).Steps {
			if s.Action == "remove-subnet" {
				t.Fatalf("appending a zone removes %s", s.Object)
			}
		}
	})
}

// TestMembersSurvive: every odd number of members to 9, over 3 to 6 zones, planned
// for a provider, survives every single zone.
func TestMembersSurvive(t *testing.T) {
	for n := 3; n <= 9; n += 2 {
		for z := 3; z <= 6; z++ {
			c := &v1alpha1.Cluster{Metadata: v1alpha1.ClusterMetadata{Name: "shop"}, Spec: v1alpha1.ClusterSpec{
				Provider: v1alpha1.ProviderLocal, Zones: v1alpha1.ZoneSelection{Names: zoneNames(z)},
				ControlPlane: v1alpha1.ControlPlaneSpec{Replicas: &n},
			}}
			p, err := plan.Make(c, plan.Options{})
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range p.Losses {
				if !l.Survived {
					t.Errorf("%d members over %d zones: losing %s: %v", n, z, l.Zone, l.Effects)
				}
			}
		}
	}
}

// drawMembers draws members by name and zone.
func drawMembers(t *rapid.T, label string, zones []string) []v1alpha1.PlannedMember {
	n := rapid.IntRange(1, 5).Draw(t, label+" n")
	out := []v1alpha1.PlannedMember{}
	for i := range n {
		out = append(out, v1alpha1.PlannedMember{Name: fmt.Sprintf("m%d", i+1), Zone: rapid.SampledFrom(zones).Draw(t, fmt.Sprintf("%s %d", label, i))})
	}
	return out
}

func withMembers(provider v1alpha1.Provider, zones []string, members []v1alpha1.PlannedMember) *v1alpha1.ClusterPlan {
	return &v1alpha1.ClusterPlan{
		Name: "shop", Provider: provider, KubernetesVersion: "1.36.3", Zones: zones,
		ControlPlane: v1alpha1.PlannedControlPlane{Topology: v1alpha1.EtcdStacked, Members: members, Etcd: members},
	}
}

// TestTransitions: from any members to any others, every step survives every zone
// that both ends survive; or no order does, which trying all of them one by one
// confirms, and it is said.
func TestTransitions(t *testing.T) {
	safeOnes, unsafe := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		provider := rapid.SampledFrom([]v1alpha1.Provider{v1alpha1.ProviderLocal, v1alpha1.ProviderKubeadm}).Draw(t, "provider")
		zones := zoneNames(rapid.IntRange(1, 5).Draw(t, "zones"))
		from, to := drawMembers(t, "from", zones), drawMembers(t, "to", zones)
		if len(from) > 4 && len(to) > 4 {
			to = to[:4] // trying every order takes n! steps
		}
		changes := plan.Diff(withMembers(provider, zones, from), withMembers(provider, zones, to))
		if len(changes.Steps) == 0 && len(changes.Impossible) > 0 {
			// A host that is the only member cannot move: no order exists.
			if bruteForce(provider, from, to, nil) < 1<<30 {
				t.Fatalf("an order exists, and %v", changes.Impossible)
			}
			return
		}
		required := []string{}
		for _, z := range zones {
			if quorum.Survives(count(from), z) && quorum.Survives(count(to), z) {
				required = append(required, z)
			}
		}
		follow(t, provider, from, to, changes.Steps)
		least := exposures(changes.Steps, required)
		said := slices.ContainsFunc(changes.Impossible, func(f v1alpha1.PlanFinding) bool { return f.Code == plan.CodeNoSafeOrder })
		if said != (least > 0) {
			t.Fatalf("%d exposed zones, and no-safe-order said: %v\n%s", least, said, printChanges(changes, false))
		}
		if want := bruteForce(provider, from, to, required); want != least {
			t.Fatalf("the best order exposes %d zones, not %d\n%s", want, least, printChanges(changes, false))
		}
		if least == 0 {
			safeOnes++
		} else {
			unsafe++
		}
	})
	if (safeOnes == 0 || unsafe == 0) && !testing.Short() {
		t.Errorf("%d safe and %d unsafe transitions: one kind was never tried", safeOnes, unsafe)
	}
}

// TestLargeTransition: nine members that all move are ordered, and more at once than
// can be searched are refused.
func TestLargeTransition(t *testing.T) {
	members := func(prefix string, n int) []v1alpha1.PlannedMember {
		out := []v1alpha1.PlannedMember{}
		for i, z := range quorum.Place(n, zoneNames(9)) {
			out = append(out, v1alpha1.PlannedMember{Name: fmt.Sprintf("%s%d", prefix, i), Zone: z})
		}
		return out
	}
	start := time.Now()
	diff := func(n int) *v1alpha1.ClusterChanges {
		return plan.Diff(withMembers(v1alpha1.ProviderKubeadm, zoneNames(9), members("old", n)), withMembers(v1alpha1.ProviderKubeadm, zoneNames(9), members("new", n)))
	}
	if got := diff(9); len(got.Impossible) > 0 || len(got.Steps) != 1+9*3 {
		t.Errorf("%s", printChanges(got, false))
	}
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("it took %s", took)
	}
	if got := diff(11); len(got.Steps) > 0 || len(got.Impossible) != 1 || got.Impossible[0].Code != plan.CodeNotInPlace {
		t.Errorf("%s", printChanges(got, false))
	}
}

func count(members []v1alpha1.PlannedMember) map[string]int {
	zones := []string{}
	for _, m := range members {
		zones = append(zones, m.Zone)
	}
	return quorum.Count(zones)
}

// follow carries the steps out: each must be possible, at most one learner at a
// time, the voters as told, and the end as planned.
func follow(t *rapid.T, provider v1alpha1.Provider, from, to []v1alpha1.PlannedMember, steps []v1alpha1.Step) {
	t.Helper()
	voters := slices.Clone(from)
	var learner *v1alpha1.PlannedMember
	for _, s := range steps {
		m := v1alpha1.PlannedMember{Name: s.Object, Zone: s.Zone}
		switch s.Action {
		case "save-snapshot":
		case "add-learner":
			if learner != nil {
				t.Fatalf("a second learner: %v", s)
			}
			if provider == v1alpha1.ProviderKubeadm && slices.ContainsFunc(voters, func(o v1alpha1.PlannedMember) bool { return o.Name == m.Name }) {
				t.Fatalf("host %s is still a member: %v", m.Name, s)
			}
			learner = &m
		case "promote-member":
			if learner == nil || *learner != m {
				t.Fatalf("no learner: %v", s)
			}
			learner, voters = nil, append(voters, m)
		case "remove-member":
			i := slices.Index(voters, m)
			if i < 0 || len(voters) == 1 {
				t.Fatalf("cannot be removed: %v", s)
			}
			voters = slices.Delete(voters, i, i+1)
		default:
			t.Fatalf("unexpected step %v", s)
		}
		if diff := cmp.Diff(count(voters), s.Voters); diff != "" {
			t.Fatalf("voters after %s %s:\n%s", s.Action, s.Object, diff)
		}
	}
	if learner != nil || !slices.Equal(byName(voters), byName(to)) {
		t.Fatalf("ends with %v and learner %v, want %v", voters, learner, to)
	}
}

func byName(members []v1alpha1.PlannedMember) []string {
	out := []string{}
	for _, m := range members {
		out = append(out, m.Name+"@"+m.Zone)
	}
	slices.Sort(out)
	return out
}

// exposures counts required zones that are not survived, over the states that
// steps which change voters lead to.
func exposures(steps []v1alpha1.Step, required []string) int {
	n := 0
	for _, s := range steps {
		if s.Action != "promote-member" && s.Action != "remove-member" {
			continue
		}
		for _, z := range required {
			if !quorum.Survives(s.Voters, z) {
				n++
			}
		}
	}
	return n
}

// bruteForce tries every order of single changes and returns the fewest exposures.
func bruteForce(provider v1alpha1.Provider, from, to []v1alpha1.PlannedMember, required []string) int {
	best := 1 << 30
	var try func(voters, come, leave []v1alpha1.PlannedMember, so int)
	try = func(voters, come, leave []v1alpha1.PlannedMember, so int) {
		for _, z := range required {
			if !quorum.Survives(count(voters), z) {
				so++
			}
		}
		if so >= best {
			return
		}
		if len(come)+len(leave) == 0 {
			best = so
			return
		}
		for i, m := range come {
			taken := slices.ContainsFunc(voters, func(o v1alpha1.PlannedMember) bool { return o.Name == m.Name })
			if provider == v1alpha1.ProviderKubeadm && taken {
				continue
			}
			try(append(slices.Clone(voters), m), slices.Delete(slices.Clone(come), i, i+1), leave, so)
		}
		for i, m := range leave {
			if len(voters) > 1 {
				j := slices.Index(voters, m)
				try(slices.Delete(slices.Clone(voters), j, j+1), come, slices.Delete(slices.Clone(leave), i, i+1), so)
			}
		}
	}
	differ := func(a, b []v1alpha1.PlannedMember) []v1alpha1.PlannedMember {
		return slices.DeleteFunc(slices.Clone(a), func(m v1alpha1.PlannedMember) bool { return slices.Contains(b, m) })
	}
	try(from, differ(to, from), differ(from, to), 0)
	return best
}

// TestMakeIsDeterministic: the same Cluster gives the same plan, and a Cluster is
// not changed by being planned.
func TestMakeIsDeterministic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawNetwork(t)
		c.Spec.NodePools = []v1alpha1.NodePool{{Name: "general", Labels: map[string]string{"a": "1", "b": "2", "c": "3"}}}
		if rapid.Bool().Draw(t, "random") {
			limit := rapid.IntRange(1, 4).Draw(t, "limit")
			c.Spec.Zones = v1alpha1.ZoneSelection{Limit: &limit, Selection: v1alpha1.SelectionRandom}
		}
		o := plan.Options{
			Catalog: &v1alpha1.MachineCatalog{Region: "r", Zones: zoneNames(9)},
			Load:    &plan.Load{CPU: resource.MustParse("3"), Memory: resource.MustParse("3Gi"), Pods: 3},
		}
		before := marshal(c)
		one, errOne := plan.Make(c, o)
		two, errTwo := plan.Make(c, o)
		if (errOne == nil) != (errTwo == nil) || errOne != nil && errOne.Error() != errTwo.Error() {
			t.Fatalf("%v, then %v", errOne, errTwo)
		}
		if diff := cmp.Diff(marshal(one), marshal(two)); diff != "" {
			t.Fatalf("two plans of one cluster differ:\n%s", diff)
		}
		if diff := cmp.Diff(before, marshal(c)); diff != "" {
			t.Fatalf("planning changed the cluster:\n%s", diff)
		}
		if errOne == nil {
			if got := plan.Diff(one, two); len(got.Steps) > 0 || len(got.Impossible) > 0 {
				t.Fatalf("equal plans differ:\n%s", printChanges(got, false))
			}
		}
	})
}

// TestWalkIsMonotonic: losing more never brings anything back.
func TestWalkIsMonotonic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		zones := zoneNames(4)
		groups := []string{"g1", "g2", "g3"}
		deps := []v1alpha1.Dependency{}
		for i := range rapid.IntRange(1, 7).Draw(t, "n") {
			deps = append(deps, v1alpha1.Dependency{
				Name: fmt.Sprintf("d%d", i), Group: rapid.SampledFrom(groups).Draw(t, "group"), Need: rapid.IntRange(1, 2).Draw(t, "need"),
				Zones:    rapid.SliceOfNDistinct(rapid.SampledFrom(zones), 0, 3, rapid.ID).Draw(t, "zones"),
				Serves:   zones,
				Effect:   v1alpha1.EffectAPI,
				Requires: rapid.SliceOfNDistinct(rapid.SampledFrom(groups), 0, 1, rapid.ID).Draw(t, "requires"),
			})
		}
		some := rapid.SliceOfNDistinct(rapid.SampledFrom(zones), 0, 3, rapid.ID).Draw(t, "some")
		more := append(slices.Clone(some), rapid.SampledFrom(zones).Draw(t, "more"))
		less, all := plan.Walk(deps, plan.Lost{Zones: some}), plan.Walk(deps, plan.Lost{Zones: more, Dependencies: []string{"d0"}})
		for _, d := range less.Down {
			if !slices.Contains(all.Down, d) {
				t.Fatalf("%s is down without %v and up without %v", d, some, more)
			}
		}
		if !slices.Contains(all.Down, "d0") {
			t.Fatal("a lost dependency is up")
		}
	})
}
