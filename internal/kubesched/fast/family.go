package fast

import (
	"reflect"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

// family is what is remembered for pods of one controller and one template.
type family struct {
	spread   *viewset // pods that its spread constraints may count
	grouping *grouping
	sums     *sums // the spread views of grouping
	// The pod has no hard, no soft spread constraint.
	noHardSpread, noSoftSpread bool

	anti     *viewset // pods whose required anti-affinity may match it
	incoming *viewset // pods that its required terms may match
	apart    *apart
	prefer   *viewset // pods that a preference, theirs or its own, may bind to it
	// Where none of these views holds a node, InterPodAffinity has nothing to do
	// before Filter, or before Score.
	noAffinity, noPreference bool

	// shares: pods of the family share what plugins prepare; learnt from the first.
	shares              bool
	preFilter, preScore *recall
	vain                *Vain

	node, room, image *facet
	// signed: the plugins that look at one node have a signature of the pod.
	signed bool
	labels map[string]string // keeps the address in the key from being used again
}

// Identity is equal for pods that the scheduler cannot tell apart, but for what
// their status says: of one controller, made from one template.
type Identity struct {
	profile    string
	owner      types.UID
	containers *corev1.Container
	labels     uintptr
	volumes    *corev1.Volume
}

// Identify returns the pod's identity; ok is false for a pod that may be the only
// one of its kind.
func Identify(pod *corev1.Pod) (id Identity, ok bool) {
	owner := metav1.GetControllerOfNoCopy(pod)
	if owner == nil || len(pod.Spec.Containers) == 0 {
		return id, false
	}
	id = Identity{
		profile: pod.Spec.SchedulerName, owner: owner.UID,
		containers: &pod.Spec.Containers[0], labels: reflect.ValueOf(pod.Labels).Pointer(),
	}
	if len(pod.Spec.Volumes) > 0 {
		id.volumes = &pod.Spec.Volumes[0]
	}
	return id, true
}

// familyOf returns the pod's family, made if need be.
func (p *Profile) familyOf(pod *corev1.Pod) (*family, error) {
	e := p.engine
	key, shared := Identify(pod)
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
	fam.shares = fam.signed && p.shares(pod)
	return fam, nil
}
