package capa

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// Seconds that a node may be NotReady or unknown before its machine is replaced,
// and that a new machine has to become a node.
const (
	workerTimeout       = 300
	controlPlaneTimeout = 1800
	startupTimeout      = 1200
)

const controlPlaneHealthComment = `The health check replaces one member that is gone for 30 minutes, and none when
more are. So long, because with one member a zone the loss of a zone looks like the
loss of a machine, and replacing buys nothing then: Cluster API builds in the zone
with the fewest members, which is the lost one (cluster-api#4031), while the member
that was there would have come back with its data.`

// controlPlaneHealth is nil where there is one member: it cannot be replaced, its
// etcd is the only copy.
func controlPlaneHealth(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) *clusterv1.MachineHealthCheck {
	if len(p.ControlPlane.Members) < 3 {
		return nil
	}
	return healthCheck(c, healthOptions{
		Name:     "control-plane",
		Selector: metav1.LabelSelector{MatchLabels: map[string]string{clusterv1.ClusterNameLabel: c.Metadata.Name, clusterv1.MachineControlPlaneLabel: ""}},
		Timeout:  controlPlaneTimeout,
		Most:     1,
	})
}

// poolHealth replaces a pool's unhealthy machines while they are fewer than the
// smallest zone has: more is a zone, and replacing a zone's machines in that zone
// deletes what would have come back (gardener#7690, machine-controller-manager#760:
// remediation meltdown). Checks of one zone each could not tell, since a lost zone
// is all that they see.
func poolHealth(c *v1alpha1.Cluster, pool v1alpha1.PlannedPool) *clusterv1.MachineHealthCheck {
	return healthCheck(c, healthOptions{
		Name:     pool.Name,
		Selector: metav1.LabelSelector{MatchLabels: map[string]string{clusterv1.ClusterNameLabel: c.Metadata.Name, poolLabel: pool.Name}},
		Timeout:  workerTimeout,
		Most:     poolHealthLimit(pool),
	})
}

// poolHealthLimit is one less than the smallest group has at its min, and 1 at
// least: a check that replaces nothing is none.
func poolHealthLimit(pool v1alpha1.PlannedPool) int {
	smallest := 0
	for i, g := range pool.Groups {
		if i == 0 || g.Min < smallest {
			smallest = g.Min
		}
	}
	return max(smallest-1, 1)
}

func poolHealthComment(pool v1alpha1.PlannedPool) string {
	limit := poolHealthLimit(pool)
	text := fmt.Sprintf(`The health check sees the whole pool and replaces machines while at most %d is
unhealthy: more is a zone's loss, and then machines that would come back are left
alone. In the seconds in which a zone's nodes turn unknown one after the other, %d
may go all the same, no more.`, limit, limit)
	for _, g := range pool.Groups {
		if g.Min < 2 {
			return text + `
With fewer than 2 machines a zone, a zone's loss and a machine's look the same: pause
the check (cluster.x-k8s.io/paused) while a zone is known to be down.`
		}
	}
	return text
}

type healthOptions struct {
	Name     string
	Selector metav1.LabelSelector
	// Timeout in seconds for a node that is NotReady or unknown.
	Timeout int32
	// Most machines unhealthy at once; with more, none is replaced.
	Most int
}

func healthCheck(c *v1alpha1.Cluster, o healthOptions) *clusterv1.MachineHealthCheck {
	return &clusterv1.MachineHealthCheck{
		TypeMeta:   typeMeta(coreVersion, "MachineHealthCheck"),
		ObjectMeta: metav1.ObjectMeta{Name: prefixed(c.Metadata.Name, o.Name), Labels: clusterLabels(c.Metadata.Name)},
		Spec: clusterv1.MachineHealthCheckSpec{
			ClusterName: c.Metadata.Name,
			Selector:    o.Selector,
			Checks: clusterv1.MachineHealthCheckChecks{
				NodeStartupTimeoutSeconds: new(int32(startupTimeout)),
				UnhealthyNodeConditions: []clusterv1.UnhealthyNodeCondition{
					{Type: corev1.NodeReady, Status: corev1.ConditionUnknown, TimeoutSeconds: new(o.Timeout)},
					{Type: corev1.NodeReady, Status: corev1.ConditionFalse, TimeoutSeconds: new(o.Timeout)},
				},
			},
			Remediation: clusterv1.MachineHealthCheckRemediation{
				TriggerIf: clusterv1.MachineHealthCheckRemediationTriggerIf{
					UnhealthyLessThanOrEqualTo: new(intstr.FromInt32(int32(o.Most))),
				},
			},
		},
	}
}
