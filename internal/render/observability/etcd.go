package observability

import (
	"fmt"
	"time"

	"bulkhead.dev/bulkhead/internal/quorum"
)

// Thresholds of etcd. Its guide asks for 10 ms of fsync and for heartbeats
// (100 ms) above the round trip between members
// (https://etcd.io/docs/v3.6/tuning, https://etcd.io/docs/v3.6/op-guide/hardware).
const (
	// slowSeconds is one heartbeat interval: slower than that, followers miss
	// heartbeats and call elections.
	slowSeconds = 0.1
	// leaderChanges in 15 minutes that are more than a restart of every member.
	leaderChanges = 4
	// failedProposals in 15 minutes: some fail with every election.
	failedProposals = 5
)

// etcdRules tell that etcd ails, and how far it is from losing its quorum.
func etcdRules(s scope) group {
	n := quorum.Total(s.voters)
	g := group{name: "bulkhead-etcd", records: []record{
		{name: "bulkhead:etcd_zone_up:count", expr: upByZone(jobEtcd)},
		{name: "bulkhead:etcd_up:count", expr: `sum(bulkhead:etcd_zone_up:count) or vector(0)`},
	}}
	g.alerts = append(g.alerts, etcdMargins(s, n)...)
	member := map[string]string{"instance": "10.0.0.1:2381"}
	leader := func(has float64) series {
		return steady(`etcd_server_has_leader{job="etcd",instance="10.0.0.1:2381"}`, has)
	}
	changes := func(step float64) []series {
		return []series{rising(`etcd_server_leader_changes_seen_total{job="etcd",instance="10.0.0.1:2381"}`, step)}
	}
	failed := func(step float64) []series {
		return []series{rising(`etcd_server_proposals_failed_total{job="etcd",instance="10.0.0.1:2381"}`, step)}
	}
	g.alerts = append(g.alerts, alert{
		name: "BulkheadEtcdNoLeader", wait: time.Minute, severity: critical,
		expr:        `max by (instance) (etcd_server_has_leader{job="etcd"}) == 0`,
		why:         "a member without a leader for 1 m: an election takes 1 to 2 s.",
		summary:     "etcd member {{ $labels.instance }} has no leader",
		description: "etcd member {{ $labels.instance }} sees no leader: it is cut off, or the quorum is lost. Without a quorum the API writes nothing.",
		runbook:     runbookQuorum,
		cases: []testCase{
			{name: "none", at: 5 * time.Minute, series: []series{leader(0)}, fired: []fired{{labels: member}}},
			{name: "one", at: 5 * time.Minute, series: []series{leader(1)}},
		},
	}, alert{
		name: "BulkheadEtcdLeaderChanges", wait: 5 * time.Minute, severity: warning,
		expr:        fmt.Sprintf(`max(increase(etcd_server_leader_changes_seen_total{job="etcd"}[15m])) >= %d`, leaderChanges),
		why:         "4 leader changes in 15 m: a rolling restart of three members makes at most three.",
		summary:     "etcd changes its leader often",
		description: "etcd has changed its leader {{ $value | humanize }} times in 15 minutes. Disks or links between zones are slow, or a link comes and goes.",
		runbook:     runbookSplitBrain,
		cases: []testCase{
			{name: "one a minute", at: 30 * time.Minute, series: changes(1), fired: []fired{{value: "15"}}},
			{name: "two in 15 minutes", at: 30 * time.Minute, series: []series{{metric: `etcd_server_leader_changes_seen_total{job="etcd",instance="10.0.0.1:2381"}`, values: "1+0x20 2+0x5 3+0x30"}}},
		},
	}, alert{
		name: "BulkheadEtcdFailedProposals", wait: 5 * time.Minute, severity: warning,
		expr:        fmt.Sprintf(`max(increase(etcd_server_proposals_failed_total{job="etcd"}[15m])) > %d`, failedProposals),
		why:         "more than 5 failed proposals in 15 m: one election may fail a few, a healthy etcd none.",
		summary:     "etcd fails proposals",
		description: "{{ $value | humanize }} proposals have failed in 15 minutes: writes are lost before they are agreed on, at elections or without a quorum.",
		runbook:     runbookQuorum,
		cases: []testCase{
			{name: "one a minute", at: 30 * time.Minute, series: failed(1), fired: []fired{{value: "15"}}},
			{name: "none", at: 30 * time.Minute, series: failed(0)},
		},
	},
		slow("BulkheadEtcdFsyncSlow", "etcd_disk_wal_fsync_duration_seconds_bucket", "instance",
			"the 99th percentile of fsync above 100 ms, one heartbeat: etcd asks for 10 ms, and elections follow where followers answer late.",
			"etcd on {{ $labels.instance }} has a slow disk", "The slowest hundredth of writes to etcd's log on {{ $labels.instance }} takes {{ $value | humanizeDuration }}. Give etcd a disk of its own."),
		slow("BulkheadEtcdPeerSlow", "etcd_network_peer_round_trip_time_seconds_bucket", "instance, To",
			"the 99th percentile of the round trip between members above 100 ms, one heartbeat: zones of one region are 1 to 2 ms apart.",
			"etcd on {{ $labels.instance }} is far from member {{ $labels.To }}", "The slowest hundredth of round trips from {{ $labels.instance }} to member {{ $labels.To }} takes {{ $value | humanizeDuration }}. The link between their zones is slow or loses packets."),
	)
	return g
}

// slow is an alert on a histogram's 99th percentile.
func slow(name, metric, by, why, summary, description string) alert {
	labels := map[string]string{"instance": "10.0.0.1:2381"}
	text := `instance="10.0.0.1:2381"`
	if by != "instance" {
		labels["To"] = "9f2c"
		text += `,To="9f2c"`
	}
	observed := func(fast, all float64) []series {
		return []series{
			rising(fmt.Sprintf(`%s{job="etcd",%s,le="0.064"}`, metric, text), fast),
			rising(fmt.Sprintf(`%s{job="etcd",%s,le="0.128"}`, metric, text), fast),
			rising(fmt.Sprintf(`%s{job="etcd",%s,le="0.256"}`, metric, text), all),
			rising(fmt.Sprintf(`%s{job="etcd",%s,le="+Inf"}`, metric, text), all),
		}
	}
	return alert{
		name: name, wait: 10 * time.Minute, severity: warning,
		expr: fmt.Sprintf(`histogram_quantile(0.99, sum by (%s, le) (rate(%s{job="etcd"}[5m]))) > %s`, by, metric, number(slowSeconds)),
		why:  why, summary: summary, description: description, runbook: runbookSplitBrain,
		cases: []testCase{
			{name: "slow", at: 30 * time.Minute, series: observed(0, 100), fired: []fired{{labels: labels, value: "254.7ms"}}},
			{name: "fast", at: 30 * time.Minute, series: observed(100, 100)},
		},
	}
}

// etcdMargins tell how many more losses the quorum bears.
func etcdMargins(s scope, n int) []alert {
	alerts := []alert{{
		name: "BulkheadEtcdMemberDown", wait: 3 * time.Minute, severity: warning,
		expr:        fmt.Sprintf(`bulkhead:etcd_up:count < %d`, n),
		why:         fmt.Sprintf("fewer members up than the plan's %d for 3 m, longer than a member's restart.", n),
		summary:     "An etcd member is down",
		description: fmt.Sprintf("{{ $value | humanize }} of %d etcd members are up; %d are a quorum.", n, quorum.Majority(n)),
		runbook:     runbookQuorum,
		cases: []testCase{
			{name: "one is down", at: 5 * time.Minute, series: s.targets(jobEtcd, n, 1), fired: []fired{{value: fmt.Sprint(n - 1)}}},
			{name: "all gone", at: 5 * time.Minute, series: s.targets(jobEtcd, n, n), fired: []fired{{value: "0"}}},
			{name: "all up", at: 5 * time.Minute, series: s.targets(jobEtcd, n, 0)},
		},
	}}
	if spare := n - quorum.Majority(n); spare > 0 {
		alerts = append(alerts, alert{
			name: "BulkheadEtcdNoMargin", wait: 3 * time.Minute, severity: critical,
			expr:        fmt.Sprintf(`bulkhead:etcd_up:count <= %d`, quorum.Majority(n)),
			why:         fmt.Sprintf("no more members up than the quorum of %d for 3 m: the next loss stops every write.", quorum.Majority(n)),
			summary:     "etcd bears no further loss",
			description: fmt.Sprintf("{{ $value | humanize }} of %d etcd members are up and %d are a quorum: one more loss stops every write.", n, quorum.Majority(n)),
			runbook:     runbookQuorum,
			cases: []testCase{
				{name: "only the quorum", at: 10 * time.Minute, series: s.targets(jobEtcd, n, spare), fired: []fired{{value: fmt.Sprint(n - spare)}}},
				{name: "all up", at: 10 * time.Minute, series: s.targets(jobEtcd, n, 0)},
			},
		})
	}
	if s.survivesZone() {
		alerts = append(alerts, alert{
			name: "BulkheadEtcdNoZoneMargin", wait: 10 * time.Minute, severity: warning,
			expr:        fmt.Sprintf(`max(bulkhead:etcd_zone_up:count) > bulkhead:etcd_up:count - %d`, quorum.Majority(n)),
			why:         "more members up in one zone than the quorum can spare, for 10 m: as planned, any zone could go.",
			summary:     "etcd would not survive the loss of a zone",
			description: fmt.Sprintf("One zone holds {{ $value | humanize }} of the etcd members that are up, and fewer than %d would be left without it.", quorum.Majority(n)),
			runbook:     runbookQuorum,
			cases: []testCase{
				{name: "a zone's members are down", at: 20 * time.Minute, series: s.withoutZone(n), fired: []fired{{value: fmt.Sprint(s.largestOther())}}},
				{name: "all up", at: 20 * time.Minute, series: s.targets(jobEtcd, n, 0)},
			},
		})
	}
	return alerts
}

// withoutZone are etcd's targets with those of the first member's zone down.
func (s scope) withoutZone(n int) []series {
	lost := s.zoneOf(jobEtcd, 0)
	var out []series
	for i := range n {
		up := 1.0
		if s.zoneOf(jobEtcd, i) == lost {
			up = 0
		}
		out = append(out, s.target(jobEtcd, i, up)...)
	}
	return out
}

// largestOther is the most voters in a zone other than the first member's.
func (s scope) largestOther() int {
	most := 0
	for zone, count := range s.voters {
		if zone != s.zoneOf(jobEtcd, 0) {
			most = max(most, count)
		}
	}
	return most
}
