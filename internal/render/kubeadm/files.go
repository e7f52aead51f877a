package kubeadm

import (
	"fmt"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/render/file"
)

// Files returns the files of a cluster of provider kubeadm or local; the caller
// sorts them. For local there is no preparation of machines: they are network
// namespaces of a machine that works already, and systemd does not run in them.
//
// The cluster has its defaults and p is its plan. An error names the field of the
// spec that cannot be rendered.
func Files(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) ([]file.File, error) {
	l, err := Lay(c, p)
	if err != nil {
		return nil, err
	}
	files, err := l.common(c)
	if err != nil || c.Spec.Provider == v1alpha1.ProviderLocal {
		return files, err
	}
	return l.hosts(c, files)
}

// common returns what both providers' machines have.
func (l *Layout) common(c *v1alpha1.Cluster) ([]file.File, error) {
	if _, err := minorOf(c.Spec.KubernetesVersion); err != nil {
		return nil, fmt.Errorf("rendering kubeadm: %w", err)
	}
	allowed, err := authentication()
	if err != nil {
		return nil, err
	}
	files := []file.File{allowed}
	for _, m := range l.Machines {
		if !m.kubernetes() || c.Spec.Provider == v1alpha1.ProviderLocal && m.Role == v1alpha1.RoleWorker {
			continue
		}
		configuration, err := l.configuration(c, m)
		if err != nil {
			return nil, err
		}
		files = append(files, configuration)
	}
	balancers, err := l.balancers()
	if err != nil {
		return nil, err
	}
	return append(files, balancers...), nil
}
