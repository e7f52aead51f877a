package simulate

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/model"
)

// class is pods of one workload that fit nowhere for the same reason.
type class struct {
	workload int
	pods     []*pod
	reason   v1alpha1.Reason
	blocks   []Block
}

// classes groups the pods that wait for a node now. Only pods created after the
// failure count in a scenario; all do in the base.
func (s *scenario) classes() []*class {
	return classesOf(s.cluster, s.dead, func(p *pod) bool { return p.fresh })
}

func classesOf(c *cluster, dead map[string]bool, counts func(*pod) bool) []*class {
	var out []*class
	byKey := map[string]*class{}
	for _, p := range c.pods {
		if !p.alive() || p.node() != "" || !counts(p) {
			continue
		}
		cl := &class{workload: p.workload}
		cl.reason, cl.blocks = c.explain(p, dead)
		key := fmt.Sprintf("%d %s %s", p.workload, cl.reason.Code, cl.reason.Message)
		if byKey[key] == nil {
			byKey[key] = cl
			out = append(out, cl)
		}
		byKey[key].pods = append(byKey[key].pods, p)
		byKey[key].reason.Pods++
	}
	return out
}

// codes names the cause behind each plugin of the scheduler.
var codes = map[string]string{
	"NodeResourcesFit":   "no-room",
	"NodePorts":          "port-taken",
	"NodeAffinity":       "node-affinity",
	"NodeName":           "node-affinity",
	"NodeUnschedulable":  "node-unschedulable",
	"TaintToleration":    "taint",
	"PodTopologySpread":  "spread",
	"InterPodAffinity":   "pod-affinity",
	"VolumeBinding":      "volume-zone",
	"VolumeZone":         "volume-zone",
	"VolumeRestrictions": "volume-in-use",
	"NodeVolumeLimits":   "volume-limit",
	"SchedulingGates":    "scheduling-gate",
}

// explain says for people why the pod has no node.
func (c *cluster) explain(p *pod, dead map[string]bool) (v1alpha1.Reason, []Block) {
	if p.blocked == nil {
		return c.explainUntried(p), nil
	}
	living := 0
	for name := range c.nodes {
		if !dead[name] {
			living++
		}
	}
	var blocks []Block
	for _, b := range p.blocked.Why() {
		b.Nodes = slices.DeleteFunc(slices.Clone(b.Nodes), func(n string) bool { return dead[n] })
		if len(b.Nodes) > 0 || living == 0 {
			blocks = append(blocks, b)
		}
	}
	if len(blocks) == 0 {
		return v1alpha1.Reason{Code: "no-nodes", Message: "no living node"}, nil
	}
	main := mainBlock(blocks)
	slices.SortStableFunc(blocks, func(a, b Block) int { return slices.Index(filterOrder, b.Plugin) - slices.Index(filterOrder, a.Plugin) })
	r := v1alpha1.Reason{Plugin: main.Plugin, Code: codes[main.Plugin]}
	if r.Code == "" {
		r.Code = "unschedulable"
	}
	seen := map[string]bool{}
	var parts []string
	for _, b := range blocks {
		for _, n := range b.Nodes {
			seen[n] = true
		}
		if what := c.word(p, b, dead); len(b.Nodes) == living {
			parts = append(parts, what)
		} else {
			parts = append(parts, fmt.Sprintf("%s: %s", c.where(b.Nodes), what))
		}
	}
	r.Nodes = len(seen)
	r.Message = fmt.Sprintf("0 of %s: %s", plural(living, "living node"), strings.Join(slices.Compact(parts), "; "))
	if living == len(c.nodes) {
		r.Message = strings.Replace(r.Message, " living", "", 1)
	}
	return r, blocks
}

// filterOrder is the order in which the default profile's plugins look at a node
// (pkg/scheduler/apis/config/v1/default_plugins.go).
var filterOrder = []string{
	"NodeUnschedulable", "NodeName", "TaintToleration", "NodeAffinity", "NodePorts", "NodeResourcesFit",
	"VolumeRestrictions", "NodeVolumeLimits", "VolumeBinding", "VolumeZone", "PodTopologySpread", "InterPodAffinity",
}

// mainBlock is the block to name a reason by: of the plugin that looks last,
// since its nodes passed all the others.
func mainBlock(blocks []Block) Block {
	return slices.MaxFunc(blocks, func(a, b Block) int {
		return slices.Index(filterOrder, a.Plugin) - slices.Index(filterOrder, b.Plugin)
	})
}

// explainUntried says why the scheduler never tried the pod.
func (c *cluster) explainUntried(p *pod) v1alpha1.Reason {
	if len(p.obj.Spec.SchedulingGates) > 0 {
		return v1alpha1.Reason{Code: "scheduling-gate", Plugin: "SchedulingGates", Message: "scheduling gate " + p.obj.Spec.SchedulingGates[0].Name + " keeps the pod from the queue"}
	}
	return v1alpha1.Reason{Code: "no-scheduler", Message: fmt.Sprintf("no scheduler profile is named %q", p.obj.Spec.SchedulerName)}
}

// where counts nodes by zone: "3 nodes of zone a, 2 of zone c".
func (c *cluster) where(nodes []string) string {
	count := map[string]int{}
	for _, n := range nodes {
		count[c.zone(n)]++
	}
	var parts []string
	for i, zone := range sortedKeys(count) {
		switch {
		case i == 0:
			parts = append(parts, fmt.Sprintf("%s of zone %s", plural(count[zone], "node"), zone))
		default:
			parts = append(parts, fmt.Sprintf("%d of zone %s", count[zone], zone))
		}
	}
	return strings.Join(parts, ", ")
}

// word says a block in words.
func (c *cluster) word(p *pod, b Block, dead map[string]bool) string {
	switch b.Plugin {
	case "NodeResourcesFit":
		if what, ok := strings.CutPrefix(b.Reason, "Insufficient "); ok {
			return "too little " + what + " free"
		}
	case "PodTopologySpread":
		return c.spreadWord(p, b, dead)
	case "InterPodAffinity":
		return c.affinityWord(p, b)
	case "VolumeBinding", "VolumeZone":
		return c.volumeWord(p, b)
	case "NodeAffinity":
		return "the pod's nodeSelector or node affinity wants other nodes"
	case "NodeUnschedulable":
		return "cordoned"
	}
	return b.Reason
}

// spreadWord names the hard spread constraint that blocks.
func (c *cluster) spreadWord(p *pod, b Block, dead map[string]bool) string {
	if strings.Contains(b.Reason, "missing required label") {
		return "the node lacks the label that the hard spread goes by"
	}
	for _, sc := range p.obj.Spec.TopologySpreadConstraints {
		if sc.WhenUnsatisfiable != corev1.DoNotSchedule {
			continue
		}
		ignores := sc.NodeTaintsPolicy == nil || *sc.NodeTaintsPolicy == corev1.NodeInclusionPolicyIgnore
		if gone := c.deadDomains(sc.TopologyKey, dead); ignores && len(gone) > 0 {
			verb, what := "counts", "zone "
			if len(gone) > 1 {
				verb, what = "count", "zones "
			}
			if sc.TopologyKey == corev1.LabelHostname {
				return fmt.Sprintf("%s still %s with 0 pods (hard spread over nodes, maxSkew %d)", plural(len(gone), "dead node"), verb, sc.MaxSkew)
			}
			return fmt.Sprintf("%s%s still %s with 0 pods (hard spread, maxSkew %d)", what, strings.Join(gone, ", "), verb, sc.MaxSkew)
		}
		if sc.MinDomains != nil {
			return fmt.Sprintf("hard spread over %s wants %d domains (minDomains), maxSkew %d", sc.TopologyKey, *sc.MinDomains, sc.MaxSkew)
		}
		return fmt.Sprintf("hard spread over %s, maxSkew %d", sc.TopologyKey, sc.MaxSkew)
	}
	return b.Reason
}

// deadDomains returns the values of the key that only dead nodes have and whose
// node objects still stand.
func (c *cluster) deadDomains(key string, dead map[string]bool) []string {
	domains := map[string]bool{}
	for name := range dead {
		if n, ok := c.nodes[name]; ok {
			if v, ok := n.Labels[key]; ok {
				domains[v] = true
			}
		}
	}
	for name, n := range c.nodes {
		if !dead[name] {
			delete(domains, n.Labels[key])
		}
	}
	return sortedKeys(domains)
}

// affinityWord names the pod (anti-)affinity that blocks.
func (c *cluster) affinityWord(p *pod, b Block) string {
	kind := "pod affinity"
	switch {
	case strings.Contains(b.Reason, "existing pods"):
		return "a pod there refuses this one (its required anti-affinity)"
	case strings.Contains(b.Reason, "anti-affinity"):
		kind = "anti-affinity"
	}
	a := p.obj.Spec.Affinity
	if a == nil {
		return b.Reason
	}
	var terms []corev1.PodAffinityTerm
	if kind == "anti-affinity" && a.PodAntiAffinity != nil {
		terms = a.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution
	}
	if kind == "pod affinity" && a.PodAffinity != nil {
		terms = a.PodAffinity.RequiredDuringSchedulingIgnoredDuringExecution
	}
	var keys []string
	for _, t := range terms {
		keys = append(keys, t.TopologyKey)
	}
	if kind == "anti-affinity" {
		return fmt.Sprintf("a pod that it must not share %s with is there (required anti-affinity)", strings.Join(keys, ", "))
	}
	return fmt.Sprintf("no pod that it must share %s with is there (required affinity)", strings.Join(keys, ", "))
}

// volumeWord names the volume that blocks.
func (c *cluster) volumeWord(p *pod, b Block) string {
	for _, claim := range c.claimsOf(p.obj) {
		if claim.Spec.VolumeName == "" {
			continue
		}
		switch scope, where := c.volumeScope(claim); scope {
		case model.ScopeZone:
			return fmt.Sprintf("volume %s lives in zone %s", claim.Name, strings.Join(where, ", "))
		case model.ScopeNode:
			return fmt.Sprintf("volume %s lives on node %s", claim.Name, strings.Join(where, ", "))
		case model.ScopeRegion:
		}
	}
	return b.Reason
}
