package observability

import (
	"fmt"
	"time"
)

// maxSkew is how far apart the zones' counts of a workload's pods may be before
// somebody is told: maxSkew 1 is what spread constraints ask for, and 2 is what one
// zone's loss and return leaves behind.
const maxSkew = 2

const workload = "namespace, kind, workload"

// workloadRecords count each Deployment's and StatefulSet's ready pods by zone. A
// ReplicaSet's name is its Deployment's, a dash and a hash.
func workloadRecords() group {
	return group{name: "bulkhead-workload-records", records: []record{
		{name: "bulkhead:pod_zone:info", expr: `max by (namespace, pod, kind, workload, node) (
  label_replace(label_replace(kube_pod_info{created_by_kind="ReplicaSet",node!=""}, "workload", "$1", "created_by_name", "(.+)-[^-]+"), "kind", "Deployment", "", "")
  or
  label_replace(label_replace(kube_pod_info{created_by_kind="StatefulSet",node!=""}, "workload", "$1", "created_by_name", "(.+)"), "kind", "StatefulSet", "", "")
) * on (node) group_left (zone) bulkhead:node_zone:info`},
		{name: "bulkhead:workload_zone_ready:count", expr: `count by (namespace, kind, workload, zone) (
  (max by (namespace, pod) (kube_pod_status_ready{condition="true"}) == 1)
  * on (namespace, pod) group_left (kind, workload, zone) bulkhead:pod_zone:info
)`},
	}}
}

// replica is the series of one pod of the Deployment shop/web on a node.
func replica(name, node string) []series {
	return []series{
		steady(fmt.Sprintf(`kube_pod_info{namespace="shop",pod=%q,node=%q,created_by_kind="ReplicaSet",created_by_name="web-5d9c7b9f4"}`, name, node), 1),
		steady(fmt.Sprintf(`kube_pod_status_ready{namespace="shop",pod=%q,condition="true"}`, name), 1),
	}
}

// replicas are the series of shop/web with n pods in each of the zones named.
func replicas(byZone map[string]int) []series {
	var out []series
	for _, zone := range sortedZones(byZone) {
		out = append(out, nodes(zone, 1, true)...)
		for i := range byZone[zone] {
			out = append(out, replica(fmt.Sprintf("web-%s-%d", zone, i+1), zone+"-up-1")...)
		}
	}
	return out
}

// workloadAlerts tell of workloads that a zone's loss takes whole, or that are
// unevenly spread, and of budgets that nothing can be drained past.
func workloadAlerts(s scope) group {
	g := group{name: "bulkhead-workloads", alerts: []alert{budgetAllowsNothing()}}
	if len(s.zones) < 2 {
		return g // every workload of one zone stands in one zone
	}
	web := map[string]string{"namespace": "shop", "kind": "Deployment", "workload": "web"}
	g.alerts = append(g.alerts, alert{
		name: "BulkheadWorkloadInOneZone", wait: 15 * time.Minute, severity: warning,
		expr: `sum by (` + workload + `) (bulkhead:workload_zone_ready:count) >= 2
  and count by (` + workload + `) (bulkhead:workload_zone_ready:count) == 1
  and on () (count(bulkhead:zone_nodes_ready:count > 0) >= 2)`,
		why:         "two or more ready pods, all in one zone while another has ready nodes: that zone's loss is an outage. 15 m are longer than a rollout.",
		summary:     "{{ $labels.kind }} {{ $labels.namespace }}/{{ $labels.workload }} stands in one zone",
		description: "All {{ $value | humanize }} ready pods of {{ $labels.kind }} {{ $labels.namespace }}/{{ $labels.workload }} are in one zone; its loss is an outage. Spread them over topology.kubernetes.io/zone.",
		runbook:     runbookZoneBack,
		cases: []testCase{
			{name: "three in a", at: 20 * time.Minute, series: replicas(map[string]int{"a": 3, "b": 0, "c": 0}), fired: []fired{{labels: web, value: "3"}}},
			{name: "two zones", at: 20 * time.Minute, series: replicas(map[string]int{"a": 1, "b": 1, "c": 0})},
			{name: "one pod", at: 20 * time.Minute, series: replicas(map[string]int{"a": 1, "b": 0})},
			{name: "no other zone is up", at: 20 * time.Minute, series: replicas(map[string]int{"a": 3})},
		},
	}, alert{
		name: "BulkheadWorkloadZoneSkew", wait: 30 * time.Minute, severity: warning,
		expr: fmt.Sprintf(`(
  max by (%[1]s) (bulkhead:workload_zone_ready:count)
  - (
    min by (%[1]s) (bulkhead:workload_zone_ready:count)
      and count by (%[1]s) (bulkhead:workload_zone_ready:count) >= scalar(count(bulkhead:zone_nodes_ready:count > 0))
    or 0 * max by (%[1]s) (bulkhead:workload_zone_ready:count)
  )
) >= %[2]d
  and count by (%[1]s) (bulkhead:workload_zone_ready:count) > 1`, workload, maxSkew),
		why:         "two pods more in one zone than in another: spread constraints ask for 1, and a zone's loss and return leaves more, for nothing moves pods back. 30 m leave time to rebalance.",
		summary:     "{{ $labels.kind }} {{ $labels.namespace }}/{{ $labels.workload }} is skewed",
		description: "{{ $labels.kind }} {{ $labels.namespace }}/{{ $labels.workload }} has {{ $value | humanize }} ready pods more in one zone than in another. After a zone is back, restart it to spread it again.",
		runbook:     runbookZoneBack,
		cases: []testCase{
			{name: "a zone without", at: 45 * time.Minute, series: replicas(map[string]int{"a": 3, "b": 3, "c": 0}), fired: []fired{{labels: web, value: "3"}}},
			{name: "three, two and one", at: 45 * time.Minute, series: replicas(map[string]int{"a": 3, "b": 2, "c": 1}), fired: []fired{{labels: web, value: "2"}}},
			{name: "even", at: 45 * time.Minute, series: replicas(map[string]int{"a": 3, "b": 2, "c": 2})},
			{name: "fewer pods than zones", at: 45 * time.Minute, series: replicas(map[string]int{"a": 1, "b": 1, "c": 0})},
		},
	})
	return g
}

func budgetAllowsNothing() alert {
	budget := func(allowed, healthy, expected float64) []series {
		labels := `{namespace="shop",poddisruptionbudget="web"}`
		return []series{
			steady("kube_poddisruptionbudget_status_pod_disruptions_allowed"+labels, allowed),
			steady("kube_poddisruptionbudget_status_current_healthy"+labels, healthy),
			steady("kube_poddisruptionbudget_status_expected_pods"+labels, expected),
		}
	}
	const on = "on (namespace, poddisruptionbudget)"
	return alert{
		name: "BulkheadBudgetAllowsNothing", wait: 30 * time.Minute, severity: warning,
		expr: `max by (namespace, poddisruptionbudget) (kube_poddisruptionbudget_status_pod_disruptions_allowed) == 0
  and ` + on + ` (kube_poddisruptionbudget_status_expected_pods > 0)
  and ` + on + ` (kube_poddisruptionbudget_status_current_healthy >= ` + on + ` kube_poddisruptionbudget_status_expected_pods)`,
		why:         "all pods healthy and still none may go, for 30 m: no node of theirs can be drained or upgraded.",
		summary:     "PodDisruptionBudget {{ $labels.namespace }}/{{ $labels.poddisruptionbudget }} allows nothing",
		description: "Every pod of PodDisruptionBudget {{ $labels.namespace }}/{{ $labels.poddisruptionbudget }} is healthy and none may be disrupted: drains, upgrades and scaling down wait for ever. Allow at least one.",
		runbook:     runbookZoneBack,
		cases: []testCase{
			{name: "one of one", at: 40 * time.Minute, series: budget(0, 1, 1), fired: []fired{{labels: map[string]string{"namespace": "shop", "poddisruptionbudget": "web"}}}},
			{name: "one may go", at: 40 * time.Minute, series: budget(1, 3, 3)},
			{name: "used up", at: 40 * time.Minute, series: budget(0, 2, 3)},
			{name: "selects nothing", at: 40 * time.Minute, series: budget(0, 0, 0)},
		},
	}
}
