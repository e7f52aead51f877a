package plan_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/plan"
)

// TestWalk: what falls with what, on a control plane of three zones.
func TestWalk(t *testing.T) {
	all := []string{"a", "b", "c"}
	deps := []v1alpha1.Dependency{
		{Name: "etcd a", Group: "etcd", Zones: []string{"a"}, Serves: all, Need: 2, Effect: v1alpha1.EffectAPI},
		{Name: "etcd b", Group: "etcd", Zones: []string{"b"}, Serves: all, Need: 2, Effect: v1alpha1.EffectAPI},
		{Name: "etcd c", Group: "etcd", Zones: []string{"c"}, Serves: all, Need: 2, Effect: v1alpha1.EffectAPI},
		{Name: "api", Group: "api", Serves: all, Need: 1, Effect: v1alpha1.EffectAPI, Requires: []string{"etcd"}},
		{Name: "nat", Group: "nat", Zones: []string{"a"}, Serves: all, Need: 1, Effect: v1alpha1.EffectEgress},
		{Name: "registry", Group: "registry", Serves: all, Need: 1, Effect: v1alpha1.EffectPull, Requires: []string{"nat"}},
		{Name: "mirror", Group: "mirror", Zones: []string{"b", "c"}, Serves: []string{"b"}, Need: 1, Effect: v1alpha1.EffectPull},
	}
	lost := func(effect v1alpha1.DependencyEffect, group string, zones ...string) v1alpha1.LostEffect {
		return v1alpha1.LostEffect{Effect: effect, Group: group, Zones: zones}
	}
	for _, c := range []struct {
		name string
		lost plan.Lost
		want plan.Effects
	}{
		{"nothing", plan.Lost{}, plan.Effects{Down: []string{}, Groups: []string{}, Lost: []v1alpha1.LostEffect{}}},
		{"one voter is spared", plan.Lost{Zones: []string{"c"}}, plan.Effects{
			Down: []string{"etcd c"}, Groups: []string{}, Lost: []v1alpha1.LostEffect{},
		}},
		{"what comes through the NAT falls with it", plan.Lost{Zones: []string{"a"}}, plan.Effects{
			Down: []string{"etcd a", "nat", "registry"}, Groups: []string{"nat", "registry"},
			Lost: []v1alpha1.LostEffect{lost(v1alpha1.EffectEgress, "nat", "b", "c"), lost(v1alpha1.EffectPull, "registry", "b", "c")},
		}},
		{"two zones take the quorum, and the cause is named once", plan.Lost{Zones: []string{"b", "c"}}, plan.Effects{
			Down: []string{"etcd b", "etcd c", "api", "mirror"}, Groups: []string{"etcd", "api", "mirror"},
			Lost: []v1alpha1.LostEffect{lost(v1alpha1.EffectAPI, "etcd", "a")},
		}},
		{"a dependency alone", plan.Lost{Dependencies: []string{"mirror"}}, plan.Effects{
			Down: []string{"mirror"}, Groups: []string{"mirror"}, Lost: []v1alpha1.LostEffect{lost(v1alpha1.EffectPull, "mirror", "b")},
		}},
		{"a zone and a voter elsewhere", plan.Lost{Zones: []string{"c"}, Dependencies: []string{"etcd b"}}, plan.Effects{
			Down: []string{"etcd b", "etcd c", "api"}, Groups: []string{"etcd", "api"},
			Lost: []v1alpha1.LostEffect{lost(v1alpha1.EffectAPI, "etcd", "a", "b")},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := plan.Walk(deps, c.lost)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestDependenciesAlone: every dependency of the examples lost alone, by what it
// takes.
func TestDependenciesAlone(t *testing.T) {
	for file, want := range map[string]map[string][]v1alpha1.DependencyEffect{
		"kubeadm.yaml": {
			"etcd on cp-a": nil, "API server on cp-b": nil, "HAProxy on cp-c": nil,
			"virtual IP 10.10.0.10": {v1alpha1.EffectAPI}, "registries outside": {v1alpha1.EffectPull},
		},
		"capa.yaml": {
			"shop-nat-eu-west-1a": {v1alpha1.EffectNodes, v1alpha1.EffectPull}, "shop-apiserver": {v1alpha1.EffectAPI}, "cloud API": {v1alpha1.EffectScaling},
		},
		"eks.yaml": {
			"shop-nat-eu-west-1a": {v1alpha1.EffectEgress, v1alpha1.EffectPull}, "managed control plane": {v1alpha1.EffectAPI},
		},
		"kapsule.yaml": {
			"DNS ingress.scw.example.com": {v1alpha1.EffectTraffic}, "ingress in fr-par-2": nil, "shop-apiserver": {v1alpha1.EffectAPI},
		},
	} {
		p := makeExample(t, examples+"/"+file)
		for name, effects := range want {
			e := plan.Walk(p.Dependencies, plan.Lost{Dependencies: []string{name}})
			got := []v1alpha1.DependencyEffect(nil)
			for _, l := range e.Lost {
				got = append(got, l.Effect)
			}
			if len(e.Down) == 0 {
				t.Errorf("%s: there is no dependency %q", file, name)
			}
			if diff := cmp.Diff(effects, got); diff != "" {
				t.Errorf("%s, %s lost:\n%s", file, name, diff)
			}
		}
	}
}
