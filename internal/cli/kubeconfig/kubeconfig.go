// Package kubeconfig holds the flags that name a live cluster, as kubectl's do.
package kubeconfig

import (
	"fmt"

	"github.com/spf13/pflag"
	_ "k8s.io/client-go/plugin/pkg/client/auth" // ways to log in that a kubeconfig may name
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Flags are --kubeconfig and --context.
type Flags struct {
	File, Context string
}

// Add declares the flags.
func (f *Flags) Add(fs *pflag.FlagSet) {
	fs.StringVar(&f.File, "kubeconfig", "", "kubeconfig of the cluster (default: $KUBECONFIG, ~/.kube/config)")
	fs.StringVar(&f.Context, "context", "", "context in the kubeconfig (default: its current one)")
}

// Given reports whether one of the flags was.
func (f *Flags) Given() bool { return f.File != "" || f.Context != "" }

// Missing is the error of Config when there is no kubeconfig and nobody asked for
// one.
type Missing struct{ error }

// Config returns how to connect, and the name of the context. Nothing is asked of
// the cluster. Errors name the file or the context.
func (f *Flags) Config() (config *rest.Config, name string, err error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = f.File
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: f.Context})
	raw, err := loader.RawConfig()
	if err != nil {
		return nil, "", fmt.Errorf("reading the kubeconfig: %w", err)
	}
	name = raw.CurrentContext
	if f.Context != "" {
		name = f.Context
	}
	if _, ok := raw.Contexts[name]; name != "" && !ok {
		return nil, "", fmt.Errorf("the kubeconfig has no context %q\nhint: kubectl config get-contexts lists them", name)
	}
	config, err = loader.ClientConfig()
	switch {
	case clientcmd.IsEmptyConfig(err) && !f.Given():
		return nil, "", Missing{fmt.Errorf("no cluster is configured: there is no kubeconfig")}
	case err != nil:
		return nil, "", fmt.Errorf("reading the kubeconfig: %w", err)
	}
	if name == "" {
		name = "in-cluster"
	}
	return config, "cluster " + name, nil
}
