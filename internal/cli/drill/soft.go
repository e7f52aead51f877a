//go:build linux

package drill

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"

	"bulkhead.dev/bulkhead/internal/cli/exit"
	"bulkhead.dev/bulkhead/internal/cli/kubeconfig"
	"bulkhead.dev/bulkhead/internal/drill"
	"bulkhead.dev/bulkhead/internal/verdict"
)

const longSoft = `
With --soft the drill is in the live cluster of a kubeconfig, with what its Kubernetes
API alone can do: the nodes of a zone (zone-power-loss) or one node (node) are
cordoned, then their pods evicted, which asks PodDisruptionBudgets. DaemonSets', static
and uncontrolled pods are left. The machines run on. There is NO timer beside such a
cluster: if this program is killed, the nodes stay cordoned until
bulkhead drill heal --soft; they carry the annotation ` + drill.DrillAnnotation + ` until
then. --dry-run lists what would be cordoned, evicted and left.
`

// drills are how the drills of one cluster are made.
type drills struct {
	describe func(context.Context, drill.Options) (string, error)
	run      func(context.Context, drill.Options) (*verdict.Evidence, error)
}

// softFlags are those of a soft drill.
type softFlags struct {
	on      bool
	node    string
	cluster kubeconfig.Flags
}

// softRate is how many writes and reads a second a soft drill's load makes where the
// user does not say: a live cluster has others to serve.
const softRate = 10

func (f *softFlags) add(fs *pflag.FlagSet) {
	fs.BoolVar(&f.on, "soft", false, "in a live cluster, by its Kubernetes API alone: cordon and evict")
	fs.StringVar(&f.node, "node", "", "with --soft, node of the fault node (default: the seed chooses one of the zone)")
	f.cluster.Add(fs)
}

// check says which flags do not go together.
func (f *flags) check(fault string, changed func(string) bool) error {
	s := &f.soft
	switch {
	case !s.on && s.cluster.Given():
		return errors.New("--kubeconfig and --context need --soft: a fault that is more than cordon and evict is made in a local cluster only (--cluster)")
	case !s.on && s.node != "":
		return errors.New("--node needs --soft")
	case !s.on:
		return nil
	case f.cluster != "":
		return errors.New("--soft excludes --cluster: the cluster is the kubeconfig's (--kubeconfig, --context)")
	case f.worstCase:
		return errors.New("--soft excludes --worst-case: the Kubernetes API alone cannot move the leaders")
	case s.node != "" && fault != "node":
		return fmt.Errorf("--node goes with fault node, not with %s", fault)
	}
	for name, rate := range map[string]*float64{"writes": &f.writes, "reads": &f.reads} {
		if !changed(name) {
			*rate = softRate
		}
	}
	return nil
}

// target is the live cluster that the flags name.
func (f *softFlags) target() (drill.SoftTarget, error) {
	config, name, err := f.cluster.Config()
	if err != nil {
		return drill.SoftTarget{}, err
	}
	name = strings.TrimPrefix(name, "cluster ")
	heal := "bulkhead drill heal --soft"
	if f.cluster.File != "" {
		heal += " --kubeconfig " + f.cluster.File
	}
	if name != "in-cluster" {
		heal += " --context " + name
	}
	return drill.SoftTarget{Config: config, Name: name, Heal: heal}, nil
}

func (f *softFlags) drills() (drills, error) {
	t, err := f.target()
	return drills{
		describe: func(ctx context.Context, o drill.Options) (string, error) { return drill.DescribeSoft(ctx, t, o) },
		run: func(ctx context.Context, o drill.Options) (*verdict.Evidence, error) {
			return drill.RunSoft(ctx, t, o)
		},
	}, err
}

// heal takes back what a soft drill left.
func (f *softFlags) heal(ctx context.Context, out io.Writer) error {
	t, err := f.target()
	if err != nil {
		return exit.Error{Code: exit.Invalid, Err: err}
	}
	lines, err := drill.HealSoft(ctx, t)
	for _, line := range lines {
		if _, err := fmt.Fprintf(out, "%s: %s\n", t.Name, line); err != nil {
			return err
		}
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return exit.Error{Code: exit.Undetermined, Err: err}
	case len(lines) == 0:
		_, err = fmt.Fprintf(out, "%s: no node carries the mark of a soft drill\n", t.Name)
	}
	return err
}
