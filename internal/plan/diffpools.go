package plan

import (
	"fmt"
	"maps"
	"slices"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// resized is a group before and after.
type resized struct{ from, to v1alpha1.PlannedGroup }

// pools grows before it shrinks, so that at no moment there is less room than at
// both ends.
func (d *differ) pools() {
	shrink := []func(){}
	for _, to := range d.to.Pools {
		from, there := find(d.from.Pools, func(p v1alpha1.PlannedPool) bool { return p.Name == to.Name })
		if there && !d.samePool(from, to) {
			continue
		}
		if there && (!maps.Equal(from.Labels, to.Labels) || !slices.Equal(from.Taints, to.Taints) || from.Autoscaling != to.Autoscaling) {
			d.step(v1alpha1.Step{Action: "update-pool", Object: to.Name, Reason: "labels, taints or autoscaling differ; nodes that run may keep their labels and taints until they are made again"})
		}
		for _, g := range to.Groups {
			old, there := find(from.Groups, func(o v1alpha1.PlannedGroup) bool { return o.Name == g.Name })
			if !there {
				d.step(v1alpha1.Step{Action: "add-group", Object: g.Name, Zone: oneOf(g.Zones), Reason: fmt.Sprintf("pool %s: %s", to.Name, sizes(g))})
				continue
			}
			if s := (resized{old, g}); s.grows() {
				d.resize(to, s)
			} else if s.changed() {
				shrink = append(shrink, func() { d.resize(to, s) })
			}
		}
	}
	for _, f := range shrink {
		f()
	}
	d.removeGroups()
}

func (d *differ) removeGroups() {
	for _, from := range d.from.Pools {
		to, stays := find(d.to.Pools, func(p v1alpha1.PlannedPool) bool { return p.Name == from.Name })
		if stays && (from.Scope != to.Scope || from.MachineType != to.MachineType) {
			continue
		}
		for _, g := range from.Groups {
			if _, stays := find(to.Groups, func(o v1alpha1.PlannedGroup) bool { return o.Name == g.Name }); stays {
				continue
			}
			s := v1alpha1.Step{
				Action: "remove-group", Object: g.Name, Zone: oneOf(g.Zones), Reason: fmt.Sprintf("%s are drained first; pods whose zonal volume is there cannot follow", count(g.Size, "node")),
			}
			for _, n := range g.Nodes {
				s.Commands = append(s.Commands, drain(n)...)
			}
			d.step(s)
		}
	}
}

// samePool reports whether groups of the pool can be compared one by one; it says
// so where machines must be replaced.
func (d *differ) samePool(from, to v1alpha1.PlannedPool) bool {
	if from.Scope == to.Scope && from.MachineType == to.MachineType {
		return true
	}
	if from.Scope == to.Scope && d.to.Provider == v1alpha1.ProviderCAPA {
		for _, g := range to.Groups {
			d.step(v1alpha1.Step{
				Action: "replace-group", Object: g.Name, Zone: oneOf(g.Zones),
				Reason: fmt.Sprintf("machines of type %s in place of %s, one at a time, zone by zone", to.MachineType, from.MachineType),
			})
		}
		return false
	}
	d.impossible("pools", "add a pool under another name, drain the old one, then remove it: the provider's tools would remove the old machines first",
		"node pool %s cannot change in place from %s of %s to %s of %s", to.Name, from.Scope, orNone(from.MachineType), to.Scope, orNone(to.MachineType))
	return false
}

func (d *differ) resize(pool v1alpha1.PlannedPool, s resized) {
	step := v1alpha1.Step{
		Action: "resize-group", Object: s.to.Name, Zone: oneOf(s.to.Zones),
		Reason: fmt.Sprintf("pool %s: %s, was %s", pool.Name, sizes(s.to), sizes(s.from)),
	}
	if !slices.Equal(s.from.Zones, s.to.Zones) {
		step.Reason += fmt.Sprintf("; zones %s, were %s", list(s.to.Zones), list(s.from.Zones))
	}
	for _, n := range added(s.from.Nodes, s.to.Nodes) {
		step.Commands = append(step.Commands, "on "+n+": kubeadm join --config /etc/bulkhead/kubeadm.yaml")
	}
	for _, n := range added(s.to.Nodes, s.from.Nodes) {
		step.Commands = append(step.Commands, drain(n)...)
	}
	d.step(step)
}

func drain(node string) []string {
	return []string{
		"kubectl drain " + node + " --ignore-daemonsets --delete-emptydir-data",
		"kubectl delete node " + node,
	}
}

// grows reports whether the group may hold more than before.
func (s resized) grows() bool {
	return s.to.Size > s.from.Size || s.to.Size == s.from.Size && s.to.Max > s.from.Max || len(added(s.from.Zones, s.to.Zones)) > 0
}

func (s resized) changed() bool {
	return s.from.Size != s.to.Size || s.from.Min != s.to.Min || s.from.Max != s.to.Max ||
		!slices.Equal(s.from.Zones, s.to.Zones) || !slices.Equal(s.from.Nodes, s.to.Nodes)
}

func sizes(g v1alpha1.PlannedGroup) string {
	if g.Min == g.Size && g.Max == g.Size {
		return count(g.Size, "node")
	}
	return fmt.Sprintf("%s, %d to %d", count(g.Size, "node"), g.Min, g.Max)
}
