//go:build !linux

package cli

import (
	"errors"
	"runtime"

	"github.com/spf13/cobra"

	"bulkhead.dev/bulkhead/internal/cli/exit"
)

// localVerbs say what they need: a local cluster's machines are namespaces of Linux.
func localVerbs(string) []*cobra.Command {
	var all []*cobra.Command
	for _, verb := range []string{"apply", "delete", "drill", "status"} {
		all = append(all, &cobra.Command{
			Use: verb, Short: "Only on Linux", DisableFlagParsing: true,
			RunE: func(*cobra.Command, []string) error {
				return exit.Error{Code: exit.Invalid, Err: errors.New(verb + " works on Linux, not on " + runtime.GOOS)}
			},
		})
	}
	return all
}

func machineMain([]string) (bool, error) { return false, nil }
