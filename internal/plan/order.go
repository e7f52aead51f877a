package plan

import (
	"slices"

	"bulkhead.dev/bulkhead/internal/quorum"
)

// best finds the order with the fewest exposed zones, summed over the moments
// between the first change and the last. Of equal ones it is the first in the
// order of changes, so that members come before others go. Without any order, the
// result is nil.
//
// It is the shortest path through the sets of changes from none to all, found
// backwards: cost[s] is that of the moments after s.
func (t transition) best(changes []change) ([]int, int) {
	all := uint(1)<<len(changes) - 1
	board := t.tally(changes)
	const never = 1 << 30
	cost := make([]int, all+1)
	next := make([]int, all+1)
	for s := int(all) - 1; s >= 0; s-- {
		set := uint(s)
		cost[set] = never
		for i := range changes {
			after := set | 1<<i
			if after != set && cost[after] < cost[set] && !t.blocked(changes, set, i) {
				cost[set], next[set] = cost[after], i
			}
		}
		if set != 0 && cost[set] < never {
			cost[set] += board.exposed(set)
		}
	}
	if cost[0] >= never {
		return nil, never
	}
	order := make([]int, 0, len(changes))
	for set := uint(0); set != all; set |= 1 << next[set] {
		order = append(order, next[set])
	}
	return order, cost[0]
}

// tally counts voters for many sets of changes: zones are numbers in it.
type tally struct {
	from     []int // voters of each zone before
	zone     []int // zone of each change
	delta    []int // 1 for one that comes, -1 for one that goes
	required []int
}

func (t transition) tally(changes []change) tally {
	zones := slices.Clone(t.zones)
	for _, m := range append(slices.Clone(t.from), t.to...) {
		if !slices.Contains(zones, m.Zone) {
			zones = append(zones, m.Zone)
		}
	}
	out := tally{from: make([]int, len(zones))}
	for _, m := range t.from {
		out.from[slices.Index(zones, m.Zone)]++
	}
	for _, c := range changes {
		delta := -1
		if c.add {
			delta = 1
		}
		out.zone, out.delta = append(out.zone, slices.Index(zones, c.member.Zone)), append(out.delta, delta)
	}
	for _, z := range t.required() {
		out.required = append(out.required, slices.Index(zones, z))
	}
	return out
}

// exposed counts the required zones whose loss costs the majority after the set.
func (t tally) exposed(set uint) int {
	voters, n := slices.Clone(t.from), 0
	for i, z := range t.zone {
		if set&(1<<i) != 0 {
			voters[z] += t.delta[i]
		}
	}
	for _, v := range voters {
		n += v
	}
	out := 0
	for _, z := range t.required {
		if n-voters[z] < quorum.Majority(n) {
			out++
		}
	}
	return out
}

// blocked: a machine must be gone before another of its name comes, and the last
// voter does not go.
func (t transition) blocked(changes []change, set uint, i int) bool {
	c := changes[i]
	if !c.add {
		n := len(t.from)
		for j, o := range changes {
			switch {
			case set&(1<<j) == 0:
			case o.add:
				n++
			default:
				n--
			}
		}
		return n == 1
	}
	if !t.fixed {
		return false
	}
	for j, o := range changes {
		if !o.add && o.member.Name == c.member.Name && set&(1<<j) == 0 {
			return true
		}
	}
	return false
}
