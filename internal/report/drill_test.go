package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/report"
	"github.com/google/go-cmp/cmp"
	validator "github.com/santhosh-tekuri/jsonschema/v6"
	"sigs.k8s.io/yaml"
)

const drillCommand = "bulkhead drill zone-power-loss --zone b --worst-case"

func drilled(t *testing.T, format string, r *v1alpha1.DrillReport, o report.Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.WriteDrill(&b, format, r, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func written(t *testing.T, r *v1alpha1.DrillReport, write func(*bytes.Buffer, *v1alpha1.DrillReport) error) string {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func runbook(b *bytes.Buffer, r *v1alpha1.DrillReport) error { return report.WriteDrillRunbook(b, r) }

func drillMetrics(b *bytes.Buffer, r *v1alpha1.DrillReport) error {
	return report.WriteDrillMetrics(b, r)
}

func TestDrillTable(t *testing.T) {
	for name, r := range drills() {
		for w := 60; w < 180; w += 20 {
			got := drilled(t, report.FormatTable, r, report.Options{Width: w})
			for line := range strings.Lines(got) {
				line = strings.TrimSuffix(line, "\n")
				if n := displayed(line); n > w {
					t.Errorf("%s at width %d: %d columns: %s", name, w, n, line)
				}
				if strings.ContainsAny(line, "\x1b\u202e\r\t") || strings.HasSuffix(line, " ") {
					t.Errorf("%s: control character or blank at the end in %q", name, line)
				}
			}
		}
		golden(t, "drill-"+name+".table.txt", drilled(t, report.FormatTable, r, report.Options{}))
	}
}

// displayed counts columns: letters of Chinese and Japanese take two.
func displayed(s string) int {
	n := 0
	for _, r := range s {
		n++
		if r >= 0x2e80 && r < 0xff00 {
			n++
		}
	}
	return n
}

func TestDrillColorOnlyRepeats(t *testing.T) {
	for name, r := range drills() {
		colored := drilled(t, report.FormatTable, r, report.Options{Color: true})
		if !strings.Contains(colored, "\x1b[") {
			t.Errorf("%s: no colour", name)
		}
		strip := regexp.MustCompile("\x1b\\[[0-9]+m")
		lines := strings.Split(strip.ReplaceAllString(colored, ""), "\n")
		for i := range lines {
			lines[i] = strings.TrimRight(lines[i], " ")
		}
		if diff := cmp.Diff(drilled(t, report.FormatTable, r, report.Options{}), strings.Join(lines, "\n")); diff != "" {
			t.Errorf("%s: colour changes the text:\n%s", name, diff)
		}
	}
}

func TestDrillTableTellsWhatMatters(t *testing.T) {
	for name, texts := range map[string][]string{
		"power": {
			"✗ FAILS", "VIP 0.4 · etcd 1.5 · api 0.1", "waited for etcd", "0 lost of 41,220 · linearizable: ok",
			"never (gave up after 15m)", "not waited for (15m)", "✗ does not agree", "✗ FAILED", "? unknown", "✓ held",
			"healed b after 15m by runner · steady again after 22 s",
		},
		"cut":          {"✓ HOLDS", "between zones a and b", "by dead-man", "(a 1, b 1)"},
		"undetermined": {"? UNDETERMINED", "! ABORTED  interrupted", "? NOT CONFIRMED", "not waited for (20 s)", "NOT HEALED", "linearizable: unknown (time ran out after 60 s)"},
	} {
		text := strings.Join(strings.Fields(drilled(t, report.FormatTable, drills()[name], report.Options{})), " ")
		for _, want := range texts {
			if !strings.Contains(text, strings.Join(strings.Fields(want), " ")) {
				t.Errorf("%s: %q is missing in\n%s", name, want, text)
			}
		}
	}
}

func TestDrillSameInputSameBytes(t *testing.T) {
	for name := range drills() {
		all := func() string {
			text := written(t, drills()[name], runbook) + written(t, drills()[name], drillMetrics)
			for _, format := range report.DrillFormats() {
				text += drilled(t, format, drills()[name], report.Options{Command: drillCommand})
			}
			return text
		}
		first := all()
		for range 3 {
			if all() != first {
				t.Errorf("%s differs from one time to the next", name)
			}
		}
	}
}

func TestDrillLeavesTheReportAlone(t *testing.T) {
	for name, r := range drills() {
		for _, format := range report.DrillFormats() {
			drilled(t, format, r, report.Options{})
		}
		written(t, r, runbook)
		written(t, r, drillMetrics)
		if diff := cmp.Diff(drills()[name], r); diff != "" {
			t.Errorf("%s: changed:\n%s", name, diff)
		}
	}
}

func TestDrillJSONAndYAMLKeepEverything(t *testing.T) {
	for name, r := range drills() {
		text := drilled(t, report.FormatJSON, r, report.Options{})
		var back, fromYAML v1alpha1.DrillReport
		if err := json.Unmarshal([]byte(text), &back); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if back.Kind != v1alpha1.DrillReportKind || back.APIVersion != v1alpha1.APIVersion {
			t.Errorf("%s: is a %s of %s", name, back.Kind, back.APIVersion)
		}
		if again := drilled(t, report.FormatJSON, &back, report.Options{}); again != text {
			t.Errorf("%s: reading json and writing it again changes it:\n%s", name, cmp.Diff(text, again))
		}
		if err := yaml.Unmarshal([]byte(drilled(t, report.FormatYAML, r, report.Options{})), &fromYAML); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if again := drilled(t, report.FormatJSON, &fromYAML, report.Options{}); again != text {
			t.Errorf("%s: yaml and json differ:\n%s", name, cmp.Diff(text, again))
		}
	}
	small := cutBetween()
	small.Latency = small.Latency[:3]
	golden(t, "drill-cut.json", drilled(t, report.FormatJSON, small, report.Options{}))
}

func TestDrillSchemaIsCurrentAndFits(t *testing.T) {
	want := generateOf(t, &v1alpha1.DrillReport{}, v1alpha1.DrillReportKind, "drill-report")
	if *update {
		if err := os.WriteFile(filepath.Join("docs", "schemas", "drill-report.schema.json"), want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := report.DrillSchema()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("not what the types say (go test ./internal/report -run Schema -update):\n%s", diff)
	}
	document, err := validator.UnmarshalJSON(bytes.NewReader(got))
	if err != nil {
		t.Fatal(err)
	}
	c := validator.NewCompiler()
	if err := c.AddResource("drill.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("drill.json")
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range drills() {
		if name == "empty" {
			continue // has no verdict
		}
		value, err := validator.UnmarshalJSON(strings.NewReader(drilled(t, report.FormatJSON, r, report.Options{})))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(value); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDrillUnknownFormat(t *testing.T) {
	err := report.WriteDrill(&bytes.Buffer{}, "xml", powerLoss(), report.Options{})
	if err == nil || !strings.Contains(err.Error(), "table, json, yaml, html") {
		t.Errorf("got %v", err)
	}
}

func TestDrillWriteErrorsSurface(t *testing.T) {
	for _, format := range report.DrillFormats() {
		if err := report.WriteDrill(full{}, format, powerLoss(), report.Options{}); !errors.Is(err, errFull) {
			t.Errorf("%s: got %v", format, err)
		}
	}
	for _, err := range []error{report.WriteDrillRunbook(full{}, powerLoss()), report.WriteDrillMetrics(full{}, powerLoss())} {
		if !errors.Is(err, errFull) {
			t.Errorf("got %v", err)
		}
	}
}

// Nothing of a report becomes markup: the hostile page has the elements of the
// page, no script, no image, no handler, and loads nothing.
func TestDrillPageEscapes(t *testing.T) {
	for name, r := range drills() {
		text := drilled(t, report.FormatHTML, r, report.Options{Command: drillCommand + markup})
		if strings.ContainsAny(text, "\u202e\u2066") {
			t.Errorf("%s: a text turns the direction of writing", name)
		}
		if strings.Contains(text, "ZgotmplZ") {
			t.Errorf("%s: a value was refused by its place in the page", name)
		}
		text = inlineStyle.ReplaceAllString(text, "")
		for _, tag := range openTag.FindAllStringSubmatch(text, -1) {
			switch tag[1] {
			case "script", "img", "iframe", "object", "embed", "form", "base":
				t.Errorf("%s: has %s", name, tag[0])
			}
			for _, a := range attribute.FindAllStringSubmatch(tag[2], -1) {
				local := strings.HasPrefix(a[2], "#") || a[2] == "data:,"
				if strings.HasPrefix(a[1], "on") || a[1] == "style" || (a[1] == "href" || a[1] == "src") && !local {
					t.Errorf("%s: %s", name, tag[0])
				}
			}
			if rest := strings.Trim(attribute.ReplaceAllString(tag[2], ""), " \n/"); rest != "" {
				t.Errorf("%s: %q is not an attribute in %s", name, rest, tag[0])
			}
		}
	}
}

// Enough of HTML for pages in which every < and > of a text is escaped.
var (
	inlineStyle = regexp.MustCompile(`(?s)<style>.*?</style>`)
	openTag     = regexp.MustCompile(`<([A-Za-z][A-Za-z0-9]*)((?:"[^"]*"|[^>"])*)>`)
	attribute   = regexp.MustCompile(`\s([A-Za-z][A-Za-z0-9-]*)(?:="([^"]*)")?`)
)

func TestDrillPageOfALongDrillStaysSmall(t *testing.T) {
	r := powerLoss()
	r.Latency = latency(600, 24*3600, 600, 40)
	for range 9 {
		r.Timeline = append(r.Timeline, r.Timeline...)
	}
	if n := len(drilled(t, report.FormatHTML, r, report.Options{})); n > 1<<20 {
		t.Errorf("the page has %d KiB", n>>10)
	}
}

func TestDrillRunbook(t *testing.T) {
	for name, r := range drills() {
		got := written(t, r, runbook)
		headings := 0
		for line := range strings.Lines(got) {
			if strings.HasPrefix(line, "#") {
				headings++
			}
		}
		if headings > 7 || strings.Contains(got, "<script") || strings.Contains(got, "](javascript") && !strings.Contains(got, `\](javascript`) {
			t.Errorf("%s: a text became markup:\n%s", name, got)
		}
		golden(t, "drill-"+name+".runbook.md", got)
	}
}

var sampleLine = regexp.MustCompile(`^([a-z_]+)\{((?:[a-z]+="(?:[^"\\\n]|\\["\\n])*",?)+)\} ([0-9.e+-]+)$`)

func TestDrillMetrics(t *testing.T) {
	for name, r := range drills() {
		got := written(t, r, drillMetrics)
		family, seen := "", map[string]bool{}
		for line := range strings.Lines(got) {
			line = strings.TrimSuffix(line, "\n")
			if rest, ok := strings.CutPrefix(line, "# HELP "); ok {
				family, _, _ = strings.Cut(rest, " ")
				continue
			}
			if strings.HasPrefix(line, "# TYPE "+family+" gauge") {
				continue
			}
			m := sampleLine.FindStringSubmatch(line)
			if len(m) < 3 || m[1] != family || seen[m[1]+m[2]] {
				t.Errorf("%s: no sample of %s, or twice: %s", name, family, line)
				continue
			}
			seen[m[1]+m[2]] = true
		}
		golden(t, "drill-"+name+".prom", got)
	}
}

// Prometheus' own tool has nothing to say against the metrics. Without it the test is
// skipped, unless BULKHEAD_REQUIRE_ALL=1.
func TestPromtoolTakesDrillMetrics(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: the golden files only")
	}
	program, err := exec.LookPath("promtool")
	if err != nil {
		const missing = "no promtool: the metrics are not checked (Debian and Ubuntu: apt-get install prometheus)"
		if os.Getenv("BULKHEAD_REQUIRE_ALL") == "1" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	for name, r := range drills() {
		cmd := exec.CommandContext(t.Context(), program, "check", "metrics")
		cmd.Stdin = strings.NewReader(written(t, r, drillMetrics))
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}
