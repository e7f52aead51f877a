package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"bulkhead.dev/bulkhead/internal/cli/exit"
	"bulkhead.dev/bulkhead/internal/cli/kubeconfig"
	"bulkhead.dev/bulkhead/internal/cli/progress"
	"bulkhead.dev/bulkhead/internal/kubesched"
	"bulkhead.dev/bulkhead/internal/snapshot"
)

const long = `Read a live cluster into one file that bulkhead simulate --snapshot takes: nodes,
workloads, pods, volumes and rules, and the timings that its control plane's
flags set. Secrets and ConfigMaps are never asked for; environments, commands,
probes and foreign annotations are not written. Nothing is changed.

Exit codes: 0 the file is written, 2 wrong usage or kubeconfig, 3 the cluster, its
nodes or its pods could not be read.`

const examples = `  bulkhead snapshot -o prod.yaml.gz
  bulkhead snapshot --context prod --anonymize -o to-share.yaml.gz
  bulkhead snapshot -o - | less
  bulkhead simulate --snapshot prod.yaml.gz -f new-version/`

// flags are what the command line says.
type flags struct {
	cluster    kubeconfig.Flags
	namespaces []string
	all        bool
	output     string
	anonymize  bool
	quiet      bool
}

// Command returns `bulkhead snapshot`.
func Command(version string) *cobra.Command {
	var f flags
	c := &cobra.Command{
		Use:     "snapshot -o FILE",
		Short:   "Read a live cluster into one file, without its secrets",
		Long:    long,
		Example: examples,
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := f.validate(); err != nil {
				return exit.Error{Code: exit.Invalid, Err: err}
			}
			return run(c.Context(), &f, version, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	fs := c.Flags()
	f.cluster.Add(fs)
	fs.StringSliceVarP(&f.namespaces, "namespace", "n", nil, "read these namespaces only; repeatable")
	fs.BoolVarP(&f.all, "all-namespaces", "A", false, "read all namespaces (the default)")
	fs.StringVarP(&f.output, "output", "o", "snapshot.yaml.gz", "file to write, compressed when its name ends in .gz; - for standard output")
	fs.BoolVar(&f.anonymize, "anonymize", false, "write pseudonyms for names, namespaces, labels and images")
	fs.BoolVarP(&f.quiet, "quiet", "q", false, "no progress and no summary")
	return c
}

func (f *flags) validate() error {
	switch {
	case f.all && len(f.namespaces) > 0:
		return fmt.Errorf("--namespace and --all-namespaces exclude each other")
	case f.output == "":
		return fmt.Errorf("--output: want a file, or - for standard output")
	case slices.Contains(f.namespaces, ""):
		return fmt.Errorf("--namespace: a name is empty")
	}
	return nil
}

// run reads, replaces names if asked to, and writes.
func run(ctx context.Context, f *flags, version string, out, errOut io.Writer) error {
	kubesched.SilenceLogs()
	config, name, err := f.cluster.Config()
	if missing := (kubeconfig.Missing{}); errors.As(err, &missing) {
		err = fmt.Errorf("%w\nhint: name one: --kubeconfig FILE", missing)
	}
	if err != nil {
		return exit.Error{Code: exit.Invalid, Err: err}
	}
	p := progress.New(errOut, f.quiet)
	defer p.Done()
	c, err := snapshot.Collect(ctx, snapshot.CollectOptions{
		Config: config, Name: name, Namespaces: f.namespaces, Now: time.Now(), Bulkhead: version, Progress: p.Update,
	})
	if err == nil && f.anonymize {
		p.Update("replacing names", 0, 0)
		c, _, err = c.Anonymize(ctx)
	}
	if err == nil {
		p.Update("writing "+f.output, 0, 0)
		err = write(ctx, c, f.output, out)
	}
	p.Done()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return exit.Error{Code: exit.Undetermined, Err: err}
	}
	for _, o := range c.Omitted {
		_, _ = fmt.Fprintf(errOut, "bulkhead: %s were not read: %s\n", o.Resource, o.Reason)
	}
	if f.quiet || f.output == "-" {
		return nil
	}
	return summary(out, c, f.output)
}

func write(ctx context.Context, c *snapshot.Cluster, name string, out io.Writer) error {
	if name == "-" {
		return c.Write(ctx, out)
	}
	return c.Save(ctx, name)
}

// summary says what is in the file.
func summary(out io.Writer, c *snapshot.Cluster, name string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s, %s", name, count(c.Counts["Node"], "node"), count(c.Counts["Pod"], "pod"))
	fmt.Fprintf(&b, " (%s, Kubernetes %s", c.Name, c.Versions.Kubernetes)
	if c.Anonymized {
		b.WriteString(", anonymized")
	}
	b.WriteString(")\n")
	fields := make([]string, 0, len(c.TimingSources))
	for field := range c.TimingSources {
		fields = append(fields, field)
	}
	slices.Sort(fields)
	for _, field := range fields {
		fmt.Fprintf(&b, "timing  %s\n", c.TimingSources[field])
	}
	for _, n := range c.Notes {
		fmt.Fprintf(&b, "note    %s\n", n)
	}
	if _, err := io.WriteString(out, b.String()); err != nil {
		return exit.Error{Code: exit.Undetermined, Err: fmt.Errorf("writing the summary: %w", err)}
	}
	return nil
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
