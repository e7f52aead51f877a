package observability

import (
	"fmt"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/quorum"
	"bulkhead.dev/bulkhead/internal/render/file"
)

// groupsOf are the rules that a cluster needs, records before what reads them.
func groupsOf(s scope) []group {
	groups := []group{zoneRecords(s), zoneAlerts(s), workloadRecords(), workloadAlerts(s), roomRecords(), roomAlerts(s), apiRules(s)}
	if s.own && quorum.Total(s.voters) > 0 {
		groups = append(groups, etcdRules(s))
	}
	if len(s.balancers) > 0 {
		groups = append(groups, balancerRules(s))
	}
	if s.certificates {
		groups = append(groups, certificateRules())
	}
	if s.backup > 0 {
		groups = append(groups, backupRules(s))
	}
	return groups
}

// Files returns observability/: Prometheus's rules, their tests and a scrape
// configuration, Grafana's dashboards, and Fluent Bit.
func Files(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) ([]file.File, error) {
	s := newScope(c, p)
	groups := groupsOf(s)
	rules, err := file.YAML("observability/prometheus/rules.yaml",
		"Rules of cluster "+s.cluster+". promtool test rules tests.yaml tries each of them.\nThresholds, and why they are where they are:\n"+thresholds(groups),
		ruleFileOf(s, groups))
	if err != nil {
		return nil, err
	}
	tests, err := file.YAML("observability/prometheus/tests.yaml",
		"Series that make each alert fire, and that do not.\nRun: promtool test rules tests.yaml", testFileOf(s, groups))
	if err != nil {
		return nil, err
	}
	config, err := file.YAML("observability/prometheus/prometheus.yaml",
		"Prometheus in the cluster: the jobs that rules.yaml asks for by name.", scrape(s))
	if err != nil {
		return nil, err
	}
	state, err := file.YAML("observability/prometheus/kube-state-metrics-values.yaml",
		"Helm values of prometheus-community/kube-state-metrics: nodes with their zone.\nTwo of it, so that a lost zone does not blind the rules.",
		stateMetricsValues{MetricLabelsAllowlist: []string{"nodes=[topology.kubernetes.io/zone]"}, Replicas: min(2, max(1, len(s.zones)))})
	if err != nil {
		return nil, err
	}
	reading, err := file.YAML("observability/prometheus/access.yaml",
		"What Prometheus (ServiceAccount prometheus in monitoring) may read: targets, and metrics.", access()...)
	if err != nil {
		return nil, err
	}
	files := []file.File{reading, config, state, rules, tests}
	boards := []struct {
		name  string
		board dashboard
	}{{"zones", zonesBoard(s)}, {"control-plane", controlPlaneBoard(s)}}
	if s.certificates || s.backup > 0 {
		boards = append(boards, struct {
			name  string
			board dashboard
		}{"backups-and-certificates", hostsBoard(s)})
	}
	for _, b := range boards {
		f, err := dashboardFile(b.name, b.board)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	logs, err := fluentBit(s)
	if err != nil {
		return nil, fmt.Errorf("rendering Fluent Bit: %w", err)
	}
	return append(files, logs), nil
}

// Steps tells how to put observability/ to use.
func Steps(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) []file.Step {
	s := newScope(c, p)
	text := "The rules need kube-state-metrics with nodes' zones, node-exporter and the API servers' metrics, under the job names of `prometheus.yaml`."
	if s.own {
		text += " etcd's metrics come from port 2381 of its members; kubeadm binds it to the loopback unless `listen-metrics-urls` says otherwise."
	}
	if s.certificates {
		text += " Ages of certificates and backups come from text files: run node-exporter with `--collector.textfile.directory` on the folder that the hosts' timers write to."
	}
	return []file.Step{
		{Title: "Try the rules", Text: "Every alert has a test that makes it fire and one that does not.", Commands: []string{
			"promtool check rules observability/prometheus/rules.yaml",
			"promtool test rules observability/prometheus/tests.yaml",
		}},
		{Title: "Watch the zones", Text: text, Commands: []string{
			"helm upgrade --install kube-state-metrics kube-state-metrics --repo https://prometheus-community.github.io/helm-charts --namespace monitoring --create-namespace --values observability/prometheus/kube-state-metrics-values.yaml",
			"kubectl apply --filename=observability/prometheus/access.yaml",
			"kubectl --namespace monitoring create configmap prometheus --from-file=observability/prometheus/prometheus.yaml --from-file=observability/prometheus/rules.yaml --dry-run=client --output=yaml | kubectl apply --filename=-",
		}},
		{Title: "Show the dashboards", Text: "Import each file in Grafana, or leave it to Grafana's sidecar: it loads ConfigMaps with the label `grafana_dashboard`.", Commands: []string{
			"kubectl --namespace monitoring create configmap bulkhead-dashboards --from-file=observability/grafana --dry-run=client --output=yaml | kubectl label --local --filename=- grafana_dashboard=1 --output=yaml | kubectl apply --filename=-",
		}},
		{Title: "Collect logs with their zone", Text: "Each line carries its node's zone. Set `LOGS_HOST` and `LOGS_PORT` in the file first. Kubernetes before 1.35 does not copy a node's zone onto its pods; there the zone stays empty.", Commands: []string{
			"kubectl apply --filename=observability/fluent-bit/fluent-bit.yaml",
		}},
	}
}
