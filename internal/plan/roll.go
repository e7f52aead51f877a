package plan

import (
	"fmt"
	"slices"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/quorum"
)

// roll replaces every member of the control plane as Cluster API's
// KubeadmControlPlane does with maxSurge 1, and finds the moments that are
// exposed.
func (d *differ) roll(action, reason string) {
	cp := d.to.ControlPlane
	d.step(v1alpha1.Step{Action: action, Object: d.to.Name, Reason: reason + ": Cluster API makes every machine of the control plane again, one at a time"})
	zones := d.to.Zones
	if len(cp.LoadBalancers) > 0 {
		zones = cp.LoadBalancers[0].Zones // those of the control plane
	}
	steps, exposed := roll(cp.Etcd, zones)
	d.out.Steps = append(d.out.Steps, steps...)
	if len(exposed) > 0 && !slices.ContainsFunc(d.out.Impossible, func(f v1alpha1.PlanFinding) bool { return f.Code == CodeNoSafeOrder }) {
		d.out.Impossible = append(d.out.Impossible, rollFinding(cp.Etcd, exposed))
	}
}

func rollFinding(members []v1alpha1.PlannedMember, exposed []string) v1alpha1.PlanFinding {
	n := len(members)
	return v1alpha1.PlanFinding{
		Code: CodeNoSafeOrder, Subject: "etcd",
		Message: fmt.Sprintf("while a member is replaced there are %d voters, and %d must agree: for those minutes losing one of %s costs the majority. With maxSurge 0 there are %d, and more zones are exposed", n+1, quorum.Majority(n+1), list(exposed), n-1),
		Remedy:  fmt.Sprintf("%d zones for the control plane: the member that is added then stands alone in its zone", n+1),
	}
}

// roll replaces the members one at a time: a new one comes, an old one goes. It
// chooses zones as Cluster API v1.14.2 does (util/failuredomains, with
// controlplane/kubeadm): the new member where the fewest new ones are, then the
// fewest at all (PickFewest); the old one where the most old ones are, then the
// most at all (PickMost). Ties, which Cluster API breaks at random, go to the
// first zone.
//
// It returns the steps and the zones, survived before, that some moment exposes.
func roll(members []v1alpha1.PlannedMember, zones []string) ([]v1alpha1.Step, []string) {
	steps, exposed := []v1alpha1.Step{}, []string{}
	old, fresh := slices.Clone(members), []v1alpha1.PlannedMember{}
	survived := quorum.Survivors(zonesOf(members), zones)
	add := func(action string, x v1alpha1.PlannedMember, reason string) {
		v := zonesOf(append(slices.Clone(old), fresh...))
		s := quorum.Survivors(v, zones)
		steps = append(steps, v1alpha1.Step{Action: action, Object: x.Name, Zone: x.Zone, Reason: reason, Voters: v, Survives: s})
		exposed = append(exposed, added(s, survived)...)
	}
	for i := range members {
		zone := pickFewest(zones, append(slices.Clone(old), fresh...), fresh)
		x := v1alpha1.PlannedMember{Name: fmt.Sprintf("%s (new %d)", prefix(members), i+1), Zone: zone}
		fresh = append(fresh, x)
		add("promote-member", x, "a new machine joins as a learner and is promoted when it has caught up")
		from := pickMost(zones, append(slices.Clone(old), fresh...), old)
		j := max(slices.IndexFunc(old, func(o v1alpha1.PlannedMember) bool { return o.Zone == from }), 0)
		gone := old[j]
		old = slices.Delete(old, j, j+1)
		add("remove-member", gone, "the old machine of the zone that has the most")
	}
	return steps, sorted(exposed)
}

func prefix(members []v1alpha1.PlannedMember) string {
	name := members[0].Name
	for i := len(name) - 1; i > 0; i-- {
		if name[i] == '-' {
			return name[:i]
		}
	}
	return name
}

// pickFewest is the zone with the fewest of the favoured, then of all.
func pickFewest(zones []string, all, favoured []v1alpha1.PlannedMember) string {
	a, f := zonesOf(all), zonesOf(favoured)
	return slices.MinFunc(zones, func(x, y string) int {
		if f[x] != f[y] {
			return f[x] - f[y]
		}
		return a[x] - a[y]
	})
}

// pickMost is the zone with the most of the eligible, then of all.
func pickMost(zones []string, all, eligible []v1alpha1.PlannedMember) string {
	a, e := zonesOf(all), zonesOf(eligible)
	return slices.MinFunc(zones, func(x, y string) int {
		if e[x] != e[y] {
			return e[y] - e[x]
		}
		return a[y] - a[x]
	})
}
