package simulate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"bulkhead.dev/bulkhead/internal/model"
)

// lab is a copy of a settled scenario without the pods that wait, in which
// changes are tried: would this class of pods fit then?
type lab struct {
	*cluster
	extra map[string]int // nodes added, by zone
}

func (s *scenario) openLab(ctx context.Context) (*lab, error) {
	c, err := s.clone(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range slices.Clone(c.pods) {
		if p.node() == "" {
			if err := c.remove(p); err != nil {
				c.close()
				return nil, err
			}
		}
	}
	return &lab{cluster: c, extra: map[string]int{}}, nil
}

// fitChanged is fit with a change to all pods of the workload: also to those
// that run, whose own rules may refuse the new ones.
func (l *lab) fitChanged(ctx context.Context, pods []*pod, change func(*corev1.Pod)) (int, error) {
	running := l.byOwner[pods[0].workload]
	for _, p := range running {
		if p.gone {
			continue
		}
		changed := p.obj.DeepCopy()
		change(changed)
		if err := l.session.Set(changed); err != nil {
			return 0, err
		}
	}
	n, err := l.fit(ctx, pods, change)
	if err != nil {
		return 0, err
	}
	for _, p := range running {
		if p.gone {
			continue
		}
		if err := l.session.Set(p.obj); err != nil {
			return 0, err
		}
	}
	return n, nil
}

// fit counts how many of the pods get a node, and takes them away again.
func (l *lab) fit(ctx context.Context, pods []*pod, change func(*corev1.Pod)) (int, error) {
	var tried []*pod
	for _, p := range pods {
		obj := p.obj.DeepCopy()
		obj.Status.NominatedNodeName = ""
		if change != nil {
			change(obj)
		}
		q := &pod{obj: obj, workload: p.workload, slot: p.slot}
		if err := l.add(q); err != nil {
			return 0, err
		}
		tried = append(tried, q)
	}
	placed := 0
	for {
		d, err := l.session.Next(ctx)
		if err != nil {
			return 0, err
		}
		if d == nil {
			break
		}
		if d.Placed() {
			placed++
			l.byKey[d.Pod.Namespace+"/"+d.Pod.Name].obj = d.Pod
		}
	}
	for _, q := range tried {
		if err := l.session.Delete(q.obj); err != nil {
			return 0, err
		}
		q.gone = true
		delete(l.byKey, q.key())
	}
	l.pods = l.pods[:len(l.pods)-len(tried)]
	for _, q := range tried { // each was added last
		owned := l.byOwner[q.workload]
		l.byOwner[q.workload] = owned[:len(owned)-1]
	}
	return placed, nil
}

// remedy is a change to try for a class.
type remedy struct {
	name   string
	change func(*corev1.Pod)
}

// findRemedies tries, for each class of pods that wait, what would let them in,
// and writes what does into the class's reason.
func (s *scenario) findRemedies(ctx context.Context, classes []*class) error {
	if len(classes) == 0 {
		return nil
	}
	l, err := s.openLab(ctx)
	if err != nil {
		return err
	}
	defer l.close()
	found := make([][]string, len(classes))
	for i, c := range classes {
		if c.blocks == nil {
			continue
		}
		for _, r := range podRemedies(c) {
			n, err := l.fitChanged(ctx, c.pods, r.change)
			if err != nil {
				return err
			}
			if n > 0 {
				found[i] = append(found[i], r.name+ofAll(n, c))
			}
		}
		if c.has("NodeResourcesFit", "NodePorts", "InterPodAffinity") {
			extra, _, err := l.fewestNodes(ctx, c.pods, s)
			if err != nil {
				return err
			}
			if len(extra) > 0 {
				found[i] = append(found[i], nodesWord(extra))
			}
		}
		if c.has("VolumeBinding", "VolumeZone") && c.reason.Code == "volume-zone" {
			if len(s.dead) > 0 {
				found[i] = append(found[i], "the zone's return")
			}
			found[i] = append(found[i], "a volume that reaches every zone")
		}
	}
	if s.world != Delete && len(s.dead) > 0 {
		if err := s.tryWithoutDeadNodes(ctx, l, classes, found); err != nil {
			return err
		}
	}
	for i, c := range classes {
		if len(found[i]) == 0 && c.blocks != nil && len(s.dead) > 0 {
			found[i] = []string{"the zone's return"}
		}
		c.reason.Remedy = strings.Join(found[i], " · ")
	}
	return nil
}

// tryWithoutDeadNodes finds the classes that fit once the dead nodes' objects
// are deleted.
func (s *scenario) tryWithoutDeadNodes(ctx context.Context, l *lab, classes []*class, found [][]string) error {
	for _, name := range s.deadNames() {
		for _, p := range slices.Clone(l.byNode[name]) {
			if err := l.remove(p); err != nil {
				return err
			}
		}
		if err := l.deleteNode(name); err != nil {
			return err
		}
	}
	what := "deleting the dead nodes' objects"
	if len(s.failure.Zones) > 0 {
		what = "deleting the node objects of zone " + strings.Join(s.failure.Zones, ", ")
	}
	for i, c := range classes {
		if c.blocks == nil {
			continue
		}
		n, err := l.fit(ctx, c.pods, nil)
		if err != nil {
			return err
		}
		if n > 0 {
			found[i] = append(found[i], what+ofAll(n, c))
		}
	}
	return nil
}

// ofAll says how many of the class's pods a remedy lets in, if not all.
func ofAll(n int, c *class) string {
	if n == len(c.pods) {
		return ""
	}
	return fmt.Sprintf(" (%d of %d)", n, len(c.pods))
}

func (c *class) has(plugins ...string) bool {
	return slices.ContainsFunc(c.blocks, func(b Block) bool { return slices.Contains(plugins, b.Plugin) })
}

// podRemedies lists the changes to the pods themselves that are worth trying
// for what blocks them.
func podRemedies(c *class) []remedy {
	var out []remedy
	spec := c.pods[0].obj.Spec
	if c.has("PodTopologySpread") {
		ignores := slices.ContainsFunc(spec.TopologySpreadConstraints, func(t corev1.TopologySpreadConstraint) bool {
			return t.WhenUnsatisfiable == corev1.DoNotSchedule && (t.NodeTaintsPolicy == nil || *t.NodeTaintsPolicy == corev1.NodeInclusionPolicyIgnore)
		})
		if ignores {
			out = append(out, remedy{"nodeTaintsPolicy: Honor", honorTaints})
		}
		if slices.ContainsFunc(spec.TopologySpreadConstraints, func(t corev1.TopologySpreadConstraint) bool { return t.MinDomains != nil }) {
			out = append(out, remedy{"without minDomains", withoutMinDomains})
		}
		out = append(out, remedy{"whenUnsatisfiable: ScheduleAnyway", softSpread})
	}
	if c.has("InterPodAffinity") && spec.Affinity != nil && spec.Affinity.PodAntiAffinity != nil {
		out = append(out, remedy{"preferred instead of required anti-affinity", softAntiAffinity})
	}
	if c.has("InterPodAffinity") && spec.Affinity != nil && spec.Affinity.PodAffinity != nil {
		out = append(out, remedy{"preferred instead of required pod affinity", softAffinity})
	}
	if c.has("NodeAffinity") {
		out = append(out, remedy{"without its nodeSelector and node affinity", anyNode})
	}
	return out
}

func honorTaints(p *corev1.Pod) {
	honor := corev1.NodeInclusionPolicyHonor
	for i := range p.Spec.TopologySpreadConstraints {
		p.Spec.TopologySpreadConstraints[i].NodeTaintsPolicy = &honor
	}
}

func withoutMinDomains(p *corev1.Pod) {
	for i := range p.Spec.TopologySpreadConstraints {
		p.Spec.TopologySpreadConstraints[i].MinDomains = nil
	}
}

func softSpread(p *corev1.Pod) {
	for i := range p.Spec.TopologySpreadConstraints {
		p.Spec.TopologySpreadConstraints[i].WhenUnsatisfiable = corev1.ScheduleAnyway
		p.Spec.TopologySpreadConstraints[i].MinDomains = nil
	}
}

func softAntiAffinity(p *corev1.Pod) {
	p.Spec.Affinity.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution = nil
}

func softAffinity(p *corev1.Pod) {
	p.Spec.Affinity.PodAffinity.RequiredDuringSchedulingIgnoredDuringExecution = nil
}

func anyNode(p *corev1.Pod) {
	p.Spec.NodeSelector = nil
	if p.Spec.Affinity != nil {
		p.Spec.Affinity.NodeAffinity = nil
	}
}

// nodesWord says "1 more node in b · 2 in c".
func nodesWord(extra map[string]int) string {
	var parts []string
	for _, zone := range sortedKeys(extra) {
		switch {
		case extra[zone] == 0:
		case len(parts) == 0:
			parts = append(parts, fmt.Sprintf("%s in zone %s", plural(extra[zone], "more node"), zone))
		default:
			parts = append(parts, fmt.Sprintf("%d in zone %s", extra[zone], zone))
		}
	}
	return strings.Join(parts, " and ")
}

// zonesAlive returns the zones with living nodes, sorted.
func (s *scenario) zonesAlive() []string {
	set := map[string]bool{}
	for name, n := range s.nodes {
		if !s.dead[name] {
			set[model.ZoneOf(n)] = true
		}
	}
	return sortedKeys(set)
}
