package simulate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/cli/exit"
	"bulkhead.dev/bulkhead/internal/cli/kubeconfig"
	"bulkhead.dev/bulkhead/internal/cli/progress"
	"bulkhead.dev/bulkhead/internal/cli/terminal"
	"bulkhead.dev/bulkhead/internal/kubesched"
	"bulkhead.dev/bulkhead/internal/kubesched/apiserver"
	"bulkhead.dev/bulkhead/internal/plan"
	"bulkhead.dev/bulkhead/internal/report"
	"bulkhead.dev/bulkhead/internal/simulate"
	"bulkhead.dev/bulkhead/internal/snapshot"
)

const long = `Simulate what the loss of a zone does to these manifests, to a snapshot of a
cluster, or to the live cluster: which workloads stop, which come back and when,
and why not the rest. Pods are placed by the kube-scheduler's own code.

-f alone asks nothing of a cluster. -f with --snapshot or with --context lays the
manifests over the cluster: what if I also deploy this? With --cluster they run on
the nodes that a Cluster plans. Without any of them the kubeconfig's current
cluster is read; nothing in it is changed.

Exit codes: 0 every failure is survived, 1 one is not, 2 wrong usage or invalid
input, 3 it could not be determined.`

const examples = `  bulkhead simulate -f app/
  helm template shop ./chart | bulkhead simulate -f - --fail zone-pairs
  bulkhead simulate --context prod
  bulkhead snapshot -o prod.yaml.gz && bulkhead simulate --snapshot prod.yaml.gz -f new-version/
  bulkhead simulate --cluster cluster.yaml -f app/ --fail zones --fail dependencies
  bulkhead simulate -f app/ --fail zone=b --dead-nodes delete -o html > report.html`

// Command returns `bulkhead simulate`.
func Command(version string) *cobra.Command {
	var f flags
	c := &cobra.Command{
		Use:     "simulate -f FILE | --snapshot FILE | --context NAME",
		Short:   "Prove on paper what the loss of a zone does to manifests or a cluster",
		Long:    long,
		Example: examples,
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o, err := f.complete()
			if err != nil {
				return exit.Error{Code: exit.Invalid, Err: err}
			}
			return run(c.Context(), &f, o, version, c.InOrStdin(), c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f.add(c.Flags())
	return c
}

// run reads, simulates and writes. Nothing is written before all is known.
func run(ctx context.Context, f *flags, o simulate.Options, version string, in io.Reader, out, errOut io.Writer) error {
	kubesched.SilenceLogs()
	scheduler, err := newScheduler(f.schedulerConfig, kubesched.Engine(f.engine))
	if err != nil {
		return exit.Error{Code: exit.Invalid, Err: err}
	}
	p := progress.New(errOut, f.quiet)
	defer p.Done()
	planned, given, err := designed(ctx, f, version)
	if err != nil {
		return failure(ctx, err, exit.Invalid)
	}
	cluster, err := base(ctx, f, version, p)
	if err != nil {
		return err
	}
	if cluster != nil {
		if o.Timings, err = readTimings(f.timings, cluster.Timings); err != nil {
			return exit.Error{Code: exit.Invalid, Err: fmt.Errorf("timings of %s: %w", cluster.Name, err)}
		}
	}
	if planned != nil {
		if o.Timings, err = readTimings(f.timings, plan.TimingsOf(planned.plan)); err != nil {
			return exit.Error{Code: exit.Invalid, Err: err}
		}
	}
	p.Update("reading manifests", 0, 0)
	tolerate := int64(o.Timings.DefaultTolerationSeconds)
	server := apiserver.New(apiserver.Options{TolerationSeconds: &tolerate})
	snap, err := snapshot.Read(ctx, snapshot.Options{Paths: f.files, Stdin: interruptible{ctx, in}, Namespace: f.namespace, Base: cluster, Given: given}, server)
	if err == nil && planned != nil {
		err = planned.apply(snap, f, &o)
	}
	if err != nil {
		return failure(ctx, err, exit.Invalid)
	}
	defer debug.SetGCPercent(debug.SetGCPercent(simulate.GCPercent(snap)))
	if os.Getenv("GOMEMLIMIT") == "" {
		defer debug.SetMemoryLimit(debug.SetMemoryLimit(simulate.MemoryLimit(snap)))
	}
	o.Parallel = runtime.GOMAXPROCS(0)
	o.Progress = p.Update
	r, err := simulate.Run(ctx, snap, scheduler, kubesched.Admission{}, o)
	if err != nil {
		var wrong *simulate.InputError
		if errors.As(err, &wrong) {
			return failure(ctx, err, exit.Invalid)
		}
		return failure(ctx, err, exit.Undetermined)
	}
	switch {
	case cluster != nil:
		r.Input.Source = cluster.Describe()
	case planned != nil:
		r.Input.NodeSource = "as " + filepath.Base(f.design) + " plans them"
	}
	r.Versions = v1alpha1.Versions{Bulkhead: version, Kubernetes: kubesched.Version}
	r.Engine = describe(scheduler)
	var text bytes.Buffer
	if err := report.Write(&text, f.output, r, report.Options{Color: terminal.Color(out, f.noColor), Width: terminal.Width(out), Command: commandLine(f)}); err != nil {
		return exit.Error{Code: exit.Undetermined, Err: err}
	}
	tell(p, errOut, r.Engine)
	p.Done()
	if _, err := out.Write(text.Bytes()); err != nil {
		return exit.Error{Code: exit.Undetermined, Err: fmt.Errorf("writing the report: %w", err)}
	}
	return verdict(r.Verdict)
}

// base reads the cluster that manifests are laid over: a snapshot, a live one, or
// none.
func base(ctx context.Context, f *flags, version string, p *progress.Line) (*snapshot.Cluster, error) {
	switch {
	case f.snapshot != "":
		p.Update("reading "+f.snapshot, 0, 0)
		c, err := snapshot.Load(ctx, f.snapshot, apiserver.New(apiserver.Options{}))
		if err != nil {
			return nil, failure(ctx, err, exit.Invalid)
		}
		return c, nil
	case !f.live():
		return nil, nil
	}
	config, name, err := f.cluster.Config()
	if missing := (kubeconfig.Missing{}); errors.As(err, &missing) {
		err = fmt.Errorf("nothing to simulate\nhint: name manifests: -f FILE, -f DIR or -f - (helm template … | bulkhead simulate -f -)\n" +
			"hint: or a cluster: --snapshot FILE, --context NAME; there is no kubeconfig")
	}
	if err != nil {
		return nil, exit.Error{Code: exit.Invalid, Err: err}
	}
	c, err := snapshot.Collect(ctx, snapshot.CollectOptions{
		Config: config, Name: name, Now: time.Now(), Bulkhead: version, Progress: p.Update,
	})
	if err != nil {
		return nil, failure(ctx, err, exit.Undetermined)
	}
	return c, nil
}

func failure(ctx context.Context, err error, code int) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return exit.Error{Code: code, Err: err}
}

// verdict is the exit code of the report's verdict.
func verdict(v v1alpha1.Verdict) error {
	switch v {
	case v1alpha1.Survives:
		return nil
	case v1alpha1.Undetermined:
		return exit.Error{Code: exit.Undetermined}
	default:
		return exit.Error{Code: exit.DoesNotHold}
	}
}

func newScheduler(path string, engine kubesched.Engine) (*kubesched.Scheduler, error) {
	o := kubesched.Options{Engine: engine}
	if path == "" {
		return kubesched.New(o)
	}
	var err error
	if o.Configuration, err = os.ReadFile(path); err != nil {
		return nil, fmt.Errorf("--scheduler-config: %w", err)
	}
	s, err := kubesched.New(o)
	if err != nil {
		return nil, fmt.Errorf("--scheduler-config %s: %w", path, err)
	}
	return s, nil
}

// describe says how the scheduler found its answers.
func describe(s *kubesched.Scheduler) v1alpha1.Engine {
	name, cycles, checks, divergences := s.Engine()
	return v1alpha1.Engine{Name: string(name), Cycles: cycles, Checked: checks, Diverged: divergences}
}

// tell says what the checks of the fast engine found: a divergence always, else
// as the summary of a long run.
func tell(p *progress.Line, errOut io.Writer, e v1alpha1.Engine) {
	text := fmt.Sprintf("bulkhead: %d of %d scheduling cycles checked against kube-scheduler's own framework: %d differed", e.Checked, e.Cycles, e.Diverged)
	if e.Diverged == 0 {
		if e.Checked > 0 {
			p.Summary(text)
		}
		return
	}
	_, _ = fmt.Fprintf(errOut, "%s\nbulkhead: hint: that is a fault of bulkhead, please report it; --engine exact does without what was wrong\n", text)
}

// commandLine is the command again, for hints in a report.
func commandLine(f *flags) string {
	parts := []string{"bulkhead simulate"}
	if f.snapshot != "" {
		parts = append(parts, "--snapshot "+f.snapshot)
	}
	if f.cluster.File != "" {
		parts = append(parts, "--kubeconfig "+f.cluster.File)
	}
	if f.cluster.Context != "" {
		parts = append(parts, "--context "+f.cluster.Context)
	}
	if f.design != "" {
		parts = append(parts, "--cluster "+f.design)
	}
	for _, file := range f.files {
		parts = append(parts, "-f "+file)
	}
	for _, fail := range f.fail {
		if fail != "zones" {
			parts = append(parts, "--fail "+fail)
		}
	}
	if f.deadNodes != string(simulate.Keep) {
		parts = append(parts, "--dead-nodes "+f.deadNodes)
	}
	return strings.Join(parts, " ")
}
