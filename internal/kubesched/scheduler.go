package kubesched

import (
	"context"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/tools/events"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/scheduler"
	"k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/backend/cache"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"
	testclock "k8s.io/utils/clock/testing"

	"bulkhead.dev/bulkhead/internal/simulate"
)

// Version of Kubernetes whose scheduler runs here.
const Version = "1.36.3"

// Scheduler implements simulate.Scheduler.
type Scheduler struct {
	cfg *config.KubeSchedulerConfiguration
}

var _ simulate.Scheduler = (*Scheduler)(nil)

// New returns a Scheduler with the profiles of a KubeSchedulerConfiguration
// (YAML or JSON); nil is the default configuration. Errors name the part that
// is wrong or cannot be simulated.
func New(configuration []byte) (*Scheduler, error) {
	cfg, err := loadConfig(configuration)
	if err != nil {
		return nil, err
	}
	return &Scheduler{cfg: cfg}, nil
}

// SilenceLogs discards what the scheduler's code logs through klog, for the
// whole process; errors reach us as values.
func SilenceLogs() { klog.SetLogger(logr.Discard()) }

// Open implements simulate.Scheduler.
func (s *Scheduler) Open(ctx context.Context) (simulate.Session, error) {
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
			steadyPreemptionName: newSteadyPreemption(&se.victims),
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
	return se, nil
}
