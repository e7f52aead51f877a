package report

import (
	"bytes"
	"fmt"
	"html/template"
	"io"
	"strconv"
	"strings"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// drillPage is everything that templates/drill.html shows, already in words.
type drillPage struct {
	Style template.CSS
	// Policy lets the browser load and run nothing: the page has no script.
	Policy string

	Verdict judged
	Where   string
	Why     string
	LongWhy bool
	Facts   []string
	Command string
	Points  []drillPoint
	Hulls   []hull
	Moments []compared
	Loads   []compared
	Untouched,
	LoadsMore string
	Kept     string
	KeptBad  bool
	Lost     string
	Judged   string
	Lanes    *lanes
	Latency  *latencyChart
	Paths    []pathView
	Services []drillServiceView
	Checks   []checkView
	Proof    []proofView
	Healing  string
	Notes    []string
	Versions []named
	Evidence []v1alpha1.DrillFile
	Bulkhead string
}

// drillPoint is what a reader must not miss, below the verdict.
type drillPoint struct{ Class, Text string }

type named struct{ Name, Value string }

type pathView struct {
	From, Via, Operations, Failed, Gap, Before, During, After string
}

type drillServiceView struct{ Name, Ready, Halves, Withdrawn string }

type checkView struct {
	judged
	Phase, Name, Want, Got string
}

type proofView struct{ At, Text string }

// writeDrillHTML writes one page that needs nothing else: no network, no script.
func writeDrillHTML(w io.Writer, r *v1alpha1.DrillReport, o Options) error {
	t, err := template.New("drill.html").ParseFS(templates, "templates/*.html")
	if err != nil {
		return fmt.Errorf("parsing templates: %w", err)
	}
	var style []byte
	for _, name := range []string{"style.css", "drill.css"} {
		text, err := templates.ReadFile("templates/" + name)
		if err != nil {
			return err
		}
		style = append(style, text...)
	}
	p := drillPageOf(r, o)
	p.Style = template.CSS(style) //nolint:gosec // our own files, embedded
	p.Policy = fmt.Sprintf("default-src 'none'; style-src '%s'; img-src data:; base-uri 'none'; form-action 'none'", digest(style))
	var b bytes.Buffer
	if err := t.Execute(&b, p); err != nil {
		return err
	}
	_, err = turns.WriteString(w, b.String())
	return err
}

// turns makes visible what changes the direction of writing (Unicode's embeddings,
// overrides and isolates): a name must not turn the figures beside it round.
var turns = strings.NewReplacer(
	"\u202a", "�", "\u202b", "�", "\u202c", "�", "\u202d", "�", "\u202e", "�",
	"\u2066", "�", "\u2067", "�", "\u2068", "�", "\u2069", "�",
)

func drillPageOf(r *v1alpha1.DrillReport, o Options) *drillPage {
	const longWhy = 90
	p := &drillPage{
		Verdict: judgedVerdict(r.Verdict), Where: drillWhere(r), Facts: drillFacts(r), Command: o.Command,
		Why: capital(drillWhy(r)), Points: drillPoints(r), Hulls: drillHulls(r), Moments: momentsOf(r),
		Kept: writesKept(r), KeptBad: r.AcknowledgedWritesLost > 0 || r.Linearizable == v1alpha1.NotLinearizable,
		Lost:  lostWrites(r),
		Lanes: lanesOf(r), Latency: latencyOf(r), Paths: pathViews(r), Services: drillServiceViews(r),
		Healing: capital(healing(r)), Notes: r.Notes, Evidence: r.Evidence, Bulkhead: r.Versions["bulkhead"],
	}
	p.LongWhy = columns(p.Why) > longWhy
	if r.OperationsJudged > 0 {
		p.Judged = count(r.OperationsJudged, "operation") + " judged"
	}
	quiet, left := 0, 0
	for _, c := range workloadsOf(r) {
		switch {
		case c.untouched():
			quiet++
		case len(p.Loads) == maxTableRow:
			left++
		default:
			p.Loads = append(p.Loads, c)
		}
	}
	if quiet > 0 {
		p.Untouched = capital(count(quiet, "workload")) + " lost nothing."
	}
	if left > 0 {
		p.LoadsMore = "… and " + count(left, "workload") + " more, in the JSON."
	}
	for _, checks := range checksByPhase(r) {
		for _, c := range checks {
			p.Checks = append(p.Checks, checkView{judgedAs(c.Holds), c.Phase, c.Name, orDash(c.Want), orDash(c.Got)})
		}
	}
	for _, proof := range r.Proof {
		p.Proof = append(p.Proof, proofView{moment(proof.At), proof.Text})
	}
	for _, name := range sortedKeys(r.Versions) {
		p.Versions = append(p.Versions, named{name, r.Versions[name]})
	}
	return p
}

// drillPoints are what a reader must not miss, worst first.
func drillPoints(r *v1alpha1.DrillReport) []drillPoint {
	const most = 8
	bad, unsure, good := string(v1alpha1.Outage), string(v1alpha1.Undetermined), string(v1alpha1.Survives)
	var out []drillPoint
	if r.Aborted != "" {
		out = append(out, drillPoint{unsure, "Aborted: " + r.Aborted})
	}
	for _, class := range []string{bad, unsure} {
		for _, checks := range checksByPhase(r) {
			for _, c := range checks {
				if j := judgedAs(c.Holds); j.Class == class {
					text := fmt.Sprintf("%s %s the fault: %s: %s", capital(j.Word), c.Phase, c.Name, c.Got)
					if c.Want != "" {
						text += " (want " + c.Want + ")"
					}
					out = append(out, drillPoint{class, text})
				}
			}
		}
	}
	if len(out) > most {
		out = append(out[:most-1], drillPoint{unsure, number(len(out)-most+1) + " more expectations did not hold or are not known: see the checks"})
	}
	if len(r.Proof) == 0 {
		out = append(out, drillPoint{unsure, "Nothing shows that the fault took effect."})
	}
	if !r.Healed {
		out = append(out, drillPoint{bad, "The fault was not taken back."})
	}
	for _, c := range momentsOf(r) {
		if c.Name == apiWritesStopped && c.Seen != "–" {
			text := "API writes stopped for " + c.Seen
			if c.Predicted != "–" {
				text += ", predicted " + c.Predicted
			}
			class := good
			if c.Mark() != "" {
				class = string(v1alpha1.Degraded)
			}
			out = append(out, drillPoint{class, text + "."})
			break
		}
	}
	class := good
	switch {
	case r.AcknowledgedWritesLost > 0 || r.Linearizable == v1alpha1.NotLinearizable:
		class = bad
	case r.Linearizable != v1alpha1.Linearizable:
		class = unsure
	}
	return append(out, drillPoint{class, "Acknowledged writes: " + writesKept(r) + "."})
}

func pathViews(r *v1alpha1.DrillReport) []pathView {
	out := make([]pathView, 0, len(r.Paths))
	for _, p := range r.Paths {
		via := p.Via
		if via == "vip" {
			via = "the API's address"
		}
		out = append(out, pathView{
			p.From, via, number(p.Operations), number(p.Failed), moment(p.GapSeconds),
			quantiles(p.Before), quantiles(p.During), quantiles(p.After),
		})
	}
	return out
}

// quantiles says p50 / p99 / max with units.
func quantiles(q *v1alpha1.DrillQuantiles) string {
	if q == nil {
		return "–"
	}
	const fixed = "\u00a0" // no break between a number and its unit
	text := ""
	for i, ms := range []float64{q.P50, q.P99, q.Max} {
		if i > 0 {
			text += " / "
		}
		number, unit, _ := cutLast(milliseconds(ms))
		text += number + fixed + unit
	}
	return text
}

func cutLast(s string) (head, tail string, ok bool) {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] == ' ' {
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

func drillServiceViews(r *v1alpha1.DrillReport) []drillServiceView {
	var out []drillServiceView
	for _, s := range r.Services {
		v := drillServiceView{s.Namespace + "/" + s.Name, strconv.Itoa(s.ReadyBefore) + " → " + strconv.Itoa(s.ReadyLowest), "–", "not seen"}
		if len(s.Halves) > 0 {
			v.Halves = sides(s.Halves)
		}
		if s.WithdrawnSeconds != nil {
			v.Withdrawn = moment(*s.WithdrawnSeconds)
		}
		out = append(out, v)
	}
	return out
}
