package observability

import (
	"fmt"
	"time"

	"bulkhead.dev/bulkhead/internal/quorum"
)

// Thresholds of the API's errors.
const (
	// burnRate 14.4 spends 2 % of a month's error budget in an hour (The Site
	// Reliability Workbook, chapter 5, alerting on SLOs).
	burnRate = 14.4
	// plainErrors is the share of errors to tell of without an objective.
	plainErrors = 0.01
	// mostErrors bounds what a weak objective would allow.
	mostErrors = 0.05
)

// errorLimit is the share of failing API requests to tell of, and why.
func (s scope) errorLimit() (float64, string) {
	if s.availability == 0 {
		return plainErrors, "1 % of requests answered with 5xx, over 5 m and over 1 h. There is no availability objective to take a budget from."
	}
	limit := min(burnRate*(1-s.availability/100), mostErrors)
	return limit, fmt.Sprintf("%s %% of requests answered with 5xx, over 5 m and over 1 h: 14.4 times what an objective of %s %% allows, which spends 2 %% of a month's budget in an hour.",
		number(100*limit), number(s.availability))
}

// addressRecords join scrape targets of the control plane to zones: by the plan's
// addresses, or by what nodes tell of theirs.
func addressRecords(s scope) []record {
	var out []record
	for _, a := range s.addresses {
		out = append(out, record{name: "bulkhead:address_zone:info", expr: "vector(1)", labels: map[string]string{"address": a.host, "zone": a.zone}})
	}
	if len(out) == 0 {
		out = append(out, record{name: "bulkhead:address_zone:info", expr: `max by (address, zone) (
  label_replace(kube_node_info{internal_ip!=""}, "address", "$1", "internal_ip", "(.+)")
  * on (node) group_left (zone) bulkhead:node_zone:info
)`})
	}
	return out
}

// upByZone counts a job's targets that are up, by zone.
func upByZone(job string) string {
	return fmt.Sprintf(`count by (zone) (
  (max by (address) (label_replace(up{job=%q}, "address", "$1", "instance", "\\[?([^\\]]+)\\]?:[0-9]+")) == 1)
  * on (address) group_left (zone) bulkhead:address_zone:info
)`, job)
}

// target is the series of one target of a job, of the plan's addresses or of a
// node that tells its own.
func (s scope) target(job string, i int, up float64) []series {
	if len(s.addresses) == 0 {
		zone := s.memberZones()[i]
		name := fmt.Sprintf("cp-%d", i+1)
		return append(node(name, zone, true),
			steady(fmt.Sprintf(`kube_node_info{node=%q,internal_ip="10.0.0.%d"}`, name, i+1), 1),
			steady(fmt.Sprintf(`up{job=%q,instance="10.0.0.%d:9999"}`, job, i+1), up))
	}
	targets := s.apiTargets
	if job == jobEtcd {
		targets = s.etcdTargets
	}
	return []series{steady(fmt.Sprintf(`up{job=%q,instance="%s:9999"}`, job, targets[i]), up)}
}

// memberZones are the zones of the control plane's members (or etcd's voters),
// each as often as it has one.
func (s scope) memberZones() []string {
	byZone := s.apiServers
	if quorum.Total(s.voters) > quorum.Total(byZone) {
		byZone = s.voters
	}
	var out []string
	for i := 0; len(out) < quorum.Total(byZone); i++ {
		for _, zone := range sortedZones(byZone) {
			if i < byZone[zone] {
				out = append(out, zone)
			}
		}
	}
	return out
}

// zoneOf tells the zone of a job's i-th target.
func (s scope) zoneOf(job string, i int) string {
	if len(s.addresses) == 0 {
		return s.memberZones()[i]
	}
	host := s.apiTargets
	if job == jobEtcd {
		host = s.etcdTargets
	}
	for _, a := range s.addresses {
		if a.host == host[i] {
			return a.zone
		}
	}
	return ""
}

// targets are the series of n targets of a job, of which the first down are down.
func (s scope) targets(job string, n, down int) []series {
	var out []series
	for i := range n {
		up := 1.0
		if i < down {
			up = 0
		}
		out = append(out, s.target(job, i, up)...)
	}
	return out
}

// apiRules tell of API servers that are down or fail.
func apiRules(s scope) group {
	g := group{name: "bulkhead-api"}
	runbook := runbookZoneLost
	if s.own {
		runbook = runbookQuorum
		g.records = addressRecords(s)
		for _, zone := range sortedZones(s.apiServers) {
			g.records = append(g.records, record{name: "bulkhead:apiservers_expected:count", expr: fmt.Sprintf("vector(%d)", s.apiServers[zone]), labels: map[string]string{"zone": zone}})
		}
		g.records = append(g.records, record{name: "bulkhead:apiservers_up:count", expr: upByZone(jobAPIServer)})
		n, zone := quorum.Total(s.apiServers), s.zoneOf(jobAPIServer, 0)
		if n > 0 {
			g.alerts = append(g.alerts, alert{
				name: "BulkheadAPIServerDown", wait: 2 * time.Minute, severity: warning,
				expr:        `bulkhead:apiservers_expected:count - (bulkhead:apiservers_up:count or 0 * bulkhead:apiservers_expected:count) > 0`,
				why:         "fewer API servers up in a zone than the plan has there, for 2 m. Counted against the plan: an API server that stops leaves the Service's endpoints after 15 s, and its target with them.",
				summary:     "An API server in zone {{ $labels.zone }} is down",
				description: "{{ $value | humanize }} of the API servers that stand in zone {{ $labels.zone }} are down. The others answer through the load balancer.",
				runbook:     runbookZoneLost,
				cases: []testCase{
					{name: "one is down", at: 5 * time.Minute, series: s.targets(jobAPIServer, n, 1), fired: []fired{{labels: map[string]string{"zone": zone}, value: "1"}}},
					{name: "all up", at: 5 * time.Minute, series: s.targets(jobAPIServer, n, 0)},
				},
			})
		}
	}
	g.alerts = append(g.alerts, alert{
		name: "BulkheadAPIDown", wait: time.Minute, severity: critical,
		expr:        `absent(up{job="apiserver"} == 1)`,
		why:         "no API server can be scraped for 1 m.",
		summary:     "The Kubernetes API is down",
		description: "No API server answers Prometheus. Pods run on; nothing is replaced, scaled or rolled out.",
		runbook:     runbook,
		cases: []testCase{
			{name: "down", at: 5 * time.Minute, series: []series{steady(`up{job="apiserver",instance="10.0.0.1:6443"}`, 0)}, fired: []fired{{}}},
			{name: "gone", at: 5 * time.Minute, series: []series{steady(`up{job="other"}`, 1)}, fired: []fired{{}}},
			{name: "one is up", at: 5 * time.Minute, series: []series{steady(`up{job="apiserver",instance="10.0.0.1:6443"}`, 0), steady(`up{job="apiserver",instance="10.0.0.2:6443"}`, 1)}},
		},
	}, apiErrors(s, runbook))
	if s.own {
		g.alerts = append(g.alerts, clientCertificates())
	}
	return g
}

func apiErrors(s scope, runbook string) alert {
	limit, why := s.errorLimit()
	ratio := func(window string) string {
		return fmt.Sprintf(`sum(rate(apiserver_request_total{code=~"5.."}[%[1]s])) / sum(rate(apiserver_request_total[%[1]s]))`, window)
	}
	requests := func(bad float64) []series {
		return []series{
			rising(`apiserver_request_total{verb="GET",resource="pods",code="200"}`, 1000*(1-bad)),
			rising(`apiserver_request_total{verb="GET",resource="pods",code="504"}`, 1000*bad),
		}
	}
	return alert{
		name: "BulkheadAPIErrors", wait: 2 * time.Minute, severity: critical,
		expr:        fmt.Sprintf("%s > %s\n  and %s > %s", ratio("5m"), number(limit), ratio("1h"), number(limit)),
		why:         why,
		summary:     "The Kubernetes API fails requests",
		description: "{{ $value | humanizePercentage }} of the API's requests are answered with 5xx.",
		runbook:     runbook,
		cases: []testCase{
			{name: "one in ten", at: 90 * time.Minute, series: requests(0.1), fired: []fired{{value: "10%"}}},
			{name: "a tenth of the limit", at: 90 * time.Minute, series: requests(limit / 10)},
			{name: "a short burst", at: 90 * time.Minute, series: []series{
				{metric: `apiserver_request_total{code="200"}`, values: "0+100000x120"},
				{metric: `apiserver_request_total{code="504"}`, values: fmt.Sprintf("0+0x82 0+%sx40", number(250000*limit))},
			}},
		},
	}
}

// weekSeconds is a week, the age at which a certificate is urgent.
const weekSeconds = 7 * 24 * 3600

func clientCertificates() alert {
	seen := func(near, all float64) []series {
		return []series{
			rising(`apiserver_client_certificate_expiration_seconds_bucket{le="86400"}`, near),
			rising(`apiserver_client_certificate_expiration_seconds_bucket{le="604800"}`, near),
			rising(`apiserver_client_certificate_expiration_seconds_bucket{le="2592000"}`, all),
			rising(`apiserver_client_certificate_expiration_seconds_bucket{le="+Inf"}`, all),
			rising(`apiserver_client_certificate_expiration_seconds_count`, all),
		}
	}
	return alert{
		name: "BulkheadClientCertificateExpires", wait: 15 * time.Minute, severity: warning,
		expr: fmt.Sprintf(`histogram_quantile(0.01, sum by (le) (rate(apiserver_client_certificate_expiration_seconds_bucket[5m]))) < %d
  and on () (sum(rate(apiserver_client_certificate_expiration_seconds_count[5m])) > 0)`, weekSeconds),
		why:         "one in a hundred requests with a client certificate that ends within 7 days: a week is a working week to find whose it is.",
		summary:     "A client certificate ends soon",
		description: "Somebody uses the API with a certificate that ends in less than {{ $value | humanizeDuration }}. After that it is refused.",
		runbook:     runbookCertificates,
		cases: []testCase{
			{name: "within a day", at: 30 * time.Minute, series: seen(60, 60), fired: []fired{{value: "14m 24s"}}},
			{name: "within a month", at: 30 * time.Minute, series: seen(0, 60)},
			{name: "nobody", at: 30 * time.Minute, series: seen(0, 0)},
		},
	}
}
