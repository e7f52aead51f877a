//go:build linux

package e2e_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// recorded are the files that a verdict is made of.
var recorded = []string{"drill.json", "history.jsonl.gz", "observations.jsonl.gz"}

// verdict judges the evidence again: the same report and the same exit code. Evidence
// that was changed is refused.
func (s *suite) verdict(t *testing.T) {
	names, err := os.ReadDir(s.evidence)
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, n := range names {
		files = append(files, n.Name())
	}
	for _, want := range append(slices.Clone(recorded), "report.json", "report.html", "runbook.md", "bulkhead-drill.prom", "SHA256SUMS") {
		if !slices.Contains(files, want) {
			t.Errorf("the evidence has no %s", want)
		}
	}
	written, err := os.ReadFile(filepath.Join(s.evidence, "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	if s.judged.Stdout != string(written) {
		t.Error("the drill printed another report than it wrote")
	}
	r := s.run(t, []int{s.judged.Code}, "verdict", s.evidence, "-o", "json")
	if r.Stdout != string(written) {
		t.Error("the evidence judged again makes another report")
	}
	if table := s.run(t, []int{s.judged.Code}, "verdict", s.evidence); table.Stdout == "" {
		t.Error(table)
	}
	for _, name := range append(slices.Clone(recorded), "report.json") {
		changed := filepath.Join(t.TempDir(), "evidence")
		if err := os.CopyFS(changed, os.DirFS(s.evidence)); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(changed, name)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		data[len(data)/2] ^= 1
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		if r := s.run(t, invalid, "verdict", changed); !strings.Contains(r.Stderr, name+" is not what the drill wrote") || r.Stdout != "" {
			t.Error(r)
		}
	}
}
