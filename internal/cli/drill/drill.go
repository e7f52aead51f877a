//go:build linux

// Package drill is the verb that makes a fault for real and measures it.
package drill

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"bulkhead.dev/bulkhead/internal/cli/exit"
	"bulkhead.dev/bulkhead/internal/cli/localcluster"
	"bulkhead.dev/bulkhead/internal/cli/progress"
	"bulkhead.dev/bulkhead/internal/cli/terminal"
	verdictcmd "bulkhead.dev/bulkhead/internal/cli/verdict"
	"bulkhead.dev/bulkhead/internal/components"
	"bulkhead.dev/bulkhead/internal/drill"
	"bulkhead.dev/bulkhead/internal/kubesched"
	"bulkhead.dev/bulkhead/internal/report"
	"bulkhead.dev/bulkhead/internal/verdict"
)

const long = `Make a fault for real in a local cluster and measure what it does: how long writes
stop, whether an acknowledged write is lost, when each workload is back, beside what
bulkhead simulate says of the same cluster.

Faults:
%s
Nothing is broken before the cluster has been steady for a while, and before the
simulation says that the rest has room and etcd its majority. A timer beside the
cluster takes the fault back also when this program is killed.
` + longSoft + `
Exit codes: 0 every expectation held, 1 one did not, 2 wrong usage, or the drill was
refused, 3 it could not be determined, 130 interrupted (the fault is taken back
first).`

type flags struct {
	cluster   string
	zones     string
	last      time.Duration
	steady    time.Duration
	worstCase bool
	repeat    int
	seed      int64
	force     bool
	writes    float64
	reads     float64
	dryRun    bool
	dir       string
	output    string
	quiet     bool
	noColor   bool
	soft      softFlags
}

// Command returns `bulkhead drill`.
func Command(version string) *cobra.Command {
	var f flags
	var list strings.Builder
	names := []string{}
	for _, x := range drill.Faults() {
		fmt.Fprintf(&list, "  %-18s %s\n", x.Name, x.What)
		names = append(names, x.Name)
	}
	c := &cobra.Command{
		Use:   "drill FAULT",
		Short: "Make a fault for real and measure it",
		Long:  fmt.Sprintf(long, list.String()),
		Example: `  bulkhead drill zone-power-loss --zone b
  bulkhead drill zone-power-loss --zone b --worst-case --for 30s
  bulkhead drill zone-partition --zone a/b
  bulkhead drill etcd-leader --repeat 5 --seed 1
  bulkhead drill zone-power-loss --soft --context production --zone b --dry-run`,
		Args:      cobra.ExactArgs(1),
		ValidArgs: names,
		RunE: func(c *cobra.Command, args []string) error {
			fault, err := drill.Find(args[0])
			if err != nil {
				return exit.Error{Code: exit.Invalid, Err: err}
			}
			if err := f.check(fault.Name, c.Flags().Changed); err != nil {
				return exit.Error{Code: exit.Invalid, Err: err}
			}
			return run(c.Context(), &f, fault, version, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	fs := c.Flags()
	fs.StringVar(&f.cluster, "cluster", "", "name of the local cluster (default: the only one)")
	f.soft.add(fs)
	fs.StringVar(&f.zones, "zone", "", "zone of the fault; two with a slash between for zone-partition: a/b (default: the\nseed chooses)")
	fs.DurationVar(&f.last, "for", 0, "how long the fault lasts (default: until what the simulation says comes back should\nhave; 15s where nothing is lost)")
	fs.DurationVar(&f.steady, "steady", 10*time.Second, "how long the cluster is watched before the fault")
	fs.BoolVar(&f.worstCase, "worst-case", false, "move every leader and the API's address into the zone first")
	fs.IntVar(&f.repeat, "repeat", 1, "so many drills, each with the next seed")
	fs.Int64Var(&f.seed, "seed", 1, "seed of what is chosen")
	fs.BoolVar(&f.force, "force", false, "make the fault although the simulation says there is no room or no majority")
	fs.Float64Var(&f.writes, "writes", 50, "writes a second by the API's address from outside (with --soft 10)")
	fs.Float64Var(&f.reads, "reads", 50, "reads a second, likewise (with --soft 10)")
	fs.BoolVar(&f.dryRun, "dry-run", false, "say what would be broken, and break nothing")
	fs.StringVar(&f.dir, "output-dir", "drills", "folder that each drill's evidence is put in")
	fs.StringVarP(&f.output, "output", "o", report.FormatTable, strings.Join(report.DrillFormats(), ", "))
	fs.BoolVarP(&f.quiet, "quiet", "q", false, "no progress on stderr")
	fs.BoolVar(&f.noColor, "no-color", false, "no colours on a terminal (also: NO_COLOR)")
	c.AddCommand(healCommand())
	return c
}

func run(ctx context.Context, f *flags, fault drill.Fault, version string, out, errOut io.Writer) error {
	kubesched.SilenceLogs()
	switch {
	case !slices.Contains(report.DrillFormats(), f.output):
		return exit.Error{Code: exit.Invalid, Err: fmt.Errorf("--output %s: want %s", f.output, strings.Join(report.DrillFormats(), ", "))}
	case f.repeat < 1:
		return exit.Error{Code: exit.Invalid, Err: fmt.Errorf("--repeat %d: want at least 1", f.repeat)}
	case f.repeat > 1 && f.output != report.FormatTable:
		return exit.Error{Code: exit.Invalid, Err: errors.New("--repeat with --output: every drill's report.json is in its own folder")}
	case f.last < 0 || f.steady < time.Second:
		return exit.Error{Code: exit.Invalid, Err: errors.New("--for must not be negative, --steady at least 1s")}
	case f.writes < 1 || f.reads < 1 || f.writes > 1000 || f.reads > 1000:
		return exit.Error{Code: exit.Invalid, Err: errors.New("--writes and --reads: want 1 to 1000 a second")}
	}
	made, err := f.drills(&fault)
	if err != nil {
		return exit.Error{Code: exit.Invalid, Err: err}
	}
	o := drill.Options{
		Fault: fault, For: f.last, Steady: f.steady, WorstCase: f.worstCase, Force: f.force, Writes: f.writes, Reads: f.reads,
		Versions: map[string]string{
			"bulkhead": version, "kubernetes": components.KubernetesVersion, "etcd": components.EtcdVersion, "kwok": components.KwokVersion,
			"scheduler of the simulation": kubesched.Version,
		},
	}
	if f.soft.on {
		o.Node = f.soft.node
		o.Versions = map[string]string{"bulkhead": version, "scheduler of the simulation": kubesched.Version}
	}
	if f.zones != "" {
		o.Zones = strings.Split(f.zones, "/")
	}
	var worst error
	for i := range f.repeat {
		o.Seed = f.seed + int64(i)
		err := one(ctx, f, made, o, out, errOut)
		var verdict exit.Error
		if err != nil && (!errors.As(err, &verdict) || verdict.Err != nil) {
			return err
		}
		worst = worse(worst, err)
	}
	return worst
}

// worse is the worse of two verdicts: one that failed says more than one that is
// not determined.
func worse(a, b error) error {
	var x, y exit.Error
	if errors.As(a, &x) && (!errors.As(b, &y) || x.Code == exit.DoesNotHold) {
		return a
	}
	return b
}

// drills are those of the cluster that the flags name; the fault becomes what it is
// there.
func (f *flags) drills(fault *drill.Fault) (drills, error) {
	if f.soft.on {
		var err error
		if *fault, err = fault.Soft(); err != nil {
			return drills{}, err
		}
		return f.soft.drills()
	}
	c, err := localcluster.Find(f.cluster)
	return drills{
		describe: func(ctx context.Context, o drill.Options) (string, error) { return drill.Describe(ctx, c, o) },
		run:      func(ctx context.Context, o drill.Options) (*verdict.Evidence, error) { return drill.Run(ctx, c, o) },
	}, err
}

// one makes one drill.
func one(ctx context.Context, f *flags, d drills, o drill.Options, out, errOut io.Writer) error {
	if f.dryRun {
		text, err := d.describe(ctx, o)
		if err != nil {
			return failure(ctx, err)
		}
		_, err = io.WriteString(out, text)
		return err
	}
	line := progress.New(errOut, f.quiet)
	defer line.Done()
	o.Progress = line.Update
	if !f.quiet {
		o.Say = func(text string) { line.Say("bulkhead: " + text) }
	}
	started := time.Now()
	e, err := d.run(ctx, o)
	if err != nil {
		line.Done()
		return failure(ctx, err)
	}
	line.Update("judging the history", 0, 0)
	name := started.UTC().Format("2006-01-02T15-04-05") + "-" + o.Fault.Name
	if zone := cmp.Or(e.Record.Zone, strings.Join(e.Record.Zones, "-")); zone != "" {
		name += "-" + zone
	}
	folder := filepath.Join(f.dir, name)
	r, err := drill.Save(folder, e)
	line.Done()
	if err != nil {
		return exit.Error{Code: exit.Undetermined, Err: err}
	}
	options := report.Options{Color: terminal.Color(out, f.noColor), Width: terminal.Width(out)}
	if err := report.WriteDrill(out, f.output, r, options); err != nil {
		return exit.Error{Code: exit.Undetermined, Err: err}
	}
	if f.output == report.FormatTable {
		if _, err := fmt.Fprintf(out, "evidence: %s\n", filepath.Join(folder, drill.PageFile)); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return verdictcmd.Exit(r)
}

func failure(ctx context.Context, err error) error {
	var refused drill.Refused
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &refused):
		return exit.Error{Code: exit.Invalid, Err: err}
	}
	return exit.Error{Code: exit.Undetermined, Err: err}
}

// healCommand takes a fault back that nobody else did.
func healCommand() *cobra.Command {
	var name string
	var soft softFlags
	c := &cobra.Command{
		Use:   "heal",
		Short: "Take back a fault that is in force",
		Long: "Take back the fault that is in force in a local cluster, if there is one. With\n" +
			"--soft: in the live cluster of a kubeconfig, uncordon every node that carries the\n" +
			"annotation " + drill.DrillAnnotation + " of a soft drill, and take that away, also when the\n" +
			"drill is still under way.\n\n" +
			"Exit codes: 0 none is in force any more, 2 wrong usage, 3 it could not be healed.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			switch {
			case soft.on && name != "":
				return exit.Error{Code: exit.Invalid, Err: errors.New("--soft excludes --cluster: the cluster is the kubeconfig's (--kubeconfig, --context)")}
			case soft.on:
				return soft.heal(c.Context(), c.OutOrStdout())
			case soft.cluster.Given():
				return exit.Error{Code: exit.Invalid, Err: errors.New("--kubeconfig and --context need --soft")}
			}
			cluster, err := localcluster.Find(name)
			if err != nil {
				return exit.Error{Code: exit.Invalid, Err: err}
			}
			fabric, err := cluster.Fabric()
			if err != nil {
				return exit.Error{Code: exit.Undetermined, Err: err}
			}
			defer func() { _ = fabric.Close() }()
			before, err := fabric.Healed()
			if err != nil {
				return exit.Error{Code: exit.Undetermined, Err: err}
			}
			healed, err := fabric.Heal()
			if err == nil && len(healed.Errors) > 0 {
				err = errors.New(strings.Join(healed.Errors, "\n"))
			}
			if err != nil {
				return exit.Error{Code: exit.Undetermined, Err: err}
			}
			text := "no fault is in force"
			switch {
			case before.Faulty:
				text = "healed"
			case healed.By != "":
				text += fmt.Sprintf("; the last was healed by the %s at %s", healed.By, healed.At.UTC().Format(time.RFC3339))
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s: %s\n", cluster.Cluster.Metadata.Name, text)
			return err
		},
	}
	c.Flags().StringVar(&name, "cluster", "", "name of the local cluster (default: the only one)")
	c.Flags().BoolVar(&soft.on, "soft", false, "in a live cluster: what a soft drill left")
	soft.cluster.Add(c.Flags())
	return c
}
