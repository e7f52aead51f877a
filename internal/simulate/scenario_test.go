package simulate_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/yaml"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/kubesched"
	"bulkhead.dev/bulkhead/internal/kubesched/apiserver"
	"bulkhead.dev/bulkhead/internal/model"
	"bulkhead.dev/bulkhead/internal/plan"
	"bulkhead.dev/bulkhead/internal/simulate"
	"bulkhead.dev/bulkhead/internal/snapshot"
)

// Scenarios are files in testdata/scenarios: what Kubernetes does and why, and
// then a cluster, a failure and the outcome:
//
//	nodes      real Node objects, until the next; see expandNodes
//	manifests  what runs on them, until the next; see expand
//	yaml       more of it, in plain YAML
//	depends    what nodes, the API and traffic need, until the next; see dependency
//	simulate   one or more failures; see (*bench).simulate
//
// go test -run TestScenarios -update writes the outcomes again. Read them.
var update = flag.Bool("update", false, "write the scenarios' outcomes instead of comparing them")

func TestMain(m *testing.M) {
	flag.Parse()
	set := map[string]string{"rapid.nofailfile": "true"} // a seed is enough to see a failure again
	if *update {
		set["rewrite"] = "true" // datadriven's name for it
	}
	for name, value := range set {
		if err := flag.Set(name, value); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	kubesched.SilenceLogs()
	os.Exit(m.Run())
}

func TestScenarios(t *testing.T) {
	datadriven.Walk(t, "testdata/scenarios", func(t *testing.T, path string) {
		b := &bench{}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			out, err := b.do(t.Context(), d)
			if err != nil {
				return "error: " + err.Error() + "\n"
			}
			return out
		})
	})
}

// bench is what the commands of one file have set up.
type bench struct {
	nodes, manifests string
	plan             *v1alpha1.ClusterPlan
}

func (b *bench) do(ctx context.Context, d *datadriven.TestData) (string, error) {
	switch d.Cmd {
	case "nodes":
		text, err := expandNodes(d.CmdArgs, d.Input)
		b.nodes = text
		return "", err
	case "manifests":
		text, err := expand(d.Input)
		b.manifests = text
		return "", err
	case "yaml":
		b.manifests += "\n---\n" + d.Input
		return "", nil
	case "depends":
		b.plan = &v1alpha1.ClusterPlan{}
		for line := range strings.Lines(d.Input) {
			dep, err := dependency(parseLine(strings.TrimSpace(line)))
			if err != nil {
				return "", err
			}
			b.plan.Dependencies = append(b.plan.Dependencies, dep)
		}
		return "", nil
	case "simulate":
		return b.simulate(ctx, d.CmdArgs)
	}
	return "", fmt.Errorf("no command %q", d.Cmd)
}

// simulate reads the manifests as the command line does and runs them:
//
//	fail=zone=b           and zones, zone-pairs, nodes, zone=a+b, node=NAME,
//	                      partition=a/b, dependencies, dependency=NAME; repeatable
//	virtual=2             nodes a zone of the virtual cluster, zones=…, cpu=…
//	dead-nodes=delete     leader=lost      recovery-time=5m     regional=CLASS
//	timings=(podStart=1s,nodeEvictionRate=1)
//	show=(timeline,…)     timeline, services, capacity, terms, assumptions,
//	                      warnings, verdict (nothing but the verdicts)
//	only=NAME             that workload alone; repeatable
func (b *bench) simulate(ctx context.Context, args []datadriven.CmdArg) (string, error) {
	o := simulate.Options{RecoveryTime: 600, Timings: simulate.DefaultTimings(), Parallel: 2, Virtual: virtual()}
	p := printer{}
	if b.plan != nil {
		o.Dependencies = plan.DependenciesOf(b.plan)
	}
	for _, arg := range args {
		value := strings.Join(arg.Vals, ",")
		var err error
		switch arg.Key {
		case "fail":
			o.Failures = append(o.Failures, failureSpec(value))
		case "dead-nodes":
			o.DeadNodes = simulate.World(value)
		case "leader":
			o.ControllerLeader = value
		case "regional":
			o.RegionalClasses = arg.Vals
		case "recovery-time":
			var d time.Duration
			d, err = time.ParseDuration(value)
			o.RecoveryTime = d.Seconds()
		case "timings":
			o.Timings, err = timings(arg.Vals)
		case "virtual":
			o.Virtual.NodesPerZone, err = strconv.Atoi(value)
		case "zones":
			o.Virtual.Zones = strings.Split(value, ",")
		case "cpu":
			o.Virtual.CPU, err = resource.ParseQuantity(value)
		case "show":
			p.show = append(p.show, arg.Vals...)
		case "only":
			p.only = append(p.only, value)
		default:
			err = fmt.Errorf("want fail, dead-nodes, leader, …")
		}
		if err != nil {
			return "", fmt.Errorf("simulate %s: %w", arg.String(), err)
		}
	}
	r, err := run(ctx, b.nodes+b.manifests, o)
	if err != nil {
		return "", err
	}
	return p.print(r), nil
}

// dependency reads what a Cluster's plan would say:
//
//	gateway nat zones=a serves=a,b,c group=nat effect=nodes need=1 requires=dns
func dependency(l *line) (v1alpha1.Dependency, error) {
	list := func(key string) []string {
		if text := l.get(key, ""); text != "" {
			return strings.Split(text, ",")
		}
		return nil
	}
	need, err := strconv.Atoi(l.get("need", "1"))
	return v1alpha1.Dependency{
		Kind: v1alpha1.DependencyKind(l.kind), Name: l.name, Zones: list("zones"), Serves: list("serves"),
		Group: l.get("group", l.name), Need: need, Effect: v1alpha1.DependencyEffect(l.get("effect", "")), Requires: list("requires"),
	}, err
}

// virtual is the command line's virtual cluster.
func virtual() model.VirtualCluster {
	return model.VirtualCluster{Zones: []string{"a", "b", "c"}, CPU: resource.MustParse("4"), Memory: resource.MustParse("16Gi"), Pods: 110}
}

// run simulates manifests in YAML.
func run(ctx context.Context, manifests string, o simulate.Options) (*v1alpha1.SimulationReport, error) {
	scheduler, err := kubesched.New(kubesched.Options{})
	if err != nil {
		return nil, err
	}
	snap, err := snapshot.Read(ctx, snapshot.Options{Paths: []string{"-"}, Stdin: strings.NewReader(manifests)}, apiserver.New(apiserver.Options{}))
	if err != nil {
		return nil, err
	}
	return simulate.Run(ctx, snap, scheduler, kubesched.Admission{}, o)
}

func failureSpec(text string) model.FailureSpec {
	kind, value, _ := strings.Cut(text, "=")
	switch kind {
	case "zone":
		return model.FailureSpec{Zones: strings.Split(value, "+")}
	case "node":
		return model.FailureSpec{Nodes: strings.Split(value, "+")}
	case "dependency":
		return model.FailureSpec{Dependency: value}
	case "partition":
		return model.FailureSpec{Partition: strings.Split(value, "/")}
	}
	return model.FailureSpec{Each: kind}
}

func timings(settings []string) (simulate.Timings, error) {
	text := strings.ReplaceAll(strings.Join(settings, "\n"), "=", ": ")
	var overrides v1alpha1.Timings
	if err := yaml.UnmarshalStrict([]byte(text), &overrides); err != nil {
		return simulate.Timings{}, err
	}
	return simulate.DefaultTimings().With(overrides)
}
