package observability

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"

	"bulkhead.dev/bulkhead/internal/render/file"
)

// fluentBitImage is a release that reads YAML configuration (3.0 and later).
const fluentBitImage = "cr.fluentbit.io/fluent/fluent-bit:4.0.3"

const (
	logsNamespace = "logging"
	logsName      = "fluent-bit"
)

// pipelineConfig and its parts are Fluent Bit's YAML configuration
// (https://docs.fluentbit.io/manual/administration/configuring-fluent-bit/yaml).
type pipelineConfig struct {
	Service  serviceSettings `json:"service"`
	Pipeline pipeline        `json:"pipeline"`
}

type serviceSettings struct {
	Flush       int    `json:"flush"`
	LogLevel    string `json:"log_level"`
	HTTPServer  string `json:"http_server"`
	HTTPPort    int    `json:"http_port"`
	HealthCheck string `json:"health_check"`
	StoragePath string `json:"storage.path"`
}

type pipeline struct {
	Inputs  []tailInput `json:"inputs"`
	Filters []filter    `json:"filters"`
	Outputs []output    `json:"outputs"`
}

type tailInput struct {
	Name            string `json:"name"`
	Path            string `json:"path"`
	Tag             string `json:"tag"`
	MultilineParser string `json:"multiline.parser"`
	DB              string `json:"db"`
	MemBufLimit     string `json:"mem_buf_limit"`
	SkipLongLines   string `json:"skip_long_lines"`
	StorageType     string `json:"storage.type"`
}

type filter struct {
	Name     string   `json:"name"`
	Match    string   `json:"match"`
	MergeLog string   `json:"merge_log,omitempty"`
	KeepLog  string   `json:"keep_log,omitempty"`
	Record   []string `json:"record,omitempty"`
}

type output struct {
	Name       string `json:"name"`
	Match      string `json:"match"`
	Host       string `json:"host"`
	Port       string `json:"port"`
	TLS        string `json:"tls"`
	RetryLimit string `json:"retry_limit"`
	// TotalLimit bounds what is kept on the node while the receiver is away.
	TotalLimit string `json:"storage.total_limit_size"`
}

// logPipeline reads containers' logs and adds the node's zone to each line. What
// cannot be sent, because the receiver's zone is lost, waits on the node's disk.
func logPipeline(s scope) pipelineConfig {
	return pipelineConfig{
		Service: serviceSettings{Flush: 1, LogLevel: "info", HTTPServer: "on", HTTPPort: 2020, HealthCheck: "on", StoragePath: "/var/lib/fluent-bit/storage"},
		Pipeline: pipeline{
			Inputs: []tailInput{{
				Name: "tail", Path: "/var/log/containers/*.log", Tag: "kube.*", MultilineParser: "cri",
				DB: "/var/lib/fluent-bit/tail.db", MemBufLimit: "50MB", SkipLongLines: "on", StorageType: "filesystem",
			}},
			Filters: []filter{
				{Name: "kubernetes", Match: "kube.*", MergeLog: "on", KeepLog: "off"},
				{Name: "record_modifier", Match: "kube.*", Record: []string{"cluster " + s.cluster, "node ${NODE_NAME}", "zone ${NODE_ZONE}"}},
			},
			Outputs: []output{{Name: "forward", Match: "kube.*", Host: "${LOGS_HOST}", Port: "${LOGS_PORT}", TLS: "on", RetryLimit: "no_limits", TotalLimit: "2G"}},
		},
	}
}

// fluentBit is a DaemonSet with its configuration. The zone of its node comes from
// the pod's own label: since Kubernetes 1.35 binding a pod copies its node's
// topology labels onto it (KEP-4742, admission plugin PodTopologyLabels).
func fluentBit(s scope) (file.File, error) {
	const path = "observability/fluent-bit/fluent-bit.yaml"
	config, err := yaml.Marshal(logPipeline(s))
	if err != nil {
		return file.File{}, err
	}
	meta := metav1.ObjectMeta{Name: logsName, Namespace: logsNamespace, Labels: logLabels()}
	global := metav1.ObjectMeta{Name: logsName, Labels: logLabels()}
	return file.YAML(path, "Logs of all containers, each line with its node's zone.\nSet LOGS_HOST and LOGS_PORT to what takes them (the forward protocol with TLS).",
		&corev1.Namespace{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"}, ObjectMeta: metav1.ObjectMeta{Name: logsNamespace}},
		&corev1.ServiceAccount{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccount"}, ObjectMeta: meta},
		&rbacv1.ClusterRole{
			TypeMeta: metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "ClusterRole"}, ObjectMeta: global,
			Rules: []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"namespaces", "pods"}, Verbs: []string{"get", "list", "watch"}}},
		},
		&rbacv1.ClusterRoleBinding{
			TypeMeta: metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "ClusterRoleBinding"}, ObjectMeta: global,
			RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: logsName},
			Subjects: []rbacv1.Subject{{Kind: "ServiceAccount", Name: logsName, Namespace: logsNamespace}},
		},
		&corev1.ConfigMap{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"}, ObjectMeta: meta, Data: map[string]string{"fluent-bit.yaml": string(config)}},
		logDaemon(meta),
	)
}

func logLabels() map[string]string { return map[string]string{"app.kubernetes.io/name": logsName} }

func logDaemon(meta metav1.ObjectMeta) *appsv1.DaemonSet {
	hostPath := func(name, path string, kind corev1.HostPathType) corev1.Volume {
		return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: path, Type: &kind}}}
	}
	field := func(name, path string) corev1.EnvVar {
		return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: path}}}
	}
	unavailable := intstr.FromString("10%")
	return &appsv1.DaemonSet{
		TypeMeta: metav1.TypeMeta{APIVersion: appsv1.SchemeGroupVersion.String(), Kind: "DaemonSet"}, ObjectMeta: meta,
		Spec: appsv1.DaemonSetSpec{
			Selector:       &metav1.LabelSelector{MatchLabels: logLabels()},
			UpdateStrategy: appsv1.DaemonSetUpdateStrategy{Type: appsv1.RollingUpdateDaemonSetStrategyType, RollingUpdate: &appsv1.RollingUpdateDaemonSet{MaxUnavailable: &unavailable}},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: logLabels()},
				Spec: corev1.PodSpec{
					ServiceAccountName: logsName,
					Tolerations:        []corev1.Toleration{{Operator: corev1.TolerationOpExists}},
					Containers: []corev1.Container{{
						Name: logsName, Image: fluentBitImage, Args: []string{"--config=/fluent-bit/config/fluent-bit.yaml"},
						Env: []corev1.EnvVar{
							field("NODE_NAME", "spec.nodeName"),
							field("NODE_ZONE", "metadata.labels['"+corev1.LabelTopologyZone+"']"),
							{Name: "LOGS_HOST", Value: "logs.example.com"}, {Name: "LOGS_PORT", Value: "24224"},
						},
						Resources: corev1.ResourceRequirements{
							Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("50m"), corev1.ResourceMemory: resource.MustParse("64Mi")},
							Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("256Mi")},
						},
						LivenessProbe: &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/", Port: intstr.FromInt32(2020)}}},
						VolumeMounts: []corev1.VolumeMount{
							{Name: "config", MountPath: "/fluent-bit/config", ReadOnly: true},
							{Name: "logs", MountPath: "/var/log", ReadOnly: true},
							{Name: "state", MountPath: "/var/lib/fluent-bit"},
						},
					}},
					Volumes: []corev1.Volume{
						{Name: "config", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: logsName}}}},
						hostPath("logs", "/var/log", corev1.HostPathDirectory),
						hostPath("state", "/var/lib/fluent-bit", corev1.HostPathDirectoryOrCreate),
					},
				},
			},
		},
	}
}
