package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"bulkhead.dev/bulkhead/internal/cli/exit"
	"bulkhead.dev/bulkhead/internal/cli/explain"
	"bulkhead.dev/bulkhead/internal/cli/plan"
	"bulkhead.dev/bulkhead/internal/cli/render"
	"bulkhead.dev/bulkhead/internal/cli/simulate"
	"bulkhead.dev/bulkhead/internal/cli/snapshot"
	"bulkhead.dev/bulkhead/internal/cli/verdict"
	versioncmd "bulkhead.dev/bulkhead/internal/cli/version"
)

// Streams are where a command reads and writes.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Main runs the command line args (args[0] is the program) and returns the exit
// code.
func Main(ctx context.Context, args []string, s Streams) int {
	if is, err := machineMain(args); is {
		if err != nil {
			say(s.Err, err.Error())
			return exit.Undetermined
		}
		return exit.Holds
	}
	root := newRoot(args[0])
	root.SetArgs(args[1:])
	root.SetIn(s.In)
	root.SetOut(s.Out)
	root.SetErr(s.Err)
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return exit.Holds
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		say(s.Err, "interrupted")
		return exit.Interrupted
	}
	var judged exit.Error
	if errors.As(err, &judged) && judged.Err == nil {
		return judged.Code
	}
	say(s.Err, err.Error())
	if judged.Code != 0 {
		return judged.Code
	}
	return exit.Invalid // cobra's own: unknown flags and commands
}

// say writes a message for people: every line starts with the program's name.
// The rules: lower case; what object, field and line; then a hint.
func say(w io.Writer, message string) {
	for line := range strings.SplitSeq(strings.TrimSpace(message), "\n") {
		_, _ = fmt.Fprintln(w, "bulkhead: "+line)
	}
}

func newRoot(program string) *cobra.Command {
	root := &cobra.Command{
		Use:   "bulkhead",
		Short: "Kubernetes clusters that survive the loss of an availability zone",
		Long: "bulkhead designs, proves and operates Kubernetes clusters that survive the loss\n" +
			"of an availability zone.\n\n" +
			"Exit codes: 0 holds, 1 does not hold, 2 wrong usage or invalid input, 3 could\n" +
			"not be determined, 130 interrupted.",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	if strings.HasPrefix(filepath.Base(program), "kubectl-") {
		root.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl bulkhead"}
	}
	root.AddCommand(explain.Command(), plan.Command(versionString()), render.Command(versionString()), simulate.Command(versionString()), snapshot.Command(versionString()), verdict.Command(), versioncmd.Command(versionString()))
	root.AddCommand(localVerbs(versionString())...)
	return root
}
