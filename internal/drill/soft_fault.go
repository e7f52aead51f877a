//go:build linux

package drill

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"bulkhead.dev/bulkhead/internal/local/kwok"
)

// softFaults are those that the Kubernetes API alone can make in any cluster, and
// what they are then.
var softFaults = map[string]string{
	zonePowerLoss.Name: "every node of the zone is cordoned, then every pod on them evicted; the nodes run on",
	nodeLoss.Name:      "one node is cordoned, then every pod on it evicted; the node runs on",
}

// Soft returns the fault as the Kubernetes API alone makes it, and refuses the others.
func (f Fault) Soft() (Fault, error) {
	what, ok := softFaults[f.Name]
	if !ok {
		names := slices.Sorted(maps.Keys(softFaults))
		return Fault{}, Refused{fmt.Errorf("--soft: the Kubernetes API alone cannot make fault %s: it can cordon nodes and evict pods (%s)\nhint: without --soft it is made in a local cluster", f.Name, strings.Join(names, ", "))}
	}
	return Fault{Name: f.Name, What: what, Zones: 1, Gap: softGap}, nil
}

// softGap is how long writes may stop in a drill that does not touch the API, in
// seconds: a new connection over a slow line takes as long.
const softGap = 2.0

// softAim is what a soft drill empties.
type softAim struct {
	zone string
	// target is the node, for fault node.
	target string
	nodes  []string // sorted
}

// aimSoftly chooses the nodes: those of a zone, or one of them.
//
//	no node has a zone, or not the one named       | refused
//	a node carries the mark of a drill             | refused: that one is under way, or crashed
//	a node of the zone is cordoned                 | refused: somebody works there
//	a node that is emptied is no machine           | refused: cordoning it says nothing of the zone
func aimSoftly(nodes []corev1.Node, o Options, random *rand.Rand) (*softAim, error) {
	refuse := func(format string, args ...any) (*softAim, error) {
		return nil, Refused{fmt.Errorf(format, args...)}
	}
	byZone := map[string][]string{}
	byName := map[string]*corev1.Node{}
	for i := range nodes {
		n := &nodes[i]
		byName[n.Name] = n
		if value, ok := n.Annotations[DrillAnnotation]; ok {
			return refuse("node %s is in a drill: %s\nhint: if that does not run any more, bulkhead drill heal --soft takes it back", n.Name, value)
		}
		if zone := n.Labels[corev1.LabelTopologyZone]; zone != "" {
			byZone[zone] = append(byZone[zone], n.Name)
		}
	}
	zones := slices.Sorted(maps.Keys(byZone))
	for _, names := range byZone {
		slices.Sort(names)
	}
	a := &softAim{}
	switch {
	case len(zones) == 0:
		return refuse("no node has the label %s", corev1.LabelTopologyZone)
	case len(o.Zones) > 1:
		return refuse("a soft drill is in one zone, not in %d", len(o.Zones))
	case o.Node != "":
		n, ok := byName[o.Node]
		if !ok {
			return refuse("there is no node %q", o.Node)
		}
		a.zone = n.Labels[corev1.LabelTopologyZone]
		if len(o.Zones) == 1 && o.Zones[0] != a.zone {
			return refuse("node %s is in zone %q, not in %q", o.Node, a.zone, o.Zones[0])
		}
	case len(o.Zones) == 1:
		if a.zone = o.Zones[0]; len(byZone[a.zone]) == 0 {
			return refuse("zone %q has no nodes: there are %s", a.zone, strings.Join(zones, ", "))
		}
	default:
		a.zone = zones[random.IntN(len(zones))]
	}
	there := byZone[a.zone]
	a.nodes = there
	if o.Fault.Name == nodeLoss.Name {
		if a.target = o.Node; a.target == "" {
			a.target = there[random.IntN(len(there))]
		}
		a.nodes = []string{a.target}
	}
	for _, name := range slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(there), a.nodes...)))) {
		if byName[name].Spec.Unschedulable {
			return refuse("node %s of zone %s is cordoned already: somebody works there", name, a.zone)
		}
	}
	for _, name := range a.nodes {
		if why := virtual(byName[name]); why != "" {
			return refuse("node %s of zone %s is no machine (%s): a pod that is replaced gets a new one, in whatever zone; cordoning it does not empty the zone", name, a.zone, why)
		}
	}
	return a, nil
}

// virtual says by which label or taint a node is known to be none of a zone's
// machines: EKS Fargate's, or a virtual kubelet's (ACK's ECI).
func virtual(n *corev1.Node) string {
	for _, l := range [][2]string{{"eks.amazonaws.com/compute-type", "fargate"}, {"type", "virtual-kubelet"}} {
		if n.Labels[l[0]] == l[1] {
			return l[0] + "=" + l[1]
		}
	}
	for _, t := range n.Spec.Taints {
		if t.Key == "virtual-kubelet.io/provider" {
			return t.Key
		}
	}
	return ""
}

// alicloud's provider IDs are REGION.INSTANCE
// (k8s.io/cloud-provider-alibaba-cloud, pkg/controller/node).
var alicloud = regexp.MustCompile(`^(alicloud://)?[a-z]{2}-[a-z0-9-]+\.i-`)

// providerOf tells who runs the machines, by the nodes' provider IDs: unknown when it
// is nobody that is known here, or several.
func providerOf(nodes []corev1.Node) string {
	seen := map[string]bool{}
	for i := range nodes {
		seen[provider(&nodes[i])] = true
	}
	if len(seen) == 1 {
		for p := range seen {
			return p
		}
	}
	return "unknown"
}

func provider(n *corev1.Node) string {
	id := n.Spec.ProviderID
	for prefix, name := range map[string]string{"aws://": "aws", "scaleway://": "scaleway", "kwok:": "kwok"} {
		if strings.HasPrefix(id, prefix) {
			return name
		}
	}
	switch {
	case alicloud.MatchString(id):
		return "alicloud"
	case id == "" && n.Annotations[kwok.Annotation] == kwok.Fake:
		return "kwok"
	}
	return "unknown"
}

// leftPod is a pod that is not evicted, and why.
type leftPod struct {
	name, node string // name is namespace/name
	why        string
}

// Reasons to leave a pod where it is.
const (
	leftStatic     = "static: its kubelet alone runs it"
	leftDaemon     = "of a DaemonSet: it belongs to the node"
	leftEnded      = "it has ended"
	leftEnding     = "it is ending already"
	leftUnreplaced = "it has no controller: nobody would replace it"
)

// choosePods tells the pods on the nodes that are to be evicted, and those that are
// left; both sorted by namespace and name.
func choosePods(pods []corev1.Pod, nodes []string) (evict []corev1.Pod, left []leftPod) {
	on := map[string]bool{}
	for _, n := range nodes {
		on[n] = true
	}
	for i := range pods {
		p := &pods[i]
		if !on[p.Spec.NodeName] {
			continue
		}
		if why := stays(p); why != "" {
			left = append(left, leftPod{p.Namespace + "/" + p.Name, p.Spec.NodeName, why})
			continue
		}
		evict = append(evict, *p)
	}
	slices.SortFunc(evict, func(a, b corev1.Pod) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	slices.SortFunc(left, func(a, b leftPod) int { return cmp.Compare(a.name, b.name) })
	return evict, left
}

// stays says why a pod is not evicted; "" when it is. kubectl drain
// (k8s.io/kubectl/pkg/drain/filters.go) leaves the same, or asks for --force.
func stays(p *corev1.Pod) string {
	owner := metav1.GetControllerOfNoCopy(p)
	_, mirror := p.Annotations[corev1.MirrorPodAnnotationKey]
	switch {
	case mirror, owner != nil && owner.Kind == "Node":
		return leftStatic
	case owner != nil && owner.Kind == "DaemonSet":
		return leftDaemon
	case p.Status.Phase == corev1.PodSucceeded, p.Status.Phase == corev1.PodFailed:
		return leftEnded
	case p.DeletionTimestamp != nil:
		return leftEnding
	case owner == nil:
		return leftUnreplaced
	}
	return ""
}

// emptyDirs counts the pods whose emptyDir volumes are lost with them.
func emptyDirs(pods []corev1.Pod) int {
	n := 0
	for i := range pods {
		if slices.ContainsFunc(pods[i].Spec.Volumes, func(v corev1.Volume) bool { return v.EmptyDir != nil }) {
			n++
		}
	}
	return n
}
