//go:build linux

package drill

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func softNode(name, zone string, change ...func(*corev1.Node)) corev1.Node {
	n := corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, UID: "uid-of-node", ResourceVersion: "1", Labels: map[string]string{}, Annotations: map[string]string{}}}
	if zone != "" {
		n.Labels[corev1.LabelTopologyZone] = zone
	}
	for _, c := range change {
		c(&n)
	}
	return n
}

func cordoned(n *corev1.Node) { n.Spec.Unschedulable = true }
func inDrill(n *corev1.Node)  { n.Annotations[DrillAnnotation] = "x until y" }
func fargate(n *corev1.Node)  { n.Labels["eks.amazonaws.com/compute-type"] = "fargate" }

func TestAimSoftly(t *testing.T) {
	all := []corev1.Node{softNode("b2", "b"), softNode("a1", "a"), softNode("b1", "b"), softNode("c1", "c"), softNode("lone", "")}
	with := func(n corev1.Node) []corev1.Node { return append(slices.Clone(all), n) }
	for _, test := range []struct {
		name    string
		nodes   []corev1.Node
		fault   Fault
		zone    string
		node    string
		want    softAim
		refused string
	}{
		{name: "every node of the zone", nodes: all, fault: zonePowerLoss, zone: "b", want: softAim{zone: "b", nodes: []string{"b1", "b2"}}},
		{name: "cordoned in another zone", nodes: with(softNode("a2", "a", cordoned)), fault: zonePowerLoss, zone: "b", want: softAim{zone: "b", nodes: []string{"b1", "b2"}}},
		{name: "the node that is named", nodes: all, fault: nodeLoss, node: "b2", want: softAim{zone: "b", target: "b2", nodes: []string{"b2"}}},
		{name: "a node of no zone", nodes: all, fault: nodeLoss, node: "lone", want: softAim{target: "lone", nodes: []string{"lone"}}},
		{name: "a node that the seed chooses", nodes: all, fault: nodeLoss, zone: "c", want: softAim{zone: "c", target: "c1", nodes: []string{"c1"}}},
		{name: "no such zone", nodes: all, fault: zonePowerLoss, zone: "d", refused: `zone "d" has no nodes: there are a, b, c`},
		{name: "no zones at all", nodes: all[4:], fault: zonePowerLoss, refused: "no node has the label"},
		{name: "two zones", nodes: all, fault: zonePowerLoss, zone: "a/b", refused: "in one zone, not in 2"},
		{name: "no such node", nodes: all, fault: nodeLoss, node: "x", refused: `no node "x"`},
		{name: "node of another zone", nodes: all, fault: nodeLoss, zone: "a", node: "b1", refused: `in zone "b", not in "a"`},
		{name: "somebody works there", nodes: with(softNode("b3", "b", cordoned)), fault: zonePowerLoss, zone: "b", refused: "node b3 of zone b is cordoned already"},
		{name: "somebody works beside the node", nodes: with(softNode("b3", "b", cordoned)), fault: nodeLoss, node: "b1", refused: "node b3 of zone b is cordoned already"},
		{name: "another drill", nodes: with(softNode("a2", "a", inDrill)), fault: zonePowerLoss, zone: "b", refused: "node a2 is in a drill: x until y"},
		{name: "no machines", nodes: with(softNode("b3", "b", fargate)), fault: zonePowerLoss, zone: "b", refused: "node b3 of zone b is no machine"},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := Options{Fault: test.fault, Node: test.node}
			if test.zone != "" {
				o.Zones = strings.Split(test.zone, "/")
			}
			got, err := aimSoftly(test.nodes, o, rand.New(rand.NewPCG(1, 5)))
			if test.refused != "" {
				if refused := (Refused{}); !errors.As(err, &refused) || !strings.Contains(err.Error(), test.refused) {
					t.Fatalf("got %v, want a refusal with %q", err, test.refused)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, *got, cmp.AllowUnexported(softAim{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSoftFaults(t *testing.T) {
	for _, f := range Faults() {
		soft, err := f.Soft()
		refused := Refused{}
		switch f.Name {
		case "zone-power-loss", "node":
			if err != nil || soft.Aim != nil || soft.Zones != 1 {
				t.Errorf("%s: %+v, %v", f.Name, soft, err)
			}
		default:
			if !errors.As(err, &refused) || !strings.Contains(err.Error(), "the Kubernetes API alone cannot make fault "+f.Name) {
				t.Errorf("%s: %v", f.Name, err)
			}
		}
	}
}

func TestChoosePods(t *testing.T) {
	pod := func(name, node, owner string, change ...func(*corev1.Pod)) corev1.Pod {
		p := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}, Spec: corev1.PodSpec{NodeName: node}}
		if owner != "" {
			yes := true
			p.OwnerReferences = []metav1.OwnerReference{{Kind: owner, Name: "owner", Controller: &yes}}
		}
		for _, c := range change {
			c(&p)
		}
		return p
	}
	now := metav1.Now()
	evict, left := choosePods([]corev1.Pod{
		pod("web-2", "b2", "ReplicaSet"), pod("web-1", "b1", "ReplicaSet"), pod("web-3", "a1", "ReplicaSet"), pod("db-0", "b1", "StatefulSet"), pod("task", "b1", "Job"),
		pod("proxy", "b1", "DaemonSet"), pod("pending", "", "ReplicaSet"), pod("bare", "b2", ""),
		pod("etcd-b1", "b1", "Node"),
		pod("api-b1", "b1", "", func(p *corev1.Pod) {
			p.Annotations = map[string]string{corev1.MirrorPodAnnotationKey: "x"}
		}),
		pod("done", "b1", "Job", func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded }),
		pod("going", "b1", "ReplicaSet", func(p *corev1.Pod) { p.DeletionTimestamp = &now }),
	}, []string{"b1", "b2"})
	var names []string
	for _, p := range evict {
		names = append(names, p.Name)
	}
	if diff := cmp.Diff([]string{"db-0", "task", "web-1", "web-2"}, names); diff != "" {
		t.Error(diff)
	}
	want := []leftPod{
		{"shop/api-b1", "b1", leftStatic}, {"shop/bare", "b2", leftUnreplaced}, {"shop/done", "b1", leftEnded},
		{"shop/etcd-b1", "b1", leftStatic}, {"shop/going", "b1", leftEnding}, {"shop/proxy", "b1", leftDaemon},
	}
	if diff := cmp.Diff(want, left, cmp.AllowUnexported(leftPod{})); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"shop/api-b1 and 1 more (" + leftStatic + ")"}, grouped([]leftPod{want[0], want[3]}, 1)); diff != "" {
		t.Error(diff)
	}
}

func TestProviderOf(t *testing.T) {
	id := func(id string) func(*corev1.Node) { return func(n *corev1.Node) { n.Spec.ProviderID = id } }
	kwokNode := func(n *corev1.Node) { n.Annotations["kwok.x-k8s.io/node"] = "fake" }
	for _, test := range []struct {
		want  string
		nodes []corev1.Node
	}{
		{"aws", []corev1.Node{softNode("n", "a", id("aws:///eu-west-1a/i-0abc"))}},
		{"scaleway", []corev1.Node{softNode("n", "a", id("scaleway://instance/fr-par-1/11111111-1111"))}},
		{"alicloud", []corev1.Node{softNode("n", "a", id("cn-hangzhou.i-bp1abc")), softNode("m", "b", id("alicloud://cn-hangzhou.i-bp1abd"))}},
		{"alicloud", []corev1.Node{softNode("n", "a", id("ap-southeast-1.i-t4n"))}},
		{"kwok", []corev1.Node{softNode("n", "a", kwokNode), softNode("m", "a", id("kwok:m"))}},
		{"unknown", []corev1.Node{softNode("n", "a", id("gce://p/z/n"))}},
		{"unknown", []corev1.Node{softNode("n", "a")}},
		{"unknown", []corev1.Node{softNode("n", "a", id("aws:///x/i-1")), softNode("m", "a", id("kwok:m"))}},
		{"unknown", nil},
	} {
		if got := providerOf(test.nodes); got != test.want {
			t.Errorf("%v: got %s, want %s", test.nodes, got, test.want)
		}
	}
}
