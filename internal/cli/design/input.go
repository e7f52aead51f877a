package design

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/catalog"
	"bulkhead.dev/bulkhead/internal/plan"
	"bulkhead.dev/bulkhead/internal/render"
	"bulkhead.dev/bulkhead/internal/spec"
)

// CatalogAsk is the value of --catalog that asks the provider.
const CatalogAsk = "ask"

// CatalogUsage describes the flag --catalog.
const CatalogUsage = "file (kind: MachineCatalog) that says which zones offer which machines; ask: from\nthe provider, with your credentials (default: one that came with bulkhead)"

// Input is a Cluster and what it is planned with.
type Input struct {
	// File that the Cluster was read from.
	File    string
	Cluster *v1alpha1.Cluster
	// Catalog of the region; nil for own machines, or where none is known.
	Catalog *v1alpha1.MachineCatalog
	// Manifests of the application: paths, as -f names them.
	Manifests []string
}

// A header tells a Cluster of ours from Cluster API's: both are "kind: Cluster".
var (
	ourAPI  = regexp.MustCompile(`(?m)^["']?apiVersion["']?\s*:\s*["']?bulkhead\.dev/`)
	cluster = regexp.MustCompile(`(?m)^["']?kind["']?\s*:\s*["']?Cluster\b`)
)

// Split finds the Cluster among the files that -f names; the others are manifests.
// "-" is standard input, and may be either: its text is returned.
func Split(files []string, in io.Reader) (file string, text []byte, manifests []string, stdin []byte, err error) {
	for _, name := range files {
		data, err := head(name, in)
		if err != nil {
			return "", nil, nil, nil, err
		}
		if name == "-" {
			stdin = data
		}
		if !ourAPI.Match(data) || !cluster.Match(data) {
			manifests = append(manifests, name)
			continue
		}
		if file != "" {
			return "", nil, nil, nil, fmt.Errorf("-f %s and -f %s both hold a Cluster\nhint: name one Cluster, and the manifests of the application", file, name)
		}
		file, text = name, data
	}
	if file == "" {
		return "", nil, nil, nil, errors.New("no Cluster is named: -f cluster.yaml\nhint: bulkhead explain cluster tells what it holds; examples/clusters has one for each provider")
	}
	return file, text, manifests, stdin, nil
}

// head reads a file whole; a folder is empty: a Cluster is named by its file.
func head(name string, in io.Reader) ([]byte, error) {
	if name == "-" {
		data, err := io.ReadAll(in)
		if err != nil {
			return nil, fmt.Errorf("reading standard input: %w", err)
		}
		return data, nil
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("-f %s: %w", name, errors.Unwrap(err))
	}
	if info.IsDir() {
		return nil, nil
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("-f %s: %w", name, errors.Unwrap(err))
	}
	return data, nil
}

// Read decodes the Cluster and finds its catalogue, as --catalog says.
func Read(ctx context.Context, file string, text []byte, catalogFlag string) (*Input, error) {
	c, err := spec.Decode(file, text)
	if err != nil {
		return nil, err
	}
	in := &Input{File: file, Cluster: c}
	in.Catalog, err = readCatalog(ctx, c, catalogFlag)
	return in, err
}

// ReadFile reads the Cluster in a file.
func ReadFile(ctx context.Context, file, catalogFlag string) (*Input, error) {
	text, err := head(file, nil)
	if err != nil {
		return nil, err
	}
	return Read(ctx, file, text, catalogFlag)
}

// ReadRendered reads the Cluster of a folder that was rendered before, or a file.
func ReadRendered(ctx context.Context, path, catalogFlag string) (*Input, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		file := filepath.Join(path, render.ClusterFile)
		if _, err := os.Stat(file); err != nil {
			return nil, fmt.Errorf("--from %s: there is no %s in it: bulkhead render did not write it", path, render.ClusterFile)
		}
		path = file
	}
	return ReadFile(ctx, path, catalogFlag)
}

func readCatalog(ctx context.Context, c *v1alpha1.Cluster, flag string) (*v1alpha1.MachineCatalog, error) {
	p, region := c.Spec.Provider, c.Spec.Region
	switch {
	case p == v1alpha1.ProviderLocal || p == v1alpha1.ProviderKubeadm:
		if flag != "" {
			return nil, fmt.Errorf("--catalog %s: provider %s has machines of its own; nodePools say what they have", flag, p)
		}
		return nil, nil
	case flag == CatalogAsk:
		return catalog.Ask(ctx, p, region)
	case flag != "":
		data, err := os.ReadFile(flag)
		if err != nil {
			return nil, fmt.Errorf("--catalog %s: %w", flag, errors.Unwrap(err))
		}
		k, err := spec.DecodeCatalog(flag, data)
		if err != nil {
			return nil, err
		}
		if k.Provider != p || k.Region != region {
			return nil, fmt.Errorf("--catalog %s: it is of %s in %s; the Cluster is on %s in %s", flag, k.Provider, k.Region, p, region)
		}
		return k, nil
	}
	k, err := catalog.Bundled(p, region)
	if err != nil {
		return nil, fmt.Errorf("%w\nhint: --catalog FILE names your own, --catalog ask asks the provider", err)
	}
	return k, nil
}

// Plan makes the plan, with what a simulation said if there was one.
func (in *Input) Plan(o plan.Options) (*v1alpha1.ClusterPlan, error) {
	o.Catalog = in.Catalog
	p, err := plan.Make(in.Cluster, o)
	if err != nil {
		return nil, fmt.Errorf("planning %s: %w", in.File, err)
	}
	return p, nil
}
