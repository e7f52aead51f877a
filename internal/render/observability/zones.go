package observability

import (
	"fmt"
	"time"
)

// Thresholds that Kubernetes and the Cluster Autoscaler act on.
const (
	// unhealthyZone is kube-controller-manager's --unhealthy-zone-threshold: with
	// this share of a zone's nodes not ready, and more than unhealthyNodes of them,
	// it evicts slowly, or not at all in clusters of 50 nodes or fewer
	// (k8s.io/kubernetes/pkg/controller/nodelifecycle, ComputeZoneState).
	unhealthyZone  = 0.55
	unhealthyNodes = 2
	// autoscalerUnready and autoscalerNodes are the Cluster Autoscaler's
	// --max-total-unready-percentage and --ok-total-unready-count.
	autoscalerUnready = 0.45
	autoscalerNodes   = 3
)

// zoneRecords join nodes, pods and addresses to zones. kube-state-metrics tells a
// node's zone only when it is asked to: --metric-labels-allowlist=nodes=[…].
func zoneRecords(s scope) group {
	g := group{name: "bulkhead-zone-records", records: []record{
		{name: "bulkhead:node_zone:info", expr: `max by (node, zone) (
  label_replace(kube_node_labels{label_topology_kubernetes_io_zone!=""}, "zone", "$1", "label_topology_kubernetes_io_zone", "(.+)")
)`},
		{name: "bulkhead:node_ready:info", expr: `max by (node) (kube_node_status_condition{condition="Ready",status="true"})`},
		{name: "bulkhead:zone_nodes:count", expr: `count by (zone) (bulkhead:node_zone:info)`},
		{name: "bulkhead:zone_nodes_ready:count", expr: `sum by (zone) (bulkhead:node_zone:info * on (node) group_left () bulkhead:node_ready:info)`},
	}}
	for _, zone := range s.zones {
		g.records = append(g.records, record{name: "bulkhead:zone_expected:info", expr: "vector(1)", labels: map[string]string{"zone": zone}})
	}
	return g
}

// node is the series of one node in a zone, and whether it is ready.
func node(name, zone string, ready bool) []series {
	up := 0.0
	if ready {
		up = 1
	}
	return []series{
		steady(fmt.Sprintf(`kube_node_labels{node=%q,label_topology_kubernetes_io_zone=%q}`, name, zone), 1),
		steady(fmt.Sprintf(`kube_node_status_condition{node=%q,condition="Ready",status="true"}`, name), up),
	}
}

// nodes are the series of n nodes in a zone.
func nodes(zone string, n int, ready bool) []series {
	var out []series
	for i := range n {
		state := "up"
		if !ready {
			state = "down"
		}
		out = append(out, node(fmt.Sprintf("%s-%s-%d", zone, state, i+1), zone, ready)...)
	}
	return out
}

// others are the series of n ready nodes in each zone but the first, and one in a
// zone that nothing is expected of, so that there is always some node.
func others(s scope, n int) []series {
	out := nodes("elsewhere", 1, true)
	for _, zone := range s.zones[1:] {
		out = append(out, nodes(zone, n, true)...)
	}
	return out
}

// zoneAlerts tell that a zone is lost or ails.
func zoneAlerts(s scope) group {
	g := group{name: "bulkhead-zones", alerts: []alert{{
		name: "BulkheadZoneMetricsMissing", wait: 5 * time.Minute, severity: critical,
		expr:        `absent(bulkhead:node_zone:info)`,
		why:         "no node with a zone for 5 m: kube-state-metrics is down, or lacks --metric-labels-allowlist=nodes=[topology.kubernetes.io/zone]. Until then no rule about zones can fire.",
		summary:     "Nothing is known of zones",
		description: "Prometheus sees no node with a zone. kube-state-metrics is down, stands in a lost zone, or does not publish the label topology.kubernetes.io/zone of nodes.",
		runbook:     runbookZoneLost,
		cases: []testCase{
			{name: "no labels", at: 10 * time.Minute, series: []series{steady("kube_node_labels{node=\"a\"}", 1)}, fired: []fired{{}}},
			{name: "labels", at: 10 * time.Minute, series: nodes("elsewhere", 1, true)},
		},
	}}}
	if len(s.zones) > 0 {
		zone := s.zones[0]
		g.alerts = append(g.alerts, zoneLost(s, zone), zoneDisrupted(zone), zoneNodesNotReady(s, zone))
	}
	if s.autoscaled {
		g.alerts = append(g.alerts, autoscalerStops())
	}
	return g
}

func zoneLost(s scope, zone string) alert {
	return alert{
		name: "BulkheadZoneLost", wait: time.Minute, severity: critical,
		expr: `(bulkhead:zone_expected:info unless on (zone) (bulkhead:zone_nodes_ready:count > 0))
  and on () (count(bulkhead:node_zone:info) > 0)`,
		why:         fmt.Sprintf("no ready node in a zone of the plan for 1 m, on top of the %d s that a node may miss its lease (node-monitor-grace-period). Nodes whose objects are gone count as lost.", s.notReady),
		summary:     "Zone {{ $labels.zone }} is lost",
		description: fmt.Sprintf("No node of zone {{ $labels.zone }} is ready. Pods of it are evicted after %d s; StatefulSets wait for the node's object or its out-of-service taint.", s.toleration),
		runbook:     runbookZoneLost,
		cases: []testCase{
			{name: "nodes not ready", at: 5 * time.Minute, series: append(nodes(zone, 2, false), others(s, 2)...), fired: []fired{{labels: map[string]string{"zone": zone}}}},
			{name: "node objects gone", at: 5 * time.Minute, series: others(s, 2), fired: []fired{{labels: map[string]string{"zone": zone}}}},
			{name: "one node is enough", at: 5 * time.Minute, series: append(append(nodes(zone, 1, true), nodes(zone, 2, false)...), others(s, 2)...)},
			{name: "nothing is known", at: 5 * time.Minute, series: []series{steady("up", 1)}},
		},
	}
}

func zoneDisrupted(zone string) alert {
	return alert{
		name: "BulkheadZoneDisrupted", wait: 2 * time.Minute, severity: critical,
		expr: fmt.Sprintf(`1 - bulkhead:zone_nodes_ready:count / bulkhead:zone_nodes:count >= %s
  and bulkhead:zone_nodes:count - bulkhead:zone_nodes_ready:count > %d
  and bulkhead:zone_nodes_ready:count > 0`, number(unhealthyZone), unhealthyNodes),
		why:         "55 % of a zone's nodes and more than 2 not ready: there kube-controller-manager slows eviction to 0.01 nodes a second, or stops it in clusters of 50 nodes or fewer (--unhealthy-zone-threshold).",
		summary:     "Zone {{ $labels.zone }} is disrupted",
		description: "{{ $value | humanizePercentage }} of the nodes in zone {{ $labels.zone }} are not ready. Kubernetes slows or stops evicting their pods, so nothing is replaced until they are back or a person acts.",
		runbook:     runbookZoneLost,
		cases: []testCase{
			{name: "3 of 4", at: 5 * time.Minute, series: append(nodes(zone, 1, true), nodes(zone, 3, false)...), fired: []fired{{labels: map[string]string{"zone": zone}, value: "75%"}}},
			{name: "2 of 3 are too few", at: 5 * time.Minute, series: append(nodes(zone, 1, true), nodes(zone, 2, false)...)},
			{name: "half", at: 5 * time.Minute, series: append(nodes(zone, 3, true), nodes(zone, 3, false)...)},
		},
	}
}

func zoneNodesNotReady(s scope, zone string) alert {
	return alert{
		name: "BulkheadZoneNodesNotReady", wait: 10 * time.Minute, severity: warning,
		expr:        `bulkhead:zone_nodes:count - bulkhead:zone_nodes_ready:count > 0`,
		why:         fmt.Sprintf("a node not ready for 10 m: longer than a reboot, and than eviction (%d s + %d s) takes.", s.notReady, s.toleration),
		summary:     "Nodes in zone {{ $labels.zone }} are not ready",
		description: "{{ $value | humanize }} nodes of zone {{ $labels.zone }} have not been ready for 10 minutes.",
		runbook:     runbookZoneLost,
		cases: []testCase{
			{name: "one of two", at: 15 * time.Minute, series: append(nodes(zone, 1, true), nodes(zone, 1, false)...), fired: []fired{{labels: map[string]string{"zone": zone}, value: "1"}}},
			{name: "all ready", at: 15 * time.Minute, series: nodes(zone, 2, true)},
			{name: "a reboot", at: 15 * time.Minute, series: []series{
				steady(fmt.Sprintf(`kube_node_labels{node="n",label_topology_kubernetes_io_zone=%q}`, zone), 1),
				{metric: `kube_node_status_condition{node="n",condition="Ready",status="true"}`, values: "1+0x5 0+0x4 1+0x30"},
			}},
		},
	}
}

func autoscalerStops() alert {
	unready := "(sum(bulkhead:zone_nodes:count) - sum(bulkhead:zone_nodes_ready:count))"
	return alert{
		name: "BulkheadAutoscalerStops", wait: 2 * time.Minute, severity: critical,
		expr: fmt.Sprintf(`%s / sum(bulkhead:zone_nodes:count) > %s
  and %s > %d`, unready, number(autoscalerUnready), unready, autoscalerNodes),
		why:         "more than 45 % of all nodes and more than 3 unready: the Cluster Autoscaler stops altogether (--max-total-unready-percentage, --ok-total-unready-count).",
		summary:     "The Cluster Autoscaler has stopped",
		description: "{{ $value | humanizePercentage }} of all nodes are unready. The Cluster Autoscaler adds no node until it is less than 45 %: raise pools by hand, or delete the dead nodes' objects.",
		runbook:     runbookZoneLost,
		cases: []testCase{
			{name: "a zone of two", at: 5 * time.Minute, series: append(nodes("x", 4, false), nodes("y", 4, true)...), fired: []fired{{value: "50%"}}},
			{name: "a zone of three", at: 5 * time.Minute, series: append(nodes("x", 4, false), append(nodes("y", 4, true), nodes("z", 4, true)...)...)},
			{name: "three of six", at: 5 * time.Minute, series: append(nodes("x", 3, false), nodes("y", 3, true)...)},
		},
	}
}
