package simulate

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	storagehelpers "k8s.io/component-helpers/storage/volume"

	"bulkhead.dev/bulkhead/internal/model"
)

func (c *cluster) setClaim(claim *corev1.PersistentVolumeClaim) error {
	key := claim.Namespace + "/" + claim.Name
	if _, ok := c.claims[key]; !ok {
		c.claimSeq = append(c.claimSeq, key)
	}
	c.claims[key] = claim
	return c.session.Set(claim)
}

func (c *cluster) setVolume(v *corev1.PersistentVolume) error {
	if _, ok := c.volumes[v.Name]; !ok {
		c.volSeq = append(c.volSeq, v.Name)
	}
	c.volumes[v.Name] = v
	return c.session.Set(v)
}

// available returns the volume as the volume controller leaves it: Available when
// it is new and no claim is bound to it (pkg/controller/volume/persistentvolume
// /pv_controller.go, syncVolume). Only such volumes match a claim.
func available(v *corev1.PersistentVolume) *corev1.PersistentVolume {
	bound := v.Spec.ClaimRef != nil && v.Spec.ClaimRef.UID != ""
	if bound || v.Status.Phase != "" && v.Status.Phase != corev1.VolumePending {
		return v
	}
	v = v.DeepCopy()
	v.Status.Phase = corev1.VolumeAvailable
	return v
}

// addClaim adds a claim that may be bound already. An unbound claim of a class
// with Immediate binding gets its volume now, without regard to pods; one of a
// class that is not in the input is taken as zonal and WaitForFirstConsumer.
func (c *cluster) addClaim(claim *corev1.PersistentVolumeClaim) error {
	if claim.UID == "" {
		claim = claim.DeepCopy()
		claim.UID = types.UID("claim-" + claim.Namespace + "-" + claim.Name)
	}
	if err := c.setClaim(claim); err != nil {
		return err
	}
	if claim.Spec.VolumeName != "" {
		if _, ok := c.volumes[claim.Spec.VolumeName]; !ok {
			c.assumed[fmt.Sprintf("volume %s of claim %s/%s is not in the input: it is taken as reaching every node", claim.Spec.VolumeName, claim.Namespace, claim.Name)] = true
			return c.bind(claim, newVolume(claim, &storagev1.StorageClass{}, model.ScopeRegion, nil))
		}
		return c.markBound(claim)
	}
	class, err := c.class(claim)
	if err != nil || class == nil {
		return err
	}
	if class.VolumeBindingMode != nil && *class.VolumeBindingMode == storagev1.VolumeBindingImmediate {
		if v := c.matchStatic(claim, nil); v != nil {
			return c.bind(claim, v)
		}
		if class.Provisioner != noProvisioner {
			return c.provisionImmediate(claim, class)
		}
	}
	return nil
}

// defaultClass stands for the cluster's default class, which is not in the input.
const defaultClass = "assumed-default"

const noProvisioner = "kubernetes.io/no-provisioner"

// class returns the claim's StorageClass, made up if the input lacks it; nil
// for a claim without one.
func (c *cluster) class(claim *corev1.PersistentVolumeClaim) (*storagev1.StorageClass, error) {
	name := storagehelpers.GetPersistentVolumeClaimClass(claim)
	if class, ok := c.sim.classes[name]; ok {
		return class, nil
	}
	if name == "" && claim.Spec.StorageClassName != nil {
		return nil, nil // "" asks for a volume without a class
	}
	// Without a class and a default class in the input, the cluster's own
	// default class decides; we do not know it.
	what := "storage class " + name
	if name == "" {
		name = defaultClass
		named := claim.DeepCopy()
		named.Spec.StorageClassName = &name
		if err := c.setClaim(named); err != nil {
			return nil, err
		}
	}
	if name == defaultClass {
		what = "the cluster's default storage class"
	}
	reach := "are taken as zonal"
	if slices.Contains(c.sim.RegionalClasses, name) {
		reach = "reach every zone, as --regional-storage-class says"
	}
	c.assumed[what+" is not in the input: its volumes "+reach+", bound when their first pod is placed"] = true
	wait := storagev1.VolumeBindingWaitForFirstConsumer
	class := &storagev1.StorageClass{
		ObjectMeta:        metav1.ObjectMeta{Name: name},
		Provisioner:       "assumed.bulkhead.dev/zonal",
		VolumeBindingMode: &wait,
	}
	return class, c.session.Set(class)
}

// scope returns how far volumes of the class reach.
func (c *cluster) scope(class *storagev1.StorageClass) model.Scope {
	if slices.Contains(c.sim.RegionalClasses, class.Name) {
		return model.ScopeRegion
	}
	scope, _, known := model.ProvisionerScope(class.Provisioner, class.Parameters)
	if !known {
		if !strings.HasPrefix(class.Provisioner, "assumed.bulkhead.dev/") {
			c.assumed[fmt.Sprintf("provisioner %s (class %s) is not known: its volumes are taken as zonal", class.Provisioner, class.Name)] = true
		}
		return model.ScopeZone
	}
	twoZones := class.Provisioner == "pd.csi.storage.gke.io" || class.Provisioner == "kubernetes.io/gce-pd"
	if scope == model.ScopeRegion && twoZones && len(class.AllowedTopologies) == 0 {
		c.assumed["regional disks of class "+class.Name+" reach two zones, which its allowedTopologies would name: they are taken as reaching every zone"] = true
	}
	return scope
}

// provision binds the claims of a pod that was just placed: to a free volume
// that fits, by the scheduler's own matching function, else to a new one where
// the pod is.
func (c *cluster) provision(p *pod) error {
	node := c.nodes[p.node()]
	for _, claim := range c.claimsOf(p.obj) {
		if claim.Spec.VolumeName != "" {
			continue
		}
		class, err := c.class(claim)
		if err != nil {
			return err
		}
		if v := c.matchStatic(claim, node); v != nil {
			if err := c.bind(claim, v); err != nil {
				return err
			}
			continue
		}
		if class == nil || class.Provisioner == noProvisioner {
			continue
		}
		claim = c.claims[claim.Namespace+"/"+claim.Name]
		if err := c.bind(claim, newVolume(claim, class, c.scope(class), node)); err != nil {
			return err
		}
	}
	return nil
}

// claimsOf returns the claims that the pod mounts and that exist.
func (c *cluster) claimsOf(pod *corev1.Pod) []*corev1.PersistentVolumeClaim {
	var out []*corev1.PersistentVolumeClaim
	for _, v := range pod.Spec.Volumes {
		name := ""
		switch {
		case v.PersistentVolumeClaim != nil:
			name = v.PersistentVolumeClaim.ClaimName
		case v.Ephemeral != nil:
			name = pod.Name + "-" + v.Name
		}
		if claim, ok := c.claims[pod.Namespace+"/"+name]; ok && name != "" {
			out = append(out, claim)
		}
	}
	return out
}

// matchStatic returns a free volume for the claim, reachable from the node if
// one is given, or nil.
func (c *cluster) matchStatic(claim *corev1.PersistentVolumeClaim, node *corev1.Node) *corev1.PersistentVolume {
	var free []*corev1.PersistentVolume
	for _, name := range c.volSeq {
		if v := c.volumes[name]; v.Spec.ClaimRef == nil || isClaimRef(v.Spec.ClaimRef, claim) {
			free = append(free, v)
		}
	}
	v, err := storagehelpers.FindMatchingVolume(claim, free, node, nil, node != nil, true)
	if err != nil {
		return nil // a selector that does not parse matches nothing
	}
	return v
}

func isClaimRef(ref *corev1.ObjectReference, claim *corev1.PersistentVolumeClaim) bool {
	return ref.Namespace == claim.Namespace && ref.Name == claim.Name
}

// provisionImmediate makes a volume without regard to pods, in the zone that
// the CSI external-provisioner would choose: the zones in order, starting at a
// hash of the claim's name, shifted by a StatefulSet's ordinal
// (external-provisioner pkg/controller/topology.go, getPVCNameHashAndIndexOffset).
func (c *cluster) provisionImmediate(claim *corev1.PersistentVolumeClaim, class *storagev1.StorageClass) error {
	var candidates []*corev1.Node
	seen := map[string]bool{}
	for _, name := range slices.Sorted(slices.Values(c.nodeNames)) {
		n := c.nodes[name]
		zone := model.ZoneOf(n)
		if seen[zone] || !allowsTopology(class, n) {
			continue
		}
		seen[zone] = true
		candidates = append(candidates, n)
	}
	if len(candidates) == 0 {
		return nil
	}
	slices.SortStableFunc(candidates, func(a, b *corev1.Node) int { return strings.Compare(model.ZoneOf(a), model.ZoneOf(b)) })
	node := candidates[claimIndex(claim.Name)%uint32(len(candidates))]
	return c.bind(claim, newVolume(claim, class, c.scope(class), node))
}

// claimIndex is where in the list of zones a claim's volume goes: a hash of its
// name. Of names that end in -NUMBER, as a StatefulSet's claims do, only the last
// word before the number is hashed and the number is added, so that all claims
// of a member fall into one zone and its members into one zone after the other.
func claimIndex(name string) uint32 {
	ordinal := uint64(0)
	if i := strings.LastIndexByte(name, '-'); i >= 0 {
		if n, err := strconv.ParseUint(name[i+1:], 10, 32); err == nil {
			ordinal, name = n, name[:i]
			name = name[strings.LastIndexByte(name, '-')+1:]
		}
	}
	h := fnv.New32()
	h.Write([]byte(name))
	return h.Sum32() + uint32(ordinal)
}

// allowsTopology reports whether the class lets volumes stand where the node is.
func allowsTopology(class *storagev1.StorageClass, n *corev1.Node) bool {
	if len(class.AllowedTopologies) == 0 {
		return true
	}
	for _, t := range class.AllowedTopologies {
		ok := true
		for _, e := range t.MatchLabelExpressions {
			value := n.Labels[e.Key]
			if _, has := n.Labels[e.Key]; !has && strings.HasSuffix(e.Key, "/zone") {
				value = model.ZoneOf(n) // a provider's own zone key
			}
			ok = ok && slices.Contains(e.Values, value)
		}
		if ok {
			return true
		}
	}
	return false
}

// newVolume returns a volume of the class for the claim that reaches as far as
// the scope from the node: at most the zones that the class allows.
func newVolume(claim *corev1.PersistentVolumeClaim, class *storagev1.StorageClass, scope model.Scope, node *corev1.Node) *corev1.PersistentVolume {
	v := &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: "pvc-" + claim.Namespace + "-" + claim.Name, UID: "pv-" + claim.UID},
		Spec: corev1.PersistentVolumeSpec{
			Capacity:         claim.Spec.Resources.Requests,
			AccessModes:      claim.Spec.AccessModes,
			StorageClassName: storagehelpers.GetPersistentVolumeClaimClass(claim),
			VolumeMode:       claim.Spec.VolumeMode,
			PersistentVolumeSource: corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{
				Driver: class.Provisioner, VolumeHandle: claim.Namespace + "/" + claim.Name,
			}},
		},
	}
	if claim.Spec.VolumeName != "" {
		v.Name = claim.Spec.VolumeName
	}
	key, values := reach(class, scope, node)
	if len(values) > 0 {
		v.Spec.NodeAffinity = &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
			MatchExpressions: []corev1.NodeSelectorRequirement{{Key: key, Operator: corev1.NodeSelectorOpIn, Values: values}},
		}}}}
	}
	return v
}

// reach returns the node label, and its values, that nodes must have to mount a
// volume of the class that was made for the node; no values for every node.
func reach(class *storagev1.StorageClass, scope model.Scope, node *corev1.Node) (key string, values []string) {
	if node == nil {
		return "", nil
	}
	switch scope {
	case model.ScopeNode:
		return corev1.LabelHostname, []string{node.Labels[corev1.LabelHostname]}
	case model.ScopeZone:
		key = corev1.LabelTopologyZone
		if _, ok := node.Labels[key]; !ok {
			key = corev1.LabelFailureDomainBetaZone
		}
		if zone := model.ZoneOf(node); zone != "" {
			return key, []string{zone}
		}
	case model.ScopeRegion:
		for _, t := range class.AllowedTopologies {
			for _, e := range t.MatchLabelExpressions {
				if strings.HasSuffix(e.Key, "/zone") {
					values = append(values, e.Values...)
				}
			}
		}
		return corev1.LabelTopologyZone, values
	}
	return "", nil
}

// bind binds claim and volume to each other.
func (c *cluster) bind(claim *corev1.PersistentVolumeClaim, v *corev1.PersistentVolume) error {
	bound := v.DeepCopy()
	bound.Spec.ClaimRef = &corev1.ObjectReference{Kind: "PersistentVolumeClaim", Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID}
	bound.Status.Phase = corev1.VolumeBound
	if err := c.setVolume(bound); err != nil {
		return err
	}
	current := c.claims[claim.Namespace+"/"+claim.Name].DeepCopy()
	current.Spec.VolumeName = v.Name
	return c.markBound(current)
}

// markBound stores the claim as bound.
func (c *cluster) markBound(claim *corev1.PersistentVolumeClaim) error {
	claim = claim.DeepCopy()
	if claim.Annotations == nil {
		claim.Annotations = map[string]string{}
	}
	claim.Annotations[storagehelpers.AnnBindCompleted] = "yes"
	claim.Status.Phase = corev1.ClaimBound
	return c.setClaim(claim)
}

// volumeScope returns how far the claim's volume reaches, and the value of the
// zone or node that it is bound to.
func (c *cluster) volumeScope(claim *corev1.PersistentVolumeClaim) (model.Scope, []string) {
	v, ok := c.volumes[claim.Spec.VolumeName]
	if !ok {
		return model.ScopeRegion, nil
	}
	for _, key := range []string{corev1.LabelTopologyZone, corev1.LabelFailureDomainBetaZone} {
		if zone, ok := v.Labels[key]; ok {
			return model.ScopeZone, strings.Split(zone, "__")
		}
	}
	if v.Spec.NodeAffinity == nil || v.Spec.NodeAffinity.Required == nil {
		if v.Spec.HostPath != nil || v.Spec.Local != nil {
			return model.ScopeNode, nil
		}
		return model.ScopeRegion, nil
	}
	scope, values := model.ScopeRegion, []string(nil)
	for _, t := range v.Spec.NodeAffinity.Required.NodeSelectorTerms {
		for _, e := range t.MatchExpressions {
			switch {
			case e.Key == corev1.LabelHostname:
				return model.ScopeNode, e.Values
			case strings.HasSuffix(e.Key, "/zone"):
				scope = model.ScopeZone
				values = append(values, e.Values...)
			}
		}
	}
	return scope, values
}

// attaches reports whether the volume of the claim is attached to one node at a
// time, so that another node must wait until it is detached.
func (c *cluster) attaches(claim *corev1.PersistentVolumeClaim) bool {
	v, ok := c.volumes[claim.Spec.VolumeName]
	if !ok || v.Spec.NFS != nil {
		return false
	}
	if v.Spec.CSI != nil && model.SharedFileSystem(v.Spec.CSI.Driver) {
		return false
	}
	for _, m := range v.Spec.AccessModes {
		if m == corev1.ReadWriteMany || m == corev1.ReadOnlyMany {
			return false
		}
	}
	return true
}
