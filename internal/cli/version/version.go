// Package version is the verb that says which bulkhead this is.
package version

import (
	"encoding/json"
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"bulkhead.dev/bulkhead/internal/cli/exit"
	"bulkhead.dev/bulkhead/internal/kubesched"
)

// Info is what the verb prints.
type Info struct {
	Bulkhead   string `json:"bulkhead"`
	Kubernetes string `json:"kubernetes"`
	Go         string `json:"go"`
	Platform   string `json:"platform"`
}

// Command returns `bulkhead version`.
func Command(bulkhead string) *cobra.Command {
	output := "table"
	c := &cobra.Command{
		Use:   "version",
		Short: "Say which bulkhead this is, and which Kubernetes it holds",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			i := Info{bulkhead, kubesched.Version, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
			var text []byte
			var err error
			switch output {
			case "table":
				text = fmt.Appendf(nil, "bulkhead    %s\nkubernetes  %s (scheduler and API types)\ngo          %s %s\n", i.Bulkhead, i.Kubernetes, i.Go, i.Platform)
			case "json":
				text, err = json.MarshalIndent(i, "", "  ")
				text = append(text, '\n')
			case "yaml":
				text, err = yaml.Marshal(i)
			default:
				err = fmt.Errorf("unknown output format %q: want table, json or yaml", output)
			}
			if err != nil {
				return exit.Error{Code: exit.Invalid, Err: err}
			}
			_, err = c.OutOrStdout().Write(text)
			return err
		},
	}
	c.Flags().StringVarP(&output, "output", "o", output, "table, json or yaml")
	return c
}
