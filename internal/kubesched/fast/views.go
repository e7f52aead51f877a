package fast

import (
	"slices"

	fwk "k8s.io/kube-scheduler/framework"
)

// view is a node as a plugin sees it: with some of its pods only. One pod of a
// group stands for the others.
type view struct {
	fwk.NodeInfo
	pods   []fwk.PodInfo
	groups []shown
}

// shown is how many pods of a group a view shows.
type shown struct {
	*group
	count
}

// spot is a group on a node.
type spot struct {
	group *group
	node  int32
}

// GetPods implements fwk.NodeInfo.
func (v *view) GetPods() []fwk.PodInfo { return v.pods }

// GetPodsWithAffinity implements fwk.NodeInfo.
func (v *view) GetPodsWithAffinity() []fwk.PodInfo { return v.pods }

// GetPodsWithRequiredAntiAffinity implements fwk.NodeInfo.
func (v *view) GetPodsWithRequiredAntiAffinity() []fwk.PodInfo { return v.pods }

// viewset is the views of every node with a pod of some groups, kept up to date.
type viewset struct {
	engine *Engine
	// member decides whether a group's pods are shown. More pods than matter do
	// no harm: the plugin looks at each again.
	member func(*group) bool

	at    map[int32]int // node → place in views
	order []int32       // node of each view
	held  []*view
	views []fwk.NodeInfo // held, as plugins take them
	dirty []spot         // to look at again
	// changes counts how often what is shown changed.
	changes int
	changed func(node int32) // is told of each, if not nil
	// sums shows the same pods by groups of nodes and refreshes the set, if not nil.
	sums *sums
}

// newViewset returns the views of the pods of all groups for which member holds.
// Only the candidates and groups to come are asked.
func newViewset(e *Engine, candidates []*group, member func(*group) bool) *viewset {
	v := &viewset{engine: e, member: member, at: map[int32]int{}}
	for _, g := range candidates {
		v.consider(g)
	}
	e.groups.viewsets = append(e.groups.viewsets, v)
	return v
}

func (v *viewset) consider(g *group) {
	if !v.member(g) {
		return
	}
	g.watchers = append(g.watchers, v)
	for node := range g.nodes {
		v.dirty = append(v.dirty, spot{g, node})
	}
}

// refresh looks again at what changed.
func (v *viewset) refresh() {
	if len(v.dirty) == 0 {
		return
	}
	for _, spot := range v.dirty {
		v.look(spot)
	}
	v.dirty = v.dirty[:0]
}

// look brings what the node's view shows of the group up to date.
func (v *viewset) look(at spot) {
	place, there := v.at[at.node]
	n := at.group.nodes[at.node]
	if !there {
		if n == (count{}) {
			return
		}
		place = len(v.views)
		v.at[at.node] = place
		v.order = append(v.order, at.node)
		w := &view{NodeInfo: v.engine.nodes[at.node]}
		v.held, v.views = append(v.held, w), append(v.views, w)
	}
	w := v.held[place]
	was := w.show(at.group, n)
	if was != n {
		v.changes++
		if v.changed != nil {
			v.changed(at.node)
		}
	}
	if v.sums != nil {
		v.sums.moved(at, count{n.alive - was.alive, n.dying - was.dying})
	}
	if len(w.groups) == 0 {
		v.drop(place)
	}
}

func (v *viewset) drop(place int) {
	last := len(v.views) - 1
	delete(v.at, v.order[place])
	if place != last {
		v.held[place], v.views[place], v.order[place] = v.held[last], v.views[last], v.order[last]
		v.at[v.order[place]] = place
	}
	v.held[last], v.views[last] = nil, nil
	v.held, v.views, v.order = v.held[:last], v.views[:last], v.order[:last]
}

// show sets how many pods of the group the view shows, and returns how many it
// did.
func (v *view) show(g *group, n count) (was count) {
	i := slices.IndexFunc(v.groups, func(s shown) bool { return s.group == g })
	if i >= 0 {
		was = v.groups[i].count
	}
	switch {
	case i >= 0 && n == (count{}):
		v.groups = slices.Delete(v.groups, i, i+1)
	case i >= 0:
		v.groups[i].count = n
	case n != (count{}):
		v.groups = append(v.groups, shown{g, n})
	}
	v.pods = v.pods[:0]
	for _, s := range v.groups {
		v.pods = s.appendTo(v.pods)
	}
	return was
}

// of returns how many pods of the group the view shows.
func (v *view) of(g *group) count {
	for _, s := range v.groups {
		if s.group == g {
			return s.count
		}
	}
	return count{}
}

func (s shown) appendTo(pods []fwk.PodInfo) []fwk.PodInfo {
	for range s.alive {
		pods = append(pods, s.rep)
	}
	for range s.count.dying {
		pods = append(pods, s.group.dying)
	}
	return pods
}

// lister gives a plugin views in place of nodes.
type lister struct {
	fwk.SharedLister
	list, affinity, anti func() []fwk.NodeInfo
}

// NodeInfos implements fwk.SharedLister.
func (l *lister) NodeInfos() fwk.NodeInfoLister { return l }

// List implements fwk.NodeInfoLister.
func (l *lister) List() ([]fwk.NodeInfo, error) { return l.list(), nil }

// HavePodsWithAffinityList implements fwk.NodeInfoLister.
func (l *lister) HavePodsWithAffinityList() ([]fwk.NodeInfo, error) { return l.affinity(), nil }

// HavePodsWithRequiredAntiAffinityList implements fwk.NodeInfoLister.
func (l *lister) HavePodsWithRequiredAntiAffinityList() ([]fwk.NodeInfo, error) {
	return l.anti(), nil
}

// Get implements fwk.NodeInfoLister.
func (l *lister) Get(name string) (fwk.NodeInfo, error) { return l.SharedLister.NodeInfos().Get(name) }

// handle is a framework whose nodes are seen through a lister.
type handle struct {
	fwk.Handle
	lister *lister
}

// SnapshotSharedLister implements fwk.Handle.
func (h *handle) SnapshotSharedLister() fwk.SharedLister { return h.lister }

// Parallelizer implements fwk.Handle.
func (h *handle) Parallelizer() fwk.Parallelizer { return inline{} }
