package plan

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// Options are what a plan is made with beside the Cluster.
type Options struct {
	// Catalog of the region's machine types; nil: nothing is known of them.
	Catalog *v1alpha1.MachineCatalog
	// Load of the application for the arithmetic; nil: unknown.
	Load *Load
	// Simulated is what a simulation of the plan said; nil: none was run. It
	// takes the place of the arithmetic.
	Simulated *Simulated
	// Versions of what makes the plan, copied into it.
	Versions v1alpha1.Versions
}

// Load is what an application asks for: the sum of its pods' requests at their
// full count.
type Load struct {
	CPU, Memory resource.Quantity
	Pods        int
}

// Simulated is what a simulation of an earlier plan of the same Cluster said
// about the worst loss of one zone.
type Simulated struct {
	// RecoverySeconds until the slowest workload's full count is back; nil is
	// never.
	RecoverySeconds *float64
	// Never names a workload that never recovers, for people; "" where all do.
	Never string
	// Terms of it, in order; none where it is never.
	Terms []v1alpha1.RecoveryTerm
	// Survivors is the share of the load, 0 to 1, that the other zones carry at
	// their max; nil where it was not asked.
	Survivors *float64
	// Smallest bounds of pools by name, found by trying; the arithmetic's are
	// used for pools not named.
	Smallest map[string]v1alpha1.PoolBounds
}

// Fault is something in a Cluster that no plan can be made of.
type Fault struct {
	// Path of the field, for example spec.network.subnets[2].cidr.
	Path    string
	Message string
	// Hint says what to do; optional.
	Hint string
}

// Faults are every fault that was found, in the order of the Cluster's fields.
type Faults []Fault

// Error gives a line for each fault.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, x := range f {
		lines[i] = x.Path + ": " + x.Message
		if x.Hint != "" {
			lines[i] += " (" + x.Hint + ")"
		}
	}
	return strings.Join(lines, "\n")
}

// Make plans the cluster. The error is Faults.
func Make(c *v1alpha1.Cluster, o Options) (*v1alpha1.ClusterPlan, error) {
	m := &maker{c: c, o: o, p: &v1alpha1.ClusterPlan{
		TypeMeta:          metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.ClusterPlanKind},
		Name:              c.Metadata.Name,
		Provider:          c.Spec.Provider,
		Region:            c.Spec.Region,
		KubernetesVersion: c.Spec.KubernetesVersion,
		Refused:           []v1alpha1.RefusedZone{},
		Pools:             []v1alpha1.PlannedPool{},
		Dependencies:      []v1alpha1.Dependency{},
		Losses:            []v1alpha1.ZoneLoss{},
		Decisions:         []v1alpha1.Decision{},
		Findings:          []v1alpha1.PlanFinding{},
		Versions:          o.Versions,
	}}
	if o.Catalog != nil {
		m.p.Catalog = v1alpha1.CatalogRef{Source: o.Catalog.Source, Date: o.Catalog.Date}
	}
	// Each step reads what the ones before it decided. Without zones nothing
	// else means anything.
	m.zones()
	if len(m.p.Zones) == 0 {
		return nil, m.faults
	}
	for _, step := range []func(){m.network, m.gateways, m.controlPlane, m.pools, m.storage, m.traffic} {
		step()
	}
	if len(m.faults) > 0 {
		return nil, m.faults
	}
	m.dependencies()
	m.losses()
	m.room()
	m.addresses()
	m.timings()
	m.objectives()
	m.order()
	return m.p, nil
}

// subjects in the order in which people read about them.
var subjects = [...]string{"zones", "subnets", "gateways", "control plane", "etcd", "timings", "pools", "storage", "dns", "backup", "objective"}

// order sorts decisions by subject, and findings that break an objective before
// the others; what is equal stays as it was found.
func (m *maker) order() {
	rank := func(subject string) int { return slices.Index(subjects[:], subject) }
	slices.SortStableFunc(m.p.Decisions, func(a, b v1alpha1.Decision) int { return rank(a.Subject) - rank(b.Subject) })
	slices.SortStableFunc(m.p.Findings, func(a, b v1alpha1.PlanFinding) int {
		switch {
		case a.Objective == b.Objective:
			return rank(a.Subject) - rank(b.Subject)
		case a.Objective:
			return -1
		}
		return 1
	})
}

// maker holds a plan while it is made.
type maker struct {
	c      *v1alpha1.Cluster
	o      Options
	p      *v1alpha1.ClusterPlan
	faults Faults
}

func (m *maker) fault(path, hint, format string, args ...any) {
	m.faults = append(m.faults, Fault{Path: path, Hint: hint, Message: fmt.Sprintf(format, args...)})
}

func (m *maker) decide(d v1alpha1.Decision) {
	m.p.Decisions = append(m.p.Decisions, d)
}

func (m *maker) find(f v1alpha1.PlanFinding) {
	m.p.Findings = append(m.p.Findings, f)
}

// zoneObjective reports whether the owner asks that a zone's loss is survived.
func (m *maker) zoneObjective() bool { return m.c.Spec.Objectives.Survive != "node" }

func (m *maker) provider(ps ...v1alpha1.Provider) bool {
	return slices.Contains(ps, m.c.Spec.Provider)
}

// managed reports whether the provider runs the control plane.
func (m *maker) managed() bool {
	return m.provider(v1alpha1.ProviderEKS, v1alpha1.ProviderKapsule, v1alpha1.ProviderACK)
}

// aws reports whether machines and networks are Amazon's.
func (m *maker) aws() bool { return m.provider(v1alpha1.ProviderCAPA, v1alpha1.ProviderEKS) }

// list joins names for people.
func list(names []string) string { return strings.Join(names, ", ") }

// value is what p points at, or the other where it is nil: Decode fills defaults
// in, and a plan made of a hand-written Cluster must not crash.
func value[T any](p *T, other T) T {
	if p == nil {
		return other
	}
	return *p
}
