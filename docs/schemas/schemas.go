// Package schemas carries the JSON schemas of what bulkhead writes, so that an
// installed program can print them. The files are generated from api/v1alpha1
// by the tests of internal/report (go test ./internal/report -run Schema
// -update) and are never edited by hand.
package schemas

import (
	_ "embed"
	"slices"
)

//go:embed simulation-report.schema.json
var simulationReport []byte

// SimulationReport returns the JSON schema of a SimulationReport.
func SimulationReport() []byte { return slices.Clone(simulationReport) }
