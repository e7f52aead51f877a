package plan

import (
	"net/netip"
	"slices"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// Lost is what is taken away.
type Lost struct {
	// Zones with everything that stands in them.
	Zones []string
	// Dependencies by name.
	Dependencies []string
}

// Effects are what a loss takes with it.
type Effects struct {
	// Down names the dependencies that are down, in the order given.
	Down []string
	// Groups that fewer are up of than are needed, in order.
	Groups []string
	// Lost are the effects on zones that are not lost themselves, in the order of
	// the groups behind them. A group that is down only because another is and
	// that takes nothing more is left out: the cause is named once.
	Lost []v1alpha1.LostEffect
}

// Has reports whether the effect is among those lost, for any zone.
func (e Effects) Has(effect v1alpha1.DependencyEffect) bool {
	return slices.ContainsFunc(e.Lost, func(l v1alpha1.LostEffect) bool { return l.Effect == effect })
}

// Zones are those that lose the effect, sorted.
func (e Effects) Zones(effect v1alpha1.DependencyEffect) []string {
	out := []string{}
	for _, l := range e.Lost {
		if l.Effect == effect {
			out = append(out, l.Zones...)
		}
	}
	return sorted(out)
}

// Walk follows a loss through the dependencies until nothing more falls:
//
//	a dependency is down  when it is lost, all the zones it stands in are, or a
//	                      group that it requires is
//	a group is down       when fewer of its dependencies are up than are needed
//
// Groups that require each other do no harm: what is up stays up until something
// takes it.
func Walk(deps []v1alpha1.Dependency, lost Lost) Effects {
	down := make([]bool, len(deps))
	groups := []string{}
	for _, d := range deps {
		if !slices.Contains(groups, d.Group) {
			groups = append(groups, d.Group)
		}
	}
	dead := map[string]bool{}
	for changed := true; changed; {
		changed = false
		for i, d := range deps {
			if !down[i] && fallen(d, lost, dead) {
				down[i], changed = true, true
			}
		}
		for _, g := range groups {
			if !dead[g] && groupDown(deps, down, g) {
				dead[g], changed = true, true
			}
		}
	}
	out := Effects{Down: []string{}, Groups: []string{}, Lost: []v1alpha1.LostEffect{}}
	for i, d := range deps {
		if down[i] {
			out.Down = append(out.Down, d.Name)
		}
	}
	for _, g := range groups {
		if !dead[g] {
			continue
		}
		out.Groups = append(out.Groups, g)
		if l := lostWith(deps, g, lost); len(l.Zones) > 0 && !follows(deps, g, l.Effect, dead) {
			out.Lost = append(out.Lost, l)
		}
	}
	return out
}

func fallen(d v1alpha1.Dependency, lost Lost, dead map[string]bool) bool {
	return slices.Contains(lost.Dependencies, d.Name) ||
		len(d.Zones) > 0 && !slices.ContainsFunc(d.Zones, func(z string) bool { return !slices.Contains(lost.Zones, z) }) ||
		slices.ContainsFunc(d.Requires, func(g string) bool { return dead[g] })
}

func groupDown(deps []v1alpha1.Dependency, down []bool, group string) bool {
	up, need := 0, 1
	for i, d := range deps {
		if d.Group != group {
			continue
		}
		need = max(need, d.Need)
		if !down[i] {
			up++
		}
	}
	return up < need
}

// lostWith is what living zones lose with the group.
func lostWith(deps []v1alpha1.Dependency, group string, lost Lost) v1alpha1.LostEffect {
	l := v1alpha1.LostEffect{Group: group, Zones: []string{}}
	for _, d := range deps {
		if d.Group != group {
			continue
		}
		l.Effect = d.Effect
		for _, z := range d.Serves {
			if !slices.Contains(lost.Zones, z) && !slices.Contains(l.Zones, z) {
				l.Zones = append(l.Zones, z)
			}
		}
	}
	return l
}

// follows reports whether the group is down only through one that it requires
// and that has the same effect.
func follows(deps []v1alpha1.Dependency, group string, effect v1alpha1.DependencyEffect, dead map[string]bool) bool {
	for _, d := range deps {
		if d.Group != group {
			continue
		}
		for _, r := range d.Requires {
			if dead[r] && slices.ContainsFunc(deps, func(o v1alpha1.Dependency) bool { return o.Group == r && o.Effect == effect }) {
				return true
			}
		}
	}
	return false
}

func parseAddr(text string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(text)
	return a, err == nil
}
