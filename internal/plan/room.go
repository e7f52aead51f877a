package plan

import (
	"fmt"
	"math"
	"sort"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/quorum"
)

// poolNodes counts a pool's nodes by zone with every group at the size.
func poolNodes(p v1alpha1.PlannedPool, size Size) map[string]int {
	out := map[string]int{}
	for _, g := range p.Groups {
		for z, n := range quorum.Count(quorum.Place(size.of(g), g.Zones)) {
			out[z] += n
		}
	}
	return out
}

// survivingNodes counts the nodes of the pool that can run with the zone lost.
// A group over several zones reaches its max in those that are left, less the
// lost nodes, which count until the provider has taken them away.
func survivingNodes(p v1alpha1.PlannedPool, zone string) int {
	n := 0
	for _, g := range p.Groups {
		top := g.Size
		if p.Autoscaling {
			top = g.Max
		}
		lost := quorum.Count(quorum.Place(g.Size, g.Zones))[zone]
		if len(g.Zones) == 1 {
			if g.Zones[0] != zone {
				n += top
			}
			continue
		}
		n += top - lost
	}
	return n
}

// holds is the share of the load, 1 at most, that so many nodes of each pool
// hold. Nodes are whole, but pods are taken to fill them: only a simulation knows
// how they fit.
func (l *Load) holds(pools []v1alpha1.PlannedPool, nodes func(v1alpha1.PlannedPool) int) float64 {
	var cpu, memory, pods float64
	for _, p := range pools {
		n := float64(nodes(p))
		cpu += n * p.CPU.AsApproximateFloat64()
		memory += n * p.Memory.AsApproximateFloat64()
		pods += n * float64(p.Pods)
	}
	share := 1.0
	for _, r := range []struct{ have, want float64 }{
		{cpu, l.CPU.AsApproximateFloat64()}, {memory, l.Memory.AsApproximateFloat64()}, {pods, float64(l.Pods)},
	} {
		if r.want > 0 {
			share = min(share, r.have/r.want)
		}
	}
	return share
}

// lossCase is a loss that must be survived, and how many nodes of a pool are left.
type lossCase struct {
	name string
	left func(v1alpha1.PlannedPool) int
}

// lostUnit is what the owner asks to survive the loss of.
func (m *maker) lostUnit() string {
	if m.zoneObjective() {
		return "zone"
	}
	return "node"
}

// lossCases are the zones, one by one; or a node of each pool, for an owner who asks
// to survive no more.
func (m *maker) lossCases() []lossCase {
	out := []lossCase{}
	if m.zoneObjective() {
		for _, z := range m.p.Zones {
			out = append(out, lossCase{"zone " + z, func(p v1alpha1.PlannedPool) int { return survivingNodes(p, z) }})
		}
		return out
	}
	for _, lost := range m.p.Pools {
		out = append(out, lossCase{"a node of pool " + lost.Name, func(p v1alpha1.PlannedPool) int {
			n := survivingNodes(p, "")
			if p.Name == lost.Name {
				n--
			}
			return max(n, 0)
		}})
	}
	return out
}

// room checks that with any zone (or node) gone the others, at their max, hold the
// load, and finds the smallest bounds that do. Pools with taints that keep ordinary
// pods off take no part.
func (m *maker) room() {
	open := []int{}
	for i, p := range m.p.Pools {
		if !tainted(p) {
			open = append(open, i)
		}
	}
	if len(open) == 0 {
		return
	}
	var share *float64
	worst := ""
	if m.o.Load != nil {
		s := 1.0
		for _, l := range m.lossCases() {
			if h := m.o.Load.holds(m.openPools(open), l.left); h < s {
				s, worst = h, l.name
			}
		}
		share = &s
	}
	if m.o.Simulated != nil && m.o.Simulated.Survivors != nil {
		share, worst = m.o.Simulated.Survivors, ""
	}
	for _, i := range open {
		p := &m.p.Pools[i]
		p.Survivors = share
		p.Smallest = m.smallest(i, open)
	}
	m.roomDecision(open, share)
	if share != nil && *share < 1 {
		if worst == "" {
			worst = "the worst " + m.lostUnit()
		}
		m.find(v1alpha1.PlanFinding{
			Code: CodeNoRoom, Subject: "pools", Objective: true,
			Message: fmt.Sprintf("with %s gone the others, at their max, hold %.0f %% of the load", worst, math.Floor(*share*100)),
			Remedy:  m.roomRemedy(open),
		})
	}
}

func (m *maker) openPools(open []int) []v1alpha1.PlannedPool {
	out := []v1alpha1.PlannedPool{}
	for _, i := range open {
		out = append(out, m.p.Pools[i])
	}
	return out
}

// maxNodes is more nodes than any cluster has: no pool is larger.
const maxNodes = 1 << 20

// smallest is the smallest bounds of the i-th pool with which the others hold the
// load after any zone's loss, the other pools being as they are. Min
// carries the load while every zone is there.
func (m *maker) smallest(i int, open []int) *v1alpha1.PoolBounds {
	pool := m.p.Pools[i]
	if m.o.Simulated != nil {
		if b, ok := m.o.Simulated.Smallest[pool.Name]; ok {
			return &b
		}
	}
	if m.o.Load == nil || pool.CPU.IsZero() || pool.Memory.IsZero() || pool.Pods == 0 || m.zoneObjective() && len(poolZones(pool)) < 2 {
		return nil
	}
	// need is how many of this pool's nodes hold what the others leave.
	need := func(others func(v1alpha1.PlannedPool) int) int {
		return sort.Search(maxNodes, func(n int) bool {
			return m.o.Load.holds(m.openPools(open), func(p v1alpha1.PlannedPool) int {
				if p.Name == pool.Name {
					return n
				}
				return others(p)
			}) >= 1
		})
	}
	whole := need(func(p v1alpha1.PlannedPool) int { return total(poolNodes(p, SizeNow)) })
	after := 0
	for _, l := range m.lossCases() {
		after = max(after, need(l.left))
	}
	zones := len(poolZones(pool))
	b := v1alpha1.PoolBounds{}
	switch {
	case !m.zoneObjective() && pool.Scope == v1alpha1.ScopeZonal:
		b.Min, b.Max = ceil(whole, zones), ceil(after+1, zones)
	case !m.zoneObjective():
		b.Min, b.Max = whole, after+1
	case pool.Scope == v1alpha1.ScopeZonal:
		b.Min, b.Max = ceil(whole, zones), ceil(after, zones-1)
	case pool.Autoscaling:
		// The lost nodes count against max until they are taken away.
		b.Min, b.Max = whole, after+ceil(whole, zones)
	default:
		b.Max = after
		for b.Max-ceil(b.Max, zones) < after {
			b.Max++
		}
		b.Min = b.Max
	}
	if !pool.Autoscaling {
		b.Min = b.Max
	}
	return &b
}

func (m *maker) roomRemedy(open []int) string {
	for _, i := range open {
		if s := m.p.Pools[i].Smallest; s != nil {
			return fmt.Sprintf("node pool %s with min %d and max %d", m.p.Pools[i].Name, s.Min, s.Max)
		}
	}
	return "more nodes in the other zones"
}

func (m *maker) roomDecision(open []int, share *float64) {
	for _, i := range open {
		p := m.p.Pools[i]
		nodes := total(poolNodes(p, SizeNow))
		left := nodes
		for i, l := range m.lossCases() {
			if n := l.left(p); i == 0 || n < left {
				left = n
			}
		}
		d := v1alpha1.Decision{
			Subject: "pools", Field: "spec.nodePools",
			Choice: fmt.Sprintf("%s: %s, %s left at max with a %s gone", p.Name, count(nodes, "node"), numberOf(left), m.lostUnit()),
		}
		switch {
		case m.o.Simulated != nil && m.o.Simulated.Survivors != nil:
			d.Reason = fmt.Sprintf("simulated: they hold %.0f %% of the application", math.Floor(*share*100))
		case share != nil:
			d.Reason = fmt.Sprintf("by arithmetic with whole nodes: they hold %.0f %% of the application's requests", math.Floor(*share*100))
		default:
			d.Reason = "whether they hold the load is not known: give the application with -f"
		}
		m.decide(d)
	}
}

func numberOf(n int) string {
	if n == 0 {
		return "none"
	}
	return fmt.Sprint(n)
}

func ceil(n, by int) int { return (n + by - 1) / by }

func total(by map[string]int) int { return quorum.Total(by) }
