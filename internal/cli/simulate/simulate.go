package simulate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/cli/exit"
	"bulkhead.dev/bulkhead/internal/kubesched"
	"bulkhead.dev/bulkhead/internal/kubesched/apiserver"
	"bulkhead.dev/bulkhead/internal/report"
	"bulkhead.dev/bulkhead/internal/simulate"
	"bulkhead.dev/bulkhead/internal/snapshot"
)

const long = `Simulate what the loss of a zone does to these manifests: which workloads stop,
which come back and when, and why not the rest. Pods are placed by the
kube-scheduler's own code; nothing is asked of a cluster.

Exit codes: 0 every failure is survived, 1 one is not, 2 wrong usage or invalid
input, 3 it could not be determined.`

const examples = `  bulkhead simulate -f app/
  helm template shop ./chart | bulkhead simulate -f - --fail zone-pairs
  kubectl get nodes,deploy,rs,sts,ds,pods,svc,pvc,pv,sc,pdb,hpa -A -o yaml | bulkhead simulate -f -
  bulkhead simulate -f app/ --fail zone=b --dead-nodes delete -o html > report.html`

// Command returns `bulkhead simulate`.
func Command(version string) *cobra.Command {
	var f flags
	c := &cobra.Command{
		Use:     "simulate -f FILE",
		Short:   "Prove on paper what the loss of a zone does to these manifests",
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

// gcPercent lets the heap grow further between collections: a simulation makes
// much garbage beside a small state.
const gcPercent = 300

// run reads, simulates and writes. Nothing is written before all is known.
func run(ctx context.Context, f *flags, o simulate.Options, version string, in io.Reader, out, errOut io.Writer) error {
	kubesched.SilenceLogs()
	defer debug.SetGCPercent(debug.SetGCPercent(gcPercent))
	scheduler, err := newScheduler(f.schedulerConfig)
	if err != nil {
		return exit.Error{Code: exit.Invalid, Err: err}
	}
	p := newProgress(errOut, f.quiet)
	defer p.done()
	p.update("reading manifests", 0, 0)
	tolerate := int64(o.Timings.DefaultTolerationSeconds)
	server := apiserver.New(apiserver.Options{TolerationSeconds: &tolerate})
	snap, err := snapshot.Read(ctx, snapshot.Options{Paths: f.files, Stdin: interruptible{ctx, in}, Namespace: f.namespace}, server)
	if err != nil {
		return failure(ctx, err, exit.Invalid)
	}
	o.Parallel = runtime.GOMAXPROCS(0)
	o.Progress = p.update
	r, err := simulate.Run(ctx, snap, scheduler, kubesched.Admission{}, o)
	if err != nil {
		var wrong *simulate.InputError
		if errors.As(err, &wrong) {
			return failure(ctx, err, exit.Invalid)
		}
		return failure(ctx, err, exit.Undetermined)
	}
	r.Versions = v1alpha1.Versions{Bulkhead: version, Kubernetes: kubesched.Version}
	var text bytes.Buffer
	if err := report.Write(&text, f.output, r, report.Options{Color: useColor(out, f.noColor), Width: width(out), Command: commandLine(f)}); err != nil {
		return exit.Error{Code: exit.Undetermined, Err: err}
	}
	p.done()
	if _, err := out.Write(text.Bytes()); err != nil {
		return exit.Error{Code: exit.Undetermined, Err: fmt.Errorf("writing the report: %w", err)}
	}
	return verdict(r.Verdict)
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

func newScheduler(path string) (*kubesched.Scheduler, error) {
	if path == "" {
		return kubesched.New(kubesched.Options{})
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("--scheduler-config: %w", err)
	}
	s, err := kubesched.New(kubesched.Options{Configuration: data})
	if err != nil {
		return nil, fmt.Errorf("--scheduler-config %s: %w", path, err)
	}
	return s, nil
}

// commandLine is the command again, for hints in a report.
func commandLine(f *flags) string {
	parts := []string{"bulkhead simulate"}
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
