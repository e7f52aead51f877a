package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/docs/schemas"
)

// The formats that Write knows.
const (
	FormatTable = "table"
	FormatJSON  = "json"
	FormatYAML  = "yaml"
	FormatHTML  = "html"
)

// Formats lists the formats in the order in which help texts name them.
func Formats() []string {
	return []string{FormatTable, FormatJSON, FormatYAML, FormatHTML}
}

// Options change how a report looks, never what it says.
type Options struct {
	// Color adds terminal colours to a table. They repeat what a word says.
	Color bool
	// Width of a table in columns; 80 when 0. Less than 60 is taken as 60.
	Width int
	// Command is the command line that made the report, for hints that name
	// it. Empty leaves the hints without one.
	Command string
}

// Write writes r to w in the format. An unknown format is an error that names
// the known ones; any other error comes from w or from encoding.
func Write(w io.Writer, format string, r *v1alpha1.SimulationReport, o Options) error {
	var write func(io.Writer, *v1alpha1.SimulationReport, Options) error
	switch format {
	case FormatTable:
		write = writeTable
	case FormatJSON:
		write = writeJSON
	case FormatYAML:
		write = writeYAML
	case FormatHTML:
		write = writeHTML
	default:
		return fmt.Errorf("unknown output format %q: want one of %s", format, strings.Join(Formats(), ", "))
	}
	b := bufio.NewWriter(w)
	if err := write(b, r, o); err != nil {
		return fmt.Errorf("writing the report as %s: %w", format, err)
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("writing the report as %s: %w", format, err)
	}
	return nil
}

// Schema returns the JSON schema (draft 2020-12) of a SimulationReport. It is
// the file docs/schemas/simulation-report.schema.json, which a test generates
// from the Go types and their comments.
func Schema() ([]byte, error) {
	return schemas.SimulationReport(), nil
}
