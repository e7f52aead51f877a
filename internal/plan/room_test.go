package plan_test

import (
	"testing"

	"k8s.io/apimachinery/pkg/api/resource"
	"pgregory.net/rapid"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/plan"
)

// TestSmallestHolds: a pool with the bounds that are found smallest carries the load
// through any loss that must be survived, and with a max of one less it does not.
func TestSmallestHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := &v1alpha1.Cluster{Metadata: v1alpha1.ClusterMetadata{Name: "shop"}, Spec: v1alpha1.ClusterSpec{Provider: v1alpha1.ProviderLocal}}
		c.Spec.Zones.Names = zoneNames(rapid.IntRange(2, 5).Draw(t, "zones"))
		c.Spec.Objectives.Survive = rapid.SampledFrom([]string{"zone", "node"}).Draw(t, "survive")
		scope := rapid.SampledFrom([]v1alpha1.PoolScope{v1alpha1.ScopeZonal, v1alpha1.ScopeRegional, v1alpha1.ScopeInstances}).Draw(t, "scope")
		scales := scope != v1alpha1.ScopeInstances && rapid.Bool().Draw(t, "scales")
		load := &plan.Load{
			CPU:    *resource.NewMilliQuantity(rapid.Int64Range(1, 90_000).Draw(t, "cpu"), resource.DecimalSI),
			Memory: *resource.NewQuantity(rapid.Int64Range(1, 200<<30).Draw(t, "memory"), resource.BinarySI),
			Pods:   rapid.IntRange(1, 900).Draw(t, "pods"),
		}
		survivors := func(low, high int) *v1alpha1.PlannedPool {
			if !scales {
				low = high
			}
			c.Spec.NodePools = []v1alpha1.NodePool{{
				Name: "general", Scope: scope, Size: &low, Min: &low, Max: &high, Autoscaling: scales,
				Resources: map[string]resource.Quantity{"cpu": resource.MustParse("4"), "memory": resource.MustParse("16Gi"), "pods": resource.MustParse("30")},
			}}
			p, err := plan.Make(c, plan.Options{Load: load})
			if err != nil {
				t.Fatal(err)
			}
			return &p.Pools[0]
		}
		b := survivors(len(c.Spec.Zones.Names), len(c.Spec.Zones.Names)).Smallest
		if b == nil {
			t.Fatal("no smallest bounds")
		}
		if got := *survivors(b.Min, b.Max).Survivors; got < 1 {
			t.Fatalf("with %d to %d the survivors hold %v", b.Min, b.Max, got)
		}
		if b.Max == 0 {
			t.Fatalf("nothing holds the load")
		}
		if got := *survivors(min(b.Min, b.Max-1), b.Max-1).Survivors; got >= 1 && b.Max-1 >= b.Min {
			t.Fatalf("%d to %d is not the smallest: with one less the survivors hold %v", b.Min, b.Max, got)
		}
	})
}
