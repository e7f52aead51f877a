package fidelity

import (
	"slices"
	"strings"
)

// difference names what differs: node, plugins, message, nominated or victims; ""
// when nothing does.
func difference(theirs, here attempt) string {
	switch {
	case theirs.Node != here.Node:
		return "node"
	case theirs.Node != "":
		return ""
	case !slices.Equal(theirs.Plugins, here.Plugins):
		return "plugins"
	case withoutPreemption(theirs.Message) != withoutPreemption(here.Message):
		return "message"
	case theirs.Nominated != here.Nominated:
		return "nominated"
	case !slices.Equal(theirs.Victims, here.Victims):
		return "victims"
	}
	return ""
}

// compare counts the attempt; why explains another choice of preemption.
func (r *Replayed) compare(number int, theirs, here attempt, why func() string) {
	r.Attempts++
	what := difference(theirs, here)
	preemption := what == "nominated" || what == "victims"
	switch {
	case theirs.Node != "":
		r.Placed++
		if what == "" {
			r.SameNode++
		}
	default:
		r.Refused++
		if what == "" || preemption {
			r.SameWhy++
		}
	}
	if theirs.Nominated != "" || here.Nominated != "" {
		r.Preempting++
		if what == "" {
			r.SameVictims++
		}
	}
	if what != "" {
		d := Difference{Step: number, Real: theirs, Here: here, What: what}
		if preemption {
			d.Why = why()
		}
		if d.Why != "" {
			r.Ties++
		}
		r.Differences = append(r.Differences, d)
	}
}

// withoutPreemption returns the reasons of a message, without what preemption
// added.
func withoutPreemption(message string) string {
	before, _, _ := strings.Cut(message, " no new claims to deallocate")
	before, _, _ = strings.Cut(before, " preemption: ")
	return strings.TrimSpace(before)
}
