package plan

import (
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/model"
)

// Component is a program of the control plane.
type Component string

// The components whose flags a plan sets.
const (
	APIServer         Component = "kube-apiserver"
	ControllerManager Component = "kube-controller-manager"
	Scheduler         Component = "kube-scheduler"
)

// Flag is a flag of a component, its name without dashes.
type Flag struct{ Name, Value string }

// Flags are what the plan's timings come to on a component's command line, in the
// order of the flags' meaning; none where all are Kubernetes' defaults. The names
// are those of k8s.io/kubernetes v1.36.3.
func Flags(p *v1alpha1.ClusterPlan, c Component) []Flag {
	t := p.Timings
	if t == nil {
		return nil
	}
	var out []Flag
	add := func(name string, d *metav1.Duration) {
		if d != nil {
			out = append(out, Flag{name, d.Duration.String()})
		}
	}
	if c == APIServer {
		if s := t.DefaultTolerationSeconds; s != nil {
			value := strconv.FormatInt(*s, 10)
			out = append(out, Flag{"default-not-ready-toleration-seconds", value}, Flag{"default-unreachable-toleration-seconds", value})
		}
		return out
	}
	if c == ControllerManager {
		add("node-monitor-grace-period", t.NodeMonitorGracePeriod)
		add("node-monitor-period", t.NodeMonitorPeriod)
		if r := t.NodeEvictionRate; r != nil {
			out = append(out, Flag{"node-eviction-rate", number(*r)})
		}
	}
	if q := t.KubeAPIQPS; q != nil {
		out = append(out, Flag{"kube-api-qps", number(*q)}, Flag{"kube-api-burst", number(*q * model.BurstPerQPS)})
	}
	add("leader-elect-lease-duration", t.LeaderLeaseDuration)
	add("leader-elect-renew-deadline", t.LeaderRenewDeadline)
	add("leader-elect-retry-period", t.LeaderRetryPeriod)
	return out
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// TimingsOf is what a simulation of the plan goes by: the settings of the plan, and
// Kubernetes' default of the requests a second where the control plane is our own.
func TimingsOf(p *v1alpha1.ClusterPlan) v1alpha1.Timings {
	var out v1alpha1.Timings
	if p.Timings != nil {
		out = p.Timings.Timings
	}
	if qps := float64(model.KubeAPIQPS); out.KubeAPIQPS == nil && !p.ControlPlane.Managed {
		out.KubeAPIQPS = &qps
	}
	return out
}

// NodeLeaseSeconds is how long a node's lease is valid; who plays its kubelet renews
// it every quarter of that. 40, Kubernetes' default, unless the plan says otherwise.
func NodeLeaseSeconds(p *v1alpha1.ClusterPlan) int { return int(paceOf(p.Timings).lease) }

// NotReadySeconds is how long a node may miss its heartbeats until it is NotReady.
func NotReadySeconds(p *v1alpha1.ClusterPlan) int { return int(paceOf(p.Timings).grace) }

// TolerationSeconds is for how long pods stay on a node that is NotReady,
// unless they say otherwise.
func TolerationSeconds(p *v1alpha1.ClusterPlan) int { return int(paceOf(p.Timings).toleration) }
