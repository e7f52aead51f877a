package snapshot

import (
	"math"
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"bulkhead.dev/bulkhead/internal/model"
)

// deploymentsAndReplicaSets gives each Deployment the pods of all its
// ReplicaSets. A ReplicaSet of a Deployment in the input is no workload of its
// own, and neither is one that is scaled to nothing.
func (a *assembly) deploymentsAndReplicaSets() {
	present := map[ownerKey]bool{}
	for _, r := range a.replicaSets {
		present[ownerKey{"apps", model.KindReplicaSet, r.object.Namespace, r.object.Name}] = true
	}
	deployments := map[ownerKey]*object{}
	for _, d := range a.deployments {
		deployments[ownerKey{"apps", model.KindDeployment, d.object.Namespace, d.object.Name}] = d.source
	}
	sets := map[ownerKey][]placed[*appsv1.ReplicaSet]{}
	for _, r := range a.replicaSets {
		key, ref := controllerKey(r.object)
		if ref != nil && deployments[key] != nil && sameIncarnation(deployments[key], ref) {
			sets[key] = append(sets[key], r)
			continue
		}
		pods := a.pods.take(model.KindReplicaSet, r.object.Namespace, r.object.Name, r.source)
		replicas := number(r.object.Spec.Replicas)
		if replicas == 0 {
			continue
		}
		s := start{model.KindReplicaSet, r.object, r.object, r.source, r.seq}
		if w := a.workload(s, replicas, a.atMost(replicas, pods, s)); w != nil {
			w.Selector = r.object.Spec.Selector
		}
	}
	for _, d := range a.deployments {
		a.deployment(d, sets[ownerKey{"apps", model.KindDeployment, d.object.Namespace, d.object.Name}], present)
	}
}

func (a *assembly) deployment(d placed[*appsv1.Deployment], sets []placed[*appsv1.ReplicaSet], present map[ownerKey]bool) {
	s := start{model.KindDeployment, d.object, d.object, d.source, d.seq}
	newest := newestSet(d.object, sets)
	var pods []placed[*corev1.Pod]
	for _, r := range sets {
		own := a.pods.take(model.KindReplicaSet, r.object.Namespace, r.object.Name, r.source)
		if r.object == newest {
			own = append(own, pods...)
			pods = own
		} else {
			pods = append(pods, own...)
		}
	}
	if len(sets) == 0 {
		pods = a.pods.takeOrphansOf(d.object.Namespace, d.object.Name, present)
		newest = setOf(d.object, pods)
	}
	if newest != nil {
		s.owner = newest
	}
	replicas := number(d.object.Spec.Replicas)
	w := a.workload(s, replicas, a.atMost(replicas, pods, s))
	if w == nil {
		return
	}
	w.Selector = d.object.Spec.Selector.DeepCopy()
	if hash := w.Template.Labels[appsv1.DefaultDeploymentUniqueLabelKey]; w.Selector != nil && hash != "" {
		if w.Selector.MatchLabels == nil {
			w.Selector.MatchLabels = map[string]string{}
		}
		w.Selector.MatchLabels[appsv1.DefaultDeploymentUniqueLabelKey] = hash
	}
}

// newestSet finds the ReplicaSet of the Deployment's template: the oldest whose
// template differs in the hash label at most (FindNewReplicaSet, k8s.io/kubernetes
// pkg/controller/deployment/util). Of several that are alike once what may be
// secret is gone, it is the one of the Deployment's revision. Nil when the
// controller has not made it yet.
func newestSet(d *appsv1.Deployment, sets []placed[*appsv1.ReplicaSet]) *appsv1.ReplicaSet {
	var found *appsv1.ReplicaSet
	want := withoutHash(&d.Spec.Template)
	for _, r := range sets {
		if !equality.Semantic.DeepEqual(want, withoutHash(&r.object.Spec.Template)) {
			continue
		}
		if revision := d.Annotations[revisionAnnotation]; revision != "" && r.object.Annotations[revisionAnnotation] == revision {
			return r.object
		}
		if found == nil || r.object.CreationTimestamp.Before(&found.CreationTimestamp) {
			found = r.object
		}
	}
	return found
}

func withoutHash(t *corev1.PodTemplateSpec) *corev1.PodTemplateSpec {
	t = t.DeepCopy()
	delete(t.Labels, appsv1.DefaultDeploymentUniqueLabelKey)
	return t
}

// setOf is the ReplicaSet that the pods of a Deployment name as their owner, when
// only they are in the input: new pods then carry the same hash as those.
func setOf(d *appsv1.Deployment, pods []placed[*corev1.Pod]) *appsv1.ReplicaSet {
	if len(pods) == 0 {
		return nil
	}
	_, ref := controllerKey(pods[0].object)
	r := &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: d.Namespace, Name: ref.Name, UID: ref.UID},
		Spec:       appsv1.ReplicaSetSpec{Selector: d.Spec.Selector, Template: *d.Spec.Template.DeepCopy()},
	}
	if r.Spec.Template.Labels == nil {
		r.Spec.Template.Labels = map[string]string{}
	}
	r.Spec.Template.Labels[appsv1.DefaultDeploymentUniqueLabelKey] = pods[0].object.Labels[appsv1.DefaultDeploymentUniqueLabelKey]
	return r
}

// others makes workloads of the kinds that keep their pods themselves.
func (a *assembly) others() {
	for _, c := range a.controllers {
		pods := a.pods.take(model.KindReplicationController, c.object.Namespace, c.object.Name, c.source)
		replicas := number(c.object.Spec.Replicas)
		if replicas == 0 && len(pods) == 0 || c.object.Spec.Template == nil {
			continue
		}
		s := start{model.KindReplicationController, c.object, c.object, c.source, c.seq}
		if w := a.workload(s, replicas, a.atMost(replicas, pods, s)); w != nil {
			w.Selector = &metav1.LabelSelector{MatchLabels: c.object.Spec.Selector}
		}
	}
	for _, d := range a.daemonSets {
		pods := a.pods.take(model.KindDaemonSet, d.object.Namespace, d.object.Name, d.source)
		s := start{model.KindDaemonSet, d.object, d.object, d.source, d.seq}
		if w := a.workload(s, 0, pods); w != nil {
			w.Daemon, w.Selector = d.object, d.object.Spec.Selector
		}
	}
	for _, f := range a.statefulSets {
		a.statefulSet(f)
	}
}

func (a *assembly) statefulSet(f placed[*appsv1.StatefulSet]) {
	first, replicas := 0, number(f.object.Spec.Replicas)
	if f.object.Spec.Ordinals != nil {
		first = max(int(f.object.Spec.Ordinals.Start), 0)
	}
	s := start{model.KindStatefulSet, f.object, f.object, f.source, f.seq}
	pods := a.pods.take(model.KindStatefulSet, f.object.Namespace, f.object.Name, f.source)
	// Members outside the range are on their way out: last in the list, so that
	// they are the ones left out.
	slices.SortStableFunc(pods, func(x, y placed[*corev1.Pod]) int {
		return boolCompare(outside(x.object, first, replicas), outside(y.object, first, replicas))
	})
	w := a.workload(s, replicas, a.atMost(replicas, pods, s))
	if w == nil {
		return
	}
	w.FirstOrdinal, w.Selector = first, f.object.Spec.Selector
	w.Parallel = f.object.Spec.PodManagementPolicy == appsv1.ParallelPodManagement
	for i := range f.object.Spec.VolumeClaimTemplates {
		claim := f.object.Spec.VolumeClaimTemplates[i].DeepCopy()
		claim.Namespace = f.object.Namespace
		w.ClaimTemplates = append(w.ClaimTemplates, a.withClass(claim))
	}
}

func outside(p *corev1.Pod, first, replicas int) bool {
	n, ok := ordinal(p.Name)
	return !ok || n < first || n >= first+replicas
}

// ordinal is the number at the end of a StatefulSet's pod's name.
func ordinal(name string) (int, bool) {
	i := strings.LastIndexByte(name, '-')
	n, err := strconv.Atoi(name[i+1:])
	return n, i > 0 && err == nil && n >= 0
}

func boolCompare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// jobsAndCronJobs takes a CronJob as one running Job: as those that run, when
// the input has such, or as one that is about to start. Ended Jobs and suspended
// CronJobs are dropped.
func (a *assembly) jobsAndCronJobs() {
	crons := map[ownerKey]*object{}
	for _, c := range a.cronJobs {
		crons[ownerKey{"batch", model.KindCronJob, c.object.Namespace, c.object.Name}] = c.source
	}
	running := map[ownerKey][]placed[*batchv1.Job]{}
	for _, j := range a.jobs {
		pods := func() []placed[*corev1.Pod] {
			return a.pods.take(model.KindJob, j.object.Namespace, j.object.Name, j.source)
		}
		if ended(j.object) {
			pods()
			continue
		}
		key, ref := controllerKey(j.object)
		if ref != nil && crons[key] != nil && sameIncarnation(crons[key], ref) {
			running[key] = append(running[key], j)
			continue
		}
		s := start{model.KindJob, j.object, j.object, j.source, j.seq}
		replicas := atATime(&j.object.Spec, j.object.Status.Succeeded)
		if w := a.workload(s, replicas, a.atMost(replicas, pods(), s)); w != nil {
			w.Job = jobPolicy(&j.object.Spec)
		}
	}
	for _, c := range a.cronJobs {
		a.cronJob(c, running[ownerKey{"batch", model.KindCronJob, c.object.Namespace, c.object.Name}])
	}
}

func (a *assembly) cronJob(c placed[*batchv1.CronJob], running []placed[*batchv1.Job]) {
	if len(running) == 0 && c.object.Spec.Suspend != nil && *c.object.Spec.Suspend {
		return
	}
	spec := &c.object.Spec.JobTemplate.Spec
	s := start{model.KindCronJob, c.object, c.object, c.source, c.seq}
	replicas := atATime(spec, 0)
	var pods []placed[*corev1.Pod]
	if len(running) > 0 {
		replicas = 0
	}
	for i, j := range running {
		if i == 0 {
			s.owner, spec = j.object, &j.object.Spec
		}
		n := atATime(&j.object.Spec, j.object.Status.Succeeded)
		own := a.pods.take(model.KindJob, j.object.Namespace, j.object.Name, j.source)
		pods = append(pods, a.atMost(n, own, start{source: j.source})...)
		replicas += n
	}
	if w := a.workload(s, replicas, pods); w != nil {
		w.Job = jobPolicy(spec)
	}
}

// atATime is how many pods of a Job run at once: its parallelism, but no more
// than completions are left (pkg/controller/job, manageJob).
func atATime(spec *batchv1.JobSpec, succeeded int32) int {
	if spec.Suspend != nil && *spec.Suspend {
		return 0
	}
	parallelism := 1
	if spec.Parallelism != nil {
		parallelism = number(spec.Parallelism)
	}
	if spec.Completions == nil {
		return parallelism
	}
	return min(parallelism, max(number(spec.Completions)-int(succeeded), 0))
}

// jobPolicy reads how the Job takes the end of a pod; the API server has set its
// defaults.
func jobPolicy(spec *batchv1.JobSpec) *model.JobPolicy {
	p := &model.JobPolicy{
		ReplaceOnlyFailed: spec.PodReplacementPolicy != nil && *spec.PodReplacementPolicy == batchv1.Failed,
		BackoffLimit:      math.MaxInt32,
	}
	if spec.BackoffLimit != nil {
		p.BackoffLimit = int(*spec.BackoffLimit)
	}
	if spec.PodFailurePolicy == nil {
		return p
	}
	for _, r := range spec.PodFailurePolicy.Rules {
		ignores := slices.ContainsFunc(r.OnPodConditions, func(c batchv1.PodFailurePolicyOnPodConditionsPattern) bool {
			return c.Type == corev1.DisruptionTarget && c.Status == corev1.ConditionTrue
		})
		if ignores {
			p.IgnoresDisruption = r.Action == batchv1.PodFailurePolicyActionIgnore
			break // the first rule that matches decides
		}
	}
	return p
}

func ended(j *batchv1.Job) bool {
	return slices.ContainsFunc(j.Status.Conditions, func(c batchv1.JobCondition) bool {
		return (c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed) && c.Status == corev1.ConditionTrue
	})
}
