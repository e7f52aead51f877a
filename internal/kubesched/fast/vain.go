package fast

import fwk "k8s.io/kube-scheduler/framework"

// Vain remembers on which nodes preemption found that a pod of a family does not
// fit even without all pods of lower priority (SelectVictimsOnNode in
// defaultpreemption). That depends on
//
//	what                                   | the answer holds while
//	---------------------------------------+-------------------------------------
//	the pod                                | the family is the same
//	the node, and the pods on it           | the node's room is the same
//	pods for which the node is nominated   | there are none
//	pods elsewhere, through                | what the family is shown of them is
//	PodTopologySpread, InterPodAffinity    | the same, and so are nodes' labels
//	volumes and claims                     | the pod has none
//
// and not on disruption budgets: these only say which pods are spared.
type Vain struct {
	profile *Profile
	at      elsewhere
	rooms   []uint32 // by node: its room when it was in vain
}

// elsewhere is how often changed what a family is shown of other nodes.
type elsewhere struct {
	spread, anti, incoming, moves, labels int
}

// Vain returns what is remembered for the pod of the last cycle, as the cluster is
// now; nil if nothing may be.
func (p *Profile) Vain() *Vain {
	if p == nil || p.family == nil || !p.family.shares {
		return nil
	}
	fam := p.family
	fam.sums.current()
	fam.anti.current()
	fam.incoming.current()
	now := elsewhere{fam.spread.changes, fam.anti.changes, 0, len(fam.grouping.moves), p.engine.relabels}
	if fam.incoming != nil {
		now.incoming = fam.incoming.changes
	}
	if fam.vain == nil || fam.vain.at != now {
		fam.vain = &Vain{profile: p, at: now, rooms: make([]uint32, len(p.engine.nodes))}
	}
	return fam.vain
}

// Known reports whether preemption is in vain on the node as it is now.
func (v *Vain) Known(node fwk.NodeInfo) bool {
	if v == nil {
		return false
	}
	i, ok := v.place(node)
	return ok && v.rooms[i] == v.profile.engine.room[i] && !v.nominated(i)
}

// Note remembers that preemption is in vain on the node as it is now.
func (v *Vain) Note(node fwk.NodeInfo) {
	if v == nil {
		return
	}
	if i, ok := v.place(node); ok && !v.nominated(i) {
		v.rooms[i] = v.profile.engine.room[i]
	}
}

func (v *Vain) place(node fwk.NodeInfo) (int32, bool) {
	i, ok := v.profile.engine.index[node.Node().Name]
	return i, ok
}

func (v *Vain) nominated(i int32) bool {
	return v.profile.nominated(i)
}
