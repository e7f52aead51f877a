package apiserver

import (
	"context"
	"fmt"
	"maps"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/client-go/informers"
	"k8s.io/kubernetes/pkg/apis/batch"
	"k8s.io/kubernetes/pkg/apis/core"
	schedulingapi "k8s.io/kubernetes/pkg/apis/scheduling/v1"
	"k8s.io/kubernetes/pkg/controller"
	daemonutil "k8s.io/kubernetes/pkg/controller/daemon/util"
	jobstrategy "k8s.io/kubernetes/pkg/registry/batch/job"
	podstrategy "k8s.io/kubernetes/pkg/registry/core/pod"
	"k8s.io/kubernetes/plugin/pkg/admission/priority"
)

// Pods returns a function that makes of an object that Accept returned the pod
// that the API server would store for it, with the priority classes given and
// those that every cluster has.
//
// The owner is a Deployment, ReplicaSet, ReplicationController, StatefulSet,
// DaemonSet, Job or CronJob, whose controller's edits are made that do not
// differ from pod to pod: the Deployment's pod-template-hash label and its
// ReplicaSet as owner, the DaemonSet's tolerations, the Job's labels. Names, a
// StatefulSet's labels and claims, and a DaemonSet's node affinity are not. Or
// it is a Pod, which keeps its name.
//
// A priority class that is not there is a warning and counts as priority 0: it
// may well exist in the cluster that the manifests are meant for.
//
// The result has no status but the pod's phase and QoS class.
func (s *Server) Pods(classes []*schedulingv1.PriorityClass) func(owner runtime.Object) (*corev1.Pod, []string, field.ErrorList) {
	known := map[string]bool{}
	plugin := priority.NewPlugin()
	factory := informers.NewSharedInformerFactory(nil, 0)
	store := factory.Scheduling().V1().PriorityClasses().Informer().GetIndexer()
	for _, c := range append(schedulingapi.SystemPriorityClasses(), classes...) {
		known[c.Name] = true
		// An indexer's Add fails only when its key function does, and the key
		// function of objects with metadata does not.
		_ = store.Add(c)
	}
	plugin.SetExternalKubeInformerFactory(factory)
	return func(owner runtime.Object) (*corev1.Pod, []string, field.ErrorList) {
		pod, path, err := s.podOf(owner)
		if err != nil {
			return nil, nil, internal(err)
		}
		var warnings []string
		missing := ""
		if name := pod.Spec.PriorityClassName; name != "" && !known[name] {
			missing, pod.Spec.PriorityClassName = name, ""
			warnings = append(warnings, fmt.Sprintf("%s: no PriorityClass %q in the input; taken as priority 0",
				path.Child("priorityClassName"), name))
		}
		admitted, err := s.admit(pod, plugin)
		if err != nil {
			return nil, warnings, field.ErrorList{field.Forbidden(path.Child("priority"), err.Error())}
		}
		if missing != "" {
			none, preempt := int32(0), corev1.PreemptLowerPriority
			admitted.Spec.PriorityClassName = missing
			admitted.Spec.Priority, admitted.Spec.PreemptionPolicy = &none, &preempt
		}
		return admitted, warnings, nil
	}
}

// admit runs the mutating plugins and the strategy's preparation, in the API
// server's order: admission first, then rest.BeforeCreate.
func (s *Server) admit(pod *corev1.Pod, priorities *priority.Plugin) (*corev1.Pod, error) {
	s.scheme.Default(pod)
	in, err := s.scheme.ConvertToVersion(pod, core.SchemeGroupVersion)
	if err != nil {
		return nil, err
	}
	p, ok := in.(*core.Pod)
	if !ok {
		return nil, fmt.Errorf("converting pod: got %T", in)
	}
	gvk := corev1.SchemeGroupVersion.WithKind("Pod")
	ctx := requestContext(p.Namespace, gvk)
	attributes := admission.NewAttributesRecord(p, nil, gvk, p.Namespace, p.Name,
		corev1.SchemeGroupVersion.WithResource("pods"), "", admission.Create, &metav1.CreateOptions{}, false, nil)
	own := len(p.Spec.Tolerations)
	if err := s.tolerations.Admit(ctx, attributes, nil); err != nil {
		return nil, err
	}
	// The plugin takes its seconds from process-wide flags only; these are ours.
	for i := own; i < len(p.Spec.Tolerations); i++ {
		seconds := s.tolerationSeconds
		p.Spec.Tolerations[i].TolerationSeconds = &seconds
	}
	if err := priorities.Admit(ctx, attributes, nil); err != nil {
		return nil, err
	}
	podstrategy.Strategy.PrepareForCreate(ctx, p)
	out, err := s.scheme.ConvertToVersion(p, corev1.SchemeGroupVersion)
	if err != nil {
		return nil, err
	}
	stored, ok := out.(*corev1.Pod)
	if !ok {
		return nil, fmt.Errorf("converting pod: got %T", out)
	}
	stored.SetGroupVersionKind(gvk)
	return stored, nil
}

// podOf makes the pod that the owner's controller would send to the API server,
// and returns the path of its spec in the owner.
func (s *Server) podOf(owner runtime.Object) (*corev1.Pod, *field.Path, error) {
	path := field.NewPath("spec", "template", "spec")
	switch o := owner.(type) {
	case *corev1.Pod:
		return o.DeepCopy(), field.NewPath("spec"), nil
	case *corev1.ReplicationController:
		if o.Spec.Template == nil {
			return nil, nil, fmt.Errorf("no template")
		}
		return fromTemplate(o.Spec.Template, o, controllerOf("v1", "ReplicationController", o.Name, o.UID)), path, nil
	case *appsv1.Deployment:
		return s.deploymentPod(o), path, nil
	case *appsv1.ReplicaSet:
		return fromTemplate(&o.Spec.Template, o, controllerOf("apps/v1", "ReplicaSet", o.Name, o.UID)), path, nil
	case *appsv1.StatefulSet:
		return fromTemplate(&o.Spec.Template, o, controllerOf("apps/v1", "StatefulSet", o.Name, o.UID)), path, nil
	case *appsv1.DaemonSet:
		// The generation and hash labels need a live object; nothing selects by them.
		template := daemonutil.CreatePodTemplate(o.Spec.Template, nil, "")
		return fromTemplate(&template, o, controllerOf("apps/v1", "DaemonSet", o.Name, o.UID)), path, nil
	case *batchv1.Job:
		return fromTemplate(&o.Spec.Template, o, controllerOf("batch/v1", "Job", o.Name, o.UID)), path, nil
	case *batchv1.CronJob:
		job, err := s.jobOf(o)
		if err != nil {
			return nil, nil, err
		}
		return fromTemplate(&job.Spec.Template, job, controllerOf("batch/v1", "Job", job.Name, job.UID)),
			field.NewPath("spec", "jobTemplate", "spec", "template", "spec"), nil
	}
	return nil, nil, fmt.Errorf("%T makes no pods", owner)
}

// deploymentPod is made through the ReplicaSet that the deployment controller
// would create (pkg/controller/deployment/sync.go, getNewReplicaSet).
func (s *Server) deploymentPod(d *appsv1.Deployment) *corev1.Pod {
	hash := controller.ComputeHash(&d.Spec.Template, d.Status.CollisionCount)
	template := d.Spec.Template.DeepCopy()
	if template.Labels == nil {
		template.Labels = map[string]string{}
	}
	template.Labels[appsv1.DefaultDeploymentUniqueLabelKey] = hash
	set := &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Namespace: d.Namespace, Name: d.Name + "-" + hash}}
	return fromTemplate(template, set,
		controllerOf("apps/v1", "ReplicaSet", set.Name, stableUID("ReplicaSet", set.Namespace, set.Name)))
}

// jobOf is the Job that the cronjob controller would create, as the API server
// would store it: the strategy adds the labels that a Job's pods carry. Its name
// ends in 0 instead of the minute of its start.
func (s *Server) jobOf(c *batchv1.CronJob) (*batchv1.Job, error) {
	job := &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:   c.Namespace,
			Name:        c.Name + "-0",
			Labels:      maps.Clone(c.Spec.JobTemplate.Labels),
			Annotations: maps.Clone(c.Spec.JobTemplate.Annotations),
		},
		Spec: *c.Spec.JobTemplate.Spec.DeepCopy(),
	}
	job.UID = stableUID("Job", job.Namespace, job.Name)
	s.scheme.Default(job)
	in, err := s.scheme.ConvertToVersion(job, batch.SchemeGroupVersion)
	if err != nil {
		return nil, err
	}
	jobstrategy.Strategy.PrepareForCreate(context.Background(), in)
	out, err := s.scheme.ConvertToVersion(in, batchv1.SchemeGroupVersion)
	if err != nil {
		return nil, err
	}
	stored, ok := out.(*batchv1.Job)
	if !ok {
		return nil, fmt.Errorf("converting job: got %T", out)
	}
	return stored, nil
}

// fromTemplate follows GetPodFromTemplate (pkg/controller/controller_utils.go).
func fromTemplate(t *corev1.PodTemplateSpec, owner metav1.Object, ref metav1.OwnerReference) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:       owner.GetNamespace(),
			GenerateName:    owner.GetName() + "-",
			Labels:          maps.Clone(t.Labels),
			Annotations:     maps.Clone(t.Annotations),
			Finalizers:      slices.Clone(t.Finalizers),
			OwnerReferences: []metav1.OwnerReference{ref},
		},
		Spec: *t.Spec.DeepCopy(),
	}
}
