package observability

import (
	"fmt"
	"strings"
	"time"
)

// Thresholds of what hosts' timers do.
const (
	// soonSeconds before its end a certificate is told of: 30 days are one round of
	// monthly upgrades, which renew kubeadm's certificates.
	soonSeconds = 30 * 24 * 3600
	// backupSlack is a quarter of the interval: a backup takes its time, and one
	// that starts a little late is no fault.
	backupSlack = 4
)

// certificateRules tell of certificates on hosts that end.
func certificateRules() group {
	const metric = "bulkhead_certificate_expiry_timestamp_seconds"
	ends := func(seconds float64) []series {
		return []series{steady(metric+`{instance="cp-a:9100",certificate="apiserver"}`, seconds)}
	}
	labels := map[string]string{"instance": "cp-a:9100"}
	const day = 24 * 3600
	return group{name: "bulkhead-certificates", alerts: []alert{{
		name: "BulkheadCertificateExpiresSoon", wait: time.Hour, severity: warning,
		expr:        fmt.Sprintf(`min by (instance) (%s) - time() < %d`, metric, soonSeconds),
		why:         "30 days before the end: the renewal timer has failed at least once by then.",
		summary:     "Certificates on {{ $labels.instance }} end soon",
		description: "The first certificate on {{ $labels.instance }} ends in {{ $value | humanizeDuration }}. kubeadm certs check-expiration names it; the renewal timer has not renewed it.",
		runbook:     runbookCertificates,
		cases: []testCase{
			{name: "in 20 days", at: 70 * time.Minute, series: ends(20*day + 4200), fired: []fired{{labels: labels, value: "20d 0h 0m 0s"}}},
			{name: "in 40 days", at: 70 * time.Minute, series: ends(40 * day)},
		},
	}, {
		name: "BulkheadCertificateExpires", wait: 5 * time.Minute, severity: critical,
		expr:        fmt.Sprintf(`min by (instance) (%s) - time() < %d`, metric, weekSeconds),
		why:         "7 days before the end: after it nothing that uses the certificate connects any more.",
		summary:     "Certificates on {{ $labels.instance }} end within a week",
		description: "The first certificate on {{ $labels.instance }} ends in {{ $value | humanizeDuration }}; then the API server, etcd or the kubelet there stops working.",
		runbook:     runbookCertificates,
		cases: []testCase{
			{name: "in 2 days", at: 70 * time.Minute, series: ends(2*day + 4200), fired: []fired{{labels: labels, value: "2d 0h 0m 0s"}}},
			{name: "in 20 days", at: 70 * time.Minute, series: ends(20 * day)},
		},
	}, {
		name: "BulkheadCertificateAgeUnknown", wait: time.Hour, severity: warning,
		expr:        fmt.Sprintf(`absent(%s)`, metric),
		why:         "no host has told its certificates' end for 1 h: its timer or node-exporter's text files do not work.",
		summary:     "Nobody tells when certificates end",
		description: "No host reports " + metric + ". Check the timer on the control plane's machines and node-exporter's --collector.textfile.directory.",
		runbook:     runbookCertificates,
		cases: []testCase{
			{name: "nothing", at: 70 * time.Minute, series: []series{steady("up", 1)}, fired: []fired{{}}},
			{name: "something", at: 70 * time.Minute, series: ends(400 * day)},
		},
	}}}
}

// backupRules tell of etcd snapshots that are too old.
func backupRules(s scope) group {
	every, metric := s.backup, s.backupMetric
	instance := func(name string) string {
		if selector, isOne := strings.CutSuffix(metric, "}"); isOne {
			return selector + `,instance="` + name + `"}`
		}
		return metric + `{instance="` + name + `"}`
	}
	limit := every + every/backupSlack
	const at = 30 * time.Minute
	// Time starts at 0 in these tests, so that a success before is negative.
	ago := func(age time.Duration) []series {
		return []series{steady(instance("cp-a:9100"), (at - age).Seconds())}
	}
	return group{name: "bulkhead-backup", alerts: []alert{{
		name: "BulkheadBackupOld", wait: 5 * time.Minute, severity: critical,
		expr:        fmt.Sprintf(`time() - max(%s) > %d`, metric, int(limit.Seconds())),
		why:         fmt.Sprintf("no backup is younger than the interval of %s and a quarter: a run was missed, by every member.", duration(every)),
		summary:     "The last backup of etcd is old",
		description: fmt.Sprintf("The last good snapshot of etcd is {{ $value | humanizeDuration }} old; one is due every %s. Without a quorum, what is younger is lost.", duration(every)),
		runbook:     runbookRestore,
		cases: []testCase{
			{name: "two intervals", at: at, series: ago(2 * every), fired: []fired{{value: spoken(2 * every)}}},
			{name: "one interval", at: at, series: ago(every)},
			{name: "one member is enough", at: at, series: append(ago(2*every), steady(instance("cp-b:9100"), 0))},
		},
	}, {
		name: "BulkheadBackupMissing", wait: time.Hour, severity: critical,
		expr:        fmt.Sprintf(`absent(max(%s))`, metric),
		why:         "nothing has told of a backup for 1 h: none was ever made, or nobody tells.",
		summary:     "There is no backup of etcd",
		description: "Nothing tells of a good snapshot of etcd. Check " + s.backupSource + ".",
		runbook:     runbookRestore,
		cases: []testCase{
			{name: "nothing", at: 70 * time.Minute, series: []series{steady("up", 1)}, fired: []fired{{}}},
			{name: "one", at: 70 * time.Minute, series: ago(0)},
		},
	}}}
}

// spoken writes d as Prometheus's humanizeDuration does.
func spoken(d time.Duration) string {
	seconds := int(d.Seconds())
	days, hours, minutes := seconds/86400, seconds/3600%24, seconds/60%60
	switch {
	case days > 0:
		return fmt.Sprintf("%dd %dh %dm %ds", days, hours, minutes, seconds%60)
	case hours > 0:
		return fmt.Sprintf("%dh %dm %ds", hours, minutes, seconds%60)
	case minutes > 0:
		return fmt.Sprintf("%dm %ds", minutes, seconds%60)
	default:
		return fmt.Sprintf("%ds", seconds)
	}
}

// balancerRules tell of HAProxy's servers and machines that are down, by HAProxy's
// own exporter.
func balancerRules(s scope) group {
	server := func(state string, value float64) series {
		return steady(fmt.Sprintf(`haproxy_server_status{job="haproxy",instance="10.0.0.1:8405",proxy="api",server="cp-a",state=%q}`, state), value)
	}
	active := func(n float64) []series {
		return []series{steady(`haproxy_backend_active_servers{job="haproxy",instance="10.0.0.1:8405",proxy="api"}`, n)}
	}
	up := func(values ...float64) []series {
		var out []series
		for i, v := range values {
			out = append(out, steady(fmt.Sprintf(`up{job="haproxy",instance="10.0.0.%d:8405"}`, i+1), v))
		}
		return out
	}
	g := group{name: "bulkhead-load-balancer", alerts: []alert{{
		name: "BulkheadLoadBalancerServerDown", wait: time.Minute, severity: warning,
		expr:        `max by (instance, proxy, server) (haproxy_server_status{state="DOWN"}) == 1`,
		why:         "a server down for 1 m: HAProxy decides within seconds, and an API server's restart takes less.",
		summary:     "{{ $labels.server }} is down for the load balancer {{ $labels.instance }}",
		description: "HAProxy on {{ $labels.instance }} sends nothing to {{ $labels.server }} of {{ $labels.proxy }}: its /readyz does not answer 200. If only this HAProxy says so, the link between them is cut.",
		runbook:     runbookBalancer,
		cases: []testCase{
			{name: "down", at: 5 * time.Minute, series: []series{server("DOWN", 1), server("UP", 0)}, fired: []fired{{labels: map[string]string{"instance": "10.0.0.1:8405", "proxy": "api", "server": "cp-a"}}}},
			{name: "up", at: 5 * time.Minute, series: []series{server("DOWN", 0), server("UP", 1)}},
		},
	}, {
		name: "BulkheadLoadBalancerNoServers", wait: time.Minute, severity: critical,
		expr:        `max by (instance, proxy) (haproxy_backend_active_servers) == 0`,
		why:         "no server of a backend up for 1 m: through this HAProxy the API answers nobody.",
		summary:     "The load balancer {{ $labels.instance }} has no API server",
		description: "HAProxy on {{ $labels.instance }} has no server left in {{ $labels.proxy }}. If it holds the virtual address, the API answers nobody.",
		runbook:     runbookBalancer,
		cases: []testCase{
			{name: "none", at: 5 * time.Minute, series: active(0), fired: []fired{{labels: map[string]string{"instance": "10.0.0.1:8405", "proxy": "api"}}}},
			{name: "two", at: 5 * time.Minute, series: active(2)},
		},
	}}}
	if len(s.balancers) >= 2 {
		g.alerts = append(g.alerts, alert{
			name: "BulkheadLoadBalancerAlone", wait: 5 * time.Minute, severity: critical,
			expr:        `(count(up{job="haproxy"} == 1) or vector(0)) < 2`,
			why:         "fewer than two HAProxy up for 5 m: the next loss takes the API's address with it.",
			summary:     "One load balancer, or none, is left",
			description: fmt.Sprintf("{{ $value | humanize }} of %d HAProxy are up.", len(s.balancers)),
			runbook:     runbookBalancer,
			cases: []testCase{
				{name: "one of two", at: 10 * time.Minute, series: up(1, 0), fired: []fired{{value: "1"}}},
				{name: "none", at: 10 * time.Minute, series: up(0, 0), fired: []fired{{value: "0"}}},
				{name: "both", at: 10 * time.Minute, series: up(1, 1)},
			},
		})
	}
	return g
}
