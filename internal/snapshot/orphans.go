package snapshot

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"bulkhead.dev/bulkhead/internal/model"
)

// barePods makes a workload of each pod that nobody replaces, and one of the static
// pods of a name: the kubelets of some nodes keep one each, as of a DaemonSet.
func (a *assembly) barePods() {
	static := map[ownerKey][]placed[*corev1.Pod]{}
	var names []ownerKey
	for _, p := range a.pods.bare {
		name, ok := staticName(p.object)
		if !ok {
			a.barePod(p)
			continue
		}
		key := ownerKey{groupOf[model.KindDaemonSet], model.KindDaemonSet, p.object.Namespace, name}
		if static[key] == nil {
			names = append(names, key)
		}
		static[key] = append(static[key], p)
	}
	for _, key := range names {
		a.staticPods(key, static[key])
	}
}

// staticName returns the name of a static pod in the kubelet's manifest: its mirror
// has the node's name behind it.
func staticName(pod *corev1.Pod) (string, bool) {
	_, mirror := pod.Annotations[corev1.MirrorPodAnnotationKey]
	name, named := strings.CutSuffix(pod.Name, "-"+pod.Spec.NodeName)
	return name, mirror && named && name != ""
}

// staticPods makes a DaemonSet for the nodes that have the pods.
func (a *assembly) staticPods(key ownerKey, pods []placed[*corev1.Pod]) {
	yes := true
	owner := []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: key.kind, Name: key.name, UID: types.UID("static-" + key.namespace + "-" + key.name), Controller: &yes}}
	own := make([]placed[*corev1.Pod], len(pods))
	nodes := &corev1.NodeSelector{}
	for i, p := range pods {
		pod := *p.object
		pod.OwnerReferences = owner
		own[i] = placed[*corev1.Pod]{&pod, p.source, p.seq}
		nodes.NodeSelectorTerms = append(nodes.NodeSelectorTerms, corev1.NodeSelectorTerm{MatchFields: []corev1.NodeSelectorRequirement{
			{Key: metav1.ObjectNameField, Operator: corev1.NodeSelectorOpIn, Values: []string{pod.Spec.NodeName}},
		}})
	}
	w := a.orphansOf(key, own)
	delete(w.Template.Annotations, corev1.MirrorPodAnnotationKey)
	w.Template.Spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: nodes}}
	w.Daemon = daemonOf(key, w.Template, w.Selector)
}

func (a *assembly) barePod(p placed[*corev1.Pod]) {
	template := p.object.DeepCopy()
	bare(template)
	w := &model.Workload{
		Ref:      model.Ref{Kind: model.KindPod, Namespace: p.object.Namespace, Name: p.object.Name},
		Replicas: 1,
		Template: template,
		Pods:     []*corev1.Pod{p.object},
		Source:   fmt.Sprintf("%s:%d", p.source.file, p.source.lineOf("")),
	}
	a.objectives(w, start{meta: p.object, source: p.source})
	a.made = append(a.made, placed[*model.Workload]{w, p.source, p.seq})
}

// orphans makes a workload of the pods of each controller that is not in the
// input itself, as far as they tell: the first stands for the template, their
// count for the replicas. Pods of controllers of other kinds are bare: whether
// anybody replaces them is not known.
func (a *assembly) orphans() {
	for _, key := range a.pods.owners {
		pods := a.pods.byOwner[key]
		if len(pods) == 0 {
			continue
		}
		if group, ok := groupOf[key.kind]; !ok || group != key.group {
			a.warn(pods[0].source, "", fmt.Sprintf("%d pods of %s %s/%s are taken as bare pods, which nobody replaces",
				len(pods), key.kind, key.namespace, key.name))
			for _, p := range pods {
				a.barePod(p)
			}
			continue
		}
		a.orphansOf(key, pods)
	}
}

func (a *assembly) orphansOf(key ownerKey, pods []placed[*corev1.Pod]) *model.Workload {
	template := pods[0].object.DeepCopy()
	bare(template)
	for _, label := range []string{corev1.LabelTopologyZone, corev1.LabelTopologyRegion} {
		delete(template.Labels, label) // of the pod's node, by the admission plugin PodTopologyLabels
	}
	w := &model.Workload{
		Ref:        model.Ref{Kind: key.kind, Namespace: key.namespace, Name: key.name},
		Replicas:   len(pods),
		Template:   template,
		Controller: controllerOf(template),
		Pods:       only(pods),
		Selector:   &metav1.LabelSelector{MatchLabels: maps.Clone(template.Labels)},
		Source:     fmt.Sprintf("%s:%d", pods[0].source.file, pods[0].source.lineOf("")),
	}
	switch key.kind {
	case model.KindJob:
		w.Selector = nil
	case model.KindDaemonSet:
		w.Replicas = 0
		unpin(template)
		w.Daemon = daemonOf(key, template, w.Selector)
	case model.KindStatefulSet:
		for _, label := range []string{appsv1.StatefulSetPodNameLabel, appsv1.PodIndexLabel} {
			delete(template.Labels, label)
			delete(w.Selector.MatchLabels, label)
		}
		w.FirstOrdinal, w.Replicas = ordinals(pods)
		a.claimTemplates(w, pods[0].object)
	}
	a.made = append(a.made, placed[*model.Workload]{w, pods[0].source, pods[0].seq})
	return w
}

// ordinals returns the first ordinal, and the replicas from it to the last.
func ordinals(pods []placed[*corev1.Pod]) (first, replicas int) {
	var all []int
	for _, p := range pods {
		if n, ok := ordinal(p.object.Name); ok {
			all = append(all, n)
		}
	}
	if len(all) != len(pods) {
		return 0, len(pods)
	}
	first = slices.Min(all)
	// A gap is a member that is being replaced; a wide one is a foreign name.
	if replicas = slices.Max(all) - first + 1; replicas > 2*len(pods) {
		return first, len(pods)
	}
	return first, replicas
}

// claimTemplates finds those claims of a StatefulSet's pod that are named for it
// ("data-db-0" of volume "data" in pod db-0), and takes their volumes out of the
// template, as the StatefulSet's own has none. A claim that is not in the input
// is taken for one of the default class.
func (a *assembly) claimTemplates(w *model.Workload, pod *corev1.Pod) {
	w.Template.Spec.Volumes = slices.DeleteFunc(w.Template.Spec.Volumes, func(v corev1.Volume) bool {
		if v.PersistentVolumeClaim == nil || v.PersistentVolumeClaim.ClaimName != v.Name+"-"+pod.Name {
			return false
		}
		claim := &corev1.PersistentVolumeClaim{
			ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace},
			Spec:       corev1.PersistentVolumeClaimSpec{AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}},
		}
		for _, c := range a.claims {
			if c.object.Namespace == pod.Namespace && c.object.Name == v.PersistentVolumeClaim.ClaimName {
				claim = c.object.DeepCopy()
				claim.UID, claim.ResourceVersion, claim.Spec.VolumeName = "", "", ""
			}
		}
		claim.Name = v.Name
		claim.Status = corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimPending}
		w.ClaimTemplates = append(w.ClaimTemplates, a.withClass(claim))
		return true
	})
}

// unpin removes what the DaemonSet controller adds to bind a pod to its node
// (ReplaceDaemonSetPodNodeNameNodeAffinity). Required node affinity that the
// DaemonSet had itself is lost with it.
func unpin(p *corev1.Pod) {
	if p.Spec.Affinity == nil || p.Spec.Affinity.NodeAffinity == nil {
		return
	}
	required := p.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution
	if required == nil {
		return
	}
	for i := range required.NodeSelectorTerms {
		t := &required.NodeSelectorTerms[i]
		t.MatchFields = slices.DeleteFunc(t.MatchFields, func(r corev1.NodeSelectorRequirement) bool {
			return r.Key == metav1.ObjectNameField
		})
	}
	required.NodeSelectorTerms = slices.DeleteFunc(required.NodeSelectorTerms, func(t corev1.NodeSelectorTerm) bool {
		return len(t.MatchFields) == 0 && len(t.MatchExpressions) == 0
	})
	if len(required.NodeSelectorTerms) == 0 {
		p.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution = nil
	}
}

func daemonOf(key ownerKey, template *corev1.Pod, selector *metav1.LabelSelector) *appsv1.DaemonSet {
	return &appsv1.DaemonSet{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: model.KindDaemonSet},
		ObjectMeta: metav1.ObjectMeta{Namespace: key.namespace, Name: key.name, UID: template.OwnerReferences[0].UID},
		Spec: appsv1.DaemonSetSpec{
			Selector: selector,
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: template.Labels, Annotations: template.Annotations},
				Spec:       template.Spec,
			},
		},
	}
}
