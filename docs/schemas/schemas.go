// Package schemas carries the JSON schemas of what bulkhead reads and writes, so
// that an installed program can print them. The files are generated from
// api/v1alpha1 by tests and are never edited by hand:
//
//	cluster.schema.json            go test ./internal/spec -run Schema -update
//	simulation-report.schema.json  go test ./internal/report -run Schema -update
//	drill-report.schema.json       go test ./internal/report -run Schema -update
package schemas

import (
	_ "embed"
	"slices"
)

//go:embed cluster.schema.json
var cluster []byte

// Cluster returns the JSON schema of a Cluster (draft 2020-12): fields in the
// order of the Go types, unknown fields refused. A description ends with
// "Default: …." where Decode fills the field in.
func Cluster() []byte { return slices.Clone(cluster) }

//go:embed simulation-report.schema.json
var simulationReport []byte

// SimulationReport returns the JSON schema of a SimulationReport.
func SimulationReport() []byte { return slices.Clone(simulationReport) }

//go:embed drill-report.schema.json
var drillReport []byte

// DrillReport returns the JSON schema of a DrillReport.
func DrillReport() []byte { return slices.Clone(drillReport) }
