package plan_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/plan"
)

// liveNode is a node as a provider brings it.
func liveNode(name, zone string, labels ...string) *corev1.Node {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelTopologyZone: zone}}}
	for i := 0; i < len(labels); i += 2 {
		n.Labels[labels[i]] = labels[i+1]
	}
	return n
}

const memberLabel = "node-role.kubernetes.io/control-plane"

// livePlan has three members and a group of two to four nodes a zone.
func livePlan() *v1alpha1.ClusterPlan {
	p := &v1alpha1.ClusterPlan{Name: "shop", Provider: v1alpha1.ProviderCAPA, KubernetesVersion: "1.36.3", Zones: []string{"a", "b", "c"}}
	p.ControlPlane.Topology = v1alpha1.EtcdStacked
	pool := v1alpha1.PlannedPool{Name: "general", Scope: v1alpha1.ScopeZonal}
	for i, z := range p.Zones {
		p.ControlPlane.Members = append(p.ControlPlane.Members, v1alpha1.PlannedMember{Name: fmt.Sprintf("shop-cp-%d", i+1), Zone: z})
		pool.Groups = append(pool.Groups, v1alpha1.PlannedGroup{Name: "shop-general-" + z, Zones: []string{z}, Size: 2, Min: 2, Max: 4})
	}
	p.ControlPlane.Etcd = p.ControlPlane.Members
	p.Pools = []v1alpha1.PlannedPool{pool}
	return p
}

// liveNodes are what livePlan comes to, under the cloud's own names.
func liveNodes() []*corev1.Node {
	var out []*corev1.Node
	for i, z := range []string{"a", "b", "c"} {
		out = append(out, liveNode(fmt.Sprintf("ip-10-0-0-%d", i), z, memberLabel, ""))
		for j := range 2 {
			out = append(out, liveNode(fmt.Sprintf("ip-10-0-%d-%d", i+1, j), z, "cluster.x-k8s.io/deployment-name", "shop-general-"+z))
		}
	}
	return out
}

func TestFromNodes(t *testing.T) {
	for _, c := range []struct {
		name    string
		change  func(p *v1alpha1.ClusterPlan, nodes []*corev1.Node) []*corev1.Node
		version string
		want    []string // action object of each step
	}{
		{"as planned", func(_ *v1alpha1.ClusterPlan, n []*corev1.Node) []*corev1.Node { return n }, "v1.36.3", nil},
		{"a node is missing", func(_ *v1alpha1.ClusterPlan, n []*corev1.Node) []*corev1.Node { return n[:len(n)-1] }, "v1.36.3",
			[]string{"resize-group shop-general-c"}},
		{"a node is missing, and may be", func(p *v1alpha1.ClusterPlan, n []*corev1.Node) []*corev1.Node {
			p.Pools[0].Autoscaling = true
			p.Pools[0].Groups[2].Min = 1
			return n[:len(n)-1]
		}, "v1.36.3", nil},
		{"nodes without a label of their group", func(_ *v1alpha1.ClusterPlan, nodes []*corev1.Node) []*corev1.Node {
			for _, n := range nodes {
				delete(n.Labels, "cluster.x-k8s.io/deployment-name")
			}
			return nodes
		}, "v1.36.3", nil},
		{"a pool that is not planned", func(_ *v1alpha1.ClusterPlan, n []*corev1.Node) []*corev1.Node {
			return append(n, liveNode("old-1", "a", "eks.amazonaws.com/nodegroup", "old"))
		}, "v1.36.3", []string{"remove-group old"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := livePlan()
			nodes := c.change(p, liveNodes())
			var got []string
			changes := plan.Diff(plan.FromNodes(p, nodes, c.version), p)
			for _, s := range changes.Steps {
				got = append(got, s.Action+" "+s.Object)
			}
			if diff := cmp.Diff(c.want, got); diff != "" || len(changes.Impossible) > 0 {
				t.Errorf("(-want +got):\n%s%v", diff, changes.Impossible)
			}
		})
	}
}

// A member too few in a zone is added there, and an older version is upgraded.
func TestFromNodesMembers(t *testing.T) {
	p := livePlan()
	nodes := liveNodes()[3:] // without zone a
	changes := plan.Diff(plan.FromNodes(p, nodes, "v1.35.1"), p)
	added, upgraded := false, false
	for _, s := range changes.Steps {
		added = added || s.Zone == "a" && s.Object == "shop-cp-1"
		upgraded = upgraded || s.Action == "upgrade-control-plane"
	}
	if !added || !upgraded {
		t.Errorf("added %t, upgraded %t: %+v", added, upgraded, changes.Steps)
	}
}
