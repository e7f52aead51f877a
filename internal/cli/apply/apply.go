//go:build linux

// Package apply is the verb that makes the cluster of a Cluster.
package apply

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"github.com/spf13/cobra"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/cli/design"
	"bulkhead.dev/bulkhead/internal/cli/exit"
	"bulkhead.dev/bulkhead/internal/cli/progress"
	"bulkhead.dev/bulkhead/internal/components"
	"bulkhead.dev/bulkhead/internal/kubesched"
	"bulkhead.dev/bulkhead/internal/local"
	"bulkhead.dev/bulkhead/internal/plan"
	"bulkhead.dev/bulkhead/internal/render"
)

const long = `Make the cluster of provider local on this machine: a real control plane over
zones that are network namespaces, with etcd, kube-apiserver, HAProxy and keepalived
as processes and kwok in the place of the kubelets. Nothing outside its own
namespaces and one folder is touched. Without root the zones are loopback addresses,
127.0.ZONE.x: there is no virtual IP, and drills can kill and freeze processes but
lose no packets. Applied again, it brings the node
pools to what the Cluster says.

The other providers' clusters are made by their own tools: bulkhead render writes
the files and the exact commands.

Exit codes: 0 the cluster runs, 2 wrong usage or invalid input, 3 it could not be
made.`

type flags struct {
	file   string
	dryRun bool
	quiet  bool
}

// Command returns `bulkhead apply`.
func Command(version string) *cobra.Command {
	var f flags
	c := &cobra.Command{
		Use:     "apply -f CLUSTER",
		Short:   "Make a three-zone cluster on this machine",
		Long:    long,
		Example: "  sudo bulkhead apply -f examples/local.yaml\n  sudo bulkhead delete -f examples/local.yaml --yes",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if f.file == "" {
				return exit.Error{Code: exit.Invalid, Err: errors.New("no Cluster is named: -f cluster.yaml\nhint: examples/local.yaml is one for this machine")}
			}
			return run(c.Context(), &f, version, c.InOrStdin(), c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	c.Flags().StringVarP(&f.file, "filename", "f", "", "the Cluster's file, or - for standard input")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "say what would be made, and make nothing")
	c.Flags().BoolVarP(&f.quiet, "quiet", "q", false, "no progress on stderr")
	return c
}

func run(ctx context.Context, f *flags, version string, in io.Reader, out, errOut io.Writer) error {
	file, text, _, _, err := design.Split([]string{f.file}, in)
	if err != nil {
		return exit.Error{Code: exit.Invalid, Err: err}
	}
	d, err := design.Read(ctx, file, text, "")
	if err != nil {
		return exit.Error{Code: exit.Invalid, Err: err}
	}
	if p := d.Cluster.Spec.Provider; p != v1alpha1.ProviderLocal {
		return exit.Error{Code: exit.Invalid, Err: fmt.Errorf("%s: provider %s is not made by bulkhead apply\nhint: bulkhead render -f %s --output-dir out writes the files, and the exact commands in out/README.md", file, p, file)}
	}
	p, err := d.Plan(plan.Options{Versions: v1alpha1.Versions{Bulkhead: version, Kubernetes: kubesched.Version}})
	if err != nil {
		return exit.Error{Code: exit.Invalid, Err: err}
	}
	files, err := render.Files(d.Cluster, p)
	if err != nil {
		return exit.Error{Code: exit.Invalid, Err: err}
	}
	home, err := local.Home()
	if err != nil {
		return exit.Error{Code: exit.Undetermined, Err: err}
	}
	line := progress.New(errOut, f.quiet)
	defer line.Done()
	o := local.Options{Cluster: d.Cluster, Plan: p, Files: files, Home: home, Progress: line.Update, Locate: locate, Loopback: os.Geteuid() != 0}
	if o.Program, o.Name, err = local.Self(); err != nil {
		return exit.Error{Code: exit.Undetermined, Err: err}
	}
	if f.dryRun {
		text, err := local.Describe(o)
		if err != nil {
			return exit.Error{Code: exit.Invalid, Err: err}
		}
		_, err = io.WriteString(out, text)
		return err
	}
	if o.Loopback {
		line.Say("bulkhead: " + local.WithoutRoot)
	}
	c, changed, err := local.Apply(ctx, o)
	line.Done()
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return exit.Error{Code: exit.Undetermined, Err: err}
	}
	_, err = fmt.Fprintf(out, "%s: %s\nexport KUBECONFIG=%s\n%s get nodes\n", d.Cluster.Metadata.Name, changed, c.Kubeconfig(), kubectl(ctx))
	return err
}

func locate(ctx context.Context, name string) (string, error) {
	return components.Locate(ctx, components.Options{}, name)
}

// kubectl is the installed one, else the components' own.
func kubectl(ctx context.Context) string {
	if _, err := exec.LookPath("kubectl"); err == nil {
		return "kubectl"
	}
	if path, err := locate(ctx, "kubectl"); err == nil {
		return path
	}
	return "kubectl"
}
