package verdict

import (
	"fmt"
	"strconv"
	"strings"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// seconds for people: 9 ms, 1.7 s, 42 s.
func seconds(s float64) string {
	switch {
	case s < 0:
		return "-" + seconds(-s)
	case s == 0:
		return "0 s"
	case s < 0.0995:
		return digits(s*1000) + " ms"
	}
	return digits(s) + " s"
}

// milliseconds for people.
func milliseconds(ms float64) string {
	if ms == 0 {
		return "0 ms"
	}
	if ms < 1000 {
		return digits(ms) + " ms"
	}
	return seconds(ms / 1000)
}

// digits leaves one decimal below ten, and two below one; 2.0 is 2.
func digits(v float64) string {
	decimals := 0
	switch {
	case v < 0.995:
		decimals = 2
	case v < 9.95:
		decimals = 1
	}
	s := strconv.FormatFloat(v, 'f', decimals, 64)
	if decimals > 0 {
		s = strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// percent of a share from 0 to 1.
func percent(share float64) string {
	return strings.TrimSuffix(strings.TrimRight(strconv.FormatFloat(100*share, 'f', 2, 64), "0"), ".") + " %"
}

func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + one + "s"
}

// some lists at most limit names and counts the rest.
func some(names []string, limit int) string {
	if len(names) <= limit {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:limit], ", "), len(names)-limit)
}

// name of a workload as in DrillObservation.Workload and Event.Workload.
func name(r v1alpha1.WorkloadRef) string { return r.Kind + " " + r.Namespace + "/" + r.Name }
