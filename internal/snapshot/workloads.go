package snapshot

import (
	"cmp"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"bulkhead.dev/bulkhead/internal/model"
)

// podMaker is what Admission.Pods returns.
type podMaker = func(owner runtime.Object) (*corev1.Pod, []string, field.ErrorList)

// assembly makes workloads of the accepted objects.
type assembly struct {
	*builder
	makePod podMaker
	pods    *ownedPods
	scalers map[ownerKey]*model.Autoscaler
	class   string // name of the default StorageClass, or ""
	made    []placed[*model.Workload]
}

// snapshot assembles what was kept. Faults may be added.
func (b *builder) snapshot() *model.Snapshot {
	a := &assembly{builder: b, scalers: b.bounds(), class: b.defaultClass()}
	a.makePod = b.admission.Pods(only(b.priorityClasses))
	a.pods = b.living(a.makePod)
	a.deploymentsAndReplicaSets()
	a.others()
	a.jobsAndCronJobs()
	a.barePods()
	a.orphans()
	slices.SortStableFunc(a.made, func(x, y placed[*model.Workload]) int { return cmp.Compare(x.seq, y.seq) })
	return &model.Snapshot{
		Nodes:           only(b.nodes),
		Workloads:       only(a.made),
		Namespaces:      only(b.namespaces),
		Services:        only(b.services),
		Quotas:          only(b.quotas),
		Budgets:         only(b.budgets),
		PriorityClasses: a.classes(),
		StorageClasses:  only(b.storageClasses),
		CSINodes:        only(b.csiNodes),
		Volumes:         only(b.volumes),
		Claims:          a.inputClaims(),
		NotConsidered:   b.notConsidered,
	}
}

// admit makes a stored pod of a pod or workload, or reports why not.
func (b *builder) admit(makePod podMaker, owner runtime.Object, source *object) (*corev1.Pod, bool) {
	pod, warnings, faults := makePod(owner)
	for _, w := range warnings {
		b.warn(source, pathIn(w), w)
	}
	for _, f := range faults {
		b.fault(source, f.Field, describe(f), "")
	}
	if len(faults) > 0 || pod == nil {
		return nil, false
	}
	stripPod(pod)
	return pod, true
}

// start describes a workload before its pods are known.
type start struct {
	kind   string
	meta   metav1.Object
	owner  runtime.Object
	source *object
	seq    int
}

// workload makes a workload with its template and objectives, or reports faults.
func (a *assembly) workload(s start, replicas int, pods []placed[*corev1.Pod]) *model.Workload {
	template, ok := a.template(s, pods)
	if !ok {
		return nil
	}
	w := &model.Workload{
		Ref:        model.Ref{Kind: s.kind, Namespace: s.meta.GetNamespace(), Name: s.meta.GetName()},
		Replicas:   replicas,
		Template:   template,
		Controller: controllerOf(template),
		Pods:       only(pods),
		Source:     fmt.Sprintf("%s:%d", s.source.file, s.source.lineOf("")),
	}
	w.Autoscaler = a.scalers[ownerKey{groupOf[s.kind], s.kind, w.Namespace, w.Name}]
	if w.Autoscaler != nil && len(pods) == 0 && replicas > 0 {
		w.Replicas = min(max(replicas, w.Autoscaler.Min), w.Autoscaler.Max)
	}
	a.objectives(w, s)
	a.made = append(a.made, placed[*model.Workload]{w, s.source, s.seq})
	return w
}

func controllerOf(pod *corev1.Pod) model.Controller {
	ref := metav1.GetControllerOfNoCopy(pod)
	if ref == nil {
		return model.Controller{}
	}
	return model.Controller{APIVersion: ref.APIVersion, Kind: ref.Kind, Name: ref.Name}
}

// template makes the pod of a workload's next replica. A priority class that is
// not in the input is looked up in the pods that run already.
func (a *assembly) template(s start, pods []placed[*corev1.Pod]) (*corev1.Pod, bool) {
	quiet := len(a.warnings)
	template, ok := a.admit(a.makePod, s.owner, s.source)
	if !ok {
		return nil, false
	}
	bare(template)
	for _, p := range pods {
		if p.source.uid != "" && p.object.Spec.Priority != nil && p.object.Spec.PriorityClassName == template.Spec.PriorityClassName {
			template.Spec.Priority = p.object.Spec.Priority
			template.Spec.PreemptionPolicy = p.object.Spec.PreemptionPolicy
			a.warnings = a.warnings[:quiet]
			break
		}
	}
	return template, true
}

// bare takes from a pod what makes it this one and no other.
func bare(p *corev1.Pod) {
	p.Name, p.UID, p.ResourceVersion, p.Generation = "", "", "", 0
	p.CreationTimestamp = metav1.Time{}
	p.Spec.NodeName = ""
	p.Status = corev1.PodStatus{Phase: corev1.PodPending, QOSClass: p.Status.QOSClass}
}

// atMost keeps so many pods, those first in the list, and puts them back into
// the order of the input. More are there while a rollout or a scale-down goes on.
func (a *assembly) atMost(replicas int, pods []placed[*corev1.Pod], s start) []placed[*corev1.Pod] {
	if len(pods) > replicas {
		a.warn(s.source, "", fmt.Sprintf("%d pods exist but %d replicas are wanted; the rest is left out", len(pods), replicas))
		pods = pods[:max(replicas, 0)]
	}
	slices.SortStableFunc(pods, func(x, y placed[*corev1.Pod]) int { return cmp.Compare(x.seq, y.seq) })
	return pods
}

// bounds returns what each autoscaler holds its target within.
func (b *builder) bounds() map[ownerKey]*model.Autoscaler {
	all := map[ownerKey]*model.Autoscaler{}
	for _, h := range b.autoscalers {
		target := h.object.Spec.ScaleTargetRef
		scaler := &model.Autoscaler{Name: h.object.Name, Min: 1, Max: int(h.object.Spec.MaxReplicas)}
		if h.object.Spec.MinReplicas != nil {
			scaler.Min = int(*h.object.Spec.MinReplicas)
		}
		all[ownerKey{groupOf[target.Kind], target.Kind, h.object.Namespace, target.Name}] = scaler
	}
	return all
}

// number is an optional count that defaulting has set.
func number(n *int32) int {
	if n == nil {
		return 0
	}
	return max(int(*n), 0)
}
