package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/report"
	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write golden files and the JSON schema instead of comparing")

func render(t *testing.T, format string, r *v1alpha1.SimulationReport, o report.Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.Write(&b, format, r, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (run with -update after a look):\n%s", name, diff)
	}
}

const command = "bulkhead simulate -f shop/naive"

func TestTable(t *testing.T) {
	for name, r := range samples() {
		t.Run(name, func(t *testing.T) {
			got := render(t, report.FormatTable, r, report.Options{Command: command})
			for line := range strings.Lines(got) {
				if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
					t.Errorf("%d columns: %s", n, line)
				}
				if strings.ContainsAny(line, "\x1b\u202e\r\t") {
					t.Errorf("control character in %q", line)
				}
			}
			golden(t, name+".table.txt", got)
		})
	}
}

func TestTableFitsAnyWidth(t *testing.T) {
	for name, r := range samples() {
		for w := 60; w < 200; w += 7 {
			for line := range strings.Lines(render(t, report.FormatTable, r, report.Options{Width: w, Command: command})) {
				if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > w {
					t.Errorf("%s at width %d: %d columns: %s", name, w, n, line)
				}
			}
		}
	}
}

func TestColorOnlyRepeats(t *testing.T) {
	plain := render(t, report.FormatTable, shop(), report.Options{})
	colored := render(t, report.FormatTable, shop(), report.Options{Color: true})
	if !strings.Contains(colored, "\x1b[31moutage\x1b[0m") {
		t.Error("an outage is not red")
	}
	strip := strings.NewReplacer("\x1b[0m", "", "\x1b[1m", "", "\x1b[31m", "", "\x1b[32m", "", "\x1b[33m", "")
	if diff := cmp.Diff(plain, strip.Replace(colored)); diff != "" {
		t.Errorf("colour changes the text:\n%s", diff)
	}
}

func TestSameInputSameBytes(t *testing.T) {
	for _, format := range report.Formats() {
		for name := range samples() {
			first := render(t, format, samples()[name], report.Options{Command: command})
			for range 3 {
				if render(t, format, samples()[name], report.Options{Command: command}) != first {
					t.Errorf("%s of %s differs from one time to the next", format, name)
				}
			}
		}
	}
}

func TestJSONAndYAMLKeepEverything(t *testing.T) {
	for name, r := range samples() {
		var back v1alpha1.SimulationReport
		text := render(t, report.FormatJSON, r, report.Options{})
		if err := json.Unmarshal([]byte(text), &back); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if again := render(t, report.FormatJSON, &back, report.Options{}); again != text {
			t.Errorf("%s: reading json and writing it again changes it:\n%s", name, cmp.Diff(text, again))
		}
		if strings.Contains(text, ": null,\n      \"workloads\"") || !strings.HasSuffix(text, "}\n") {
			t.Errorf("%s: not as promised", name)
		}
		var fromYAML v1alpha1.SimulationReport
		if err := yaml.Unmarshal([]byte(render(t, report.FormatYAML, r, report.Options{})), &fromYAML); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if again := render(t, report.FormatJSON, &fromYAML, report.Options{}); again != text {
			t.Errorf("%s: yaml and json differ:\n%s", name, cmp.Diff(text, again))
		}
	}
	golden(t, "shop.json", render(t, report.FormatJSON, shop(), report.Options{}))
	golden(t, "calm.yaml", render(t, report.FormatYAML, calm(), report.Options{}))
}

func TestUnknownFormat(t *testing.T) {
	err := report.Write(&bytes.Buffer{}, "xml", shop(), report.Options{})
	if err == nil || !strings.Contains(err.Error(), "table, json, yaml, html") {
		t.Errorf("got %v", err)
	}
}

type full struct{}

var errFull = errors.New("no space left")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestWriteErrorsSurface(t *testing.T) {
	for _, format := range report.Formats() {
		if err := report.Write(full{}, format, shop(), report.Options{}); !errors.Is(err, errFull) {
			t.Errorf("%s: got %v", format, err)
		}
	}
}

// The report is shared with others and must stay as it was.
func TestWriteLeavesTheReportAlone(t *testing.T) {
	for _, format := range report.Formats() {
		r := shop()
		render(t, format, r, report.Options{})
		if diff := cmp.Diff(shop(), r); diff != "" {
			t.Errorf("%s changed the report:\n%s", format, diff)
		}
	}
}

func TestEveryOutageIsTold(t *testing.T) {
	text := render(t, report.FormatTable, shop(), report.Options{})
	for _, name := range []string{"api 5m 58s", "db for good"} {
		if !strings.Contains(text, name) {
			t.Errorf("%q is missing in\n%s", name, text)
		}
	}
	if !slices.Contains(strings.Split(text, "\n"), "2 of 3 zone losses are not survived.") {
		t.Errorf("no verdict in\n%s", text)
	}
}
