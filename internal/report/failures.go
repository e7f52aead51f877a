package report

import (
	"fmt"
	"slices"
	"strings"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// failureKind is what the scenarios of a report take away; it decides the
// words that a reader meets.
type failureKind int

const (
	oneZone failureKind = iota
	manyZones
	nodes
	partition
	dependency
	mixedFailures
)

// words of a failure kind. Loss is what one is called in a count, title heads
// the first column, every opens the sentence that all is well, one names a
// single one.
type failureWords struct {
	title, loss, losses, every string
}

var wordsOf = map[failureKind]failureWords{
	oneZone:       {"ZONE LOST", "zone loss", "zone losses", "Every zone's loss"},
	manyZones:     {"ZONES LOST", "loss of zones", "losses of zones", "Every loss of zones"},
	nodes:         {"NODE LOST", "node loss", "node losses", "Every node's loss"},
	partition:     {"PARTITION", "partition", "partitions", "Every partition"},
	dependency:    {"DEPENDENCY LOST", "lost dependency", "lost dependencies", "Every dependency's loss"},
	mixedFailures: {"FAILURE", "failure", "failures", "Every failure"},
}

func kindOf(f v1alpha1.Failure) failureKind {
	switch {
	case len(f.Partition) > 0:
		return partition
	case f.Dependency != "":
		return dependency
	case len(f.Zones) > 1:
		return manyZones
	case len(f.Zones) == 1:
		return oneZone
	case len(f.Nodes) > 0:
		return nodes
	}
	return mixedFailures
}

// kindOfAll returns the kind that all scenarios have in common.
func kindOfAll(scenarios []v1alpha1.Scenario) failureKind {
	kind := oneZone
	for i, s := range scenarios {
		k := kindOf(s.Failure)
		switch {
		case i == 0 || k == kind:
			kind = k
		case k <= manyZones && kind <= manyZones:
			kind = manyZones
		default:
			return mixedFailures
		}
	}
	return kind
}

// label is the short name of a failure in a column whose title says what
// fails; under FAILURE it says so itself.
func label(s *v1alpha1.Scenario, titled failureKind) string {
	f := s.Failure
	kind := kindOf(f)
	text := s.Name
	switch kind {
	case partition:
		text = strings.Join(f.Partition, "/")
	case dependency:
		text = f.Dependency
	case oneZone, manyZones:
		text = strings.Join(f.Zones, "+")
	case nodes:
		text = fold(f.Nodes, 2)
	}
	if titled != mixedFailures {
		return text
	}
	switch kind {
	case partition:
		return "partition " + text
	case oneZone:
		return "zone " + text
	case manyZones:
		return "zones " + text
	case nodes:
		if len(f.Nodes) == 1 {
			return "node " + text
		}
		return "nodes " + text
	}
	return text
}

// losing names a failure as the subject of a sentence.
func losing(s *v1alpha1.Scenario) string {
	f := s.Failure
	switch kindOf(f) {
	case partition:
		if len(f.Partition) == 2 {
			return fmt.Sprintf("cutting zone %s off from zone %s", f.Partition[0], f.Partition[1])
		}
		return "the partition " + strings.Join(f.Partition, "/")
	case dependency:
		return "losing " + f.Dependency
	case oneZone:
		return "losing zone " + f.Zones[0]
	case manyZones:
		return "losing zones " + join(f.Zones)
	case nodes:
		if len(f.Nodes) == 1 {
			return "losing node " + f.Nodes[0]
		}
		return "losing nodes " + fold(f.Nodes, 3)
	}
	return s.Name
}

// heading names a failure as what has happened.
func heading(s *v1alpha1.Scenario) string {
	f := s.Failure
	switch kindOf(f) {
	case partition:
		if len(f.Partition) == 2 {
			return fmt.Sprintf("Zones %s and %s cannot reach each other", f.Partition[0], f.Partition[1])
		}
	case dependency:
		return capital(f.Dependency) + " is lost"
	case oneZone:
		return "Zone " + f.Zones[0] + " is lost"
	case manyZones:
		return "Zones " + join(f.Zones) + " are lost"
	case nodes:
		if len(f.Nodes) == 1 {
			return "Node " + f.Nodes[0] + " is lost"
		}
		return "Nodes " + fold(f.Nodes, 3) + " are lost"
	}
	return s.Name
}

// conclusion is the verdict on the whole report in a sentence or two.
func conclusion(r *v1alpha1.SimulationReport) string {
	total := len(r.Scenarios)
	if total == 0 {
		return "No failure was simulated."
	}
	words := wordsOf[kindOfAll(r.Scenarios)]
	lost, open := 0, 0
	for _, s := range r.Scenarios {
		switch s.Verdict {
		case v1alpha1.Survives:
		case v1alpha1.Undetermined:
			open++
		default:
			lost++
		}
	}
	if lost == 0 && open == 0 {
		if total == 1 {
			return capital(losing(&r.Scenarios[0])) + " is survived."
		}
		return words.every + " is survived."
	}
	if total == 1 {
		if lost == 1 {
			return capital(losing(&r.Scenarios[0])) + " is not survived."
		}
		return "What " + losing(&r.Scenarios[0]) + " does could not be determined."
	}
	var parts []string
	if lost > 0 {
		verb := "are"
		if lost == 1 {
			verb = "is"
		}
		parts = append(parts, fmt.Sprintf("%s of %s %s %s not survived.", number(lost), number(total), words.losses, verb))
	}
	if open > 0 {
		parts = append(parts, fmt.Sprintf("%s of %s could not be determined.", number(open), number(total)))
	}
	return strings.Join(parts, " ")
}

// inWorld says a world of dead nodes' objects as a condition.
func inWorld(world string) string {
	switch world {
	case "keep":
		return "while the dead nodes' objects stay"
	case "delete":
		return "once the dead nodes' objects are deleted"
	case "out-of-service":
		return "once the dead nodes carry the out-of-service taint"
	}
	return "with dead nodes: " + world
}

// zonesLost reports whether the failure takes zone z as a whole.
func zonesLost(f v1alpha1.Failure, z string) bool { return slices.Contains(f.Zones, z) }
