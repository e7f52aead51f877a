package test

import (
	"os"
	"path/filepath"
	"testing"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/drill"
)

// TestExampleDrill judges the evidence in examples/drill again: it makes the report
// that lies beside it. With -update the reports are written again; what was recorded
// stays.
func TestExampleDrill(t *testing.T) {
	const folder = "../examples/drill"
	if *update {
		e, err := drill.Read(folder)
		if err != nil {
			t.Fatal(err)
		}
		fresh := filepath.Join(t.TempDir(), "drill")
		if _, err := drill.Save(fresh, e); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{drill.RecordFile, drill.HistoryFile, drill.ObservationsFile, drill.ReportFile, drill.PageFile, drill.RunbookFile, drill.MetricsFile, drill.SumsFile} {
			data, err := os.ReadFile(filepath.Join(fresh, name))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(folder, name), data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	r, err := drill.Check(folder)
	if err != nil {
		t.Fatal(err)
	}
	if r.Verdict != v1alpha1.DrillHolds || r.Linearizable != v1alpha1.Linearizable || !r.Healed {
		t.Errorf("%s: linearizable %s, healed %v: %s", r.Verdict, r.Linearizable, r.Healed, r.Why)
	}
}
