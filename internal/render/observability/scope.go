package observability

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/plan"
	"bulkhead.dev/bulkhead/internal/quorum"
)

// scope is what the rules need to know of a cluster.
type scope struct {
	cluster  string
	provider v1alpha1.Provider
	version  string
	// zones in which nodes must be: a zone without a ready one of these is lost.
	zones []string
	// autoscaled: at least one pool grows by itself; growing: all of them do, so
	// that missing room can be bought.
	autoscaled, growing bool
	// notReady and toleration, in seconds: until nodes are not ready, and how long
	// pods stay on them then.
	notReady, toleration int
	// own: the owner runs the API servers and etcd.
	own bool
	// apiServers and voters by zone; addresses of both where they are known.
	apiServers, voters map[string]int
	addresses          []address
	apiTargets         []string
	etcdTargets        []string
	// balancers are the addresses of HAProxy's machines; none where the provider
	// balances.
	balancers []string
	// backup is the interval of etcd's snapshots, backupMetric when the last one was
	// made, and backupSource who tells.
	backup       time.Duration
	backupMetric string
	backupSource string
	// certificates: hosts' timers tell their certificates' end.
	certificates bool
	// availability in percent, 0 where there is no such objective.
	availability float64
}

// address is where a machine of the control plane stands.
type address struct{ host, zone string }

// newScope reads the spec and its plan.
func newScope(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) scope {
	s := scope{
		cluster: p.Name, provider: p.Provider, version: p.KubernetesVersion,
		notReady: plan.NotReadySeconds(p), toleration: plan.TolerationSeconds(p),
		own: !p.ControlPlane.Managed, apiServers: map[string]int{}, voters: map[string]int{},
	}
	s.growing = len(c.Spec.NodePools) > 0
	for _, pool := range c.Spec.NodePools {
		s.autoscaled = s.autoscaled || pool.Autoscaling
		s.growing = s.growing && pool.Autoscaling
	}
	s.members(p)
	s.zones = expectedZones(p)
	for _, b := range p.ControlPlane.LoadBalancers {
		if b.Kind == v1alpha1.LoadBalancerHAProxy && b.Address != "" {
			s.balancers = append(s.balancers, b.Address)
		}
	}
	slices.Sort(s.balancers)
	s.balancers = slices.Compact(s.balancers)
	s.certificates = p.Provider == v1alpha1.ProviderKubeadm
	s.backups(c.Spec.Backup)
	if a, err := strconv.ParseFloat(c.Spec.Objectives.Availability, 64); err == nil && a > 0 && a < 100 {
		s.availability = a
	}
	return s
}

// backups tells what is known of snapshots: by a timer on the hosts (kubeadm), or by
// a CronJob (capa), whose successes kube-state-metrics tells.
func (s *scope) backups(b *v1alpha1.BackupSpec) {
	if b == nil || b.Every == nil {
		return
	}
	switch s.provider {
	case v1alpha1.ProviderKubeadm:
		s.backupMetric = "bulkhead_etcd_backup_last_success_timestamp_seconds"
		s.backupSource = "the backup's timer on etcd's machines and node-exporter's --collector.textfile.directory"
	case v1alpha1.ProviderCAPA:
		s.backupMetric = fmt.Sprintf(`kube_cronjob_status_last_successful_time{namespace="kube-system",cronjob="%s-etcd-backup"}`, s.cluster)
		s.backupSource = "the CronJob " + s.cluster + "-etcd-backup in kube-system"
	default:
		return
	}
	s.backup = b.Every.Duration
}

// members reads the machines of the control plane and of etcd.
func (s *scope) members(p *v1alpha1.ClusterPlan) {
	for _, m := range p.ControlPlane.Members {
		s.apiServers[m.Zone]++
		if m.Address != "" {
			s.addresses = append(s.addresses, address{m.Address, m.Zone})
			s.apiTargets = append(s.apiTargets, m.Address)
		}
	}
	for _, m := range p.ControlPlane.Etcd {
		s.voters[m.Zone]++
		if m.Address != "" {
			s.addresses = append(s.addresses, address{m.Address, m.Zone})
			s.etcdTargets = append(s.etcdTargets, m.Address)
		}
	}
	slices.SortFunc(s.addresses, func(a, b address) int {
		if a.host < b.host {
			return -1
		}
		if a.host > b.host {
			return 1
		}
		return 0
	})
	s.addresses = slices.Compact(s.addresses)
	if len(s.apiTargets) != len(p.ControlPlane.Members) || len(s.etcdTargets) != len(p.ControlPlane.Etcd) {
		s.addresses = nil // some are unknown: nodes tell their own
	}
}

// expectedZones are the plan's zones that always hold a node: of a group that
// cannot shrink to none there, or of the control plane.
func expectedZones(p *v1alpha1.ClusterPlan) []string {
	holds := map[string]bool{}
	for _, pool := range p.Pools {
		for _, g := range pool.Groups {
			for _, zone := range g.Zones {
				// A group over several zones is balanced: with one node for each,
				// each has one.
				holds[zone] = holds[zone] || g.Min >= len(g.Zones) && g.Min > 0
			}
		}
	}
	for _, m := range p.ControlPlane.Members {
		holds[m.Zone] = true
	}
	var zones []string
	for _, zone := range p.Zones {
		if holds[zone] {
			zones = append(zones, zone)
		}
	}
	return zones
}

// survivesZone tells whether etcd, whole, keeps its quorum when any one zone is
// lost.
func (s scope) survivesZone() bool { return quorum.SurvivesAny(s.voters) }
