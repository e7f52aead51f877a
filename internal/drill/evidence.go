package drill

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/report"
	"bulkhead.dev/bulkhead/internal/verdict"
)

// The files of the evidence: what was recorded, and the reports that are made of it.
const (
	RecordFile       = "drill.json"
	HistoryFile      = "history.jsonl.gz"
	ObservationsFile = "observations.jsonl.gz"
	SumsFile         = "SHA256SUMS"

	ReportFile  = "report.json"
	PageFile    = "report.html"
	RunbookFile = "runbook.md"
	MetricsFile = "bulkhead-drill.prom"
)

// recorded are the files that a verdict is made of.
var recorded = []string{RecordFile, HistoryFile, ObservationsFile}

// Save writes the evidence, judges it, and writes the reports beside it, into a
// folder that must not be there yet: whole or not at all.
func Save(folder string, e *verdict.Evidence) (*v1alpha1.DrillReport, error) {
	parent := filepath.Dir(folder)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return nil, fmt.Errorf("saving the evidence: %w", err)
	}
	fresh, err := os.MkdirTemp(parent, "."+filepath.Base(folder)+"-")
	if err != nil {
		return nil, fmt.Errorf("saving the evidence: %w", err)
	}
	r, err := save(fresh, e)
	if err == nil {
		err = errors.Join(os.Chmod(fresh, 0o755), os.Rename(fresh, folder))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("saving the evidence: %w", err), os.RemoveAll(fresh))
	}
	return r, nil
}

func save(folder string, e *verdict.Evidence) (*v1alpha1.DrillReport, error) {
	text, err := json.MarshalIndent(e.Record, "", "  ")
	if err != nil {
		return nil, err
	}
	err = errors.Join(
		os.WriteFile(filepath.Join(folder, RecordFile), append(text, '\n'), 0o644),
		writeLines(filepath.Join(folder, HistoryFile), e.Operations),
		writeLines(filepath.Join(folder, ObservationsFile), e.Observations),
	)
	if err != nil {
		return nil, err
	}
	// What is judged is what was written.
	r, err := Judge(folder)
	if err != nil {
		return nil, err
	}
	sums := ""
	write := func(name string, write func(io.Writer) error) {
		var b bytes.Buffer
		err = errors.Join(err, write(&b), os.WriteFile(filepath.Join(folder, name), b.Bytes(), 0o644))
	}
	write(ReportFile, func(w io.Writer) error { return report.WriteDrill(w, report.FormatJSON, r, report.Options{}) })
	write(PageFile, func(w io.Writer) error { return report.WriteDrill(w, report.FormatHTML, r, report.Options{}) })
	write(RunbookFile, func(w io.Writer) error { return report.WriteDrillRunbook(w, r) })
	write(MetricsFile, func(w io.Writer) error { return report.WriteDrillMetrics(w, r) })
	for _, name := range append(append([]string{}, recorded...), ReportFile, PageFile, RunbookFile, MetricsFile) {
		f, ferr := describe(folder, name)
		err = errors.Join(err, ferr)
		sums += f.SHA256 + "  " + name + "\n"
	}
	return r, errors.Join(err, os.WriteFile(filepath.Join(folder, SumsFile), []byte(sums), 0o644))
}

// Judge makes the report of the evidence in a folder again.
func Judge(folder string) (*v1alpha1.DrillReport, error) {
	e, err := Read(folder)
	if err != nil {
		return nil, err
	}
	r, err := verdict.Judge(*e, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", folder, err)
	}
	for _, name := range recorded {
		f, err := describe(folder, name)
		if err != nil {
			return nil, err
		}
		r.Evidence = append(r.Evidence, f)
	}
	return r, nil
}

// Check compares a folder's files with the sums that were written with them, and
// its report with the one that the evidence makes now. The error names what
// differs; it is nil when both agree.
func Check(folder string) (*v1alpha1.DrillReport, error) {
	text, err := os.ReadFile(filepath.Join(folder, SumsFile))
	if err != nil {
		return nil, fmt.Errorf("%s: this is no evidence of a drill: %w", folder, err)
	}
	sums := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if sum, name, ok := strings.Cut(strings.TrimSpace(line), "  "); ok && filepath.IsLocal(name) {
			sums[name] = sum
		}
	}
	for _, name := range append(append([]string{}, recorded...), ReportFile) {
		f, err := describe(folder, name)
		if err != nil {
			return nil, err
		}
		if sums[name] != f.SHA256 {
			return nil, fmt.Errorf("%s: %s is not what the drill wrote: its SHA-256 is %s, written was %s", folder, name, f.SHA256, sums[name])
		}
	}
	r, err := Judge(folder)
	if err != nil {
		return nil, err
	}
	then, err := os.ReadFile(filepath.Join(folder, ReportFile))
	if err != nil {
		return nil, err
	}
	var now bytes.Buffer
	if err := report.WriteDrill(&now, report.FormatJSON, r, report.Options{}); err != nil {
		return nil, err
	}
	if !bytes.Equal(then, now.Bytes()) {
		return r, &Disagreement{folder}
	}
	return r, nil
}

// Disagreement says that the evidence, judged again, does not make the report that
// lies beside it.
type Disagreement struct{ folder string }

func (d *Disagreement) Error() string {
	return fmt.Sprintf("%s: the evidence judged again makes another report than %s\nhint: another version of bulkhead may have written it; -o json shows this one's", d.folder, ReportFile)
}

// Read reads the evidence in a folder.
func Read(folder string) (*verdict.Evidence, error) {
	text, err := os.ReadFile(filepath.Join(folder, RecordFile))
	if err != nil {
		return nil, fmt.Errorf("%s: this is no evidence of a drill: %w", folder, err)
	}
	e := &verdict.Evidence{Record: &v1alpha1.DrillRecord{}}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(e.Record); err != nil {
		return nil, fmt.Errorf("reading %s: %w", filepath.Join(folder, RecordFile), err)
	}
	if e.Operations, err = readLines[v1alpha1.DrillOperation](filepath.Join(folder, HistoryFile)); err != nil {
		return nil, err
	}
	e.Observations, err = readLines[v1alpha1.DrillObservation](filepath.Join(folder, ObservationsFile))
	return e, err
}

// writeLines writes values as lines of JSON, compressed.
func writeLines[T any](path string, values []T) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	z := gzip.NewWriter(f)
	encoder := json.NewEncoder(z)
	for i := range values {
		err = errors.Join(err, encoder.Encode(&values[i]))
	}
	return errors.Join(err, z.Close(), f.Close())
}

// readLines reads what writeLines wrote; an error names the line.
func readLines[T any](path string) (values []T, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the evidence: %w", err)
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 16<<20)
	for n := 1; lines.Scan(); n++ {
		var v T
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			return nil, fmt.Errorf("reading %s: line %d: %w", path, n, err)
		}
		values = append(values, v)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return values, nil
}

func describe(folder, name string) (v1alpha1.DrillFile, error) {
	data, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		return v1alpha1.DrillFile{}, fmt.Errorf("reading the evidence: %w", err)
	}
	sum := sha256.Sum256(data)
	return v1alpha1.DrillFile{Name: name, Bytes: int64(len(data)), SHA256: hex.EncodeToString(sum[:])}, nil
}
