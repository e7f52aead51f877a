//go:build linux

package drill

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/kubesched"
	"bulkhead.dev/bulkhead/internal/kubesched/apiserver"
	"bulkhead.dev/bulkhead/internal/local/fabric"
	"bulkhead.dev/bulkhead/internal/local/machine"
	"bulkhead.dev/bulkhead/internal/model"
	"bulkhead.dev/bulkhead/internal/plan"
	"bulkhead.dev/bulkhead/internal/quorum"
	"bulkhead.dev/bulkhead/internal/simulate"
	"bulkhead.dev/bulkhead/internal/snapshot"
)

// What is known of a local cluster beside its flags: how long kwok takes to make a pod
// Ready (the scheduler's and its own writes, and no image), and how long a new
// kube-controller-manager takes from leading to its first look at the nodes (measured
// in drills with the leader lost; the simulation's default is that of a busy machine).
const (
	kwokStart       = time.Second
	controllerStart = time.Second
)

// readTries is how often a cluster is read before its not answering is an error; each
// read asks several times itself.
const readTries = 3

// forecast is what a simulation says of the live cluster.
type forecast struct {
	predicted v1alpha1.DrillPredicted
	snap      *model.Snapshot
	// longest is the largest predicted time to full count, in seconds.
	longest float64
	// refused says why the fault should not be made; empty when it may be.
	refused []string
}

// foresee reads the live cluster and simulates the failure in it; without one only
// the objects are read. Where no timings are given, those count that the flags of the
// cluster's control plane show.
func foresee(ctx context.Context, config *rest.Config, name string, failure *model.FailureSpec, overrides *v1alpha1.Timings, deps simulate.Dependencies, o simulate.Options) (*forecast, error) {
	c, err := snapshot.Collect(ctx, snapshot.CollectOptions{Config: config, Name: name, Now: time.Now()})
	if err != nil {
		return nil, err
	}
	snap, err := snapshot.Read(ctx, snapshot.Options{Base: c}, apiserver.New(apiserver.Options{}))
	if err != nil {
		return nil, err
	}
	out := &forecast{snap: snap}
	out.predicted.APIGapTerms, out.predicted.Timings = []v1alpha1.RecoveryTerm{}, []v1alpha1.Timing{}
	if overrides == nil {
		overrides = &c.Timings
	}
	if o.Timings, err = simulate.DefaultTimings().With(*overrides); err != nil {
		return nil, err
	}
	out.predicted.Timings = o.Timings.List()
	if failure == nil || len(snap.Nodes) == 0 {
		return out, nil
	}
	s, err := kubesched.New(kubesched.Options{})
	if err != nil {
		return nil, err
	}
	o.Failures, o.Parallel, o.Dependencies = []model.FailureSpec{*failure}, runtime.GOMAXPROCS(0), deps
	r, err := simulate.Run(ctx, snap, s, kubesched.Admission{}, o)
	if err != nil {
		return nil, err
	}
	scenario := &r.Scenarios[0]
	out.predicted.Scenario = scenario
	for _, w := range scenario.Workloads {
		if w.RecoverySeconds != nil {
			out.longest = max(out.longest, *w.RecoverySeconds)
		}
		for _, reason := range w.Reasons {
			if reason.Code == "no-room" {
				out.refused = append(out.refused, fmt.Sprintf("room: %d pods of %s %s/%s would find none", reason.Pods, w.Kind, w.Namespace, w.Name))
			}
		}
	}
	return out, nil
}

// foresee simulates what the fault does to the local cluster, with the flags that
// its control plane has, and checks the margin of etcd's quorum.
func (s *site) foresee(ctx context.Context, f Fault, a *aim) (*forecast, error) {
	config, err := s.cluster.Config()
	if err != nil {
		return nil, err
	}
	overrides := plan.TimingsOf(s.cluster.Plan)
	overrides.PodStart = &metav1.Duration{Duration: kwokStart}
	overrides.ControllerStart = &metav1.Duration{Duration: controllerStart}
	o := simulate.Options{ControllerLeader: s.zoneOf(s.leaders.of(controllerManager))}
	if t := s.cluster.Cluster.Spec.Objectives.RecoveryTime; t != nil {
		o.RecoveryTime = t.Seconds()
	}
	// An address that has just been moved cuts the connections that were on it.
	var out *forecast
	for try := 1; ; try++ {
		out, err = foresee(ctx, config, s.cluster.Cluster.Metadata.Name, a.failure, &overrides, plan.DependenciesOf(s.cluster.Plan), o)
		if err == nil || try == readTries || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("predicting %s: %w", f.Name, err)
	}
	if len(a.machines) > 0 {
		objectives := s.cluster.Plan.Objectives
		out.predicted.APIGapSeconds, out.predicted.APIGapTerms = objectives.APIPredictedSeconds, slices.Clone(objectives.APITerms)
		voters := map[string]int{}
		for _, m := range s.layout.Voters() {
			voters[m.Zone]++
		}
		for _, zone := range s.zones {
			if !quorum.Survives(voters, zone) {
				out.refused = append(out.refused, "quorum: without zone "+zone+" etcd has no majority: the API would stop until it is back")
			}
		}
	}
	return out, nil
}

func (s *site) zoneOf(name string) string {
	m, _ := s.machine(name)
	return m.Zone
}

// refuse is the error of a fault that should not be made.
func (f *forecast) refuse() error {
	if len(f.refused) == 0 {
		return nil
	}
	return errors.New(strings.Join(f.refused, "\n") + "\nhint: --force makes the fault all the same")
}

// subjects are the workloads and Services that are watched.
func (f *forecast) subjects() (workloads, services []v1alpha1.DrillSubject) {
	workloads, services = []v1alpha1.DrillSubject{}, []v1alpha1.DrillSubject{}
	minimum := map[string]int{}
	if f.predicted.Scenario != nil {
		for _, w := range f.predicted.Scenario.Workloads {
			minimum[w.Kind+" "+w.Namespace+"/"+w.Name] = w.MinAvailable
		}
	}
	for _, w := range f.snap.Workloads {
		if w.Kind == model.KindJob || w.Kind == model.KindCronJob || w.Replicas == 0 {
			continue // what ends by itself is at full count never
		}
		subject := v1alpha1.DrillSubject{
			WorkloadRef: v1alpha1.WorkloadRef{Kind: w.Kind, Namespace: w.Namespace, Name: w.Name},
			Replicas:    w.Replicas, MinAvailable: minimum[w.Kind+" "+w.Namespace+"/"+w.Name],
		}
		if o := w.RecoveryTime; o != nil {
			if subject.WaitsForZone = o.WithZone; !o.WithZone {
				subject.RecoverySeconds = &o.Seconds
			}
		}
		workloads = append(workloads, subject)
	}
	for _, x := range f.snap.Services {
		// The API server's own, and those that keep endpoints that are not ready.
		if x.Namespace == metav1.NamespaceDefault && x.Name == "kubernetes" || x.Spec.PublishNotReadyAddresses {
			continue
		}
		services = append(services, v1alpha1.DrillSubject{WorkloadRef: v1alpha1.WorkloadRef{Kind: "Service", Namespace: x.Namespace, Name: x.Name}})
	}
	return workloads, services
}

// flags reads the commands of the control plane's static pods: what the prediction
// stands on, and no secret.
func (s *site) flags() (map[string][]string, error) {
	out := map[string][]string{}
	first := s.layout.ControlPlane()[0].Name
	for _, name := range []string{"kube-apiserver", controllerManager, scheduler} {
		var files []machine.File
		if err := s.fabric.Call("Fabric.Read", fabric.ReadRequest{Machine: first, Do: []string{"/etc/kubernetes/manifests/" + name + ".yaml"}}, &files); err != nil {
			return nil, fmt.Errorf("reading the flags of %s: %w", name, err)
		}
		for line := range strings.Lines(string(files[0].Data)) {
			if flag := strings.TrimPrefix(strings.TrimSpace(line), "- "); strings.HasPrefix(flag, "--") {
				out[name] = append(out[name], flag)
			}
		}
	}
	return out, nil
}
