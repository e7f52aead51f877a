package observability

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// severity says how soon somebody looks.
type severity string

const (
	// critical wakes somebody: something is down, or the next loss is not survived.
	critical severity = "critical"
	// warning is for the next working day.
	warning severity = "warning"
)

// The runbooks of the output, by what they are about.
const (
	runbookZoneLost     = "runbooks/zone-lost.md"
	runbookZoneBack     = "runbooks/zone-back.md"
	runbookQuorum       = "runbooks/quorum-lost.md"
	runbookBalancer     = "runbooks/load-balancer-lost.md"
	runbookCertificates = "runbooks/certificates-expired.md"
	runbookRestore      = "runbooks/restore.md"
	runbookSplitBrain   = "runbooks/split-brain.md"
)

// group is rules that are evaluated together, records first.
type group struct {
	name    string
	records []record
	alerts  []alert
}

// record is a value that other rules and the dashboards read.
type record struct {
	name, expr string
	labels     map[string]string
}

// alert is one thing that somebody is told of.
type alert struct {
	name string
	expr string
	// wait is how long it must hold.
	wait     time.Duration
	severity severity
	// why the threshold is where it is.
	why string
	// summary and description may use {{ $labels.NAME }} and {{ $value | … }}.
	summary, description string
	runbook              string
	// cases that make it fire and that do not; at least one of each.
	cases []testCase
}

// testCase is series and what they lead to.
type testCase struct {
	name   string
	at     time.Duration
	series []series
	fired  []fired // none: the alert is silent
}

// series is one time series of a case, a value a minute.
type series struct {
	metric string // with its labels
	values string // promtool's notation: 1+0x30 is thirty-one times 1
}

// fired is one alert that fires: its labels, without those that the rule sets, and
// its value as the words print it.
type fired struct {
	labels map[string]string
	value  string
}

// steady is a series that keeps its value for two hours.
func steady(metric string, value float64) series {
	return series{metric: metric, values: fmt.Sprintf("%s+0x120", number(value))}
}

// rising is a counter that grows by step a minute for two hours.
func rising(metric string, step float64) series {
	return series{metric: metric, values: fmt.Sprintf("0+%sx120", number(step))}
}

// number writes a value without an exponent.
func number(v float64) string {
	text := fmt.Sprintf("%.6f", v)
	return strings.TrimRight(strings.TrimRight(text, "0"), ".")
}

// duration writes d as Prometheus does, in whole minutes or seconds.
func duration(d time.Duration) string {
	switch {
	case d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d%time.Minute == 0:
		return fmt.Sprintf("%dm", d/time.Minute)
	default:
		return fmt.Sprintf("%ds", d/time.Second)
	}
}

// ruleFile, ruleGroup and rule are Prometheus's own format
// (https://prometheus.io/docs/prometheus/latest/configuration/recording_rules).
type ruleFile struct {
	Groups []ruleGroup `json:"groups"`
}

type ruleGroup struct {
	Name  string `json:"name"`
	Rules []rule `json:"rules"`
}

type rule struct {
	Record      string            `json:"record,omitempty"`
	Alert       string            `json:"alert,omitempty"`
	Expr        string            `json:"expr"`
	For         string            `json:"for,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// ruleFileOf turns groups into Prometheus's format.
func ruleFileOf(s scope, groups []group) ruleFile {
	out := ruleFile{}
	for _, g := range groups {
		rules := ruleGroup{Name: g.name}
		for _, r := range g.records {
			rules.Rules = append(rules.Rules, rule{Record: r.name, Expr: r.expr, Labels: r.labels})
		}
		for _, a := range g.alerts {
			rules.Rules = append(rules.Rules, rule{
				Alert: a.name, Expr: a.expr, For: duration(a.wait),
				Labels:      a.labels(s),
				Annotations: map[string]string{"summary": a.summary, "description": a.description, "runbook_url": a.runbook},
			})
		}
		out.Groups = append(out.Groups, rules)
	}
	return out
}

func (a alert) labels(s scope) map[string]string {
	return map[string]string{"severity": string(a.severity), "cluster": s.cluster}
}

// testFile and its parts are promtool's format
// (https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules).
type testFile struct {
	RuleFiles          []string   `json:"rule_files"`
	EvaluationInterval string     `json:"evaluation_interval"`
	Tests              []unitTest `json:"tests"`
}

type unitTest struct {
	Name           string          `json:"name"`
	Interval       string          `json:"interval"`
	InputSeries    []inputSeries   `json:"input_series"`
	AlertRuleTests []alertRuleTest `json:"alert_rule_test"`
}

type inputSeries struct {
	Series string `json:"series"`
	Values string `json:"values"`
}

type alertRuleTest struct {
	EvalTime  string          `json:"eval_time"`
	AlertName string          `json:"alertname"`
	ExpAlerts []expectedAlert `json:"exp_alerts"`
}

type expectedAlert struct {
	Labels      map[string]string `json:"exp_labels"`
	Annotations map[string]string `json:"exp_annotations"`
}

// testFileOf turns the alerts' cases into promtool's format.
func testFileOf(s scope, groups []group) testFile {
	out := testFile{RuleFiles: []string{"rules.yaml"}, EvaluationInterval: "1m"}
	for _, g := range groups {
		for _, a := range g.alerts {
			for _, c := range a.cases {
				test := alertRuleTest{EvalTime: duration(c.at), AlertName: a.name, ExpAlerts: []expectedAlert{}}
				for _, f := range c.fired {
					labels := a.labels(s)
					maps.Copy(labels, f.labels)
					test.ExpAlerts = append(test.ExpAlerts, expectedAlert{Labels: labels, Annotations: map[string]string{
						"summary": f.says(a.summary), "description": f.says(a.description), "runbook_url": a.runbook,
					}})
				}
				out.Tests = append(out.Tests, unitTest{
					Name: a.name + ": " + c.name, Interval: "1m",
					InputSeries: inputOf(c.series), AlertRuleTests: []alertRuleTest{test},
				})
			}
		}
	}
	return out
}

func inputOf(all []series) []inputSeries {
	out := make([]inputSeries, 0, len(all))
	for _, s := range all {
		out = append(out, inputSeries{Series: s.metric, Values: s.values})
	}
	return out
}

var (
	labelTemplate = regexp.MustCompile(`\{\{ \$labels\.(\w+) \}\}`)
	valueTemplate = regexp.MustCompile(`\{\{ \$value[^}]*\}\}`)
)

// says fills in an annotation as Prometheus is expected to.
func (f fired) says(text string) string {
	text = labelTemplate.ReplaceAllStringFunc(text, func(m string) string {
		return f.labels[labelTemplate.FindStringSubmatch(m)[1]]
	})
	return valueTemplate.ReplaceAllLiteralString(text, f.value)
}

// thresholds tells each alert's threshold and why, for the head of the file.
func thresholds(groups []group) string {
	var lines []string
	for _, g := range groups {
		for _, a := range g.alerts {
			lines = append(lines, a.name+": "+a.why)
		}
	}
	return strings.Join(lines, "\n")
}

// sortedZones are the keys, in order.
func sortedZones(byZone map[string]int) []string { return slices.Sorted(maps.Keys(byZone)) }
