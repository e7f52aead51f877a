package report

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strconv"
	"strings"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// How much of a large report the page draws. What is left out is counted.
const (
	maxSections = 30
	maxTableRow = 200
	maxLanes    = 60
)

//go:embed templates
var templates embed.FS

// page is everything the template shows, already in words.
type page struct {
	Style  template.CSS
	Script template.JS
	// Policy is a Content-Security-Policy under which the browser loads nothing
	// and runs nothing but the page's own style and script.
	Policy string

	Verdict    v1alpha1.Verdict
	Conclusion string
	Input      string
	Command    string
	Titled     string
	Points     []point
	Rows       []summary
	RowsMore   string
	Unplaced   []unplacedView
	Sections   []section
	SectionsNote,
	Fits string
	Causes   []causeView
	Services []serviceView
	ServicesMore,
	ServicesQuiet string
	Rooms      []roomView
	Worlds     []worldView
	WorldsMore string
	Data       []string
	Depends    []string
	Halves     []string
	NotCounted string
	Basis      basis
}

// point is a scenario in a sentence.
type point struct {
	Verdict v1alpha1.Verdict
	Text    string
}

// summary is a scenario in a row; Link is empty when it has no section.
type summary struct {
	Label   string
	Link    string
	Verdict v1alpha1.Verdict
	Down    string
	Back    string
	Never   string
}

// section is a scenario in full.
type section struct {
	ID      string
	Heading string
	Verdict v1alpha1.Verdict
	Text    string
	Before  hull
	After   hull
	Chart   *chart
}

// basis is what the answer rests on.
type basis struct {
	Timings     []timingView
	Assumptions []string
	Warnings    []string
	World       string
	Objective   string
	Versions    v1alpha1.Versions
}

type timingView struct {
	Name, Value, Source string
	Changed             bool
}

// writeHTML writes one page that needs nothing else: no network, no script.
func writeHTML(w io.Writer, r *v1alpha1.SimulationReport, o Options) error {
	t, err := template.New("report.html").ParseFS(templates, "templates/*.html")
	if err != nil {
		return fmt.Errorf("parsing templates: %w", err)
	}
	p, err := pageOf(r, o)
	if err != nil {
		return err
	}
	return t.Execute(w, p)
}

func pageOf(r *v1alpha1.SimulationReport, o Options) (*page, error) {
	style, err := templates.ReadFile("templates/style.css")
	if err != nil {
		return nil, err
	}
	script, err := templates.ReadFile("templates/script.js")
	if err != nil {
		return nil, err
	}
	n := namesOf(r)
	all := fates(r)
	shown := worst(all, maxSections)
	p := &page{
		Style:      template.CSS(style), //nolint:gosec // our own file, embedded
		Script:     template.JS(script), //nolint:gosec // our own file, embedded
		Policy:     fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; img-src data:; base-uri 'none'; form-action 'none'", digest(style), digest(script)),
		Verdict:    r.Verdict,
		Conclusion: conclusion(r),
		Input:      inputLine(r),
		Command:    o.Command,
		Titled:     capital(strings.ToLower(wordsOf[kindOfAll(r.Scenarios)].title)),
		Unplaced:   unplacedViews(r, n),
		Causes:     causeViews(causesOf(r, all, n)),
		Rooms:      roomViews(all),
		Fits:       fitsWith(r),
		Data:       dataLost(all, n),
		Depends:    dependencyLines(all),
		Halves:     halves(r, all, n),
		Basis:      basisOf(r),
	}
	p.Services, p.ServicesMore, p.ServicesQuiet = serviceViews(r, all)
	p.Worlds, p.WorldsMore = worldViews(all, n)
	if parts := notConsidered(r); len(parts) > 0 {
		p.NotCounted = strings.Join(allNotConsidered(r), ", ")
	}

	links := map[int]string{}
	terms := termsOf(r)
	for i, f := range shown {
		id := "s" + strconv.Itoa(i+1)
		links[f.index] = id
		p.Sections = append(p.Sections, sectionOf(r, f, n, id, len(shown), terms))
		if text := sentence(f, n); len(all) <= 8 && text != p.Conclusion {
			p.Points = append(p.Points, point{f.scenario.Verdict, sentence(f, n)})
		}
	}
	if len(all) > len(shown) {
		p.SectionsNote = "Drawn here are the worst; not drawn are " + countVerdicts(all, shown) + "."
	}
	rows := tableRows(all)
	for _, f := range rows {
		p.Rows = append(p.Rows, summary{
			Label: f.label, Link: links[f.index], Verdict: f.scenario.Verdict,
			Down: cell(downCell(f, n)), Back: cell(backCell(f, n)), Never: cell(neverCell(f, n)),
		})
	}
	if len(all) > len(rows) {
		p.RowsMore = "… and " + countVerdicts(all, rows)
	}
	return p, nil
}

// tableRows picks the failures of the summary table: all of a few; of many the
// worst, without those that are survived.
func tableRows(all []*fate) []*fate {
	rows := worst(all, maxTableRow)
	if len(all) <= maxSections {
		return rows
	}
	for i, f := range rows {
		if f.scenario.Verdict == v1alpha1.Survives {
			return rows[:max(i, 1)]
		}
	}
	return rows
}

// cell joins names with their times; the time stays in the name's line.
func cell(items []string) string {
	for i := range items {
		items[i] = strings.ReplaceAll(items[i], " ", "\u00a0")
	}
	return orDash(fold(items, 5))
}

// digest names an inline text in a Content-Security-Policy (CSP level 3, hash
// source).
func digest(text []byte) string {
	sum := sha256.Sum256(text)
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

func sectionOf(r *v1alpha1.SimulationReport, f *fate, n *names, id string, sections int, terms map[string]int) section {
	s := section{ID: id, Heading: heading(f.scenario), Verdict: f.scenario.Verdict, Text: sentence(f, n)}
	s.Before, s.After = hulls(r, f, n, sections)
	s.Chart = chartOf(f, n, id, terms)
	return s
}

// sentence says what a failure does.
func sentence(f *fate, n *names) string {
	subject := capital(losing(f.scenario))
	both := bothSides(f.scenario, n)
	switch {
	case len(both) > 0 && len(f.down) == 0:
		return subject + " leaves two halves of " + inSentence(both) + "."
	case len(f.down) > 0:
		var down []string
		for _, w := range f.down {
			lasting := " for good"
			if w.OutageSeconds != nil {
				lasting = " for " + duration(*w.OutageSeconds)
			}
			down = append(down, n.of(w.WorkloadRef)+lasting)
		}
		return subject + " stops " + inSentence(down) + "."
	case f.scenario.Verdict == v1alpha1.Undetermined:
		return "What " + losing(f.scenario) + " does could not be determined."
	case kindOf(f.scenario.Failure) == partition:
		return subject + " stops nothing."
	case len(f.never) > 0:
		var short []string
		for _, w := range f.never {
			short = append(short, n.of(w.WorkloadRef))
		}
		if f.scenario.Verdict == v1alpha1.Survives {
			return subject + " is survived; " + inSentence(short) + " get back to full count with what was lost."
		}
		return subject + " stops nothing, and leaves " + inSentence(short) + " short of replicas for good."
	case f.scenario.Verdict == v1alpha1.Degraded && len(f.back) > 0:
		return fmt.Sprintf("%s stops nothing; the full count is back late, after %s.", subject, duration(*f.back[0].RecoverySeconds))
	case len(f.back) > 0:
		return fmt.Sprintf("%s is survived; the full count is back after %s.", subject, duration(*f.back[0].RecoverySeconds))
	}
	return subject + " is survived."
}

// bothSides names what has members on both sides of a partition.
func bothSides(s *v1alpha1.Scenario, n *names) []string {
	var both []string
	for i := range s.Workloads {
		if split(s.Workloads[i].Halves) {
			both = append(both, n.of(s.Workloads[i].WorkloadRef))
		}
	}
	for _, service := range s.Services {
		if split(service.Halves) {
			both = append(both, "Service "+service.Name)
		}
	}
	return both
}

// inSentence lists at most four things, by names of a readable length.
func inSentence(items []string) string {
	items = slices.Clone(items)
	for i := range items {
		items[i] = cutName(items[i], 48)
	}
	if len(items) > 4 {
		return strings.Join(items[:3], ", ") + " and " + number(len(items)-3) + " more"
	}
	return join(items)
}

func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

func allNotConsidered(r *v1alpha1.SimulationReport) []string {
	var parts []string
	for _, k := range r.Input.NotConsidered {
		parts = append(parts, number(k.Count)+" "+k.Kind)
	}
	return parts
}

func basisOf(r *v1alpha1.SimulationReport) basis {
	b := basis{Assumptions: r.Assumptions, Warnings: r.Warnings, Versions: r.Versions}
	switch r.DeadNodes {
	case "keep":
		b.World = "The objects of dead nodes stay (--dead-nodes keep)."
	case "delete":
		b.World = "The objects of dead nodes are deleted (--dead-nodes delete)."
	case "":
	default:
		b.World = "Dead nodes: " + r.DeadNodes + "."
	}
	if r.RecoveryTimeSeconds > 0 {
		b.Objective = "The full count must be ready again within " + duration(r.RecoveryTimeSeconds) + "; later is degraded."
	}
	for _, t := range r.Timings {
		b.Timings = append(b.Timings, timingView{t.Name, strings.TrimSpace(strconv.FormatFloat(t.Value, 'f', -1, 64) + " " + t.Unit), t.Source, t.Changed})
	}
	return b
}
