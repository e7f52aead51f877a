package simulate

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// capacity returns the room lost and left, and the fewest nodes that would let
// every pod in that waits for want of room.
func (s *scenario) capacity(ctx context.Context) (v1alpha1.Capacity, error) {
	lost, needed := s.lostRoom()
	out := v1alpha1.Capacity{Lost: lost.report(), Needed: needed.report(), Free: map[string]v1alpha1.Room{}, ExtraNodes: map[string]int{}}
	for zone, r := range s.free() {
		out.Free[zone] = r.report()
	}
	waiting := s.waiting()
	if len(s.living) == 0 {
		out.ExtraNodes = nil // there is no zone to add one to
	}
	if len(waiting) == 0 || len(s.living) == 0 {
		return out, nil
	}
	l, err := s.openLab(ctx)
	if err != nil {
		return out, err
	}
	defer l.close()
	found, left, err := l.fewestNodes(ctx, waiting, s)
	if err != nil || found == nil {
		out.ExtraNodes = nil
		return out, err
	}
	out.ExtraNodes, err = s.confirm(ctx, found, left)
	return out, err
}

// maxMore bounds how many nodes confirm adds to what the search found.
const maxMore = 8

// confirm plays the failure again with the extra nodes in place from the start,
// where pods may go elsewhere than in the search, and adds nodes in turn until
// no more pods wait than the search left; nil if that does not come about.
func (s *scenario) confirm(ctx context.Context, extra map[string]int, left int) (map[string]int, error) {
	zones := s.zonesAlive()
	for more := range maxMore {
		again, err := newScenario(ctx, s.base, s.failure, s.world)
		if err != nil {
			return nil, err
		}
		waiting, err := again.withExtra(ctx, s, extra)
		again.close()
		if err != nil {
			return nil, err
		}
		if waiting <= left {
			return extra, nil
		}
		extra = maps.Clone(extra)
		extra[zones[more%len(zones)]]++
	}
	return nil, nil
}

// withExtra plays the scenario with extra nodes and returns how many pods wait at
// the end.
func (s *scenario) withExtra(ctx context.Context, shapes *scenario, extra map[string]int) (int, error) {
	for _, zone := range sortedKeys(extra) {
		for i := range extra[zone] {
			if err := s.setNode(extraNode(shapes.commonestNode(zone), i)); err != nil {
				return 0, err
			}
		}
	}
	if err := s.run(ctx); err != nil {
		return 0, err
	}
	return len(s.waiting()), nil
}

// waiting returns the pods created since the failure that fit nowhere now.
func (s *scenario) waiting() []*pod {
	var out []*pod
	for _, p := range s.pods {
		if p.fresh && p.alive() && p.node() == "" && p.blocked != nil {
			out = append(out, p)
		}
	}
	return out
}

// maxExtraNodes bounds the search for extra nodes, in nodes a zone.
const maxExtraNodes = 512

// maxTries bounds how many pods a search tries to place before it is content
// with what it has: a number of nodes that is enough, and from which no zone
// alone can spare one.
const maxTries = 5000

// fewestNodes returns the fewest nodes to add in each living zone so that as
// many of the pods fit as fit with any number of nodes of the present shape, and
// how many pods wait even then; nil when nodes do not help. First the fewest in
// all zones alike, then fewer in one zone after the other, then every split of
// one node less over the zones while tries are left.
func (l *lab) fewestNodes(ctx context.Context, pods []*pod, s *scenario) (map[string]int, int, error) {
	zones := s.zonesAlive()
	if len(zones) == 0 {
		return nil, 0, nil
	}
	tries := 0
	fits := func(n []int) (int, error) {
		tries += len(pods)
		for i, zone := range zones {
			if err := l.setExtra(s, zone, n[i]); err != nil {
				return 0, err
			}
		}
		return l.fit(ctx, pods, nil)
	}
	defer func() { _, _ = fits(make([]int, len(zones))) }()
	alike := func(n int) []int { return slices.Repeat([]int{n}, len(zones)) }
	none, err := fits(alike(0))
	if err != nil {
		return nil, 0, err
	}
	plenty := min(len(pods), maxExtraNodes)
	best, err := fits(alike(plenty))
	if err != nil || best <= none {
		return nil, 0, err
	}
	left := len(pods) - best
	enough := func(n []int) (bool, error) { got, err := fits(n); return got >= best, err }
	n, err := leastWhere(1, plenty, func(k int) (bool, error) { return enough(alike(k)) })
	if err != nil {
		return nil, 0, err
	}
	count := alike(n)
	for i := range zones {
		count[i], err = leastWhere(0, count[i], func(k int) (bool, error) {
			try := slices.Clone(count)
			try[i] = k
			return enough(try)
		})
		if err != nil {
			return nil, 0, err
		}
	}
	count, err = fewerInAll(count, func(n []int) (bool, error) {
		if tries > maxTries {
			return false, nil
		}
		return enough(n)
	})
	if err != nil {
		return nil, 0, err
	}
	out := map[string]int{}
	for i, zone := range zones {
		if count[i] > 0 {
			out[zone] = count[i]
		}
	}
	return out, left, nil
}

// maxSplits bounds how many splits of one total are tried.
const maxSplits = 100

// fewerInAll tries every split of one node less over the zones, again and again
// until none is enough or there are too many.
func fewerInAll(count []int, enough func([]int) (bool, error)) ([]int, error) {
	for {
		total := 0
		for _, n := range count {
			total += n
		}
		all := splits(total-1, len(count))
		if total <= 1 || len(all) > maxSplits {
			return count, nil
		}
		better := false
		for _, try := range all {
			ok, err := enough(try)
			if err != nil {
				return nil, err
			}
			if ok {
				count, better = try, true
				break
			}
		}
		if !better {
			return count, nil
		}
	}
}

// splits returns every way to write total as a sum of n numbers from 0, at most
// maxSplits+1 of them.
func splits(total, n int) [][]int {
	if n == 1 {
		return [][]int{{total}}
	}
	var out [][]int
	for first := total; first >= 0 && len(out) <= maxSplits; first-- {
		for _, rest := range splits(total-first, n-1) {
			out = append(out, append([]int{first}, rest...))
		}
	}
	return out
}

// leastWhere returns the least k in [low, high] for which ok holds, taking it to
// hold for high and for everything above the least.
func leastWhere(low, high int, ok func(int) (bool, error)) (int, error) {
	for low < high {
		mid := (low + high) / 2
		yes, err := ok(mid)
		if err != nil {
			return 0, err
		}
		if yes {
			high = mid
		} else {
			low = mid + 1
		}
	}
	return low, nil
}

// setExtra makes the lab have n more nodes in the zone, of its commonest shape.
func (l *lab) setExtra(s *scenario, zone string, n int) error {
	shape := s.commonestNode(zone)
	for ; l.extra[zone] < n; l.extra[zone]++ {
		if err := l.setNode(extraNode(shape, l.extra[zone])); err != nil {
			return err
		}
	}
	for ; l.extra[zone] > n; l.extra[zone]-- {
		if err := l.deleteNode(extraNode(shape, l.extra[zone]-1).Name); err != nil {
			return err
		}
	}
	return nil
}

// commonestNode returns the living node of the zone whose allocatable room most
// others have too; the first by name among equals.
func (s *scenario) commonestNode(zone string) *corev1.Node {
	count := map[string]int{}
	shape := func(n *corev1.Node) string {
		var parts []string
		for name, q := range n.Status.Allocatable {
			parts = append(parts, string(name)+"="+q.String())
		}
		slices.Sort(parts)
		return strings.Join(parts, ",")
	}
	var names []string
	for _, name := range slices.Sorted(slices.Values(s.nodeNames)) {
		if n := s.nodes[name]; !s.dead[name] && s.zone(name) == zone && !n.Spec.Unschedulable {
			names = append(names, name)
			count[shape(n)]++
		}
	}
	var best *corev1.Node
	for _, name := range names {
		if n := s.nodes[name]; best == nil || count[shape(n)] > count[shape(best)] {
			best = n
		}
	}
	if best == nil { // every living node is cordoned
		for _, name := range slices.Sorted(slices.Values(s.nodeNames)) {
			if !s.dead[name] && s.zone(name) == zone {
				return s.nodes[name]
			}
		}
	}
	return best
}

func extraNode(shape *corev1.Node, i int) *corev1.Node {
	n := shape.DeepCopy()
	n.Name = fmt.Sprintf("extra-%s-%d", shape.Name, i+1)
	n.UID = types.UID("node-" + n.Name)
	n.Spec.Unschedulable = false
	if n.Labels == nil {
		n.Labels = map[string]string{}
	}
	n.Labels[corev1.LabelHostname] = n.Name
	return n
}
