//go:build linux

package drills_test

import (
	"bytes"
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/template"
	"time"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/local/fabric"
)

//go:embed document.md.tmpl
var documentText string

// markdown says for people what was run and how it went.
func markdown(all []result) ([]byte, error) {
	parsed, err := template.New("document").Option("missingkey=error").Parse(documentText)
	if err != nil {
		return nil, err
	}
	var drills, worst, judged, kills []result
	for _, r := range all {
		if r.Kind == worstCase {
			worst = append(worst, r)
		} else {
			drills = append(drills, r)
		}
		if r.Kind == killed {
			kills = append(kills, r)
		} else {
			judged = append(judged, r)
		}
	}
	count := func(of []result, is func(result) bool) int {
		return len(slices.DeleteFunc(slices.Clone(of), func(r result) bool { return !is(r) }))
	}
	values := map[string]any{
		"All": len(all), "Drills": len(drills), "Killed": len(kills), "Judged": len(judged),
		"First": day(all, slices.MinFunc), "Last": day(all, slices.MaxFunc),
		"Acknowledged":    number(total(judged, func(r result) int { return r.Acknowledged })),
		"Lost":            total(judged, func(r result) int { return r.Lost }),
		"Operations":      number(total(judged, func(r result) int { return r.Operations })),
		"Linearizable":    count(judged, func(r result) bool { return r.Linearizable == v1alpha1.Linearizable }),
		"Unknown":         count(judged, func(r result) bool { return r.Linearizable == v1alpha1.LinearizabilityUnknown }),
		"Healed":          count(all, func(r result) bool { return r.Healed }),
		"Steady":          count(all, func(r result) bool { return r.SteadySeconds != nil }),
		"HealedByDeadMan": count(kills, func(r result) bool { return r.HealedBy == fabric.ByDeadMan }),
		"Held":            count(judged, func(r result) bool { return r.Verdict == v1alpha1.DrillHolds }),
		"Refused":         total(all, func(r result) int { return len(r.Refused) }),
		"Machine":         strings.Join(machines(all), "; "), "Versions": versions(all),
		"Faults": byFault(drills), "Each": each(drills), "Others": others(judged),
		"Worst": worstRows(worst), "Limits": limits(worst), "Medians": medians(worst),
		"WorstMedian": "", "WorstMost": "",
	}
	if len(worst) > 0 {
		gaps := column(worst, gapOf)
		values["WorstMedian"], values["WorstMost"] = seconds(median(gaps))+" s", seconds(slices.Max(gaps))+" s"
	}
	var out bytes.Buffer
	err = parsed.Execute(&out, values)
	return out.Bytes(), err
}

func day(all []result, end func([]result, func(a, b result) int) result) string {
	if len(all) == 0 {
		return "never"
	}
	return end(all, func(a, b result) int { return a.At.Compare(b.At) }).At.Format(time.DateOnly)
}

func total(of []result, value func(result) int) int {
	sum := 0
	for _, r := range of {
		sum += value(r)
	}
	return sum
}

func column(of []result, value func(result) float64) []float64 {
	var out []float64
	for _, r := range of {
		out = append(out, value(r))
	}
	return out
}

func gapOf(r result) float64 { return r.GapSeconds }

func machines(all []result) []string {
	seen := map[string]bool{}
	for _, r := range all {
		seen[r.Machine] = true
	}
	return slices.Sorted(maps.Keys(seen))
}

// versions names what took part; what has two names each.
func versions(all []result) string {
	seen := map[string]bool{}
	for _, r := range all {
		for name, version := range r.Versions {
			seen[name+" "+version] = true
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(seen)), ", ")
}

// faultRow is one line of the table by fault.
type faultRow struct {
	Name                string
	Runs                int
	Gap                 string
	Lost                int
	Linearizable        string
	ByRunner, ByDeadMan int
	Steady              string
}

func byFault(drills []result) []faultRow {
	var rows []faultRow
	index := map[string]int{}
	of := map[string][]result{}
	for _, r := range drills {
		if _, ok := index[r.Fault]; !ok {
			index[r.Fault] = len(rows)
			rows = append(rows, faultRow{Name: r.Fault})
		}
		of[r.Fault] = append(of[r.Fault], r)
	}
	for i := range rows {
		row := &rows[i]
		var gaps, again []float64
		fine := 0
		for _, r := range of[row.Name] {
			row.Runs++
			row.Lost += r.Lost
			switch r.HealedBy {
			case fabric.ByRunner:
				row.ByRunner++
			case fabric.ByDeadMan:
				row.ByDeadMan++
			}
			if r.SteadySeconds != nil {
				again = append(again, *r.SteadySeconds)
			}
			if r.Kind == killed {
				continue
			}
			gaps = append(gaps, r.GapSeconds)
			if r.Linearizable == v1alpha1.Linearizable {
				fine++
			}
		}
		row.Gap, row.Linearizable, row.Steady = "", fmt.Sprintf("%d of %d", fine, len(gaps)), "never"
		if len(gaps) > 0 {
			row.Gap = fmt.Sprintf("%s, %s, %s", seconds(slices.Min(gaps)), seconds(median(gaps)), seconds(slices.Max(gaps)))
		}
		if len(again) > 0 {
			row.Steady = fmt.Sprintf("%.0f s", median(again))
		}
	}
	return rows
}

// worstRow is one line of the worst cases.
type worstRow struct {
	Seed                                      int64
	Where, Gap                                string
	LoadBalancer, VIP, Etcd, APIServer, Limit string
}

// The names of a report's parts.
const (
	loadBalancer = "load balancer"
	virtualIP    = "virtual IP"
	etcd         = "etcd"
	apiServer    = "API server"
)

func worstRows(worst []result) []worstRow {
	var rows []worstRow
	for _, r := range worst {
		rows = append(rows, worstRow{
			Seed: r.Seed, Where: r.Where, Gap: seconds(r.GapSeconds), Limit: limit(r),
			LoadBalancer: back(r, loadBalancer), VIP: back(r, virtualIP), Etcd: back(r, etcd), APIServer: back(r, apiServer),
		})
	}
	return rows
}

func part(r result, name string) (float64, bool) {
	for _, p := range r.Parts {
		if p.Name == name {
			return p.Back, true
		}
	}
	return 0, false
}

func back(r result, name string) string {
	v, ok := part(r, name)
	if !ok {
		return ""
	}
	return seconds(v)
}

// medians of the parts that there are.
func medians(worst []result) worstRow {
	of := func(name string) string {
		var values []float64
		for _, r := range worst {
			if v, ok := part(r, name); ok {
				values = append(values, v)
			}
		}
		if len(values) == 0 {
			return ""
		}
		return seconds(median(values))
	}
	row := worstRow{LoadBalancer: of(loadBalancer), VIP: of(virtualIP), Etcd: of(etcd), APIServer: of(apiServer)}
	if len(worst) > 0 {
		row.Gap = seconds(median(column(worst, gapOf)))
	}
	return row
}

// limit is the part that writes waited for: a report's sentence begins with it.
func limit(r result) string {
	name, _, _ := strings.Cut(r.Limit, ",")
	return name
}

// limits counts them, the most frequent first.
func limits(worst []result) string {
	times := map[string]int{}
	for _, r := range worst {
		times[limit(r)]++
	}
	names := slices.SortedFunc(maps.Keys(times), func(a, b string) int {
		if times[a] != times[b] {
			return times[b] - times[a]
		}
		return strings.Compare(a, b)
	})
	for i, name := range names {
		names[i] = fmt.Sprintf("%s in %d of %d", name, times[name], len(worst))
	}
	return strings.Join(names, ", ")
}

// eachRow is one drill.
type eachRow struct {
	Seed                                                                       int64
	Fault, Where, Gap, Acknowledged, Lost, Operations, HealedBy, After, Steady string
}

func each(drills []result) []eachRow {
	var rows []eachRow
	for _, r := range drills {
		row := eachRow{Seed: r.Seed, Fault: r.Fault, Where: r.Where, HealedBy: r.HealedBy, After: fmt.Sprintf("%.1f", r.FaultSeconds), Steady: "never"}
		if r.SteadySeconds != nil {
			row.Steady = fmt.Sprintf("%.0f", *r.SteadySeconds)
		}
		if r.Kind == killed {
			row.Where, row.Gap = r.Broken, fmt.Sprintf("runner killed after %.1f s", r.KilledSeconds)
		} else {
			row.Gap, row.Acknowledged, row.Lost, row.Operations = seconds(r.GapSeconds), number(r.Acknowledged), strconv.Itoa(r.Lost), number(r.Operations)
		}
		rows = append(rows, row)
	}
	return rows
}

// otherRow is a drill whose verdict is another than holds.
type otherRow struct{ Run, Verdict, Why string }

func others(judged []result) []otherRow {
	var rows []otherRow
	for _, r := range judged {
		if r.Verdict != v1alpha1.DrillHolds {
			rows = append(rows, otherRow{fmt.Sprintf("%s %d, %s %s", r.Kind, r.Seed, r.Fault, r.Where), string(r.Verdict), strings.ReplaceAll(r.Why, "|", "/")})
		}
	}
	return rows
}

func seconds(v float64) string { return fmt.Sprintf("%.2f", v) }

// number groups the digits of n by three.
func number(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// TestDocument: every result has its line, and the sums are right.
func TestDocument(t *testing.T) {
	all := examples(50, 20)
	all[1].Refused = []string{"not steady"}
	all[2].Verdict, all[2].Why = v1alpha1.DrillUndetermined, "not | judged"
	text, err := markdown(all)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"**50 drills over 10 faults, 10 of them with their runner killed**, and **20 losses of a zone in the worst case**, 2026-01-02:\n",
		"| acknowledged writes lost | **0** of 60,000 |\n",
		"| histories judged linearizable by porcupine | **60 of 60**, 240,000 operations, 0 unknown |\n",
		"| faults healed | **70 of 70** |\n",
		"| as before again, without a hand | **70 of 70** |\n",
		"| runner killed with SIGKILL: healed by the dead-man | **10 of 10** |\n",
		"| worst case: longest time without an acknowledged write | **median 1.45 s, at most 1.90 s** |\n",
		"| drills in which every expectation held | 59 of 60 |\n",
		"| drills that were refused because the cluster was not steady, and made again | 1 |\n",
		"bulkhead dev, kubernetes v1.36.3. The cluster",
		"| zone-partition | 5 | 1.20, 1.20, 1.20 | 0 | 4 of 4 | 4 | 1 | ",
		"**What limits the gap: etcd in 20 of 20.**\n",
		"| 20 | b | 1.90 |  | 0.90 | 1.50 |  | etcd |\n| median | | 1.45 |  | 0.90 | 1.50 |  | |\n",
		"| 1 | zone-power-loss | no power: m1 | runner killed after ",
		"| drill 3, zone-partition a | undetermined | not / judged |\n",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("there is no %q", want)
		}
	}
	if t.Failed() {
		t.Logf("%s", text)
	}
	for _, some := range [][]result{examples(0, 3), examples(4, 0), nil} {
		if text, err := markdown(some); err != nil || strings.Contains(string(text), "NaN") {
			t.Errorf("%d results: %v\n%s", len(some), err, text)
		}
	}
}
