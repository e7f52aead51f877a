package kubesched

import (
	"fmt"

	"k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/apis/config/latest"
	"k8s.io/kubernetes/pkg/scheduler/apis/config/scheme"
	"k8s.io/kubernetes/pkg/scheduler/apis/config/validation"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/defaultpreemption"
)

// loadConfig decodes, defaults and validates a KubeSchedulerConfiguration, as
// kube-scheduler --config does; nil bytes give the default configuration. It
// refuses what cannot be simulated: extenders (they are other programs) and
// plugins that are not in the scheduler's tree.
func loadConfig(data []byte) (*config.KubeSchedulerConfiguration, error) {
	if data == nil {
		return latest.Default()
	}
	obj, gvk, err := scheme.Codecs.UniversalDecoder().Decode(data, nil, nil)
	if err != nil {
		return nil, fmt.Errorf("decoding: %w", err)
	}
	cfg, ok := obj.(*config.KubeSchedulerConfiguration)
	if !ok {
		return nil, fmt.Errorf("decoding: kind is %s, want KubeSchedulerConfiguration", gvk.Kind)
	}
	// Conversion leaves it empty and validation wants it.
	cfg.APIVersion = gvk.GroupVersion().String()
	if errs := validation.ValidateKubeSchedulerConfiguration(cfg); errs != nil {
		return nil, fmt.Errorf("validating: %w", errs)
	}
	if len(cfg.Extenders) > 0 {
		return nil, fmt.Errorf("extenders[0] (%s): extenders are other programs and cannot be simulated", cfg.Extenders[0].URLPrefix)
	}
	inTree := plugins.NewInTreeRegistry()
	for i, p := range cfg.Profiles {
		for _, set := range pluginSets(p.Plugins) {
			for _, plugin := range set.Enabled {
				if _, ok := inTree[plugin.Name]; !ok {
					return nil, fmt.Errorf("profiles[%d] (%s): plugin %q is not one of kube-scheduler's own and cannot be simulated", i, p.SchedulerName, plugin.Name)
				}
			}
		}
	}
	return cfg, nil
}

// pluginSets returns every extension point's set of plugins.
func pluginSets(p *config.Plugins) []*config.PluginSet {
	return []*config.PluginSet{
		&p.MultiPoint, &p.PreEnqueue, &p.QueueSort, &p.PreFilter, &p.Filter, &p.PostFilter,
		&p.PreScore, &p.Score, &p.Reserve, &p.Permit, &p.PreBind, &p.Bind, &p.PostBind,
	}
}

// withSteadyPreemption returns a copy of the profile in which
// DefaultPreemption is replaced by steadyPreemption.
func withSteadyPreemption(in config.KubeSchedulerProfile) config.KubeSchedulerProfile {
	p := *in.DeepCopy()
	for _, set := range pluginSets(p.Plugins) {
		for _, list := range [][]config.Plugin{set.Enabled, set.Disabled} {
			for i := range list {
				if list[i].Name == defaultpreemption.Name {
					list[i].Name = steadyPreemptionName
				}
			}
		}
	}
	for i := range p.PluginConfig {
		if p.PluginConfig[i].Name == defaultpreemption.Name {
			p.PluginConfig[i].Name = steadyPreemptionName
		}
	}
	return p
}
