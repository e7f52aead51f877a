package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// How many rows the page's tables of services and differences take.
const (
	maxServices = 60
	maxWorlds   = 40
	maxRooms    = 30
	maxHolders  = 30
)

// unplacedView is a workload that does not fit before any failure.
type unplacedView struct {
	Name, Text string
	Reasons    []v1alpha1.Reason
}

func unplacedViews(r *v1alpha1.SimulationReport, n *names) []unplacedView {
	var out []unplacedView
	for _, p := range r.BeforeFailure {
		out = append(out, unplacedView{n.of(p.WorkloadRef), fmt.Sprintf("%d of %s fit nowhere", p.Pending, count(p.Replicas, "pod")), p.Reasons})
	}
	return out
}

// causeView is a cause as a card.
type causeView struct {
	Verdict v1alpha1.Verdict
	Message string
	Plugin  string
	Code    string
	Holds   []holderView
	More    string
	Remedy  []string
}

type holderView struct {
	Name, Where string
}

func causeViews(causes []*cause) []causeView {
	var out []causeView
	for _, c := range causes {
		v := causeView{
			Verdict: c.verdict, Message: c.reason.Message, Plugin: c.reason.Plugin, Code: c.reason.Code,
			Remedy: c.remedies,
		}
		for i, h := range c.holds {
			if i == maxHolders {
				v.More = "and " + count(len(c.holds)-i, "workload") + " more"
				break
			}
			v.Holds = append(v.Holds, holderView{h.name, fold(h.labels, 6)})
		}
		out = append(out, v)
	}
	return out
}

// serviceView is a service in its worst scenario.
type serviceView struct {
	Name, Policy, Failure string
	Ready, Share, Load    string
	Failing               string
	Bad                   bool
}

// serviceViews tells of the services under strain, the worst first, and counts
// the others.
func serviceViews(r *v1alpha1.SimulationReport, all []*fate) (shown []serviceView, left, quiet string) {
	strainedOnes := strainedServices(all)
	seen := map[string]bool{}
	for i := range r.Scenarios {
		for _, s := range r.Scenarios[i].Services {
			seen[s.Namespace+"/"+s.Name] = true
		}
	}
	if n := len(seen) - len(strainedOnes); n > 0 {
		quiet = count(n, "Service") + " without an overload of 1.3 times or a failing request."
	}
	for i, s := range strainedOnes {
		if i == maxServices {
			left = "… and " + count(len(strainedOnes)-i, "Service") + " more, less strained."
			break
		}
		v := serviceView{
			Name: s.service.Namespace + "/" + s.service.Name, Policy: orDash(s.service.Policy),
			Failure: label(s.fate.scenario, mixedFailures),
			Ready:   fmt.Sprintf("%s → %s → %s", number(s.service.ReadyBefore), number(s.service.ReadyLowest), number(s.service.ReadyAfter)),
			Share:   percent(s.service.WorstShare),
			Load:    decimal(s.service.Overload) + " ×",
			Failing: "–",
			Bad:     dry(s.service),
		}
		if s.service.FailingShare > 0 {
			v.Failing = percent(s.service.FailingShare) + " throughout"
			if s.service.FailingSeconds != nil {
				v.Failing = percent(s.service.FailingShare) + " for " + duration(*s.service.FailingSeconds)
			}
		}
		shown = append(shown, v)
	}
	return shown, left, quiet
}

// roomView is the room that one failure takes and leaves.
type roomView struct {
	Failure, Lost, Needed, Free, Extra string
}

// roomViews puts the hungriest failure first.
func roomViews(all []*fate) []roomView {
	byNeed := slices.Clone(all)
	slices.SortStableFunc(byNeed, func(a, b *fate) int {
		return -cmp.Compare(a.scenario.Capacity.Needed.CPU, b.scenario.Capacity.Needed.CPU)
	})
	var out []roomView
	for _, f := range byNeed {
		c := f.scenario.Capacity
		if c.Lost.CPU == 0 && len(c.Free) == 0 {
			continue
		}
		if len(out) == maxRooms {
			break
		}
		var free []string
		for _, z := range sortedKeys(c.Free) {
			free = append(free, z+": "+room(c.Free[z]))
		}
		v := roomView{f.label, room(c.Lost), asked(c.Needed), orDash(strings.Join(free, " · ")), "more nodes do not help"}
		if c.ExtraNodes != nil {
			v.Extra = "fits as it is"
			if extra := extraNodes(c.ExtraNodes); extra != "" {
				v.Extra = extra
			}
		}
		out = append(out, v)
	}
	return out
}

// worldView is a workload that fares otherwise in another world.
type worldView struct {
	Name, Failure, World, How, Why string
}

func worldViews(all []*fate, n *names) (shown []worldView, left string) {
	total := 0
	for _, f := range all {
		for _, d := range f.scenario.OtherWorld {
			if total++; total > maxWorlds {
				continue
			}
			how := string(d.Verdict) + ", never back"
			if d.RecoverySeconds != nil {
				how = string(d.Verdict) + ", back after " + duration(*d.RecoverySeconds)
			}
			shown = append(shown, worldView{n.of(d.WorkloadRef), label(f.scenario, mixedFailures), inWorld(d.World), how, d.Why})
		}
	}
	if total > maxWorlds {
		left = "… and " + number(total-maxWorlds) + " more."
	}
	return shown, left
}
