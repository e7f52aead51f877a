package components

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The versions that components/go.mod, components/etcd/go.mod and
// components/kwok/go.mod require; TestVersions holds them together. (The modules
// are nested, so that go:embed cannot reach their files.)
const (
	KubernetesVersion = "v1.36.3"
	EtcdVersion       = "v3.6.8" // kubeadm 1.36: cmd/kubeadm/app/constants, SupportedEtcdVersion
	KwokVersion       = "v0.8.0"
)

// project is what publishes programs together, under one version.
type project struct {
	name, version string
}

var (
	kubernetes = project{"kubernetes", KubernetesVersion}
	etcd       = project{"etcd", EtcdVersion}
	kwok       = project{"kwok", KwokVersion}
)

// folder is where the project's programs are, in the cache.
func (p project) folder() string { return p.name + "-" + p.version }

var projects = map[string]project{
	"etcd":                    etcd,
	"etcdctl":                 etcd,
	"etcdutl":                 etcd,
	"kube-apiserver":          kubernetes,
	"kube-controller-manager": kubernetes,
	"kube-scheduler":          kubernetes,
	"kubeadm":                 kubernetes,
	"kubectl":                 kubernetes,
	"kwok":                    kwok,
}

// Names returns the names of all components, sorted.
func Names() []string { return slices.Sorted(maps.Keys(projects)) }

// Version returns the pinned version of a component, such as v1.36.3.
func Version(name string) (string, error) {
	p, err := projectOf(name)
	return p.version, err
}

func projectOf(name string) (project, error) {
	p, ok := projects[name]
	if !ok {
		return project{}, fmt.Errorf("no component is called %q: there are %s", name, strings.Join(Names(), ", "))
	}
	return p, nil
}
