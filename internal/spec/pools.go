package spec

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// poolResources are what a pool can say that a node has.
var poolResources = []string{"cpu", "memory", "pods", "ephemeral-storage"}

// largestVolume is the largest root disk, in GB: AWS's gp3 and Alibaba's ESSD end
// at 64 TiB, which no node needs; below it a slip of the hand is found.
const largestVolume = 16384

func (v *validator) pools(pools []v1alpha1.NodePool) {
	at := func(i int) string { return fmt.Sprintf("spec.nodePools[%d]", i) }
	var names []string
	for i := range pools {
		p := &pools[i]
		names = append(names, p.Name)
		v.poolName(at(i)+".name", p)
		v.scope(at(i)+".scope", p.Scope)
		v.machines(at(i), p)
		v.zoneList(at(i)+".zones", p.Zones)
		v.sizes(at(i), p)
		v.labels(at(i)+".labels", p.Labels)
		v.taints(at(i)+".taints", p.Taints)
		if !v.known {
			continue
		}
		const making = "nobody makes or replaces its machines"
		if p.Autoscaling && !v.cloud {
			v.lacks(at(i)+".autoscaling", making)
		}
		if p.Autohealing && !v.cloud {
			v.lacks(at(i)+".autohealing", making)
		}
		if p.RootVolumeGB != 0 && !v.cloud {
			v.lacks(at(i)+".rootVolumeGB", making)
		}
		v.between(at(i)+".rootVolumeGB", &p.RootVolumeGB, 0, largestVolume)
	}
	v.distinct(names, func(i int) string { return at(i) + ".name" })
}

// poolName checks a name, and the names of groups that are made of it.
func (v *validator) poolName(path string, p *v1alpha1.NodePool) {
	v.name(path, p.Name)
	longest := ""
	for _, z := range v.cluster.Spec.Zones.Names {
		if len(z) > len(longest) {
			longest = z
		}
	}
	group := strings.Join([]string{v.cluster.Metadata.Name, p.Name, longest}, "-")
	if !v.taken["metadata.name"] && len(group) > longestLabel {
		v.fault(path, "take a shorter name", "makes groups like %s, which has %d characters: want at most %d", group, len(group), longestLabel)
	}
}

func (v *validator) scope(path string, scope v1alpha1.PoolScope) {
	if !v.known || slices.Contains(v.scopes, scope) {
		return
	}
	why := map[v1alpha1.Provider]string{
		v1alpha1.ProviderKubeadm: "its machines stand in no group",
		v1alpha1.ProviderKapsule: "a pool stands in one zone",
		v1alpha1.ProviderACK:     "nodes stand in a node pool",
	}[v.cluster.Spec.Provider]
	var can []string
	for _, s := range v.scopes {
		can = append(can, string(s))
	}
	v.fault(path, "scope: "+listed(can, "or"), "%s", "is "+string(scope)+", which provider "+string(v.cluster.Spec.Provider)+" lacks: "+why)
}

// machines checks what a pool's nodes are.
func (v *validator) machines(path string, p *v1alpha1.NodePool) {
	switch {
	case !v.known:
	case v.cloud && p.MachineType == "":
		v.fault(path+".machineType", "for example machineType: "+v.exampleMachine, "is missing: provider %s makes the machines", v.cluster.Spec.Provider)
	case !v.cloud && p.MachineType != "":
		v.fault(path+".machineType", `resources: {cpu: "8", memory: 32Gi} says what a machine has`, "%s", lacks(v.cluster.Spec.Provider, "it makes no machines"))
	default:
		v.machineType(path+".machineType", p.MachineType)
	}
	names := make([]string, 0, len(p.Resources))
	for name := range p.Resources {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		at := fmt.Sprintf("%s.resources[%s]", path, name)
		q := p.Resources[name]
		switch {
		case !slices.Contains(poolResources, name):
			v.fault(at, didYouMean(name, poolResources), "is not a resource that counts here: want %s", listed(poolResources, "or"))
		case q.Sign() <= 0:
			v.fault(at, "", "is %s: want more than zero", q.String())
		case name == "pods" && q.MilliValue()%1000 != 0:
			v.fault(at, "", "is %s: want a whole number", q.String())
		}
	}
	for i, name := range poolResources[:2] {
		other := poolResources[1-i]
		if has(p.Resources, other) && !has(p.Resources, name) && !v.taken[fmt.Sprintf("%s.resources[%s]", path, name)] {
			v.fault(path+".resources", "", "has %s, but no %s: a node needs both", other, name)
		}
	}
}

func has(resources map[string]resource.Quantity, name string) bool {
	_, ok := resources[name]
	return ok
}

func (v *validator) sizes(path string, p *v1alpha1.NodePool) {
	v.between(path+".size", p.Size, 0, mostNodes)
	v.between(path+".min", p.Min, 0, mostNodes)
	v.between(path+".max", p.Max, 1, mostNodes)
	if v.taken[path+".size"] || v.taken[path+".min"] || v.taken[path+".max"] {
		return
	}
	if *p.Min > *p.Max {
		v.fault(path+".min", "", "is %d, above max %d%s", *p.Min, *p.Max, v.unlessGiven(path+".max"))
		return
	}
	if *p.Size < *p.Min {
		v.fault(path+".size", "", "is %d%s, below min %d", *p.Size, v.unlessGiven(path+".size"), *p.Min)
	}
	if *p.Size > *p.Max {
		v.fault(path+".size", "", "is %d%s, above max %d", *p.Size, v.unlessGiven(path+".size"), *p.Max)
	}
}

// kubeletLabels are the prefixes in Kubernetes' own domains under which a kubelet
// may label its node; the node's zone, hostname and type are set by others
// (k8s.io/kubelet pkg/apis/well_known_labels.go).
var kubeletLabels = []string{"kubelet.kubernetes.io", "node.kubernetes.io"}

func (v *validator) labels(path string, labels map[string]string) {
	keys := make([]string, 0, len(labels))
	for key := range labels {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		at := fmt.Sprintf("%s[%s]", path, join("", key))
		v.label(at, key, labels[key])
		prefix, name, ok := strings.Cut(key, "/")
		own := ok && (under(prefix, "kubernetes.io") || under(prefix, "k8s.io"))
		allowed := slices.ContainsFunc(kubeletLabels, func(p string) bool { return under(prefix, p) }) && name != "instance-type"
		if own && !allowed {
			v.fault(at, "take a prefix of your own, for example shop.example/"+name, "is a label that Kubernetes or the provider sets, not the owner")
		}
	}
}

func under(domain, parent string) bool {
	return domain == parent || strings.HasSuffix(domain, "."+parent)
}

// label checks a key and its value.
func (c *checker) label(path, key, value string) {
	if len(validation.IsQualifiedName(key)) > 0 {
		c.fault(path, "", "is not a label's key: want letters, digits, -, _ and ., at most %d, perhaps after a DNS name and /", longestLabel)
	}
	if len(validation.IsValidLabelValue(value)) > 0 {
		c.fault(path, "", "is %s: want at most %d letters, digits, -, _ and ., a letter or digit at both ends", shown(value), longestLabel)
	}
}

func (v *validator) taints(path string, taints []v1alpha1.PoolTaint) {
	at := func(i int) string { return fmt.Sprintf("%s[%d]", path, i) }
	var all []string
	for i, t := range taints {
		all = append(all, t.Key+":"+t.Effect)
		if t.Key == "" {
			continue
		}
		if len(validation.IsQualifiedName(t.Key)) > 0 {
			v.fault(at(i)+".key", "", "is %s: want letters, digits, -, _ and ., at most %d, perhaps after a DNS name and /", shown(t.Key), longestLabel)
		}
		if len(validation.IsValidLabelValue(t.Value)) > 0 {
			v.fault(at(i)+".value", "", "is %s: want at most %d letters, digits, -, _ and ., a letter or digit at both ends", shown(t.Value), longestLabel)
		}
	}
	v.distinct(all, at)
}
