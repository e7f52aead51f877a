package observability

import (
	"fmt"
	"time"
)

// Thresholds of room and load.
const (
	// fullRoom is the share of the room outside the largest zone that requests may
	// take: beyond it some pods find no place when that zone goes.
	fullRoom = 1
	// tightRoom leaves a tenth: fragmentation eats about that much (a pod needs its
	// room on one node).
	tightRoom = 0.9
	// busyCPU of a node, and busyNodes of them: one busy node is its pods' affair,
	// several are the cluster's.
	busyCPU   = 0.8
	busyNodes = 2
)

// roomRecords work out whether what is requested fits without the largest zone. Pods
// of DaemonSets and static pods go with their nodes and need no room elsewhere.
func roomRecords() group {
	return group{name: "bulkhead-room-records", records: []record{
		{name: "bulkhead:zone_allocatable:sum", expr: `sum by (zone, resource) (
  max by (node, resource) (kube_node_status_allocatable{resource=~"cpu|memory"})
  * on (node) group_left (zone) (bulkhead:node_zone:info * on (node) group_left () bulkhead:node_ready:info)
)`},
		{name: "bulkhead:zone_fixed_requests:sum", expr: `sum by (zone, resource) (
  sum by (namespace, pod, node, resource) (kube_pod_container_resource_requests{resource=~"cpu|memory",node!=""})
  * on (namespace, pod) group_left () max by (namespace, pod) (kube_pod_info{created_by_kind=~"DaemonSet|Node"})
  * on (node) group_left (zone) (bulkhead:node_zone:info * on (node) group_left () bulkhead:node_ready:info)
)`},
		{name: "bulkhead:zone_room:sum", expr: `bulkhead:zone_allocatable:sum - (bulkhead:zone_fixed_requests:sum or 0 * bulkhead:zone_allocatable:sum)`},
		{name: "bulkhead:movable_requests:sum", expr: `sum by (resource) (
  sum by (namespace, pod, resource) (kube_pod_container_resource_requests{resource=~"cpu|memory"})
  * on (namespace, pod) group_left () (max by (namespace, pod) (kube_pod_status_phase{phase=~"Pending|Running"}) == 1)
  unless on (namespace, pod) kube_pod_info{created_by_kind=~"DaemonSet|Node"}
)`},
		{name: "bulkhead:room_without_largest_zone:ratio", expr: `(
  bulkhead:movable_requests:sum
  / (sum by (resource) (bulkhead:zone_room:sum) - max by (resource) (bulkhead:zone_room:sum))
) and on () (count(bulkhead:zone_nodes_ready:count > 0) >= 2)`},
	}}
}

// load is the series of nodes of 4 CPUs, one in each zone given with how many, with
// movable pods that request cpu, and a DaemonSet's pod of half a CPU on each node.
func load(byZone map[string]int, cpu float64) []series {
	var out []series
	for _, zone := range sortedZones(byZone) {
		out = append(out, nodes(zone, byZone[zone], true)...)
		for i := range byZone[zone] {
			name := fmt.Sprintf("%s-up-%d", zone, i+1)
			out = append(out,
				steady(fmt.Sprintf(`kube_node_status_allocatable{node=%q,resource="cpu",unit="core"}`, name), 4),
				steady(fmt.Sprintf(`kube_pod_info{namespace="kube-system",pod="agent-%s",node=%q,created_by_kind="DaemonSet",created_by_name="agent"}`, name, name), 1),
				steady(fmt.Sprintf(`kube_pod_status_phase{namespace="kube-system",pod="agent-%s",phase="Running"}`, name), 1),
				steady(fmt.Sprintf(`kube_pod_container_resource_requests{namespace="kube-system",pod="agent-%s",node=%q,container="agent",resource="cpu",unit="core"}`, name, name), 0.5),
			)
		}
	}
	return append(out,
		steady(`kube_pod_info{namespace="shop",pod="web-1",node="a-up-1",created_by_kind="ReplicaSet",created_by_name="web-5d9c7b9f4"}`, 1),
		steady(`kube_pod_status_phase{namespace="shop",pod="web-1",phase="Running"}`, 1),
		steady(`kube_pod_container_resource_requests{namespace="shop",pod="web-1",node="a-up-1",container="web",resource="cpu",unit="core"}`, cpu),
	)
}

// roomAlerts tell that a zone's loss would not be carried, and of busy nodes.
func roomAlerts(s scope) group {
	g := group{name: "bulkhead-room"}
	if len(s.zones) >= 2 {
		level, more := critical, "Add nodes, or make room."
		if s.growing {
			level, more = warning, "The autoscaler adds nodes then, if the provider has any left on that day; raise the pools' minimum to be sure."
		}
		cpu := map[string]string{"resource": "cpu"}
		g.alerts = append(g.alerts, alert{
			name: "BulkheadNoRoomForZoneLoss", wait: 15 * time.Minute, severity: level,
			expr:        fmt.Sprintf(`bulkhead:room_without_largest_zone:ratio > %s`, number(fullRoom)),
			why:         "requests above what is allocatable without the largest zone for 15 m: after its loss some pods stay pending. Not critical where every pool grows by itself.",
			summary:     "The loss of a zone would leave pods without {{ $labels.resource }}",
			description: "Without the largest zone, requests of {{ $labels.resource }} are {{ $value | humanizePercentage }} of what the other zones' ready nodes have. " + more,
			runbook:     runbookZoneLost,
			cases: []testCase{
				{name: "8 cpu on 7", at: 20 * time.Minute, series: load(map[string]int{"a": 1, "b": 1, "c": 1}, 8), fired: []fired{{labels: cpu, value: "114.3%"}}},
				{name: "the largest zone counts", at: 20 * time.Minute, series: load(map[string]int{"a": 2, "b": 1}, 4), fired: []fired{{labels: cpu, value: "114.3%"}}},
				{name: "6 cpu on 7", at: 20 * time.Minute, series: load(map[string]int{"a": 1, "b": 1, "c": 1}, 6)},
				{name: "no other zone is up", at: 20 * time.Minute, series: load(map[string]int{"a": 3}, 8)},
			},
		}, alert{
			name: "BulkheadRoomForZoneLossShrinks", wait: 30 * time.Minute, severity: warning,
			expr:        fmt.Sprintf(`bulkhead:room_without_largest_zone:ratio > %s <= %s`, number(tightRoom), number(fullRoom)),
			why:         "90 % of the room outside the largest zone requested: the last tenth is scattered over nodes, where a larger pod does not fit.",
			summary:     "Little {{ $labels.resource }} is left for the loss of a zone",
			description: "Without the largest zone, requests of {{ $labels.resource }} would take {{ $value | humanizePercentage }} of the other zones' ready nodes.",
			runbook:     runbookZoneLost,
			cases: []testCase{
				{name: "6.5 cpu on 7", at: 45 * time.Minute, series: load(map[string]int{"a": 1, "b": 1, "c": 1}, 6.5), fired: []fired{{labels: cpu, value: "92.86%"}}},
				{name: "6 cpu on 7", at: 45 * time.Minute, series: load(map[string]int{"a": 1, "b": 1, "c": 1}, 6)},
				{name: "above all room", at: 45 * time.Minute, series: load(map[string]int{"a": 1, "b": 1, "c": 1}, 8)},
			},
		})
	}
	idle := func(instance string, share float64) series {
		return rising(fmt.Sprintf(`node_cpu_seconds_total{instance=%q,cpu="0",mode="idle"}`, instance), 60*share)
	}
	g.alerts = append(g.alerts, alert{
		name: "BulkheadNodesBusy", wait: 15 * time.Minute, severity: warning,
		expr:        fmt.Sprintf(`count(1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[5m])) > %s) >= %d`, number(busyCPU), busyNodes),
		why:         "80 % of the CPU used on two nodes or more for 15 m: what a lost zone's pods would take on top is not there.",
		summary:     "Several nodes are busy",
		description: "{{ $value | humanize }} nodes use more than 80 % of their CPU. When a zone goes, its load comes on top.",
		runbook:     runbookZoneLost,
		cases: []testCase{
			{name: "two busy", at: 30 * time.Minute, series: []series{idle("n1:9100", 0.1), idle("n2:9100", 0.05), idle("n3:9100", 0.5)}, fired: []fired{{value: "2"}}},
			{name: "one busy", at: 30 * time.Minute, series: []series{idle("n1:9100", 0.1), idle("n2:9100", 0.5)}},
			{name: "at half", at: 30 * time.Minute, series: []series{idle("n1:9100", 0.5), idle("n2:9100", 0.5)}},
		},
	})
	return g
}
