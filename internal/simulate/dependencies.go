package simulate

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/model"
)

// Dependencies is what nodes, the API and traffic of a cluster need beside nodes.
type Dependencies interface {
	// Names lists the dependencies that can be lost alone, sorted.
	Names() []string
	// Consequences returns what the failure takes through dependencies.
	Consequences(f model.Failure) model.Consequences
}

var errNoDependencies = &InputError{"failure dependencies: nothing is known of the cluster's dependencies\nhint: name its spec: --cluster cluster.yaml"}

func (s *simulation) explicitDependency(name string) (model.Failure, error) {
	if s.Dependencies == nil {
		return model.Failure{}, errNoDependencies
	}
	names := s.Dependencies.Names()
	if !slices.Contains(names, name) {
		return model.Failure{}, inputError("there is no dependency %q (dependencies: %s)", name, strings.Join(names, ", "))
	}
	return model.Failure{Name: "dependency-" + name, Dependency: name}, nil
}

// hasAPI reports whether the API answers. Without it nobody notices that nodes are
// lost: endpoints stay, nothing is evicted or replaced.
func (s *scenario) hasAPI() bool { return s.lostAPI().Kind == "" }

func (s *scenario) lostAPI() model.Effect {
	for _, e := range s.failure.Consequences.Effects {
		if e.Kind == model.LosesAPI {
			return e
		}
	}
	return model.Effect{}
}

// lacksImages reports whether the pod's node can neither pull nor already have one
// of its images: no pod that stood there before the failure had it, or it is
// pulled each time.
func (s *scenario) lacksImages(p *pod) bool {
	if !p.fresh {
		return false
	}
	if _, hit := s.failure.Consequences.Hits(model.LosesPull, s.zone(p.node())); !hit {
		return false
	}
	present := map[string]bool{}
	for _, q := range s.byNode[p.node()] {
		if q.fresh {
			continue
		}
		for _, c := range containers(q.obj) {
			present[c.Image] = true
		}
	}
	return slices.ContainsFunc(containers(p.obj), func(c corev1.Container) bool {
		return c.ImagePullPolicy == corev1.PullAlways || !present[c.Image]
	})
}

func containers(p *corev1.Pod) []corev1.Container {
	return append(slices.Clone(p.Spec.InitContainers), p.Spec.Containers...)
}

// dependencyReasons explains what a workload loses through dependencies.
func (s *scenario) dependencyReasons(index int, o *v1alpha1.WorkloadOutcome) []v1alpha1.Reason {
	var out []v1alpha1.Reason
	cut, unpulled := map[string]int{}, map[string]int{}
	for _, p := range s.byOwner[index] {
		switch {
		case p.node() == "":
		case s.cut[p.node()] && !p.fresh:
			cut[s.zone(p.node())]++
		case p.noImage && p.alive():
			unpulled[s.zone(p.node())]++
		}
	}
	if e := s.lostAPI(); e.Kind != "" && o.Lost > 0 {
		out = append(out, v1alpha1.Reason{
			Code: "api-lost", Pods: o.Lost,
			Message: fmt.Sprintf("the API does not answer (%s is down): nobody notices that %s lost, and nothing is replaced", e.Group, countIs(o.Lost, "pod")),
			Remedy:  "an API that stands in more than one zone",
		})
	}
	for _, zone := range sortedKeys(cut) {
		e, _ := s.failure.Consequences.Hits(model.LosesNodes, zone)
		out = append(out, v1alpha1.Reason{
			Code: "nodes-cut-off", Pods: cut[zone],
			Message: fmt.Sprintf("%s in %s run on, but their nodes cannot reach the API (%s is down): NotReady, and no traffic is sent to them", plural(cut[zone], "pod"), zone, e.Group),
			Remedy:  "a way to the API in each zone",
		})
	}
	for _, zone := range sortedKeys(unpulled) {
		e, _ := s.failure.Consequences.Hits(model.LosesPull, zone)
		out = append(out, v1alpha1.Reason{
			Code: "image-not-pulled", Pods: unpulled[zone],
			Message: fmt.Sprintf("%s placed in %s cannot start: nodes there cannot pull images (%s is down), and do not have this one, or are told to pull it each time", plural(unpulled[zone], "replacement"), zone, e.Group),
			Remedy:  "a gateway in each zone · a registry mirror in each zone",
		})
	}
	return out
}

func countIs(n int, noun string) string {
	if n == 1 {
		return "1 " + noun + " is"
	}
	return plural(n, noun) + " are"
}

// leastVerdict is the best that the scenario can be judged: zones that lose the
// API, their way out or their users' traffic are worse off whatever their pods do.
func (s *scenario) leastVerdict() v1alpha1.Verdict {
	for _, e := range s.failure.Consequences.Effects {
		switch e.Kind {
		case model.LosesAPI, model.LosesEgress, model.LosesTraffic:
			return v1alpha1.Degraded
		}
	}
	return v1alpha1.Survives
}

// dependencyLoss reports the consequences; nil where nothing is known of
// dependencies.
func (s *scenario) dependencyLoss() *v1alpha1.DependencyLoss {
	if s.sim.Dependencies == nil {
		return nil
	}
	c := s.failure.Consequences
	out := &v1alpha1.DependencyLoss{Down: append([]string{}, c.Down...), Effects: []v1alpha1.LostEffect{}, ScalingStops: c.ScalingStops}
	for _, e := range c.Effects {
		out.Effects = append(out.Effects, v1alpha1.LostEffect{Effect: v1alpha1.DependencyEffect(e.Kind), Zones: e.Zones, Group: e.Group})
	}
	return out
}
