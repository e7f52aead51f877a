package plan

import (
	"fmt"
	"math/bits"
	"slices"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/quorum"
)

// maxMemberChanges bounds the search over orders: 2^n sets of changes are looked
// at. Nine members that all move are 18.
const maxMemberChanges = 20

// transition is a change of etcd's voters.
type transition struct {
	from, to []v1alpha1.PlannedMember
	zones    []string
	// fixed: members are machines with names of their own, so that one of a name
	// must go before another of that name comes.
	fixed bool
	// stacked: a member is an API server as well.
	stacked bool
}

// change is one member that comes or goes.
type change struct {
	member v1alpha1.PlannedMember
	add    bool
}

// steps orders the changes so that no moment loses what was survived before:
//
//	one member at a time      a change of one shares a member with every majority
//	                          before it (etcd, "Runtime reconfiguration")
//	a learner, then promoted  a learner has no vote, so that a machine that does
//	                          not come up costs nothing (etcd, "Learner"); one at
//	                          a time, which is etcd's default (--max-learners)
//	every order is tried      a fourth voter of three makes the zone with two of
//	                          them fatal, two voters make both of their zones
//	                          fatal: which change comes first decides
//
// What must be survived at every moment is what both ends survive. Where no
// order does it, the one with the fewest exposed zones over its moments is taken,
// and a finding says which step is exposed and what would avoid it.
func (t transition) steps() ([]v1alpha1.Step, []v1alpha1.PlanFinding) {
	changes := t.changes()
	findings := t.protectionLost()
	if len(changes) == 0 {
		return nil, findings
	}
	if len(changes) > maxMemberChanges {
		return nil, append(findings, v1alpha1.PlanFinding{
			Code: CodeNotInPlace, Subject: "etcd", Objective: true,
			Message: fmt.Sprintf("%d changes of members at once", len(changes)), Remedy: fmt.Sprintf("change at most %d at a time", maxMemberChanges),
		})
	}
	order, cost := t.best(changes)
	if order == nil {
		return nil, append(findings, v1alpha1.PlanFinding{
			Code: CodeNotInPlace, Subject: "etcd", Objective: true,
			Message: "the only member cannot go before another has come, and the other is the same machine",
			Remedy:  "add a member on another machine first",
		})
	}
	steps, exposed := t.write(changes, order)
	if cost > 0 {
		findings = append(findings, t.exposedFinding(changes, exposed))
	}
	return steps, findings
}

// changes are the members that come, then those that go.
func (t transition) changes() []change {
	out := []change{}
	for _, x := range missing(t.from, t.to) {
		out = append(out, change{x, true})
	}
	for _, x := range missing(t.to, t.from) {
		out = append(out, change{x, false})
	}
	return out
}

// required are the zones that must be survived at every moment.
func (t transition) required() []string {
	from, to := zonesOf(t.from), zonesOf(t.to)
	return slices.DeleteFunc(slices.Clone(t.zones), func(z string) bool {
		return !quorum.Survives(from, z) || !quorum.Survives(to, z)
	})
}

// voters after the set of changes.
func (t transition) voters(changes []change, set uint) map[string]int {
	out := zonesOf(t.from)
	for i, c := range changes {
		switch {
		case set&(1<<i) == 0:
		case c.add:
			out[c.member.Zone]++
		default:
			out[c.member.Zone]--
		}
	}
	for z, n := range out {
		if n == 0 {
			delete(out, z)
		}
	}
	return out
}

// write turns the order into steps, and returns those after which a required zone
// is exposed.
func (t transition) write(changes []change, order []int) ([]v1alpha1.Step, []exposure) {
	steps, exposures := []v1alpha1.Step{}, []exposure{}
	required, board := t.required(), t.tally(changes)
	set := uint(0)
	state := func() (map[string]int, []string) {
		v := t.voters(changes, set)
		return v, quorum.Survivors(v, t.zones)
	}
	learner := -1
	join := func(i int) {
		v, s := state()
		m := changes[i].member
		steps = append(steps, v1alpha1.Step{
			Action: "add-learner", Object: m.Name, Zone: m.Zone, Voters: v, Survives: s,
			Reason:   "it copies the data without a vote: while it does, nothing can be lost by it",
			Commands: t.joinCommands(m),
		})
		learner = i
	}
	for k, i := range order {
		c := changes[i]
		if c.add && learner != i {
			join(i)
		}
		// Where the moment after a removal is exposed the next member is made
		// ready before it, so that the moment is short.
		if !c.add && k+1 < len(order) && changes[order[k+1]].add && board.exposed(set|1<<i) > 0 && !t.blocked(changes, set, order[k+1]) {
			join(order[k+1])
		}
		set |= 1 << i
		v, s := state()
		step := v1alpha1.Step{Object: c.member.Name, Zone: c.member.Zone, Voters: v, Survives: s}
		n := quorum.Total(v)
		if c.add {
			step.Action = "promote-member"
			step.Reason = fmt.Sprintf("%s, %d must agree", count(n, "voter"), quorum.Majority(n))
			step.Commands = []string{"etcdctl member list --write-out=table"}
		} else {
			step.Action = "remove-member"
			step.Reason = fmt.Sprintf("%s left, %d must agree", count(n, "voter"), quorum.Majority(n))
			step.Commands = t.leaveCommands(c.member)
		}
		steps = append(steps, step)
		if lost := added(s, required); len(lost) > 0 && bits.OnesCount(set) < len(changes) {
			exposures = append(exposures, exposure{step.Action + " " + c.member.Name, lost, v})
		}
	}
	return steps, exposures
}

// exposure is a moment in which zones are not survived that were before.
type exposure struct {
	after  string
	zones  []string
	voters map[string]int
}

func (t transition) exposedFinding(changes []change, exposures []exposure) v1alpha1.PlanFinding {
	text := ""
	for i, e := range exposures {
		if i > 0 {
			text += "; "
		}
		n := quorum.Total(e.voters)
		text += fmt.Sprintf("after %s, with %s of which %d must agree, losing %s costs the majority", e.after, count(n, "voter"), quorum.Majority(n), list(e.zones))
	}
	return v1alpha1.PlanFinding{
		Code: CodeNoSafeOrder, Subject: "etcd", Objective: true,
		Message: fmt.Sprintf("no order of these %s keeps a majority through every zone's loss. The least exposed: %s", count(len(changes), "change"), text),
		Remedy:  t.detour(),
	}
}

// detour looks for a temporary member that makes every step safe: in a zone that
// there is, else in another.
func (t transition) detour() string {
	const another = "\x00" // no zone is named so
	for _, z := range append(slices.Clone(t.zones), another) {
		temp := v1alpha1.PlannedMember{Name: "temporary", Zone: z}
		first := transition{from: t.from, to: append(slices.Clone(t.from), temp), zones: union(t.zones, []string{z})}
		then := transition{from: first.to, to: append(slices.Clone(t.to), temp), zones: first.zones, fixed: t.fixed}
		last := transition{from: then.to, to: t.to, zones: first.zones}
		safe := true
		for _, part := range []transition{first, then, last} {
			safe = safe && part.safeFor(t.required())
		}
		if !safe {
			continue
		}
		where := "zone " + z
		if z == another {
			where = "another zone"
		}
		return "add a temporary member in " + where + " first and remove it last: every step is then safe. Or do the exposed steps one right after the other, while nothing else changes"
	}
	return "do the exposed steps one right after the other, while nothing else changes"
}

// safeFor reports whether some order survives the zones at every moment, both
// ends included.
func (t transition) safeFor(zones []string) bool {
	if len(quorum.Survivors(zonesOf(t.from), zones)) < len(zones) || len(quorum.Survivors(zonesOf(t.to), zones)) < len(zones) {
		return false
	}
	changes := t.changes()
	if len(changes) == 0 {
		return true
	}
	if len(changes) > maxMemberChanges {
		return false
	}
	_, cost := t.best(changes)
	return cost == 0
}

// protectionLost tells of zones that are survived before and not after.
func (t transition) protectionLost() []v1alpha1.PlanFinding {
	if len(t.from) == 0 || len(t.to) == 0 {
		return nil
	}
	lost := added(quorum.Survivors(zonesOf(t.to), t.zones), quorum.Survivors(zonesOf(t.from), t.zones))
	if len(lost) == 0 {
		return nil
	}
	return []v1alpha1.PlanFinding{{
		Code: CodeProtectionLost, Subject: "etcd", Objective: true,
		Message: fmt.Sprintf("until now losing %s leaves a majority of etcd; after the change it does not", list(lost)),
		Remedy:  "an odd number of voters, at most half of them less one in a zone",
	}}
}

// joinCommands are those on an owner's machine; elsewhere the provider's tools do
// it. kubeadm adds a learner and promotes it when it has caught up.
func (t transition) joinCommands(m v1alpha1.PlannedMember) []string {
	if !t.fixed || !t.stacked {
		return nil
	}
	return []string{"on " + m.Name + ": kubeadm join --config /etc/bulkhead/kubeadm.yaml"}
}

func (t transition) leaveCommands(m v1alpha1.PlannedMember) []string {
	if !t.fixed {
		return nil
	}
	if !t.stacked {
		return []string{"etcdctl member list --write-out=table", "etcdctl member remove ID-OF-" + m.Name}
	}
	return []string{
		"kubectl drain " + m.Name + " --ignore-daemonsets --delete-emptydir-data",
		"on " + m.Name + ": kubeadm reset --force",
		"kubectl delete node " + m.Name,
	}
}
