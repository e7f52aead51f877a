package plan_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/yaml"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/plan"
	"bulkhead.dev/bulkhead/internal/spec"
)

// Scenarios are files in testdata: what the source documents do and what becomes
// of it here. Commands:
//
//	base   the spec of a Cluster (YAML under spec), until the next; nothing comes
//	       out; its settings are for every command
//	plan   the base with the body merged over it, planned
//	         show=(plan,findings,decisions)  what comes out; all but decisions
//	         subject=etcd                    decisions and findings of that subject only
//	         cpu=8 memory=32Gi pods=40       the application's requests
//	         catalog=none                    without a catalogue
//	         decode=lenient                  without defaults and validation
//	diff   the changes from the base to the base with the body merged over it;
//	         show=commands                   with the commands
//	example file=eks.yaml                    decisions and findings of an example
//
// In a body, maps are merged and anything else replaces what was there.
// go test -run TestScenarios -update writes the outcomes again. Read them.
var update = flag.Bool("update", false, "write the scenarios' outcomes instead of comparing them")

func TestMain(m *testing.M) {
	flag.Parse()
	set := map[string]string{"rapid.nofailfile": "true"}
	if *update {
		set["rewrite"] = "true" // datadriven's name for it
	}
	for name, value := range set {
		if err := flag.Set(name, value); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

func TestScenarios(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		var base map[string]any
		var args []datadriven.CmdArg // of the base, for every command
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			var body map[string]any
			if err := yaml.UnmarshalStrict([]byte(d.Input), &body); err != nil {
				return "error: " + err.Error() + "\n"
			}
			switch d.Cmd {
			case "base":
				base, args = body, d.CmdArgs
				return ""
			case "plan":
				return runPlan(merge(base, body), append(slices.Clone(args), d.CmdArgs...))
			case "diff":
				return runDiff(base, merge(base, body), append(slices.Clone(args), d.CmdArgs...))
			case "example":
				return runExample(d.CmdArgs)
			}
			return fmt.Sprintf("error: no command %q\n", d.Cmd)
		})
	})
}

// merge lays over onto base: maps are merged, the rest is replaced, null removes.
func merge(base, over map[string]any) map[string]any {
	out := map[string]any{}
	for k, v := range base {
		out[k] = v
	}
	for k, v := range over {
		a, isMap := out[k].(map[string]any)
		b, overMap := v.(map[string]any)
		switch {
		case isMap && overMap:
			out[k] = merge(a, b)
		case v == nil:
			delete(out, k)
		default:
			out[k] = v
		}
	}
	return out
}

// settings of a command.
type settings struct {
	show             []string
	subject, catalog string
	lenient          bool
	load             *plan.Load
}

func parse(args []datadriven.CmdArg) (settings, error) {
	s := settings{show: []string{"plan", "findings"}}
	load := func() *plan.Load {
		if s.load == nil {
			s.load = &plan.Load{}
		}
		return s.load
	}
	var err error
	for _, a := range args {
		value := strings.Join(a.Vals, ",")
		switch a.Key {
		case "show":
			s.show = a.Vals
		case "subject":
			s.subject = value
		case "catalog":
			s.catalog = value
		case "decode":
			s.lenient = value == "lenient"
		case "cpu":
			load().CPU, err = resource.ParseQuantity(value)
		case "memory":
			load().Memory, err = resource.ParseQuantity(value)
		case "pods":
			load().Pods, err = strconv.Atoi(value)
		default:
			err = fmt.Errorf("no setting %q", a.Key)
		}
		if err != nil {
			return s, err
		}
	}
	return s, nil
}

func makePlan(body map[string]any, s settings) (*v1alpha1.ClusterPlan, error) {
	c, err := decode(body, s.lenient)
	if err != nil {
		return nil, err
	}
	o := plan.Options{Catalog: catalogFor(c), Load: s.load}
	if s.catalog == "none" {
		o.Catalog = nil
	}
	return plan.Make(c, o)
}

// decode reads a spec as the command line does or, leniently, as it is.
func decode(body map[string]any, lenient bool) (*v1alpha1.Cluster, error) {
	whole := map[string]any{
		"apiVersion": v1alpha1.APIVersion, "kind": v1alpha1.ClusterKind,
		"metadata": map[string]any{"name": "shop"}, "spec": body,
	}
	if name, ok := body["name"].(string); ok {
		whole["metadata"] = map[string]any{"name": name}
		whole["spec"] = merge(body, map[string]any{"name": nil})
	}
	data, err := yaml.Marshal(whole)
	if err != nil {
		return nil, err
	}
	if !lenient {
		return spec.Decode("cluster.yaml", data)
	}
	c := &v1alpha1.Cluster{}
	return c, yaml.UnmarshalStrict(data, c)
}

func runPlan(body map[string]any, args []datadriven.CmdArg) string {
	s, err := parse(args)
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	p, err := makePlan(body, s)
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	out := ""
	if slices.Contains(s.show, "plan") {
		out += printPlan(p)
	}
	other := func(subject string) bool { return s.subject != "" && subject != s.subject }
	if slices.Contains(s.show, "decisions") {
		out += printDecisions(slices.DeleteFunc(p.Decisions, func(d v1alpha1.Decision) bool { return other(d.Subject) }))
	}
	if slices.Contains(s.show, "findings") {
		out += "findings: " + printFindings(slices.DeleteFunc(p.Findings, func(f v1alpha1.PlanFinding) bool { return other(f.Subject) }))
	}
	return out
}

func runExample(args []datadriven.CmdArg) string {
	file := args[0].Vals[0]
	data, err := os.ReadFile(filepath.Join(examples, file))
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	c, err := spec.Decode(file, data)
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	p, err := plan.Make(c, plan.Options{Catalog: catalogFor(c)})
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	return printPlan(p) + printDecisions(p.Decisions) + "findings: " + printFindings(p.Findings)
}

func runDiff(from, to map[string]any, args []datadriven.CmdArg) string {
	s, err := parse(args)
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	a, err := makePlan(from, s)
	if err != nil {
		return "error: base: " + err.Error() + "\n"
	}
	b, err := makePlan(to, s)
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	return printChanges(plan.Diff(a, b), slices.Contains(s.show, "commands"))
}
