package apiserver_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"bulkhead.dev/bulkhead/internal/kubesched/apiserver"
)

// try sends a manifest through Accept.
func try(t *testing.T, s *apiserver.Server, manifest string) (runtime.Object, []string, error) {
	t.Helper()
	document, err := yaml.YAMLToJSON([]byte(manifest))
	if err != nil {
		t.Fatal(err)
	}
	var m metav1.TypeMeta
	if err := yaml.Unmarshal(document, &m); err != nil {
		t.Fatal(err)
	}
	obj, warnings, faults := s.Accept(document, schema.FromAPIVersionAndKind(m.APIVersion, m.Kind), "default", "sffix")
	return obj, warnings, faults.ToAggregate()
}

func accept[T runtime.Object](t *testing.T, s *apiserver.Server, manifest string) T {
	t.Helper()
	obj, _, err := try(t, s, manifest)
	if err != nil {
		t.Fatal(err)
	}
	typed, ok := obj.(T)
	if !ok {
		t.Fatalf("got %T", obj)
	}
	return typed
}

func TestKnown(t *testing.T) {
	tests := []struct {
		apiVersion, kind string
		known            bool
		fault            string
	}{
		{"v1", "Pod", true, ""},
		{"apps/v1", "Deployment", true, ""},
		{"apps/v1beta1", "Deployment", true, ""},
		{"autoscaling/v1", "HorizontalPodAutoscaler", true, ""},
		{"v1", "ConfigMap", false, ""},
		{"serving.knative.dev/v1", "Service", false, ""},
		{"batch.volcano.sh/v1alpha1", "Job", false, ""},
		{"extensions/v1beta1", "Deployment", false, `no kind "Deployment" in apiVersion "extensions/v1beta1"; Kubernetes 1.36 serves apps/v1`},
		{"v1", "Deployment", false, `no kind "Deployment" in apiVersion "v1"; Kubernetes 1.36 serves apps/v1`},
		{"apps/v1beta1", "DaemonSet", false, `no kind "DaemonSet" in apiVersion "apps/v1beta1"; Kubernetes 1.36 serves apps/v1`},
		{"v2", "Pod", false, `no kind "Pod" in apiVersion "v2"; Kubernetes 1.36 serves v1`},
		{"storage.k8s.io/v1", "Pod", false, `no kind "Pod" in apiVersion "storage.k8s.io/v1"; Kubernetes 1.36 serves v1`},
	}
	s := apiserver.New(apiserver.Options{})
	for _, tt := range tests {
		known, err := s.Known(schema.FromAPIVersionAndKind(tt.apiVersion, tt.kind))
		fault := ""
		if err != nil {
			fault = err.Error()
		}
		if known != tt.known || fault != tt.fault {
			t.Errorf("%s %s: %t, %q", tt.apiVersion, tt.kind, known, fault)
		}
	}
}

const deployment = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}, annotations: {a: b}}
    spec:
      containers: [{name: c, image: i, resources: {limits: {cpu: 1, memory: 1Gi}}}]
      topologySpreadConstraints:
      - {maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {app: web}}, matchLabelKeys: [pod-template-hash]}
      affinity:
        podAntiAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
          - {topologyKey: zone, labelSelector: {matchLabels: {app: web}}, matchLabelKeys: [pod-template-hash]}
`

func TestAcceptDefaults(t *testing.T) {
	s := apiserver.New(apiserver.Options{})
	d := accept[*appsv1.Deployment](t, s, deployment)
	if d.Namespace != "default" || *d.Spec.Replicas != 1 || d.Spec.Strategy.RollingUpdate == nil ||
		d.Spec.Template.Spec.SchedulerName != corev1.DefaultSchedulerName || d.UID == "" || d.APIVersion != "apps/v1" {
		t.Errorf("not defaulted: %+v", d)
	}
	if again := accept[*appsv1.Deployment](t, s, deployment); again.UID != d.UID {
		t.Errorf("UID %s, then %s", d.UID, again.UID)
	}
	if old := accept[*appsv1.Deployment](t, s, strings.Replace(deployment, "apps/v1", "apps/v1beta2", 1)); old.APIVersion != "apps/v1" {
		t.Errorf("apps/v1beta2 was read as %s", old.APIVersion)
	}
	h := accept[*autoscalingv2.HorizontalPodAutoscaler](t, s, `{apiVersion: autoscaling/v1, kind: HorizontalPodAutoscaler, metadata: {name: h},
		spec: {maxReplicas: 5, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}}`)
	if h.APIVersion != "autoscaling/v2" || *h.Spec.MinReplicas != 1 || len(h.Spec.Metrics) != 1 {
		t.Errorf("autoscaling/v1 was read as %+v", h)
	}
	svc := accept[*corev1.Service](t, s, `{apiVersion: v1, kind: Service, metadata: {name: s}, spec: {clusterIP: None, ports: [{port: 1}]}}`)
	if diff := cmp.Diff([]string{"None"}, svc.Spec.ClusterIPs); diff != "" {
		t.Error(diff)
	}
	n := accept[*corev1.Node](t, s, `{apiVersion: v1, kind: Node, metadata: {name: node, namespace: x}, status: {allocatable: {cpu: 1.5}}}`)
	if n.Namespace != "" || n.Status.Allocatable.Cpu().MilliValue() != 1500 {
		t.Errorf("node %+v", n)
	}
	p := accept[*corev1.Pod](t, s, `{apiVersion: v1, kind: Pod, metadata: {generateName: p-}, spec: {containers: [{name: c, image: i}]}, status: {phase: Running}}`)
	if p.Name != "p-sffix" || p.Status.Phase != corev1.PodPending {
		t.Errorf("a new pod is %s, %s", p.Name, p.Status.Phase)
	}
	live := accept[*corev1.Pod](t, s, `{apiVersion: v1, kind: Pod, metadata: {name: p, uid: u}, spec: {containers: []}, status: {phase: Running}}`)
	if live.Status.Phase != corev1.PodRunning || live.UID != "u" {
		t.Errorf("a pod with a UID was accepted before: %+v", live)
	}
	j := accept[*batchv1.Job](t, s, `{apiVersion: batch/v1, kind: Job, metadata: {name: j}, spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}}`)
	if j.Spec.Template.Labels[batchv1.JobNameLabel] != "j" || j.Spec.Selector == nil {
		t.Errorf("job without labels and selector: %+v", j.Spec)
	}
}

func TestAcceptDoesNotTouchOtherObjects(t *testing.T) {
	s := apiserver.New(apiserver.Options{})
	d := accept[*appsv1.Deployment](t, s, deployment)
	before := d.DeepCopy()
	pod, _, _ := s.Pods(nil)(d)
	pod.Labels["x"] = "y"
	pod.Spec.Containers[0].Image = "other"
	pod.Spec.TopologySpreadConstraints[0].LabelSelector.MatchLabels["x"] = "y"
	if diff := cmp.Diff(before, d); diff != "" {
		t.Error(diff)
	}
}

func TestPodOfDeployment(t *testing.T) {
	s := apiserver.New(apiserver.Options{})
	pod, warnings, faults := s.Pods(nil)(accept[*appsv1.Deployment](t, s, deployment))
	if len(warnings)+len(faults) > 0 {
		t.Fatal(warnings, faults)
	}
	hash := pod.Labels["pod-template-hash"]
	if hash == "" || pod.GenerateName != "web-"+hash+"-" || pod.OwnerReferences[0].Name != "web-"+hash || pod.OwnerReferences[0].Kind != "ReplicaSet" {
		t.Errorf("hash %q, name %s, owner %+v", hash, pod.GenerateName, pod.OwnerReferences)
	}
	want := []metav1.LabelSelectorRequirement{{Key: "pod-template-hash", Operator: metav1.LabelSelectorOpIn, Values: []string{hash}}}
	if diff := cmp.Diff(want, pod.Spec.TopologySpreadConstraints[0].LabelSelector.MatchExpressions); diff != "" {
		t.Error("spread (-want +got)\n" + diff)
	}
	terms := pod.Spec.Affinity.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution
	if diff := cmp.Diff(want, terms[0].LabelSelector.MatchExpressions); diff != "" {
		t.Error("anti-affinity (-want +got)\n" + diff)
	}
	// Requests come from limits in a pod, not yet in a template.
	if pod.Spec.Containers[0].Resources.Requests.Cpu().Value() != 1 || pod.Status.QOSClass != corev1.PodQOSGuaranteed {
		t.Errorf("requests %v, QoS %s", pod.Spec.Containers[0].Resources.Requests, pod.Status.QOSClass)
	}
	if *pod.Spec.Priority != 0 || *pod.Spec.PreemptionPolicy != corev1.PreemptLowerPriority {
		t.Errorf("priority %d, %s", *pod.Spec.Priority, *pod.Spec.PreemptionPolicy)
	}
}

func tolerations(p *corev1.Pod) []string {
	var all []string
	for _, t := range p.Spec.Tolerations {
		text := t.Key + ":" + string(t.Effect)
		if t.TolerationSeconds != nil {
			text += fmt.Sprintf(" %ds", *t.TolerationSeconds)
		}
		all = append(all, text)
	}
	return all
}

func TestTolerations(t *testing.T) {
	const notReady, unreachable = "node.kubernetes.io/not-ready:NoExecute", "node.kubernetes.io/unreachable:NoExecute"
	pod := func(own string) string {
		return `{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{name: c, image: i}], tolerations: [` + own + `]}}`
	}
	thirty := int64(30)
	tests := []struct {
		name, own string
		seconds   *int64
		want      []string
	}{
		{"default", "", nil, []string{notReady + " 300s", unreachable + " 300s"}},
		{"as the API server is told", "", &thirty, []string{notReady + " 30s", unreachable + " 30s"}},
		{"one of its own", "{key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 5}", nil,
			[]string{unreachable + " 5s", notReady + " 300s"}},
		{"everything", "{operator: Exists}", nil, []string{":"}},
		{"another effect", "{key: node.kubernetes.io/not-ready, operator: Exists, effect: NoSchedule}", &thirty,
			[]string{"node.kubernetes.io/not-ready:NoSchedule", notReady + " 30s", unreachable + " 30s"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := apiserver.New(apiserver.Options{TolerationSeconds: tt.seconds})
			p, _, faults := s.Pods(nil)(accept[*corev1.Pod](t, s, pod(tt.own)))
			if len(faults) > 0 {
				t.Fatal(faults)
			}
			if diff := cmp.Diff(tt.want, tolerations(p)); diff != "" {
				t.Error("(-want +got)\n" + diff)
			}
		})
	}
}

func TestPodOfDaemonSet(t *testing.T) {
	s := apiserver.New(apiserver.Options{})
	p, _, faults := s.Pods(nil)(accept[*appsv1.DaemonSet](t, s, strings.Replace(deployment, "Deployment", "DaemonSet", 1)))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	want := []string{
		"node.kubernetes.io/not-ready:NoExecute", "node.kubernetes.io/unreachable:NoExecute",
		"node.kubernetes.io/disk-pressure:NoSchedule", "node.kubernetes.io/memory-pressure:NoSchedule",
		"node.kubernetes.io/pid-pressure:NoSchedule", "node.kubernetes.io/unschedulable:NoSchedule",
	}
	if diff := cmp.Diff(want, tolerations(p)); diff != "" {
		t.Error("(-want +got)\n" + diff)
	}
}

func TestPodOfCronJob(t *testing.T) {
	s := apiserver.New(apiserver.Options{})
	c := accept[*batchv1.CronJob](t, s, `{apiVersion: batch/v1, kind: CronJob, metadata: {name: nightly}, spec: {schedule: "0 3 * * *",
		jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}}}}`)
	p, _, faults := s.Pods(nil)(c)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	if p.Labels[batchv1.JobNameLabel] != "nightly-0" || p.OwnerReferences[0].Kind != "Job" || p.Labels[batchv1.ControllerUidLabel] == "" {
		t.Errorf("labels %v, owners %v", p.Labels, p.OwnerReferences)
	}
}

func TestPriorities(t *testing.T) {
	never := corev1.PreemptNever
	classes := []*schedulingv1.PriorityClass{
		{ObjectMeta: metav1.ObjectMeta{Name: "usual"}, Value: 10, GlobalDefault: true},
		{ObjectMeta: metav1.ObjectMeta{Name: "high"}, Value: 1000, PreemptionPolicy: &never},
	}
	tests := []struct {
		name, spec string
		classes    []*schedulingv1.PriorityClass
		want       string
		warning    string
	}{
		{"none", "", nil, " 0 PreemptLowerPriority", ""},
		{"global default", "", classes, "usual 10 nil", ""},
		{"named", "priorityClassName: high", classes, "high 1000 Never", ""},
		{"built in", "priorityClassName: system-node-critical", nil, "system-node-critical 2000001000 nil", ""},
		{"built in, the other", "priorityClassName: system-cluster-critical", nil, "system-cluster-critical 2000000000 nil", ""},
		{"not there", "priorityClassName: gold", classes, "gold 0 PreemptLowerPriority",
			`spec.priorityClassName: no PriorityClass "gold" in the input; taken as priority 0`},
	}
	s := apiserver.New(apiserver.Options{})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			pod := accept[*corev1.Pod](t, s, `{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {`+strings.TrimSuffix(tt.spec+", ", ", ")+strings.Repeat(", ", min(1, len(tt.spec)))+`containers: [{name: c, image: i}]}}`)
			p, warnings, faults := s.Pods(tt.classes)(pod)
			if len(faults) > 0 {
				t.Fatal(faults)
			}
			policy := "nil"
			if p.Spec.PreemptionPolicy != nil {
				policy = string(*p.Spec.PreemptionPolicy)
			}
			if got := fmt.Sprintf("%s %d %s", p.Spec.PriorityClassName, *p.Spec.Priority, policy); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if got := strings.Join(warnings, "\n"); got != tt.warning {
				t.Errorf("warning %q", got)
			}
		})
	}
}

func TestQuotas(t *testing.T) {
	s := apiserver.New(apiserver.Options{})
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	pod := func(spec string) *corev1.Pod {
		return accept[*corev1.Pod](t, s, `{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: shop}, spec: {`+spec+`}}`)
	}
	quota := func(namespace, spec string) *corev1.ResourceQuota {
		return accept[*corev1.ResourceQuota](t, s, `{apiVersion: v1, kind: ResourceQuota, metadata: {name: q, namespace: `+namespace+`}, spec: {`+spec+`}}`)
	}
	small := pod(`containers: [{name: c, image: i, resources: {requests: {cpu: 500m}}}]`)
	effortless := pod(`containers: [{name: c, image: i}]`)
	gold := pod(`priorityClassName: gold, containers: [{name: c, image: i}]`)

	matches := []struct {
		name  string
		quota *corev1.ResourceQuota
		pod   *corev1.Pod
		want  bool
	}{
		{"no scopes", quota("shop", "hard: {pods: 1}"), small, true},
		{"another namespace", quota("other", "hard: {pods: 1}"), small, false},
		{"nothing that pods use", quota("shop", "hard: {services: 1}"), small, false},
		{"best effort", quota("shop", "hard: {pods: 1}, scopes: [BestEffort]"), effortless, true},
		{"not best effort", quota("shop", "hard: {pods: 1}, scopes: [BestEffort]"), small, false},
		{"priority class", quota("shop", "hard: {pods: 1}, scopeSelector: {matchExpressions: [{scopeName: PriorityClass, operator: In, values: [gold]}]}"), gold, true},
		{"another priority class", quota("shop", "hard: {pods: 1}, scopeSelector: {matchExpressions: [{scopeName: PriorityClass, operator: In, values: [gold]}]}"), small, false},
	}
	for _, tt := range matches {
		if got := apiserver.QuotaMatches(tt.quota, tt.pod); got != tt.want {
			t.Errorf("%s: %t", tt.name, got)
		}
	}

	usage := apiserver.PodUsage(small, now)
	if usage.Cpu().MilliValue() != 500 || usage.Pods().Value() != 1 {
		t.Errorf("usage %v", usage)
	}
	dying, ended := small.DeepCopy(), small.DeepCopy()
	grace, at := int64(30), metav1.NewTime(now)
	dying.DeletionTimestamp, dying.DeletionGracePeriodSeconds = &at, &grace
	ended.Status.Phase = corev1.PodFailed
	for name, want := range map[string]struct {
		pod  *corev1.Pod
		at   time.Time
		pods int64
	}{
		"within its grace": {dying, now.Add(30 * time.Second), 1},
		"past its grace":   {dying, now.Add(31 * time.Second), 0},
		"ended":            {ended, now, 0},
	} {
		if got := apiserver.PodUsage(want.pod, want.at); got.Pods().Value() != want.pods {
			t.Errorf("%s: %v", name, got)
		}
	}

	q := quota("shop", "hard: {pods: 2, requests.cpu: 900m}")
	exceeded, err := apiserver.QuotaRefuses(q, small, nil, now)
	if err != nil || len(exceeded) > 0 {
		t.Errorf("first pod: %v, %v", exceeded, err)
	}
	exceeded, err = apiserver.QuotaRefuses(q, small, usage, now)
	if diff := cmp.Diff([]corev1.ResourceName{"requests.cpu"}, exceeded); err != nil || diff != "" {
		t.Errorf("second pod: %v, %v", exceeded, err)
	}
	if _, err = apiserver.QuotaRefuses(q, effortless, nil, now); err == nil || err.Error() != "must specify requests.cpu for: c" {
		t.Errorf("no request: %v", err)
	}
}

func TestAcceptRefuses(t *testing.T) {
	s := apiserver.New(apiserver.Options{})
	tests := []struct{ manifest, want string }{
		{`{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: []}}`, "spec.containers: Required value"},
		{`{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{name: c, image: i, resources: {requests: {cpu: 9223372036854776}}}]}}`,
			"spec.containers[0].resources.requests[cpu]: Invalid value: must be less than 9223372036854775"},
		{`{apiVersion: v1, kind: Node, metadata: {name: node}, status: {allocatable: {memory: 9Ei}}}`,
			"status.allocatable[memory]: Invalid value: must be less than 9223372036854775807"},
		{`{apiVersion: v1, kind: Node, metadata: {name: node}, status: {allocatable: []}}`, "status.allocatable: Invalid value: must be a map, not a list"},
		{`{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: b}, spec: {minAvailable: {}}}`,
			"spec.minAvailable: Invalid value: must be an integer or a string, not a map"},
		{`{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: c}, spec: {accessModes: [Sometimes], resources: {requests: {storage: 1Gi}}}}`,
			`spec.accessModes: Unsupported value: "Sometimes": supported values: "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"`},
	}
	for _, tt := range tests {
		_, _, err := try(t, s, tt.manifest)
		if err == nil || err.Error() != tt.want {
			t.Errorf("got %v\nwant %s", err, tt.want)
		}
	}
}

func TestAcceptKeepsNames(t *testing.T) {
	s := apiserver.New(apiserver.Options{})
	obj, _, err := try(t, s, `{apiVersion: v1, kind: Service, metadata: {name: a, namespace: shop, managedFields: [{manager: x}]}, spec: {ports: [{port: 1}]}}`)
	if err != nil {
		t.Fatal(err)
	}
	m, err := meta.Accessor(obj)
	if err != nil || m.GetNamespace() != "shop" || len(m.GetManagedFields()) > 0 {
		t.Errorf("%v, %v", m, err)
	}
}
