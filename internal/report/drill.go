package report

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/docs/schemas"
)

// DrillFormats lists the formats of drill reports, in the order of help texts.
func DrillFormats() []string {
	return []string{FormatTable, FormatJSON, FormatYAML, FormatHTML}
}

// WriteDrill writes the report of a drill in the format. An unknown format is an
// error that names the known ones; any other comes from w or from encoding.
func WriteDrill(w io.Writer, format string, r *v1alpha1.DrillReport, o Options) error {
	var write func(io.Writer, *v1alpha1.DrillReport) error
	switch format {
	case FormatTable:
		write = func(w io.Writer, r *v1alpha1.DrillReport) error { return writeDrillTable(w, r, o) }
	case FormatJSON, FormatYAML:
		write = func(w io.Writer, r *v1alpha1.DrillReport) error { return writeData(w, format, completeDrill(r)) }
	case FormatHTML:
		write = func(w io.Writer, r *v1alpha1.DrillReport) error { return writeDrillHTML(w, r, o) }
	default:
		return fmt.Errorf("unknown output format %q: want one of %s", format, strings.Join(DrillFormats(), ", "))
	}
	b := bufio.NewWriter(w)
	err := write(b, r)
	if err == nil {
		err = b.Flush()
	}
	if err != nil {
		return fmt.Errorf("writing the drill report as %s: %w", format, err)
	}
	return nil
}

// DrillSchema returns the JSON schema (draft 2020-12) of a DrillReport, made like
// that of Schema.
func DrillSchema() ([]byte, error) { return schemas.DrillReport(), nil }

// completeDrill returns a copy of r as the schema promises it, as complete does.
func completeDrill(r *v1alpha1.DrillReport) *v1alpha1.DrillReport {
	c := *r
	c.APIVersion, c.Kind = v1alpha1.APIVersion, v1alpha1.DrillReportKind
	c.Checks, c.Proof = list(c.Checks), list(c.Proof)
	c.APIGapParts, c.Paths, c.Latency = list(c.APIGapParts), list(c.Paths), list(c.Latency)
	c.Predictions, c.Services, c.Timeline = list(c.Predictions), list(c.Services), list(c.Timeline)
	c.Notes, c.Versions, c.Evidence = list(c.Notes), object(c.Versions), list(c.Evidence)
	c.Workloads = append([]v1alpha1.DrillWorkload{}, c.Workloads...)
	for i := range c.Workloads {
		w := &c.Workloads[i]
		w.Before, w.During, w.After = object(w.Before), object(w.During), object(w.After)
	}
	return &c
}

// writeAll writes what was put together in memory.
func writeAll(w io.Writer, what string, b *bytes.Buffer) error {
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("writing %s: %w", what, err)
	}
	return nil
}
