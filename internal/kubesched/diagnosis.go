package kubesched

import (
	"cmp"
	"slices"

	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"bulkhead.dev/bulkhead/internal/simulate"
)

// blocks gathers why a pod fits on no node: one entry for each plugin and
// reason, those with most nodes first.
func blocks(fit *framework.FitError, nodes []fwk.NodeInfo) []simulate.Block {
	type key struct{ plugin, reason string }
	byKey := map[key]*simulate.Block{}
	for _, n := range nodes {
		name := n.Node().Name
		status := fit.Diagnosis.NodeToStatus.Get(name)
		for _, reason := range status.Reasons() {
			k := key{status.Plugin(), reason}
			if byKey[k] == nil {
				byKey[k] = &simulate.Block{Plugin: k.plugin, Reason: k.reason}
			}
			byKey[k].Nodes = append(byKey[k].Nodes, name)
		}
	}
	out := make([]simulate.Block, 0, len(byKey))
	for _, b := range byKey {
		slices.Sort(b.Nodes)
		out = append(out, *b)
	}
	slices.SortFunc(out, func(a, b simulate.Block) int {
		return cmp.Or(cmp.Compare(len(b.Nodes), len(a.Nodes)), cmp.Compare(a.Plugin, b.Plugin), cmp.Compare(a.Reason, b.Reason))
	})
	return out
}
