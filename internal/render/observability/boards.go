package observability

import (
	"fmt"

	"bulkhead.dev/bulkhead/internal/quorum"
)

func at(v float64) *float64 { return &v }

// zonesBoard shows the zones side by side.
func zonesBoard(s scope) dashboard {
	views := []view{
		{title: "Zones without a ready node", description: "Zones of the plan in which no node is ready.", stat: true, unit: "short", bad: at(1),
			queries: []query{{`count(bulkhead:zone_expected:info unless on (zone) (bulkhead:zone_nodes_ready:count > 0)) or vector(0)`, "lost zones"}}},
		{title: "Room without the largest zone", description: "Requests as a share of what the other zones' ready nodes have. Above 100 % a zone's loss leaves pods pending.", stat: true, unit: "percentunit", bad: at(fullRoom),
			queries: []query{{`bulkhead:room_without_largest_zone:ratio`, "{{resource}}"}}},
		{title: "Unready nodes", description: "Share of all nodes. Above 45 % the Cluster Autoscaler stops.", stat: true, unit: "percentunit", bad: at(autoscalerUnready),
			queries: []query{{`1 - sum(bulkhead:zone_nodes_ready:count) / sum(bulkhead:zone_nodes:count)`, "unready"}}},
		{title: "Ready nodes by zone", description: "Nodes that are ready.", unit: "short",
			queries: []query{{`bulkhead:zone_nodes_ready:count`, "{{zone}}"}}},
		{title: "Room by zone: CPU", description: "Allocatable on ready nodes, without what DaemonSets and static pods take.", unit: "short",
			queries: []query{{`bulkhead:zone_room:sum{resource="cpu"}`, "{{zone}}"}, {`bulkhead:movable_requests:sum{resource="cpu"}`, "requested in all"}}},
		{title: "Room by zone: memory", description: "Allocatable on ready nodes, without what DaemonSets and static pods take.", unit: "bytes",
			queries: []query{{`bulkhead:zone_room:sum{resource="memory"}`, "{{zone}}"}, {`bulkhead:movable_requests:sum{resource="memory"}`, "requested in all"}}},
		{title: "Ready pods by zone", description: "Of Deployments and StatefulSets.", unit: "short",
			queries: []query{{`sum by (zone) (bulkhead:workload_zone_ready:count)`, "{{zone}}"}}},
		{title: "Workloads in one zone", description: "Two or more ready pods, all in one zone.", unit: "short", bad: at(1),
			queries: []query{{`count(sum by (namespace, kind, workload) (bulkhead:workload_zone_ready:count) >= 2 and count by (namespace, kind, workload) (bulkhead:workload_zone_ready:count) == 1) or vector(0)`, "workloads"}}},
		{title: "CPU by zone", description: "Share of the CPU that is used, by the nodes' zone; a node's exporter must share its address.", unit: "percentunit", bad: at(busyCPU),
			queries: []query{{`avg by (zone) (
  (1 - avg by (address) (label_replace(rate(node_cpu_seconds_total{mode="idle"}[5m]), "address", "$1", "instance", "\\[?([^\\]]+)\\]?:[0-9]+")))
  * on (address) group_left (zone) max by (address, zone) (label_replace(kube_node_info{internal_ip!=""}, "address", "$1", "internal_ip", "(.+)") * on (node) group_left (zone) bulkhead:node_zone:info)
)`, "{{zone}}"}}},
	}
	return newDashboard(s, s.cluster+"-zones", "zones", "What stands in which zone, and whether the loss of one would be carried.", views)
}

// controlPlaneBoard shows the API servers and, where the owner runs it, etcd.
func controlPlaneBoard(s scope) dashboard {
	limit, _ := s.errorLimit()
	views := []view{
		{title: "API servers up", description: "Targets of the job apiserver that answer.", stat: true, unit: "short", bad: at(1), low: true,
			queries: []query{{`count(up{job="apiserver"} == 1) or vector(0)`, "up"}}},
		{title: "API errors", description: "Share of requests answered with 5xx.", stat: true, unit: "percentunit", bad: at(limit),
			queries: []query{{`sum(rate(apiserver_request_total{code=~"5.."}[5m])) / sum(rate(apiserver_request_total[5m]))`, "5xx"}}},
		{title: "API requests", description: "By their answer.", unit: "reqps",
			queries: []query{{`sum by (code) (rate(apiserver_request_total[5m]))`, "{{code}}"}}},
		{title: "API latency", description: "The 99th percentile without watches.", unit: "s",
			queries: []query{{`histogram_quantile(0.99, sum by (verb, le) (rate(apiserver_request_duration_seconds_bucket{verb!~"WATCH|CONNECT"}[5m])))`, "{{verb}}"}}},
	}
	if s.own {
		n := quorum.Total(s.voters)
		views = append(views,
			view{title: "etcd members up", description: fmt.Sprintf("Of %d; %d are a quorum.", n, quorum.Majority(n)), stat: true, unit: "short", bad: at(float64(n)), low: true,
				queries: []query{{`bulkhead:etcd_up:count`, "up"}}},
			view{title: "etcd members up by zone", description: "Where the voters stand.", unit: "short",
				queries: []query{{`bulkhead:etcd_zone_up:count`, "{{zone}}"}}},
			view{title: "Leader changes", description: "In 15 minutes.", unit: "short", bad: at(leaderChanges),
				queries: []query{{`increase(etcd_server_leader_changes_seen_total{job="etcd"}[15m])`, "{{instance}}"}}},
			view{title: "Failed proposals", description: "In 15 minutes.", unit: "short", bad: at(failedProposals),
				queries: []query{{`increase(etcd_server_proposals_failed_total{job="etcd"}[15m])`, "{{instance}}"}}},
			view{title: "etcd fsync", description: "The 99th percentile; 100 ms is one heartbeat.", unit: "s", bad: at(slowSeconds),
				queries: []query{{`histogram_quantile(0.99, sum by (instance, le) (rate(etcd_disk_wal_fsync_duration_seconds_bucket{job="etcd"}[5m])))`, "{{instance}}"}}},
			view{title: "etcd round trips", description: "The 99th percentile between members; 100 ms is one heartbeat.", unit: "s", bad: at(slowSeconds),
				queries: []query{{`histogram_quantile(0.99, sum by (instance, To, le) (rate(etcd_network_peer_round_trip_time_seconds_bucket{job="etcd"}[5m])))`, "{{instance}} to {{To}}"}}},
			view{title: "etcd database", description: "Its size, and its share of the quota that stops writes.", unit: "bytes",
				queries: []query{{`etcd_mvcc_db_total_size_in_bytes{job="etcd"}`, "{{instance}}"}, {`etcd_server_quota_backend_bytes{job="etcd"}`, "quota of {{instance}}"}}},
		)
	}
	if len(s.balancers) > 0 {
		views = append(views, view{title: "API servers by load balancer", description: "Servers that each HAProxy finds up.", unit: "short", bad: at(1), low: true,
			queries: []query{{`max by (instance, proxy) (haproxy_backend_active_servers)`, "{{instance}} {{proxy}}"}}})
	}
	description := "The API that the provider runs."
	if s.own {
		description = "API servers, etcd and what stands in front of them."
	}
	return newDashboard(s, s.cluster+"-control-plane", "control plane", description, views)
}

// hostsBoard shows the age of backups, and of certificates where hosts tell it.
func hostsBoard(s scope) dashboard {
	var views []view
	if s.certificates {
		views = append(views, view{title: "First certificate ends in", description: "The certificate that ends first, on any host.", stat: true, unit: "s", bad: at(soonSeconds), low: true,
			queries: []query{{`min(bulkhead_certificate_expiry_timestamp_seconds) - time()`, "left"}}},
			view{title: "Certificates by host", description: "Time until the first of each host ends.", unit: "s",
				queries: []query{{`min by (instance) (bulkhead_certificate_expiry_timestamp_seconds) - time()`, "{{instance}}"}}})
	}
	if s.backup > 0 {
		views = append(views,
			view{title: "Age of the last backup", description: "One is due every " + duration(s.backup) + ".", stat: true, unit: "s", bad: at((s.backup + s.backup/backupSlack).Seconds()),
				queries: []query{{"time() - max(" + s.backupMetric + ")", "age"}}},
			view{title: "Age of backups", description: "A sawtooth as high as the interval is right.", unit: "s",
				queries: []query{{"time() - " + s.backupMetric, "{{instance}}"}}},
		)
	}
	return newDashboard(s, s.cluster+"-hosts", "backups and certificates", "Etcd's snapshots and the age of certificates.", views)
}
