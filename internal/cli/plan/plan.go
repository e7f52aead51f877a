package plan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/cli/design"
	"bulkhead.dev/bulkhead/internal/cli/exit"
	"bulkhead.dev/bulkhead/internal/cli/kubeconfig"
	"bulkhead.dev/bulkhead/internal/cli/progress"
	"bulkhead.dev/bulkhead/internal/cli/terminal"
	"bulkhead.dev/bulkhead/internal/kubesched"
	"bulkhead.dev/bulkhead/internal/kubesched/apiserver"
	"bulkhead.dev/bulkhead/internal/plan"
	"bulkhead.dev/bulkhead/internal/report"
	"bulkhead.dev/bulkhead/internal/snapshot"
)

const long = `Design a cluster: which zones, where each member of the control plane and of etcd
stands, subnets, gateways, node pools and what all of it depends on, each decision
with its reason. With the manifests of an application, each zone's loss is
simulated on the planned nodes: how long until all is back, whether the other
zones hold everything, and the smallest sizes that do. Nothing is asked of a
provider (but with --catalog ask) and nothing is changed.

--from names what exists, a folder that bulkhead render wrote or its Cluster; --live
(or --context) reads the nodes of the live cluster. Then the steps from there to the
plan are listed, in an order in which every zone's loss that was survived before is
survived after each step. What nodes do not tell (network, gateways, load balancers,
bounds of groups) is then taken to be as planned.

Exit codes: 0 the plan holds (with --from and --live: there is nothing to change), 1 an
objective is not met or there are changes, 2 wrong usage or invalid input, 3 it
could not be determined.`

const examples = `  bulkhead plan -f cluster.yaml
  bulkhead plan -f cluster.yaml -f app/
  bulkhead plan -f cluster.yaml --from out/
  bulkhead plan -f cluster.yaml --context prod
  bulkhead explain cluster`

type flags struct {
	files     []string
	namespace string
	catalog   string
	from      string
	live      bool
	cluster   kubeconfig.Flags
	output    string
	quiet     bool
	noColor   bool
}

// Command returns `bulkhead plan`.
func Command(version string) *cobra.Command {
	var f flags
	c := &cobra.Command{
		Use:     "plan -f CLUSTER [-f MANIFESTS]",
		Short:   "Design a cluster over zones, and prove the design on paper",
		Long:    long,
		Example: examples,
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if !slices.Contains(report.PlanFormats(), f.output) {
				return exit.Error{Code: exit.Invalid, Err: fmt.Errorf("--output %s: want %s", f.output, strings.Join(report.PlanFormats(), ", "))}
			}
			if f.from != "" && (f.live || f.cluster.Given()) {
				return exit.Error{Code: exit.Invalid, Err: errors.New("--from excludes --live, --kubeconfig and --context: one thing exists")}
			}
			return run(c.Context(), &f, version, c.InOrStdin(), c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	fs := c.Flags()
	fs.StringSliceVarP(&f.files, "filename", "f", nil, "the Cluster's file, and manifests: files, folders (recursively), or - for standard\ninput; repeatable")
	fs.StringVarP(&f.namespace, "namespace", "n", "default", "namespace of objects that name none")
	fs.StringVar(&f.catalog, "catalog", "", design.CatalogUsage)
	fs.StringVar(&f.from, "from", "", "what exists: a folder of bulkhead render, or its Cluster; lists the changes")
	fs.BoolVar(&f.live, "live", false, "compare with the nodes of the live cluster; lists the changes")
	f.cluster.Add(fs)
	fs.StringVarP(&f.output, "output", "o", report.FormatTable, strings.Join(report.PlanFormats(), ", "))
	fs.BoolVarP(&f.quiet, "quiet", "q", false, "no progress on stderr")
	fs.BoolVar(&f.noColor, "no-color", false, "no colours on a terminal (also: NO_COLOR)")
	return c
}

func run(ctx context.Context, f *flags, version string, in io.Reader, out, errOut io.Writer) error {
	kubesched.SilenceLogs()
	file, text, manifests, stdin, err := design.Split(f.files, in)
	if err != nil {
		return exit.Error{Code: exit.Invalid, Err: err}
	}
	d, err := design.Read(ctx, file, text, f.catalog)
	if err != nil {
		return failure(ctx, err, exit.Invalid)
	}
	d.Manifests = manifests
	o := plan.Options{Versions: v1alpha1.Versions{Bulkhead: version, Kubernetes: kubesched.Version}}
	p, err := d.Plan(o)
	if err != nil {
		return failure(ctx, err, exit.Invalid)
	}
	if len(manifests) > 0 {
		line := progress.New(errOut, f.quiet)
		defer line.Done()
		proof, err := d.Prove(ctx, p, design.ProveOptions{Stdin: bytes.NewReader(stdin), Namespace: f.namespace, Progress: line.Update})
		line.Done()
		if err != nil {
			return failure(ctx, err, exit.Invalid)
		}
		o.Load, o.Simulated = &proof.Load, &proof.Simulated
		if p, err = d.Plan(o); err != nil {
			return failure(ctx, err, exit.Invalid)
		}
	}
	switch {
	case f.from != "":
		before, err := design.ReadRendered(ctx, f.from, f.catalog)
		if err != nil {
			return failure(ctx, err, exit.Invalid)
		}
		from, err := before.Plan(plan.Options{Versions: p.Versions})
		if err != nil {
			return failure(ctx, err, exit.Invalid)
		}
		return changes(f, from, p, out)
	case f.live || f.cluster.Given():
		from, err := live(ctx, f, version, p, errOut)
		if err != nil {
			return err
		}
		return changes(f, from, p, out)
	}
	if err := write(out, func(w io.Writer) error { return report.WritePlan(w, f.output, p, options(f, out)) }); err != nil {
		return err
	}
	if slices.ContainsFunc(p.Findings, func(x v1alpha1.PlanFinding) bool { return x.Objective }) {
		return exit.Error{Code: exit.DoesNotHold}
	}
	return nil
}

// live returns the plan that the live cluster's nodes come to.
func live(ctx context.Context, f *flags, version string, p *v1alpha1.ClusterPlan, errOut io.Writer) (*v1alpha1.ClusterPlan, error) {
	config, name, err := f.cluster.Config()
	if err != nil {
		return nil, exit.Error{Code: exit.Invalid, Err: err}
	}
	line := progress.New(errOut, f.quiet)
	defer line.Done()
	c, err := snapshot.Collect(ctx, snapshot.CollectOptions{Config: config, Name: name, Now: time.Now(), Bulkhead: version, Progress: line.Update})
	if err != nil {
		return nil, failure(ctx, err, exit.Undetermined)
	}
	snap, err := snapshot.Read(ctx, snapshot.Options{Base: c}, apiserver.New(apiserver.Options{}))
	if err != nil {
		return nil, failure(ctx, err, exit.Undetermined)
	}
	return plan.FromNodes(p, snap.Nodes, c.Versions.Kubernetes), nil
}

// changes lists what leads from what exists to the plan.
func changes(f *flags, from, to *v1alpha1.ClusterPlan, out io.Writer) error {
	c := plan.Diff(from, to)
	if err := write(out, func(w io.Writer) error { return report.WriteChanges(w, f.output, c, options(f, out)) }); err != nil {
		return err
	}
	if len(c.Steps)+len(c.Impossible) > 0 {
		return exit.Error{Code: exit.DoesNotHold}
	}
	return nil
}

func options(f *flags, out io.Writer) report.Options {
	return report.Options{Color: terminal.Color(out, f.noColor), Width: terminal.Width(out)}
}

// write writes nothing before all is known.
func write(out io.Writer, f func(w io.Writer) error) error {
	var text bytes.Buffer
	err := f(&text)
	if err == nil {
		_, err = out.Write(text.Bytes())
	}
	if err != nil {
		return exit.Error{Code: exit.Undetermined, Err: fmt.Errorf("writing the plan: %w", err)}
	}
	return nil
}

func failure(ctx context.Context, err error, code int) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return ctx.Err()
	}
	return exit.Error{Code: code, Err: err}
}
