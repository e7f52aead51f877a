//go:build linux

// Package status is the verb that tells what runs of a local cluster.
package status

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/cli/design"
	"bulkhead.dev/bulkhead/internal/cli/exit"
	"bulkhead.dev/bulkhead/internal/cli/localcluster"
	"bulkhead.dev/bulkhead/internal/local"
)

const long = `Tell what runs of a local cluster: its zones with their machines, processes and
nodes, who leads, and the fault that is in force.

Exit codes: 0 all of it runs, 1 something does not or a fault is in force, 2 wrong
usage or no such cluster, 3 it could not be determined.`

// Command returns `bulkhead status`.
func Command() *cobra.Command {
	var file, name, output string
	c := &cobra.Command{
		Use:     "status [-f CLUSTER | --cluster NAME]",
		Short:   "Tell what runs of a local cluster",
		Long:    long,
		Example: "  bulkhead status\n  bulkhead status -f examples/local.yaml -o json",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			switch {
			case output != "table" && output != "json" && output != "yaml":
				return exit.Error{Code: exit.Invalid, Err: fmt.Errorf("--output %s: want table, json, yaml", output)}
			case file != "" && name != "":
				return exit.Error{Code: exit.Invalid, Err: errors.New("-f and --cluster both name a cluster")}
			case file != "":
				in, err := design.ReadFile(c.Context(), file, "")
				if err != nil {
					return exit.Error{Code: exit.Invalid, Err: err}
				}
				name = in.Cluster.Metadata.Name
			}
			cluster, err := localcluster.Find(name)
			if err != nil {
				return exit.Error{Code: exit.Invalid, Err: err}
			}
			s, err := cluster.Status(c.Context())
			if err != nil {
				return exit.Error{Code: exit.Undetermined, Err: err}
			}
			if err := write(c.OutOrStdout(), output, s); err != nil {
				return exit.Error{Code: exit.Undetermined, Err: err}
			}
			if s.State != local.StateReady {
				return exit.Error{Code: exit.DoesNotHold}
			}
			return nil
		},
	}
	c.Flags().StringVarP(&file, "filename", "f", "", "the Cluster's file")
	c.Flags().StringVar(&name, "cluster", "", "name of the local cluster (default: the only one)")
	c.Flags().StringVarP(&output, "output", "o", "table", "table, json, yaml")
	return c
}

func write(w io.Writer, output string, s *v1alpha1.LocalClusterStatus) error {
	var text []byte
	var err error
	switch output {
	case "json":
		if text, err = json.MarshalIndent(s, "", "  "); err == nil {
			text = append(text, '\n')
		}
	case "yaml":
		text, err = yaml.Marshal(s)
	default:
		text = []byte(table(s))
	}
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

// table is the status for people: a line a machine.
func table(s *v1alpha1.LocalClusterStatus) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s is %s; API at %s\n", s.Cluster, s.State, s.Endpoint)
	if s.Loopback {
		fmt.Fprintf(&b, "  %s\n", local.WithoutRoot)
	}
	for _, why := range s.Why {
		fmt.Fprintf(&b, "  %s\n", why)
	}
	if s.Fault != "" {
		fmt.Fprintf(&b, "  fault: %s; taken back at %s at the latest\n", s.Fault, s.HealAt.UTC().Format(time.TimeOnly))
	}
	b.WriteString("\nZONE  NODES  MACHINE\n")
	for _, z := range s.Zones {
		first, nodes := z.Zone, fmt.Sprintf("%d/%d", z.NodesReady, z.Nodes)
		for _, m := range z.Machines {
			state := strings.Join(processes(m), ", ")
			if !m.On {
				state = "no power"
			}
			fmt.Fprintf(&b, "%-5s %-6s %s %s: %s\n", first, nodes, m.Name, m.Address, state)
			first, nodes = "", ""
		}
	}
	if len(s.Leaders) > 0 {
		b.WriteByte('\n')
	}
	for _, name := range []string{"kube-controller-manager", "kube-scheduler"} {
		if at := s.Leaders[name]; at != "" {
			fmt.Fprintf(&b, "%s leads on %s\n", name, at)
		}
	}
	fmt.Fprintf(&b, "export KUBECONFIG=%s\n", s.Kubeconfig)
	return b.String()
}

// processes names a machine's, with what is not usual about each.
func processes(m v1alpha1.LocalMachineStatus) []string {
	var out []string
	for _, p := range m.Processes {
		text := p.Name
		switch {
		case p.State != "running":
			text += " (" + p.State + ")"
		case !p.Ready:
			text += " (not ready)"
		}
		out = append(out, text)
	}
	return out
}
