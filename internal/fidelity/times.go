package fidelity

import (
	"strings"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// TimesResult compares the times of one zone's loss in default timings.
type TimesResult struct {
	NodesPerZone int `json:"nodesPerZone"`
	Pods         int `json:"pods"` // of the lost zone
	// LeaseAge is by how many seconds before the failure a node of the zone had
	// renewed its lease for the last time: the most and the least.
	OldestLease float64 `json:"oldestLease"`
	NewestLease float64 `json:"newestLease"`
	Predicted   Times   `json:"predicted"`
	Observed    Times   `json:"observed"`
}

// PredictedTimes are those of a simulated scenario in which every workload
// replaces a pod as soon as it is evicted.
func PredictedTimes(s *v1alpha1.Scenario) Times {
	var t Times
	for _, e := range s.Timeline {
		at := e.At
		switch {
		case e.Event == "nodes-not-ready":
			first(&t.FirstNotReady, at)
			t.LastNotReady = &at
		case e.Event == "pods-created":
			first(&t.FirstEviction, at)
			t.LastEviction = &at
		case strings.HasPrefix(e.Event, "full-count"):
			t.FullCount = &at
		}
	}
	return t
}

func first(to **float64, at float64) {
	if *to == nil {
		*to = &at
	}
}

// Within says whether an observed time is as predicted: within 10 % or 5 s.
func Within(predicted, observed *float64) bool {
	if predicted == nil || observed == nil {
		return predicted == observed
	}
	d := max(*predicted-*observed, *observed-*predicted)
	return d <= 5 || d <= *predicted/10
}
