package simulate

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/cli/design"
	"bulkhead.dev/bulkhead/internal/cli/kubeconfig"
	"bulkhead.dev/bulkhead/internal/kubesched"
	"bulkhead.dev/bulkhead/internal/model"
	"bulkhead.dev/bulkhead/internal/report"
	"bulkhead.dev/bulkhead/internal/simulate"
)

// flags are what the command line says, as it says it.
type flags struct {
	files            []string
	snapshot         string
	design           string
	catalog          string
	cluster          kubeconfig.Flags
	namespace        string
	fail             []string
	virtual          string
	deadNodes        string
	recoveryTime     time.Duration
	timings          string
	schedulerConfig  string
	engine           string
	controllerLeader string
	regionalClasses  []string
	output           string
	quiet            bool
	noColor          bool
	set              *pflag.FlagSet // what was given
}

const defaultVirtual = "zones=3,nodes=auto,cpu=4,memory=16Gi,pods=110"

func (f *flags) add(fs *pflag.FlagSet) {
	f.set = fs
	fs.StringSliceVarP(&f.files, "filename", "f", nil, "manifests: a file, a folder (recursively), or - for standard input; repeatable")
	fs.StringVar(&f.snapshot, "snapshot", "", "file of bulkhead snapshot; manifests are laid over it")
	fs.StringVar(&f.design, "cluster", "", "Cluster whose planned nodes the manifests run on (kind: Cluster), with all that they\ndepend on: what a loss takes through gateways, load balancers, etcd and DNS")
	fs.StringVar(&f.catalog, "catalog", "", "with --cluster: "+design.CatalogUsage)
	f.cluster.Add(fs)
	fs.StringVarP(&f.namespace, "namespace", "n", "default", "namespace of objects that name none")
	fs.StringArrayVar(&f.fail, "fail", []string{"zones"}, "what is lost; repeatable: zones (each in turn), zone-pairs, nodes, zone=A, zone=A+B\n(together), node=NAME, partition=A/B (the two cannot reach each other); with\n--cluster also dependencies (each in turn), dependency=NAME")
	fs.StringVar(&f.virtual, "virtual-cluster", defaultVirtual, "the nodes when the input has none; zones is a number or names joined by +,\nnodes counts per zone (auto: as few as hold the workloads, plus one)")
	fs.StringVar(&f.deadNodes, "dead-nodes", string(simulate.Keep), "what becomes of the dead nodes' objects: keep, delete or out-of-service")
	fs.DurationVar(&f.recoveryTime, "recovery-time", 10*time.Minute, "objective: a workload whose full count is back later is degraded")
	fs.StringVar(&f.timings, "timings", "", "file (kind: Timings) that overrides constants of the time axis")
	fs.StringVar(&f.engine, "engine", string(kubesched.Fast), "how plugins are asked: fast remembers their answers and checks a sample, exact\nasks every one each time; the result is the same")
	fs.StringVar(&f.schedulerConfig, "scheduler-config", "", "file (kind: KubeSchedulerConfiguration) with your own scheduler profiles")
	fs.StringVar(&f.controllerLeader, "controller-leader", "", "zone of the controller-manager's leader; lost: always in what is lost\n(default: in a zone that survives)")
	fs.StringSliceVar(&f.regionalClasses, "regional-storage-class", nil, "StorageClass whose volumes reach every zone; repeatable")
	fs.StringVarP(&f.output, "output", "o", report.FormatTable, strings.Join(report.Formats(), ", "))
	fs.BoolVarP(&f.quiet, "quiet", "q", false, "no progress on stderr")
	fs.BoolVar(&f.noColor, "no-color", false, "no colours on a terminal (also: NO_COLOR)")
}

// complete checks the flags and turns them into options. Errors name the flag.
func (f *flags) complete() (simulate.Options, error) {
	o := simulate.Options{
		DeadNodes:        simulate.World(f.deadNodes),
		RecoveryTime:     f.recoveryTime.Seconds(),
		ControllerLeader: f.controllerLeader,
		RegionalClasses:  f.regionalClasses,
	}
	switch {
	case f.design != "" && (f.cluster.Given() || f.snapshot != ""):
		return o, fmt.Errorf("--cluster excludes --snapshot, --kubeconfig and --context: the nodes are those of its plan")
	case f.design != "" && f.virtual != defaultVirtual:
		return o, fmt.Errorf("--cluster excludes --virtual-cluster: the nodes are those of its plan")
	case f.design == "" && f.catalog != "":
		return o, fmt.Errorf("--catalog goes with --cluster")
	}
	if f.cluster.Given() && f.snapshot != "" {
		return o, fmt.Errorf("--snapshot excludes --kubeconfig and --context: a snapshot is a cluster already")
	}
	if !slices.Contains(report.Formats(), f.output) {
		return o, fmt.Errorf("--output %s: want %s", f.output, strings.Join(report.Formats(), ", "))
	}
	if !slices.Contains(simulate.Worlds(), o.DeadNodes) {
		return o, fmt.Errorf("--dead-nodes %s: want keep, delete or out-of-service", f.deadNodes)
	}
	if !slices.Contains([]kubesched.Engine{kubesched.Fast, kubesched.Exact}, kubesched.Engine(f.engine)) {
		return o, fmt.Errorf("--engine %s: want fast or exact", f.engine)
	}
	if f.recoveryTime < 0 {
		return o, fmt.Errorf("--recovery-time %s: must not be negative", f.recoveryTime)
	}
	var err error
	if o.Virtual, err = parseVirtual(f.virtual); err != nil {
		return o, fmt.Errorf("--virtual-cluster %s: %w", f.virtual, err)
	}
	for _, text := range f.fail {
		spec, err := parseFailure(text)
		if err != nil {
			return o, fmt.Errorf("--fail %s: %w", text, err)
		}
		o.Failures = append(o.Failures, spec)
	}
	o.Timings, err = readTimings(f.timings, v1alpha1.Timings{})
	return o, err
}

// live reports whether a live cluster is simulated: when nothing else is named, or
// when it is.
func (f *flags) live() bool {
	return f.snapshot == "" && f.design == "" && (len(f.files) == 0 || f.cluster.Given())
}

// parseFailure reads one value of --fail.
func parseFailure(text string) (model.FailureSpec, error) {
	kind, value, explicit := strings.Cut(text, "=")
	if !explicit {
		if !slices.Contains([]string{"zones", "zone-pairs", "nodes", "dependencies"}, kind) {
			return model.FailureSpec{}, fmt.Errorf("want zones, zone-pairs, nodes, dependencies, zone=A, zone=A+B, node=NAME, partition=A/B or dependency=NAME")
		}
		return model.FailureSpec{Each: kind}, nil
	}
	if kind == "dependency" && value != "" {
		return model.FailureSpec{Dependency: value}, nil
	}
	separator := map[string]string{"zone": "+", "node": "+", "partition": "/"}[kind]
	if separator == "" {
		return model.FailureSpec{}, fmt.Errorf("%q: want zone=, node=, partition= or dependency=", kind+"=")
	}
	names := strings.Split(value, separator)
	if slices.Contains(names, "") {
		return model.FailureSpec{}, fmt.Errorf("a name is empty")
	}
	switch kind {
	case "zone":
		return model.FailureSpec{Zones: names}, nil
	case "node":
		return model.FailureSpec{Nodes: names}, nil
	}
	if len(names) != 2 || names[0] == names[1] {
		return model.FailureSpec{}, fmt.Errorf("want two different zones, as partition=a/b")
	}
	return model.FailureSpec{Partition: names}, nil
}

// maxZones bounds a virtual cluster's zones: no provider has as many.
const maxZones = 26

// parseVirtual reads --virtual-cluster. Keys that are not named keep their
// defaults.
func parseVirtual(text string) (model.VirtualCluster, error) {
	var v model.VirtualCluster
	for _, setting := range strings.Split(defaultVirtual+","+text, ",") {
		if setting == "" {
			continue
		}
		key, value, ok := strings.Cut(setting, "=")
		if !ok {
			return v, fmt.Errorf("%q: want KEY=VALUE", setting)
		}
		var err error
		switch key {
		case "zones":
			v.Zones, err = parseZones(value)
		case "nodes":
			v.NodesPerZone = 0
			if value != "auto" {
				v.NodesPerZone, err = positive(value)
			}
		case "cpu":
			v.CPU, err = positiveQuantity(value)
		case "memory":
			v.Memory, err = positiveQuantity(value)
		case "pods":
			var n int
			n, err = positive(value)
			v.Pods = int64(n)
		default:
			err = fmt.Errorf("want zones, nodes, cpu, memory or pods")
		}
		if err != nil {
			return v, fmt.Errorf("%s: %w", key, err)
		}
	}
	return v, nil
}

func parseZones(value string) ([]string, error) {
	n, err := strconv.Atoi(value)
	if err != nil {
		names := strings.Split(value, "+")
		slices.Sort(names)
		if slices.Contains(names, "") || len(slices.Compact(slices.Clone(names))) != len(names) {
			return nil, fmt.Errorf("%q: want a number, or different names joined by +", value)
		}
		return names, nil
	}
	if n < 1 || n > maxZones {
		return nil, fmt.Errorf("%d: want 1 to %d", n, maxZones)
	}
	var names []string
	for i := range n {
		names = append(names, string(rune('a'+i)))
	}
	return names, nil
}

func positive(value string) (int, error) {
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 || n > 100000 {
		return 0, fmt.Errorf("%q: want a number from 1 to 100000", value)
	}
	return n, nil
}

func positiveQuantity(value string) (resource.Quantity, error) {
	q, err := resource.ParseQuantity(value)
	if err != nil || q.Sign() <= 0 {
		return q, fmt.Errorf("%q: want a positive quantity, such as 4 or 16Gi", value)
	}
	return q, nil
}

// readTimings reads a Timings file over the timings of a cluster and the defaults;
// "" is no file.
func readTimings(path string, o v1alpha1.Timings) (simulate.Timings, error) {
	defaults := simulate.DefaultTimings()
	if path == "" {
		return defaults.With(o)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return defaults, fmt.Errorf("--timings: %w", err)
	}
	o.TypeMeta = metav1.TypeMeta{}
	if err := yaml.UnmarshalStrict(data, &o); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			return defaults, fmt.Errorf("--timings %s: %s: is a %s\nhint: durations are strings such as 30s, rates and shares are numbers", path, cmp.Or(wrong.Field, "a value"), wrong.Value)
		}
		return defaults, fmt.Errorf("--timings %s: %w", path, err)
	}
	if o.APIVersion != v1alpha1.APIVersion || o.Kind != v1alpha1.TimingsKind {
		return defaults, fmt.Errorf("--timings %s: apiVersion and kind are %q and %q, want %s and %s", path, o.APIVersion, o.Kind, v1alpha1.APIVersion, v1alpha1.TimingsKind)
	}
	t, err := defaults.With(o)
	if err != nil {
		return defaults, fmt.Errorf("--timings %s: %w", path, err)
	}
	return t, nil
}
