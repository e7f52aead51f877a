package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// lines collects sentences that several scenarios share: a sentence is kept
// once, with the labels of all the failures it holds for, in the order in which
// it was first said.
type lines struct {
	order  []string
	labels map[string][]string
}

func (l *lines) add(sentence, label string) {
	if l.labels == nil {
		l.labels = map[string][]string{}
	}
	if _, ok := l.labels[sentence]; !ok {
		l.order = append(l.order, sentence)
	}
	if !slices.Contains(l.labels[sentence], label) {
		l.labels[sentence] = append(l.labels[sentence], label)
	}
}

// halves tells what stands on both sides of a partition.
func halves(r *v1alpha1.SimulationReport, all []*fate, n *names) []string {
	var out []string
	for _, f := range all {
		if kindOf(f.scenario.Failure) != partition {
			continue
		}
		var sets, services []string
		for i := range f.scenario.Workloads {
			if w := &f.scenario.Workloads[i]; split(w.Halves) {
				sets = append(sets, fmt.Sprintf("%s %s", n.of(w.WorkloadRef), sides(w.Halves)))
			}
		}
		for _, s := range f.scenario.Services {
			if split(s.Halves) {
				services = append(services, fmt.Sprintf("%s %s", s.Name, sides(s.Halves)))
			}
		}
		prefix := ""
		if len(all) > 1 {
			prefix = f.label + ": "
		}
		if len(sets) > 0 {
			out = append(out, fmt.Sprintf("%sworkloads on both sides: %s", prefix, fold(sets, 6)))
		}
		if len(services) > 0 {
			out = append(out, fmt.Sprintf("%sServices on both sides: %s", prefix, fold(services, 6)))
		}
	}
	return capped(out, maxItems)
}

// sides counts what stands on each side of a partition: (a 2, b 1).
func sides(halves map[string]int) string {
	var parts []string
	for _, z := range sortedKeys(halves) {
		parts = append(parts, fmt.Sprintf("%s %s", z, number(halves[z])))
	}
	return "(" + strings.Join(parts, ", ") + ")"
}

// strained is a service's worst hour.
type strained struct {
	service *v1alpha1.ServiceOutcome
	fate    *fate
}

// Less than this overload is not worth a line: every zone's loss brings 1.5 to
// an even spread over three zones, 1.33 over four.
const minOverload = 1.3

// strainedServices picks each service's worst scenario, the worst service
// first: none ready, then the most overloaded, then the largest failing share.
func strainedServices(all []*fate) []strained {
	byName := map[string]strained{}
	var order []string
	for _, f := range all {
		for i := range f.scenario.Services {
			s := &f.scenario.Services[i]
			if s.Overload < minOverload && s.FailingShare == 0 && !dry(s) {
				continue
			}
			key := s.Namespace + "/" + s.Name
			old, ok := byName[key]
			if !ok {
				order = append(order, key)
			}
			if !ok || compareStrain(s, old.service) < 0 {
				byName[key] = strained{s, f}
			}
		}
	}
	out := make([]strained, 0, len(order))
	for _, key := range order {
		out = append(out, byName[key])
	}
	slices.SortStableFunc(out, func(a, b strained) int {
		return cmp.Or(compareStrain(a.service, b.service),
			cmp.Compare(a.service.Namespace, b.service.Namespace), cmp.Compare(a.service.Name, b.service.Name))
	})
	return out
}

// dry reports whether a service that had endpoints had none at some moment.
func dry(s *v1alpha1.ServiceOutcome) bool { return s.ReadyBefore > 0 && s.ReadyLowest == 0 }

func compareStrain(a, b *v1alpha1.ServiceOutcome) int {
	zero := func(s *v1alpha1.ServiceOutcome) int {
		switch {
		case dry(s) && s.ReadyAfter == 0:
			return 0
		case dry(s):
			return 1
		}
		return 2
	}
	return cmp.Or(
		cmp.Compare(zero(a), zero(b)),
		-cmp.Compare(a.Overload, b.Overload),
		-cmp.Compare(a.FailingShare, b.FailingShare))
}

// traffic tells of the services under strain, those that fare alike together.
func traffic(all []*fate) []string {
	var l lines
	alone := map[string]string{}
	for _, s := range strainedServices(all) {
		text := strain(s.service)
		name, where := s.service.Name, label(s.fate.scenario, mixedFailures)
		l.add(text, name+" ("+where+")")
		if s.service.Policy != "" && s.service.Overload >= minOverload {
			name += ", " + s.service.Policy
		}
		alone[text] = fmt.Sprintf("%s: after %s, %s", name, where, text)
	}
	var out []string
	for _, text := range l.order {
		if len(l.labels[text]) == 1 {
			out = append(out, alone[text])
			continue
		}
		out = append(out, fold(l.labels[text], maxItems)+": "+text)
	}
	return capped(out, maxItems)
}

// strain says what a service's pods and callers have to bear.
func strain(s *v1alpha1.ServiceOutcome) string {
	var parts []string
	if dry(s) {
		if s.ReadyAfter == 0 {
			parts = append(parts, fmt.Sprintf("no endpoint is left of %s", number(s.ReadyBefore)))
		} else {
			parts = append(parts, "no endpoint is ready for a time")
		}
	}
	if s.Overload >= minOverload {
		var shares []string
		for i, sh := range s.Shares {
			if i == 3 {
				break
			}
			verb, each := "takes", ""
			if sh.Pods > 1 {
				verb, each = "take", " each"
			}
			noun := ""
			if i == 0 {
				noun = " pod"
				if sh.Pods > 1 {
					noun = " pods"
				}
			}
			shares = append(shares, fmt.Sprintf("%s%s %s %s%s", small(sh.Pods), noun, verb, percent(sh.Share), each))
		}
		parts = append(parts, fmt.Sprintf("%s (%s times its share)", strings.Join(shares, ", "), decimal(s.Overload)))
	}
	if s.FailingShare > 0 {
		how := "for as long as it lasts"
		if s.FailingSeconds != nil {
			how = "for " + duration(*s.FailingSeconds)
		}
		from := ""
		if len(s.Halves) > 0 {
			from = " from one of the two zones"
		}
		parts = append(parts, fmt.Sprintf("%s of requests%s fail %s", percent(s.FailingShare), from, how))
	}
	return strings.Join(parts, "; ")
}

// dataLost tells which data is gone with its nodes, a line a workload.
func dataLost(all []*fate, n *names) []string {
	var l lines
	for _, f := range all {
		for i := range f.scenario.Workloads {
			w := &f.scenario.Workloads[i]
			if len(w.DataLost) > 0 {
				l.add(n.of(w.WorkloadRef)+" loses "+dataOf(w), f.label)
			}
		}
	}
	var out []string
	for _, text := range l.order {
		out = append(out, fmt.Sprintf("%s (%s)", text, fold(l.labels[text], maxItems)))
	}
	return out
}

// dataOf lists a workload's lost data: emptyDir tmp, cache and volume data of 2
// pods.
func dataOf(w *v1alpha1.WorkloadOutcome) string {
	var parts []string
	pods, kind := 0, ""
	for _, d := range w.DataLost {
		name := d.Name
		if d.Kind != kind {
			name, kind = d.Kind+" "+d.Name, d.Kind
		}
		parts = append(parts, name)
		pods = max(pods, d.Pods)
	}
	return fold(parts, 6) + " of " + count(pods, "pod")
}

// roomLines tells what the hungriest failure takes, what is left, and what
// would make every failure fit.
func roomLines(r *v1alpha1.SimulationReport, all []*fate) []string {
	var hungriest *fate
	for _, f := range all {
		if kindOf(f.scenario.Failure) == partition {
			continue
		}
		if hungriest == nil || f.scenario.Capacity.Needed.CPU > hungriest.scenario.Capacity.Needed.CPU {
			hungriest = f
		}
	}
	if hungriest == nil {
		return nil
	}
	c := hungriest.scenario.Capacity
	text := ""
	if c.Lost.CPU > 0 {
		text = fmt.Sprintf("losing %s takes %s; its pods ask for %s.", label(hungriest.scenario, mixedFailures), room(c.Lost), asked(c.Needed))
	}
	if text != "" && len(c.Free) > 0 && len(c.Free) <= 6 {
		var free []string
		for _, z := range sortedKeys(c.Free) {
			free = append(free, fmt.Sprintf("%s %s", z, room(c.Free[z])))
		}
		text += " Free when settled: " + strings.Join(free, "; ") + "."
	}
	text = strings.TrimSpace(text + " " + fitsWith(r))
	if text == "" {
		return nil
	}
	return []string{text}
}

func asked(r v1alpha1.Room) string {
	if r.CPU == 0 && r.Memory.IsZero() {
		return "nothing"
	}
	return room(r)
}

// fitsWith says how many more nodes make every failure fit; empty when none do.
func fitsWith(r *v1alpha1.SimulationReport) string {
	if r.ExtraNodes == nil || len(r.Scenarios) == 0 {
		return ""
	}
	every := wordsOf[kindOfAll(r.Scenarios)].every
	if len(r.Scenarios) == 1 {
		every = "It"
	}
	extra := extraNodes(r.ExtraNodes)
	if extra == "" {
		return every + " fits as it is."
	}
	return every + " fits with " + extra + "."
}

// extraNodes says how many nodes where: 1 more node in b and 2 in c.
func extraNodes(extra map[string]int) string {
	var parts []string
	for _, z := range sortedKeys(extra) {
		switch {
		case extra[z] == 0:
		case len(parts) == 0:
			parts = append(parts, count(extra[z], "more node", "more nodes")+" in "+z)
		default:
			parts = append(parts, number(extra[z])+" in "+z)
		}
	}
	return join(parts)
}

// otherWorlds tells which workloads fare otherwise if the dead nodes' objects
// are treated otherwise, by world and fate.
func otherWorlds(all []*fate, n *names) []string {
	var worlds []string
	who := map[string]*lines{}
	for _, f := range all {
		for _, d := range f.scenario.OtherWorld {
			how := "never back"
			if d.RecoverySeconds != nil {
				how = "back after " + duration(*d.RecoverySeconds)
			}
			if d.Verdict == v1alpha1.Outage {
				how = "an outage, " + how
			}
			key := inWorld(d.World) + "\x00" + how
			if who[key] == nil {
				worlds = append(worlds, key)
				who[key] = &lines{}
			}
			who[key].add(n.of(d.WorkloadRef), f.label)
		}
	}
	var out []string
	for _, key := range worlds {
		world, how, _ := strings.Cut(key, "\x00")
		var ws []string
		for _, name := range who[key].order {
			ws = append(ws, fmt.Sprintf("%s (%s)", name, fold(who[key].labels[name], maxItems)))
		}
		out = append(out, fmt.Sprintf("%s: %s %s", world, fold(ws, maxItems), how))
	}
	return capped(out, maxItems)
}

func notConsidered(r *v1alpha1.SimulationReport) []string {
	var parts []string
	for _, k := range r.Input.NotConsidered {
		parts = append(parts, number(k.Count)+" "+k.Kind)
	}
	if len(parts) == 0 {
		return nil
	}
	return []string{fold(parts, 6)}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
