package fast

import (
	"reflect"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

// family is what is remembered for pods of one controller and one template.
type family struct {
	spread   *viewset // pods that its spread constraints may count
	grouping *grouping
	// sums are the spread views of grouping; summed says of which state.
	sums   []fwk.NodeInfo
	summed [2]int

	anti     *viewset // pods whose required anti-affinity may match it
	incoming *viewset // pods that its required terms may match
	prefer   *viewset // pods that a preference, theirs or its own, may bind to it

	node, room, image *facet
	// signed: the plugins that look at one node have a signature of the pod.
	signed bool
	labels map[string]string // keeps the address in the key from being used again
}

// familyKey is equal for pods of one controller made from one template.
type familyKey struct {
	profile    string
	owner      types.UID
	containers *corev1.Container
	labels     uintptr
	volumes    *corev1.Volume
}

// keyOf returns the pod's key; ok is false for a pod that is the only one of its
// kind.
func keyOf(pod *corev1.Pod) (k familyKey, ok bool) {
	owner := metav1.GetControllerOfNoCopy(pod)
	if owner == nil || len(pod.Spec.Containers) == 0 {
		return k, false
	}
	k = familyKey{
		profile: pod.Spec.SchedulerName, owner: owner.UID,
		containers: &pod.Spec.Containers[0], labels: reflect.ValueOf(pod.Labels).Pointer(),
	}
	if len(pod.Spec.Volumes) > 0 {
		k.volumes = &pod.Spec.Volumes[0]
	}
	return k, true
}

// familyOf returns the pod's family, made if need be.
func (p *Profile) familyOf(pod *corev1.Pod) (*family, error) {
	e := p.engine
	key, shared := keyOf(pod)
	if shared {
		if known, ok := e.families[key]; ok {
			return known, nil
		}
	}
	if len(e.groups.viewsets) >= maxViewsets || len(e.facets)*len(e.nodes) >= maxVerdicts {
		e.forget()
	}
	fam, err := p.newFamily(pod)
	if err != nil {
		return nil, err
	}
	if shared {
		e.families[key] = fam
	}
	return fam, nil
}

// Bounds of what is remembered, where pods of very many kinds come and go.
const (
	maxViewsets = 1 << 15
	maxVerdicts = 1 << 24 // of 16 bytes and more
)

// forget drops all families.
func (e *Engine) forget() {
	clear(e.families)
	clear(e.facets)
	e.groups.viewsets = nil
	for _, g := range e.groups.byContent {
		g.watchers = nil
	}
}

func (p *Profile) newFamily(pod *corev1.Pod) (*family, error) {
	info, err := framework.NewPodInfo(pod)
	if err != nil {
		return nil, err
	}
	fam := &family{labels: pod.Labels}
	if err := p.addSpread(fam, pod); err != nil {
		return nil, err
	}
	p.addAffinity(fam, info)
	p.addFacets(fam, pod)
	return fam, nil
}
