package kubesched

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/client-go/tools/events"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/features"
	"k8s.io/kubernetes/pkg/scheduler"
	"k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/backend/cache"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"
	testclock "k8s.io/utils/clock/testing"

	"bulkhead.dev/bulkhead/internal/kubesched/fast"
	"bulkhead.dev/bulkhead/internal/simulate"
)

// Version of Kubernetes whose scheduler runs here.
const Version = "1.36.3"

// Scheduler implements simulate.Scheduler.
type Scheduler struct {
	cfg    *config.KubeSchedulerConfiguration
	engine Engine
	counts counts
}

// Engine is how a scheduling cycle finds its answers. Both give the same.
type Engine string

const (
	// Fast answers from memory where it can (package fast), and checks a sample of
	// the cycles.
	Fast Engine = "fast"
	// Exact asks every plugin about every node in every cycle.
	Exact Engine = "exact"
)

// Options of New.
type Options struct {
	// Configuration is a KubeSchedulerConfiguration (YAML or JSON); nil is the
	// default configuration.
	Configuration []byte
	// Engine is Fast or Exact; "" is Fast.
	Engine Engine
}

var _ simulate.Scheduler = (*Scheduler)(nil)

// New returns a Scheduler. Errors name the part of the configuration that is
// wrong or cannot be simulated.
func New(o Options) (*Scheduler, error) {
	cfg, err := loadConfig(o.Configuration)
	if err != nil {
		return nil, err
	}
	if o.Engine == "" {
		o.Engine = Fast
	}
	return &Scheduler{cfg: cfg, engine: o.Engine}, nil
}

// Engine names the engine, and says of the sessions closed so far how many
// scheduling cycles they had, how many were checked against kube-scheduler's own
// framework, and in how many of them an answer differed.
func (s *Scheduler) Engine() (name Engine, cycles, checks, divergences int) {
	return s.engine, int(s.counts.cycles.Load()), int(s.counts.checks.Load()), int(s.counts.divergences.Load())
}

type counts struct{ cycles, checks, divergences atomic.Int64 }

// SilenceLogs discards what the scheduler's code logs through klog, for the
// whole process; errors reach us as values.
func SilenceLogs() { klog.SetLogger(logr.Discard()) }

// withoutBatching turns opportunistic batching off for the process: the queue
// would sign every pod for it.
var withoutBatching = sync.OnceValue(func() error {
	return utilfeature.DefaultMutableFeatureGate.Set(string(features.OpportunisticBatching) + "=false")
})

// Open implements simulate.Scheduler.
func (s *Scheduler) Open(ctx context.Context) (simulate.Session, error) {
	if err := withoutBatching(); err != nil {
		return nil, fmt.Errorf("turning opportunistic batching off: %w", err)
	}
	ctx, cancel := context.WithCancel(klog.NewContext(ctx, logr.Discard()))
	api := &offlineAPI{}
	client, err := api.client()
	if err != nil {
		cancel()
		return nil, fmt.Errorf("making a client: %w", err)
	}
	se := &session{
		ctx:     ctx,
		cancel:  cancel,
		logger:  klog.FromContext(ctx),
		factory: newInformerFactory(client),
		clock:   testclock.NewFakeClock(time.Unix(0, 0)),
		api:     api,

		counts: &s.counts,

		fast:       map[string]*fast.Profile{},
		priorities: map[int32]int{},
		unfit:      failures{},
	}
	profiles := make([]config.KubeSchedulerProfile, len(s.cfg.Profiles))
	for i, p := range s.cfg.Profiles {
		profiles[i] = withSteadyPreemption(p)
	}
	se.sched, err = scheduler.New(ctx, client, se.factory, nil,
		func(string) events.EventRecorderLogger { return &events.FakeRecorder{} },
		scheduler.WithProfiles(profiles...),
		scheduler.WithParallelism(1),
		scheduler.WithPercentageOfNodesToScore(s.cfg.PercentageOfNodesToScore),
		scheduler.WithPodInitialBackoffSeconds(s.cfg.PodInitialBackoffSeconds),
		scheduler.WithPodMaxBackoffSeconds(s.cfg.PodMaxBackoffSeconds),
		scheduler.WithClock(se.clock),
		scheduler.WithFrameworkOutOfTreeRegistry(frameworkruntime.Registry{
			steadyPreemptionName: newSteadyPreemption(&se.victims, &se.dryRun),
		}),
	)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("making the scheduler: %w", err)
	}
	for _, f := range se.sched.Profiles {
		snapshot, ok := f.SnapshotSharedLister().(*cache.Snapshot)
		if !ok {
			cancel()
			return nil, fmt.Errorf("making the scheduler: snapshot is a %T", f.SnapshotSharedLister())
		}
		se.snapshot = snapshot // profiles share one
	}
	if s.engine == Exact {
		return se, nil
	}
	if err := se.useMemory(s.cfg); err != nil {
		cancel()
		return nil, err
	}
	return se, nil
}

// useMemory makes the profiles' fast twins.
func (s *session) useMemory(cfg *config.KubeSchedulerConfiguration) error {
	s.memory = fast.NewEngine(s.snapshot)
	for i := range cfg.Profiles {
		name := cfg.Profiles[i].SchedulerName
		p, err := s.memory.NewProfile(s.ctx, &cfg.Profiles[i], cfg.PercentageOfNodesToScore, s.sched.Profiles[name], s.sched.SchedulingQueue)
		if err != nil {
			return fmt.Errorf("profile %s: %w", name, err)
		}
		s.fast[name] = p
	}
	return nil
}
