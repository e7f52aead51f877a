// Package verdict is the verb that judges the evidence of a drill again.
package verdict

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/cli/exit"
	"bulkhead.dev/bulkhead/internal/cli/terminal"
	"bulkhead.dev/bulkhead/internal/drill"
	"bulkhead.dev/bulkhead/internal/report"
)

const long = `Judge the evidence of a drill again, offline: its files must be those that the drill
wrote (SHA256SUMS), and the record, the history of every read and write and what was
observed must make the very report that lies beside them.

Exit codes: 0 the drill's expectations held, 1 one did not, 2 this is no evidence or
it was changed, 3 it could not be determined, or the report is another one.`

// Command returns `bulkhead verdict`.
func Command() *cobra.Command {
	var output string
	var noColor bool
	c := &cobra.Command{
		Use:     "verdict DIR",
		Short:   "Judge the evidence of a drill again",
		Long:    long,
		Example: "  bulkhead verdict drills/2026-11-27T18-04-11-zone-power-loss-b",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if !slices.Contains(report.DrillFormats(), output) {
				return exit.Error{Code: exit.Invalid, Err: fmt.Errorf("--output %s: want %s", output, strings.Join(report.DrillFormats(), ", "))}
			}
			r, err := drill.Check(args[0])
			var differs *drill.Disagreement
			if err != nil && !errors.As(err, &differs) {
				return exit.Error{Code: exit.Invalid, Err: err}
			}
			o := report.Options{Color: terminal.Color(c.OutOrStdout(), noColor), Width: terminal.Width(c.OutOrStdout())}
			if err := report.WriteDrill(c.OutOrStdout(), output, r, o); err != nil {
				return exit.Error{Code: exit.Undetermined, Err: err}
			}
			if differs != nil {
				return exit.Error{Code: exit.Undetermined, Err: differs}
			}
			return Exit(r)
		},
	}
	c.Flags().StringVarP(&output, "output", "o", report.FormatTable, strings.Join(report.DrillFormats(), ", "))
	c.Flags().BoolVar(&noColor, "no-color", false, "no colours on a terminal (also: NO_COLOR)")
	return c
}

// Exit is the exit code of a report's verdict.
func Exit(r *v1alpha1.DrillReport) error {
	switch r.Verdict {
	case v1alpha1.DrillHolds:
		return nil
	case v1alpha1.DrillFails:
		return exit.Error{Code: exit.DoesNotHold}
	}
	return exit.Error{Code: exit.Undetermined}
}
