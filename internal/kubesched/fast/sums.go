package fast

import fwk "k8s.io/kube-scheduler/framework"

// sums is one view for each group of nodes, with the pods in the views of its
// nodes. Which node of the group and which order of pods does not matter to
// PodTopologySpread: it counts.
type sums struct {
	grouping *grouping
	spread   *viewset
	byGroup  []*view
	list     []fwk.NodeInfo // those of groups with nodes
	regroups int            // how many of grouping.moves are in it
}

// newSums sums up the set, which shows nothing yet.
func newSums(g *grouping, spread *viewset) *sums {
	s := &sums{grouping: g, spread: spread, regroups: len(g.moves)}
	s.enlist()
	spread.sums = s
	return s
}

// current returns the views as they are now.
func (s *sums) current() []fwk.NodeInfo {
	if s.regroups != len(s.grouping.moves) {
		s.regroup()
	}
	s.spread.refresh()
	return s.list
}

// regroup lets nodes take their pods to another group. The set must not be
// refreshed before.
func (s *sums) regroup() {
	s.enlist()
	for _, m := range s.grouping.moves[s.regroups:] {
		place, ok := s.spread.at[m.node]
		if !ok {
			continue
		}
		for _, shown := range s.spread.held[place].groups {
			s.add(m.from, shown.group, count{-shown.alive, -shown.count.dying})
			s.add(m.to, shown.group, shown.count)
		}
	}
	s.regroups = len(s.grouping.moves)
}

// enlist makes the list of the groups that have nodes.
func (s *sums) enlist() {
	for len(s.byGroup) < len(s.grouping.size) {
		s.byGroup = append(s.byGroup, &view{})
	}
	s.list = s.list[:0]
	for group, first := range s.grouping.first {
		if first >= 0 {
			s.byGroup[group].NodeInfo = s.grouping.engine.nodes[first]
			s.list = append(s.list, s.byGroup[group])
		}
	}
}

// moved notes that a view shows n pods of the group more.
func (s *sums) moved(at spot, n count) {
	s.add(s.grouping.of[at.node], at.group, n)
}

func (s *sums) add(group int32, g *group, n count) {
	if n == (count{}) {
		return
	}
	w := s.byGroup[group]
	was := w.of(g)
	w.show(g, count{was.alive + n.alive, was.dying + n.dying})
}
