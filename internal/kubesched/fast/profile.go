package fast

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/interpodaffinity"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/names"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/podtopologyspread"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"
	"k8s.io/utils/ptr"
)

// Profile is a scheduler profile whose Filter and Score answers come from memory
// where they can.
type Profile struct {
	name   string
	own    framework.Framework // the scheduler's
	engine *Engine
	ctx    context.Context

	// views is a framework with the same plugins, of which PodTopologySpread and
	// InterPodAffinity see views of the nodes.
	views   framework.Framework
	plugins map[string]fwk.Plugin // of views, by name

	filters []string       // in the profile's order
	weights map[string]int // of the Score plugins
	scorers []string       // in the profile's order
	ranks   map[string]rank
	// remembered are Score plugins that are answered for from memory or views.
	remembered map[string]bool
	percentage int32 // of nodes to score; 0 adapts to their number
	// defaultSpread is the constraints of pods that have none.
	defaultSpread []corev1.TopologySpreadConstraint

	preFilters, preScores []string // in the profile's order
	// preFiltering and preScoring are what is asked even if the rest is recalled.
	preFiltering, preScoring [2]preparer
	recallable               bool // both extension points

	// Reused from cycle to cycle.
	scores       fwk.NodeScoreList
	totals       []int64
	ranking      []ranked
	stand, found []fwk.NodeInfo
	failed       []rejection
	known        []int32 // nodes of which memory knows that they fail
	cycle                // the current one
}

// NewProfile returns the fast twin of the scheduler's framework of a profile.
// percentage is the configuration's percentageOfNodesToScore, for profiles that
// have none of their own.
func (e *Engine) NewProfile(ctx context.Context, profile *config.KubeSchedulerProfile, percentage *int32, own framework.Framework, nominator fwk.PodNominator) (*Profile, error) {
	p := &Profile{
		name: profile.SchedulerName, own: own, engine: e, ctx: ctx,
		plugins: map[string]fwk.Plugin{}, weights: map[string]int{}, ranks: map[string]rank{}, remembered: map[string]bool{},
		percentage:    ptr.Deref(profile.PercentageOfNodesToScore, ptr.Deref(percentage, 0)),
		defaultSpread: defaultSpread(profile),
	}
	registry := frameworkruntime.Registry{}
	for name, factory := range plugins.NewInTreeRegistry() {
		registry[name] = p.capture(name, factory)
	}
	cfg := profile.DeepCopy()
	withoutPreemption(cfg)
	var err error
	p.views, err = frameworkruntime.NewFramework(ctx, registry, cfg,
		frameworkruntime.WithClientSet(own.ClientSet()),
		frameworkruntime.WithInformerFactory(own.SharedInformerFactory()),
		frameworkruntime.WithSnapshotSharedLister(own.SnapshotSharedLister()),
		frameworkruntime.WithSharedDRAManager(own.SharedDRAManager()),
		frameworkruntime.WithSharedCSIManager(own.SharedCSIManager()),
		frameworkruntime.WithPodGroupManager(own.PodGroupManager()),
		frameworkruntime.WithEventRecorder(own.EventRecorder()),
		frameworkruntime.WithPodNominator(nominator),
		frameworkruntime.WithParallelism(1),
	)
	if err != nil {
		return nil, fmt.Errorf("making the plugins: %w", err)
	}
	all := p.views.ListPlugins()
	for _, pl := range all.Filter.Enabled {
		p.filters = append(p.filters, pl.Name)
		p.ranks[pl.Name] = rankOf(pl.Name)
	}
	for _, pl := range all.PreFilter.Enabled {
		p.preFilters = append(p.preFilters, pl.Name)
	}
	for _, pl := range all.PreScore.Enabled {
		p.preScores = append(p.preScores, pl.Name)
	}
	p.preFiltering, p.preScoring = p.preparers(p.preFilters), p.preparers(p.preScores)
	p.recallable = recallable(p.preFilters) && recallable(p.preScores)
	for _, pl := range all.Score.Enabled {
		p.scorers = append(p.scorers, pl.Name)
		p.weights[pl.Name] = int(pl.Weight)
		p.remembered[pl.Name] = rankOf(pl.Name) != byOther || slices.Contains(imagePlugins, pl.Name)
	}
	return p, nil
}

// capture wraps a plugin's factory to keep the plugin, and to give those two
// that look at pods on other nodes their views.
func (p *Profile) capture(name string, factory frameworkruntime.PluginFactory) frameworkruntime.PluginFactory {
	return func(ctx context.Context, args runtime.Object, h fwk.Handle) (fwk.Plugin, error) {
		l := &lister{SharedLister: h.SnapshotSharedLister()}
		switch name {
		case names.PodTopologySpread:
			l.list = func() []fwk.NodeInfo { return p.family.spreadSums() }
			h = &handle{h, l}
		case names.InterPodAffinity:
			l.list = func() []fwk.NodeInfo { return p.family.prefer.current() }
			l.affinity = l.list
			l.anti = func() []fwk.NodeInfo { return p.family.anti.current() }
			h = &handle{h, l}
		}
		plugin, err := factory(ctx, args, h)
		if err != nil {
			return nil, err
		}
		switch pl := plugin.(type) {
		case *podtopologyspread.PodTopologySpread:
			plugin = &spreadPlugin{pl, p}
		case *interpodaffinity.InterPodAffinity:
			plugin = &affinityPlugin{pl, p}
		}
		p.plugins[name] = plugin
		return plugin, nil
	}
}

// withoutPreemption takes PostFilter plugins out of the profile: the scheduler's
// own framework runs them.
func withoutPreemption(p *config.KubeSchedulerProfile) {
	p.Plugins.PostFilter = config.PluginSet{Disabled: []config.Plugin{{Name: "*"}}}
	p.Plugins.MultiPoint.Enabled = slices.DeleteFunc(p.Plugins.MultiPoint.Enabled, func(pl config.Plugin) bool {
		return pl.Name == names.DefaultPreemption
	})
}

// rank is the place of a Filter plugin in the order in which judge asks.
type rank int

const (
	byNode rank = iota
	byRoom
	byOther // not remembered: volumes, resource claims
	bySpread
	byAffinity
)

func rankOf(name string) rank {
	switch {
	case slices.Contains(nodePlugins, name):
		return byNode
	case slices.Contains(roomPlugins, name):
		return byRoom
	case name == names.PodTopologySpread:
		return bySpread
	case name == names.InterPodAffinity:
		return byAffinity
	}
	return byOther
}
