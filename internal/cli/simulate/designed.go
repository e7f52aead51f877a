package simulate

import (
	"context"
	"errors"

	"github.com/spf13/pflag"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/cli/design"
	"bulkhead.dev/bulkhead/internal/kubesched"
	"bulkhead.dev/bulkhead/internal/model"
	"bulkhead.dev/bulkhead/internal/plan"
	"bulkhead.dev/bulkhead/internal/simulate"
	"bulkhead.dev/bulkhead/internal/snapshot"
)

// planned is the plan that --cluster names.
type planned struct {
	cluster *v1alpha1.Cluster
	plan    *v1alpha1.ClusterPlan
}

// designed makes the plan of --cluster, and its nodes as manifests; nil without.
func designed(ctx context.Context, f *flags, version string) (*planned, []snapshot.Given, error) {
	if f.design == "" {
		return nil, nil, nil
	}
	if len(f.files) == 0 {
		return nil, nil, errors.New("--cluster: no application is named: -f FILE, -f DIR or -f -")
	}
	in, err := design.ReadFile(ctx, f.design, f.catalog)
	if err != nil {
		return nil, nil, err
	}
	p, err := in.Plan(plan.Options{Versions: v1alpha1.Versions{Bulkhead: version, Kubernetes: kubesched.Version}})
	if err != nil {
		return nil, nil, err
	}
	given, err := design.Given(f.design, in.Cluster, p, plan.SizeNow)
	return &planned{in.Cluster, p}, given, err
}

// apply sets what the Cluster says of the simulation, where no flag says otherwise.
func (p *planned) apply(snap *model.Snapshot, f *flags, o *simulate.Options) error {
	said := design.Options(p.cluster, p.plan)
	o.Dependencies = said.Dependencies
	if !f.changed("recovery-time") && said.RecoveryTime > 0 {
		o.RecoveryTime = said.RecoveryTime
	}
	return design.CheckNodes(snap, p.plan, plan.SizeNow)
}

// changed reports whether the flag was given.
func (f *flags) changed(name string) bool {
	given := false
	if f.set != nil {
		f.set.Visit(func(x *pflag.Flag) { given = given || x.Name == name })
	}
	return given
}
