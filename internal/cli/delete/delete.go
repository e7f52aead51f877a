//go:build linux

// Package delete is the verb that takes a local cluster away.
package delete

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/cli/design"
	"bulkhead.dev/bulkhead/internal/cli/exit"
	"bulkhead.dev/bulkhead/internal/local"
)

const long = `Take a cluster of provider local away: its processes, namespaces and files, also
what an interrupted apply left. Deleting what is not there is no error.

Exit codes: 0 it is gone (with --dry-run: there is nothing), 1 with --dry-run: there
is something, 2 wrong usage or invalid input, 3 it could not be deleted.`

// Command returns `bulkhead delete`.
func Command() *cobra.Command {
	var file string
	var yes, dryRun bool
	c := &cobra.Command{
		Use:     "delete -f CLUSTER --yes",
		Short:   "Take a local cluster away",
		Long:    long,
		Example: "  sudo bulkhead delete -f examples/local.yaml --yes",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if file == "" {
				return exit.Error{Code: exit.Invalid, Err: errors.New("no Cluster is named: -f cluster.yaml")}
			}
			name, text, _, _, err := design.Split([]string{file}, c.InOrStdin())
			if err != nil {
				return exit.Error{Code: exit.Invalid, Err: err}
			}
			d, err := design.Read(c.Context(), name, text, "")
			if err != nil {
				return exit.Error{Code: exit.Invalid, Err: err}
			}
			cluster := d.Cluster.Metadata.Name
			if p := d.Cluster.Spec.Provider; p != v1alpha1.ProviderLocal {
				return exit.Error{Code: exit.Invalid, Err: fmt.Errorf("%s: provider %s: bulkhead deletes only what it made\nhint: the provider's own tool deletes %s", file, p, cluster)}
			}
			home, err := local.Home()
			if err != nil {
				return exit.Error{Code: exit.Undetermined, Err: err}
			}
			there, err := local.Exists(home, cluster)
			switch {
			case err != nil:
				return exit.Error{Code: exit.Undetermined, Err: err}
			case !there:
				_, err = fmt.Fprintf(c.OutOrStdout(), "%s: there is nothing to delete\n", cluster)
				return err
			case dryRun:
				if _, err := fmt.Fprintf(c.OutOrStdout(), "%s: would end its processes and remove %s\n", cluster, local.Folder(home, cluster)); err != nil {
					return err
				}
				return exit.Error{Code: exit.DoesNotHold}
			case !yes:
				return exit.Error{Code: exit.Invalid, Err: fmt.Errorf("%s and everything in it would be deleted\nhint: --yes does it, --dry-run shows it", cluster)}
			}
			if err := local.Delete(home, cluster); err != nil {
				return exit.Error{Code: exit.Undetermined, Err: err}
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s: deleted\n", cluster)
			return err
		},
	}
	c.Flags().StringVarP(&file, "filename", "f", "", "the Cluster's file, or - for standard input")
	c.Flags().BoolVar(&yes, "yes", false, "delete without asking")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be deleted, and delete nothing")
	return c
}
