package explain

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/docs/schemas"
	"bulkhead.dev/bulkhead/internal/cli/exit"
)

const long = `Say what can be written in a Cluster: each field with its type, its default and
what it means. A path leads to a part of it. With -o json, the JSON schema, which
an editor completes and checks by:

  # yaml-language-server: $schema=cluster.schema.json`

const examples = `  bulkhead explain cluster
  bulkhead explain cluster.spec.nodePools
  bulkhead explain cluster -o json > cluster.schema.json`

// kind is the object that there is to explain, as users write it.
const kind = "cluster"

// Command returns `bulkhead explain`.
func Command() *cobra.Command {
	output := "table"
	c := &cobra.Command{
		Use:       "explain cluster[.PATH]",
		Short:     "Say what can be written in a Cluster",
		Long:      long,
		Example:   examples,
		Args:      oneArgument,
		ValidArgs: []string{kind},
		RunE: func(c *cobra.Command, args []string) error {
			text, err := explain(args[0], output)
			if err != nil {
				return exit.Error{Code: exit.Invalid, Err: err}
			}
			if _, err := io.WriteString(c.OutOrStdout(), text); err != nil {
				return exit.Error{Code: exit.Undetermined, Err: fmt.Errorf("writing the explanation: %w", err)}
			}
			return nil
		},
	}
	c.Flags().StringVarP(&output, "output", "o", output, "table or json")
	return c
}

func oneArgument(_ *cobra.Command, args []string) error {
	if len(args) == 1 {
		return nil
	}
	return exit.Error{Code: exit.Invalid, Err: fmt.Errorf("explain takes one path, and got %d\nhint: bulkhead explain cluster", len(args))}
}

func explain(path, output string) (string, error) {
	r, err := parse(schemas.Cluster())
	if err != nil {
		return "", fmt.Errorf("reading the schema: %w", err)
	}
	f, err := r.find(path)
	if err != nil {
		return "", err
	}
	switch output {
	case "table":
		return r.table(f), nil
	case "json":
		if f.path == kind {
			return string(schemas.Cluster()), nil
		}
		text, err := json.MarshalIndent(r.part(f), "", "  ")
		if err != nil {
			return "", fmt.Errorf("writing the schema: %w", err)
		}
		return string(text) + "\n", nil
	}
	return "", fmt.Errorf("unknown output format %q: want table or json", output)
}

// heading is the first line of the reference.
func heading(path string) string {
	if path == kind {
		return fmt.Sprintf("%s, %s", v1alpha1.ClusterKind, v1alpha1.APIVersion)
	}
	return strings.TrimPrefix(path, kind+".")
}
