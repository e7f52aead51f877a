package report

import (
	"encoding/json"
	"io"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"sigs.k8s.io/yaml"
)

func writeJSON(w io.Writer, r *v1alpha1.SimulationReport, _ Options) error {
	return writeData(w, FormatJSON, complete(r))
}

func writeYAML(w io.Writer, r *v1alpha1.SimulationReport, _ Options) error {
	return writeData(w, FormatYAML, complete(r))
}

// writeData writes a value as JSON or YAML.
func writeData(w io.Writer, format string, v any) error {
	if format == FormatYAML {
		text, err := yaml.Marshal(v)
		if err == nil {
			_, err = w.Write(text)
		}
		return err
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// complete returns a copy of r as the schema promises it: apiVersion and kind
// are set, and a list or a map that has nothing in it is there and empty, so
// that a reader can iterate without asking. r itself is left alone, down to
// its slices.
func complete(r *v1alpha1.SimulationReport) *v1alpha1.SimulationReport {
	c := *r
	c.APIVersion, c.Kind = v1alpha1.APIVersion, v1alpha1.SimulationReportKind
	c.Input.Zones = list(c.Input.Zones)
	c.Input.NodesPerZone = object(c.Input.NodesPerZone)
	c.Input.NotConsidered = list(c.Input.NotConsidered)
	c.Timings = list(c.Timings)
	c.Assumptions = list(c.Assumptions)
	c.Warnings = list(c.Warnings)

	c.BeforeFailure = append([]v1alpha1.PendingWorkload{}, c.BeforeFailure...)
	for i := range c.BeforeFailure {
		c.BeforeFailure[i].Reasons = list(c.BeforeFailure[i].Reasons)
	}
	c.Scenarios = append([]v1alpha1.Scenario{}, c.Scenarios...)
	for i := range c.Scenarios {
		completeScenario(&c.Scenarios[i])
	}
	return &c
}

func completeScenario(s *v1alpha1.Scenario) {
	s.Capacity.Free = object(s.Capacity.Free)
	s.Timeline = list(s.Timeline)
	s.OtherWorld = list(s.OtherWorld)
	s.Workloads = append([]v1alpha1.WorkloadOutcome{}, s.Workloads...)
	for i := range s.Workloads {
		w := &s.Workloads[i]
		w.Before, w.After = object(w.Before), object(w.After)
		w.DataLost, w.Reasons = list(w.DataLost), list(w.Reasons)
	}
	s.Services = append([]v1alpha1.ServiceOutcome{}, s.Services...)
	for i := range s.Services {
		s.Services[i].Shares = list(s.Services[i].Shares)
	}
}

func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

func object[V any](m map[string]V) map[string]V {
	if m == nil {
		return map[string]V{}
	}
	return m
}
