package render

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/cli/design"
	"bulkhead.dev/bulkhead/internal/cli/exit"
	"bulkhead.dev/bulkhead/internal/kubesched"
	"bulkhead.dev/bulkhead/internal/plan"
	"bulkhead.dev/bulkhead/internal/render"
)

const long = `Write the files with which the provider's own tools make the planned cluster, and
what operates it: alerts, dashboards, policies and runbooks with this cluster's
names. README.md in the folder has the exact commands, in order. No secret is
written: the commands make them where they are needed.

The folder is replaced whole, or not touched: files that bulkhead did not write
are never overwritten without --force. The same Cluster gives the same bytes.

Exit codes: 0 the files are written (or, with --dry-run, would be the same), 1
with --dry-run: files would change, 2 wrong usage or invalid input, 3 they could
not be written.`

const examples = `  bulkhead render -f cluster.yaml --output-dir out
  bulkhead render -f cluster.yaml --output-dir out --dry-run`

type flags struct {
	file    string
	dir     string
	catalog string
	dryRun  bool
	force   bool
	quiet   bool
}

// Command returns `bulkhead render`.
func Command(version string) *cobra.Command {
	var f flags
	c := &cobra.Command{
		Use:     "render -f CLUSTER --output-dir DIR",
		Short:   "Write the files that the provider's own tools make the cluster from",
		Long:    long,
		Example: examples,
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			switch {
			case f.file == "":
				return exit.Error{Code: exit.Invalid, Err: errors.New("no Cluster is named: -f cluster.yaml\nhint: examples/clusters has one for each provider")}
			case f.dir == "":
				return exit.Error{Code: exit.Invalid, Err: errors.New("no folder is named: --output-dir DIR")}
			}
			return run(c.Context(), &f, version, c.InOrStdin(), c.OutOrStdout())
		},
	}
	fs := c.Flags()
	fs.StringVarP(&f.file, "filename", "f", "", "the Cluster's file, or - for standard input")
	fs.StringVar(&f.dir, "output-dir", "", "folder to write; made if there is none")
	fs.StringVar(&f.catalog, "catalog", "", design.CatalogUsage)
	fs.BoolVar(&f.dryRun, "dry-run", false, "say what would change, and write nothing")
	fs.BoolVar(&f.force, "force", false, "replace a folder that bulkhead did not write, or whose files were changed by hand")
	fs.BoolVarP(&f.quiet, "quiet", "q", false, "say nothing but errors")
	return c
}

func run(ctx context.Context, f *flags, version string, in io.Reader, out io.Writer) error {
	file, text, _, _, err := design.Split([]string{f.file}, in)
	if err != nil {
		return exit.Error{Code: exit.Invalid, Err: err}
	}
	d, err := design.Read(ctx, file, text, f.catalog)
	if err != nil {
		return exit.Error{Code: exit.Invalid, Err: err}
	}
	p, err := d.Plan(plan.Options{Versions: v1alpha1.Versions{Bulkhead: version, Kubernetes: kubesched.Version}})
	if err != nil {
		return exit.Error{Code: exit.Invalid, Err: err}
	}
	files, err := render.Files(d.Cluster, p)
	if err != nil {
		return exit.Error{Code: exit.Invalid, Err: err}
	}
	t, err := compare(f.dir, files)
	if err != nil {
		return exit.Error{Code: exit.Invalid, Err: err}
	}
	if foreign := t.foreign(); len(foreign) > 0 && !f.force {
		return exit.Error{Code: exit.Invalid, Err: fmt.Errorf("%s: %s\nhint: name another folder, or --force to replace it whole", f.dir, foreign)}
	}
	if !f.dryRun {
		if err := t.write(ctx); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return exit.Error{Code: exit.Undetermined, Err: err}
		}
	}
	if !f.quiet {
		var b bytes.Buffer
		t.describe(&b, f.dryRun)
		if _, err := out.Write(b.Bytes()); err != nil {
			return exit.Error{Code: exit.Undetermined, Err: fmt.Errorf("writing what was done: %w", err)}
		}
	}
	if f.dryRun && t.changes() {
		return exit.Error{Code: exit.DoesNotHold}
	}
	return nil
}
