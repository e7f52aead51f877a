package snapshot

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Pseudonyms are what Anonymize put in the place of what, by original.
type Pseudonyms struct {
	Names, Namespaces, LabelKeys, LabelValues, Images, UIDs map[string]string
}

// Anonymize returns the cluster with pseudonyms for names, namespaces, label keys
// and values, images and UIDs. The same original has the same pseudonym
// everywhere, so that every selector, owner and claim finds what it found before;
// what Kubernetes itself defines stays. Pseudonyms are numbers in the order of the
// originals, which so cannot be guessed from them, and sort as they did, which
// breaks ties where names decide. The same cluster gives the same pseudonyms.
func (c *Cluster) Anonymize(ctx context.Context) (*Cluster, *Pseudonyms, error) {
	found := newOriginals()
	for _, o := range c.objects {
		if err := found.object(o.Object); err != nil {
			return nil, nil, err
		}
	}
	found.members()
	for _, ns := range c.Namespaces {
		found.namespaces[ns] = true
	}
	names := found.pseudonyms()
	out := &Cluster{Name: c.Name, ClusterSnapshot: c.ClusterSnapshot, objects: make([]clusterObject, len(c.objects)), others: c.others}
	out.Anonymized, out.Namespaces = true, slices.Clone(c.Namespaces)
	for i, ns := range out.Namespaces {
		out.Namespaces[i] = names.namespace(ns)
	}
	byGVK := kindsByGVK()
	var shared sharing
	wrong := make([]error, len(c.objects))
	err := parallel(ctx, len(c.objects), func(i int) {
		obj := c.objects[i].DeepCopyObject()
		rename(obj, names)
		out.objects[i].line = c.objects[i].line
		out.objects[i].Object, wrong[i] = shared.again(byGVK[obj.GetObjectKind().GroupVersionKind()], obj)
	})
	if err := errors.Join(append(wrong, err)...); err != nil {
		return nil, nil, err
	}
	return out, &names.Pseudonyms, nil
}

// derived says how a name is made of others, which controllers and the scheduler
// rely on.
type derived struct {
	// base is the beginning: the name of the owner, or of the volume.
	base string
	// ordinal of a StatefulSet's pod, or "".
	ordinal string
	// hash is a label's value, or "".
	hash string
	// second is another name at the end, or "".
	second string
}

// originals collects what is to be replaced.
type originals struct {
	names, namespaces, keys, values, zones, regions, images, uids, nodes, sets map[string]bool
	// compared are the label keys whose values are compared as numbers.
	compared map[string]bool
	derived  map[string]derived
	// templates of StatefulSets' claims, by "template-set".
	templates map[string]derived
}

func newOriginals() *originals {
	o := &originals{compared: map[string]bool{}, derived: map[string]derived{}, templates: map[string]derived{}}
	for _, pool := range []*map[string]bool{&o.names, &o.namespaces, &o.keys, &o.values, &o.zones, &o.regions, &o.images, &o.uids, &o.nodes, &o.sets} {
		*pool = map[string]bool{}
	}
	return o
}

// object collects what stands in an object. Renaming to the same changes nothing.
func (o *originals) object(obj runtime.Object) error {
	m, err := meta.Accessor(obj)
	if err != nil {
		return err
	}
	rename(obj, o)
	if ref := metav1.GetControllerOfNoCopy(m); ref != nil {
		o.owned(obj, m, ref)
	}
	switch x := obj.(type) {
	case *corev1.Node:
		o.nodes[x.Name] = true
	case *corev1.Pod:
		if base, ok := staticName(x); ok {
			o.derive(x.Name, derived{base: base, second: x.Spec.NodeName})
		}
		for _, v := range x.Spec.Volumes {
			if v.Ephemeral != nil {
				o.derive(x.Name+"-"+v.Name, derived{base: x.Name, second: v.Name})
			}
			if p := v.PersistentVolumeClaim; p != nil && p.ClaimName == v.Name+"-"+x.Name {
				o.derive(p.ClaimName, derived{base: v.Name, second: x.Name})
			}
		}
	case *appsv1.StatefulSet:
		o.sets[x.Name] = true
		for _, t := range x.Spec.VolumeClaimTemplates {
			o.templates[t.Name+"-"+x.Name] = derived{base: t.Name, second: x.Name}
		}
	}
	return nil
}

// owned finds out how the name of an object is made of its controller's.
func (o *originals) owned(obj runtime.Object, m metav1.Object, ref *metav1.OwnerReference) {
	hash := m.GetLabels()[appsv1.DefaultDeploymentUniqueLabelKey]
	if _, pod := obj.(*corev1.Pod); pod && ref.Kind == "ReplicaSet" && hash != "" {
		// Its Deployment is found by this name when the ReplicaSet could not be read.
		if base, ok := strings.CutSuffix(ref.Name, "-"+hash); ok && base != "" {
			o.derive(ref.Name, derived{base: base, hash: hash})
		}
	}
	suffix, ok := strings.CutPrefix(m.GetName(), ref.Name+"-")
	if !ok {
		return
	}
	d := derived{base: ref.Name}
	if _, set := obj.(*appsv1.ReplicaSet); set && suffix == hash {
		d.hash = hash
	}
	if n, isNumber := ordinal(m.GetName()); ref.Kind == "StatefulSet" && isNumber && n >= 0 {
		d.ordinal = suffix
	}
	o.derive(m.GetName(), d)
}

// members finds the names of StatefulSets' pods and claims, also of those that do
// not exist: a Service may select one by its name, a volume be kept for one.
func (o *originals) members() {
	for _, name := range slices.Sorted(maps.Keys(o.names)) {
		if _, ok := ordinal(name); !ok {
			continue
		}
		i := strings.LastIndexByte(name, '-')
		if t, ok := o.templates[name[:i]]; ok {
			member := t.second + name[i:]
			o.derive(member, derived{base: t.second, ordinal: name[i+1:]})
			o.derive(name, derived{base: t.base, second: member})
		}
		if o.sets[name[:i]] {
			o.derive(name, derived{base: name[:i], ordinal: name[i+1:]})
		}
	}
}

// derive keeps the first rule for a name. All parts become names.
func (o *originals) derive(name string, d derived) {
	if _, ok := o.derived[name]; ok {
		return
	}
	o.derived[name] = d
	o.names[name], o.names[d.base] = true, true
	if d.second != "" {
		o.names[d.second] = true
	}
	if d.hash != "" {
		o.values[d.hash] = true
	}
}

// pseudonyms gives everything that was found its number.
func (o *originals) pseudonyms() *pseudonyms {
	p := &pseudonyms{compared: o.compared}
	for name := range o.names {
		if keptName(name) {
			delete(o.derived, name)
		}
	}
	var plain, nodes []string
	children := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(o.names)) {
		d, isDerived := o.derived[name]
		switch {
		case isDerived && d.ordinal == "" && d.hash == "" && d.second == "":
			children[d.base] = append(children[d.base], name)
		case isDerived:
		case o.nodes[name]:
			nodes = append(nodes, name)
		default:
			plain = append(plain, name)
		}
	}
	p.Names = ranked("name-", plain, keptName)
	maps.Copy(p.Names, ranked("node-", nodes, keptName))
	p.Namespaces = ranked("ns-", slices.Sorted(maps.Keys(o.namespaces)), keptNamespace)
	p.LabelKeys = rankedKeys(slices.Sorted(maps.Keys(o.keys)))
	for place := range o.zones {
		delete(o.values, place)
	}
	for place := range o.regions {
		delete(o.values, place)
	}
	p.LabelValues = ranked("value-", slices.Sorted(maps.Keys(o.values)), keptValue)
	maps.Copy(p.LabelValues, ranked("region-", slices.Sorted(maps.Keys(o.regions)), keptValue))
	maps.Copy(p.LabelValues, ranked("zone-", slices.Sorted(maps.Keys(o.zones)), keptValue))
	p.Images = ranked("image-", slices.Sorted(maps.Keys(o.images)), keptValue)
	for original, pseudonym := range p.Images {
		p.Images[original] = tagged(pseudonym)
	}
	p.UIDs = ranked("uid-", slices.Sorted(maps.Keys(o.uids)), keptValue)
	p.derive(o.derived, children)
	return p
}
