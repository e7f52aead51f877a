package cli

import (
	"github.com/spf13/cobra"

	"bulkhead.dev/bulkhead/internal/cli/apply"
	deletecmd "bulkhead.dev/bulkhead/internal/cli/delete"
	"bulkhead.dev/bulkhead/internal/cli/drill"
	"bulkhead.dev/bulkhead/internal/cli/status"
	"bulkhead.dev/bulkhead/internal/local"
)

// localVerbs are those about clusters on this machine.
func localVerbs(version string) []*cobra.Command {
	return []*cobra.Command{apply.Command(version), deletecmd.Command(), drill.Command(version), status.Command()}
}

// machineMain is this program as a part of a local cluster, when it was started as
// one.
func machineMain(args []string) (bool, error) { return local.Main(args) }
