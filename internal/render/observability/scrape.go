package observability

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The jobs that the rules ask for by name.
const (
	jobAPIServer = "apiserver"
	jobEtcd      = "etcd"
	jobHAProxy   = "haproxy"
)

// Ports of metrics.
const (
	// apiServerPort is kube-apiserver's --secure-port on a kubeadm host. HAProxy on
	// the same machine listens on another: spec refuses them the same one.
	apiServerPort = 6443
	// etcdMetricsPort is that of kubeadm's listen-metrics-urls.
	etcdMetricsPort = 2381
	// haproxyMetricsPort is where HAProxy's exporter listens in what the kubeadm
	// render writes; HAProxy's documentation uses it too.
	haproxyMetricsPort = 8405
)

const (
	serviceAccountCA    = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt"
	serviceAccountToken = "/var/run/secrets/kubernetes.io/serviceaccount/token" // #nosec G101 -- a path
)

// scrapeConfig and its parts are Prometheus's configuration
// (https://prometheus.io/docs/prometheus/latest/configuration/configuration).
type scrapeConfig struct {
	Global        globalConfig      `json:"global"`
	RuleFiles     []string          `json:"rule_files"`
	ScrapeConfigs []scrapeJob       `json:"scrape_configs"`
	Alerting      *alertingSettings `json:"alerting,omitempty"`
}

type globalConfig struct {
	ScrapeInterval     string            `json:"scrape_interval"`
	EvaluationInterval string            `json:"evaluation_interval"`
	ExternalLabels     map[string]string `json:"external_labels"`
}

type alertingSettings struct {
	Alertmanagers []alertmanagerGroup `json:"alertmanagers"`
}

type alertmanagerGroup struct {
	KubernetesSDConfigs []kubernetesSD `json:"kubernetes_sd_configs,omitempty"`
	StaticConfigs       []staticConfig `json:"static_configs,omitempty"`
	RelabelConfigs      []relabel      `json:"relabel_configs"`
}

type scrapeJob struct {
	JobName             string         `json:"job_name"`
	Scheme              string         `json:"scheme,omitempty"`
	TLSConfig           *tlsConfig     `json:"tls_config,omitempty"`
	Authorization       *authorization `json:"authorization,omitempty"`
	HonorLabels         bool           `json:"honor_labels,omitempty"`
	KubernetesSDConfigs []kubernetesSD `json:"kubernetes_sd_configs,omitempty"`
	StaticConfigs       []staticConfig `json:"static_configs,omitempty"`
	RelabelConfigs      []relabel      `json:"relabel_configs,omitempty"`
}

type tlsConfig struct {
	CAFile string `json:"ca_file"`
}

type authorization struct {
	CredentialsFile string `json:"credentials_file"`
}

type kubernetesSD struct {
	Role string `json:"role"`
}

type staticConfig struct {
	Targets []string `json:"targets"`
}

type relabel struct {
	SourceLabels []string `json:"source_labels,omitempty"`
	Regex        string   `json:"regex,omitempty"`
	TargetLabel  string   `json:"target_label,omitempty"`
	Replacement  string   `json:"replacement,omitempty"`
	Action       string   `json:"action,omitempty"`
}

// scrape names the jobs that the rules need. The API servers and etcd are scraped
// at the plan's addresses where they are known: a member that is down then stays a
// target that is down.
func scrape(s scope) scrapeConfig {
	out := scrapeConfig{
		Global:    globalConfig{ScrapeInterval: "30s", EvaluationInterval: "30s", ExternalLabels: map[string]string{"cluster": s.cluster}},
		RuleFiles: []string{"rules.yaml"},
		ScrapeConfigs: []scrapeJob{
			apiServerJob(s),
			serviceJob("kube-state-metrics", "kube-state-metrics"),
			serviceJob("node-exporter", "prometheus-node-exporter"),
		},
		Alerting: &alertingSettings{Alertmanagers: []alertmanagerGroup{{
			KubernetesSDConfigs: []kubernetesSD{{Role: "endpointslice"}},
			RelabelConfigs:      []relabel{keepService("alertmanager")},
		}}},
	}
	if s.own {
		out.ScrapeConfigs = append(out.ScrapeConfigs, etcdJob(s))
	}
	if len(s.balancers) > 0 {
		out.ScrapeConfigs = append(out.ScrapeConfigs, scrapeJob{JobName: jobHAProxy, StaticConfigs: static(s.balancers, haproxyMetricsPort)})
	}
	return out
}

func apiServerJob(s scope) scrapeJob {
	job := scrapeJob{
		JobName: jobAPIServer, Scheme: "https",
		TLSConfig:     &tlsConfig{CAFile: serviceAccountCA},
		Authorization: &authorization{CredentialsFile: serviceAccountToken},
	}
	if len(s.addresses) > 0 {
		job.StaticConfigs = static(s.apiTargets, apiServerPort)
		return job
	}
	job.KubernetesSDConfigs = []kubernetesSD{{Role: "endpointslice"}}
	job.RelabelConfigs = []relabel{{
		SourceLabels: []string{"__meta_kubernetes_namespace", "__meta_kubernetes_service_name", "__meta_kubernetes_endpointslice_port_name"},
		Regex:        "default;kubernetes;https", Action: "keep",
	}}
	return job
}

func etcdJob(s scope) scrapeJob {
	if len(s.addresses) > 0 {
		return scrapeJob{JobName: jobEtcd, StaticConfigs: static(s.etcdTargets, etcdMetricsPort)}
	}
	return scrapeJob{
		JobName: jobEtcd, KubernetesSDConfigs: []kubernetesSD{{Role: "pod"}},
		RelabelConfigs: []relabel{
			{SourceLabels: []string{"__meta_kubernetes_namespace", "__meta_kubernetes_pod_label_component"}, Regex: "kube-system;etcd", Action: "keep"},
			{SourceLabels: []string{"__meta_kubernetes_pod_ip"}, Regex: "(.+)", TargetLabel: "__address__", Replacement: fmt.Sprintf("$1:%d", etcdMetricsPort)},
		},
	}
}

// serviceJob scrapes the endpoints of the Service with an app.kubernetes.io/name.
func serviceJob(job, app string) scrapeJob {
	return scrapeJob{
		JobName: job, HonorLabels: job == "kube-state-metrics",
		KubernetesSDConfigs: []kubernetesSD{{Role: "endpointslice"}},
		RelabelConfigs:      []relabel{keepService(app)},
	}
}

func keepService(app string) relabel {
	return relabel{SourceLabels: []string{"__meta_kubernetes_service_label_app_kubernetes_io_name"}, Regex: app, Action: "keep"}
}

func static(hosts []string, port int) []staticConfig {
	targets := make([]string, 0, len(hosts))
	for _, host := range hosts {
		if strings.Contains(host, ":") {
			host = "[" + host + "]" // IPv6
		}
		targets = append(targets, fmt.Sprintf("%s:%d", host, port))
	}
	return []staticConfig{{Targets: targets}}
}

// access is the ServiceAccount that Prometheus runs as, and what it may read.
func access() []any {
	const name, namespace = "prometheus", "monitoring"
	rbac := func(kind string) metav1.TypeMeta {
		return metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: kind}
	}
	read := []string{"get", "list", "watch"}
	return []any{
		&corev1.Namespace{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"}, ObjectMeta: metav1.ObjectMeta{Name: namespace}},
		&corev1.ServiceAccount{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccount"}, ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace}},
		&rbacv1.ClusterRole{TypeMeta: rbac("ClusterRole"), ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{""}, Resources: []string{"pods", "services"}, Verbs: read},
			{APIGroups: []string{"discovery.k8s.io"}, Resources: []string{"endpointslices"}, Verbs: read},
			{NonResourceURLs: []string{"/metrics"}, Verbs: []string{"get"}},
		}},
		&rbacv1.ClusterRoleBinding{
			TypeMeta: rbac("ClusterRoleBinding"), ObjectMeta: metav1.ObjectMeta{Name: name},
			RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
			Subjects: []rbacv1.Subject{{Kind: "ServiceAccount", Name: name, Namespace: namespace}},
		},
	}
}

// stateMetricsValues are values of kube-state-metrics' Helm chart
// (prometheus-community/kube-state-metrics).
type stateMetricsValues struct {
	MetricLabelsAllowlist []string `json:"metricLabelsAllowlist"`
	Replicas              int      `json:"replicas"`
}
