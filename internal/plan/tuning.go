package plan

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/model"
)

// pace is how fast a control plane notices and replaces what is lost, in seconds.
type pace struct {
	// toleration of not-ready and unreachable nodes that pods are given when they
	// are admitted.
	toleration float64
	// rate at which nodes are evicted, nodes a second.
	rate float64
	heartbeat
	leadership
}

// heartbeat is how a node shows that it lives.
type heartbeat struct {
	// grace without a heartbeat until a node is NotReady, looked at every period.
	grace, period float64
	// lease of a node, renewed every quarter of it; each try to renew waits
	// timeout, the kubelet's nodeStatusUpdateFrequency, for an answer.
	lease, timeout float64
}

// leadership is how long a leader is believed to live (client-go
// tools/leaderelection): the others wait the lease out, the leader gives up when it
// could not renew until the deadline, and both try again after retry.
type leadership struct {
	leaderLease, deadline, retry float64
}

// The steps of each setting, the mildest, Kubernetes' default, first
// (k8s.io/kubernetes v1.36.3; sources in simulate.DefaultTimings).
//
// A node's grace period bears one renewal that is due and two that time out, after
// which the kubelet closes its connections and reaches another API server
// (component-helpers/apimachinery/lease, onRepeatedHeartbeatFailure), and one look
// of the controller:
//
//	grace >= lease/4 + 2*timeout + period
//
// 16 s is the floor: AWS's load balancers leave out a lost API server after 10 s, and
// until then nodes of healthy zones miss heartbeats. (7.0 s to NotReady were measured
// with a grace period and a lease of 8 s; nothing but a healthy network bears that.)
// timeout is lowered with the lease, or a connection to a lost API server would keep
// a kubelet for longer than the grace period.
//
// 10 s of toleration, not 0, let a node that is NotReady for one late heartbeat keep
// its pods. 10 nodes a second are one in each of the controller's passes
// (pkg/controller/nodelifecycle/scheduler NodeEvictionPeriod).
//
// A leader's lease is longer than its deadline, and that longer than 1.2 retries, or
// the component does not start (leaderelection.NewLeaderElector).
var (
	tolerations = [...]float64{300, 120, 60, 30, 10}
	rates       = [...]float64{0.1, 1, 10}
	heartbeats  = [...]heartbeat{
		{grace: 50, period: 5, lease: 40, timeout: 10},
		{grace: 30, period: 5, lease: 24, timeout: 6},
		{grace: 16, period: 2, lease: 16, timeout: 4},
	}
	leaderships = [...]leadership{
		{leaderLease: 15, deadline: 10, retry: 2},
		{leaderLease: 8, deadline: 6, retry: 1},
	}
)

// controllerStart is from a new leader's election to its first look at nodes;
// measured, as simulate.DefaultTimings has it.
const controllerStart = 6

// A node's eviction asks the API server so often: each of its pods is read, its status
// patched, it is deleted, and an event is written
// (pkg/controller/tainteviction/taint_eviction.go); to mark it and to make its
// replacement takes less, of other clients. 30 pods a node are assumed.
const requestsPerEviction = 4 * 30

// qps is --kube-api-qps, with which the controllers keep up with the rate; not less
// than kube-controller-manager's default.
func (p pace) qps() float64 { return max(model.KubeAPIQPS, p.rate*requestsPerEviction) }

// queue is how long the last of so many nodes waits for its eviction.
func (p pace) queue(nodes int) float64 { return float64(nodes-1) / p.rate }

// election is what the loss of kube-controller-manager's leader adds: another waits
// its lease out, starts, and counts the grace period from its own first look to a
// look after its end (as simulate does).
func (p pace) election() float64 { return p.leaderLease + p.retry + controllerStart + p.period }

// recovery is from the loss of so many nodes, among them that of the leader, to the
// full count of what ran on them: the worst case.
func (p pace) recovery(nodes int) float64 {
	return p.election() + p.grace + p.toleration + p.queue(nodes) + podStart
}

// ladder returns the settings that are tried for a zone of so many nodes, the
// defaults first; each is at least as fast as the one before, setting by setting.
//
//	while                                                   the next rung lowers
//	the queue takes longer than the toleration              the rate's queue
//	the toleration is above 10 s                            the toleration
//	the queue takes more than a second                      the rate's queue
//	the grace period is above 16 s                          the heartbeat
//	the leader's lease is above 8 s                         the leadership
//
// The order is that of the cost: a shorter toleration costs pods of a node that is
// away for a moment, a higher rate the time in which a false alarm can be stopped, a
// faster heartbeat writes and healthy nodes, a shorter leadership the controllers
// themselves. What takes longer than the toleration is shortened before it, though:
// a zone of 100 nodes is not in its time otherwise.
func ladder(nodes int) []pace {
	var t, r, h, l int
	var out []pace
	for {
		p := pace{tolerations[t], rates[r], heartbeats[h], leaderships[l]}
		out = append(out, p)
		queue, slow := p.queue(nodes), r+1 < len(rates)
		switch {
		case slow && queue > p.toleration:
			r++
		case t+1 < len(tolerations):
			t++
		case slow && queue > 1:
			r++
		case h+1 < len(heartbeats):
			h++
		case l+1 < len(leaderships):
			l++
		default:
			return out
		}
	}
}

// margin is the part of the objective that settings other than the defaults leave
// free: a leader's retries are late by up to 2.2 periods, and image pulls differ.
const margin = 0.1

// choose returns the mildest settings that recover from the loss of so many nodes,
// with the leader among them, within a time in seconds: the defaults where they do,
// else the first rung that does with the margin, else the last, which is the fastest.
func choose(asked float64, nodes int) pace {
	rungs := ladder(nodes)
	if rungs[0].recovery(nodes) <= asked {
		return rungs[0]
	}
	for _, p := range rungs[1:] {
		if p.recovery(nodes) <= asked*(1-margin) {
			return p
		}
	}
	return rungs[len(rungs)-1]
}

// Tune returns the settings with which the loss of so many nodes at once, at least
// one, is recovered from within a time in seconds, with kube-controller-manager's
// leader among what is lost; nil where Kubernetes' defaults do. Where no setting
// does, it returns the fastest.
func Tune(asked float64, nodes int) *v1alpha1.PlannedTimings {
	p, d := choose(asked, nodes), ladder(nodes)[0]
	if p == d {
		return nil
	}
	out := &v1alpha1.PlannedTimings{}
	if p.toleration != d.toleration {
		whole := int64(p.toleration)
		out.DefaultTolerationSeconds = &whole
	}
	if p.rate != d.rate {
		qps := p.qps()
		out.NodeEvictionRate, out.KubeAPIQPS = &p.rate, &qps
	}
	if p.heartbeat != d.heartbeat {
		out.NodeMonitorGracePeriod = duration(p.grace)
		out.NodeLeaseSeconds, out.NodeStatusUpdateFrequency = int(p.lease), duration(p.timeout)
		if p.period != d.period {
			out.NodeMonitorPeriod = duration(p.period)
		}
	}
	if p.leadership != d.leadership {
		out.LeaderLeaseDuration, out.LeaderRenewDeadline, out.LeaderRetryPeriod = duration(p.leaderLease), duration(p.deadline), duration(p.retry)
	}
	return out
}

func duration(s float64) *metav1.Duration {
	return &metav1.Duration{Duration: time.Duration(s * float64(time.Second))}
}

// paceOf is the settings with Kubernetes' defaults where t has none.
func paceOf(t *v1alpha1.PlannedTimings) pace {
	p := pace{tolerations[0], rates[0], heartbeats[0], leaderships[0]}
	if t == nil {
		return p
	}
	for _, x := range []struct {
		to *float64
		d  *metav1.Duration
	}{
		{&p.grace, t.NodeMonitorGracePeriod},
		{&p.period, t.NodeMonitorPeriod},
		{&p.timeout, t.NodeStatusUpdateFrequency},
		{&p.leaderLease, t.LeaderLeaseDuration},
		{&p.deadline, t.LeaderRenewDeadline},
		{&p.retry, t.LeaderRetryPeriod},
	} {
		if x.d != nil {
			*x.to = x.d.Seconds()
		}
	}
	if t.DefaultTolerationSeconds != nil {
		p.toleration = float64(*t.DefaultTolerationSeconds)
	}
	if t.NodeEvictionRate != nil {
		p.rate = *t.NodeEvictionRate
	}
	if t.NodeLeaseSeconds != 0 {
		p.lease = float64(t.NodeLeaseSeconds)
	}
	return p
}

// timings sets the timings and says what each costs. A managed control plane's flags
// are the provider's.
func (m *maker) timings() {
	if m.managed() {
		return
	}
	asked, lost := m.recoveryTime(), m.nodesLost()
	m.p.Timings = Tune(asked, lost)
	if m.p.Timings == nil {
		return
	}
	p, d := paceOf(m.p.Timings), paceOf(nil)
	decide := func(choice, reason string, args ...any) {
		m.decide(v1alpha1.Decision{Subject: "timings", Field: "spec.objectives.recoveryTime", Choice: choice, Reason: fmt.Sprintf(reason, args...)})
	}
	met := "in time"
	if p.recovery(lost) > asked {
		met = "the fastest that is safe to set"
	}
	decide("faster than Kubernetes' defaults", "with them the loss of a %s of %s takes %s when kube-controller-manager's leader is lost with it, and asked for is %s; with these settings %s: %s",
		m.lostUnit(), count(lost, "node"), seconds(d.recovery(lost)), seconds(asked), seconds(p.recovery(lost)), met)
	if p.toleration != d.toleration {
		decide(fmt.Sprintf("pods leave a node that is NotReady after %s, not %s", seconds(p.toleration), seconds(d.toleration)),
			"kube-apiserver --default-not-ready-toleration-seconds, --default-unreachable-toleration-seconds. The cost: a node that cannot be reached for %s (a reboot, a cable) loses its pods; those that name tolerationSeconds of their own keep them",
			seconds(p.grace+p.toleration))
	}
	if p.rate != d.rate {
		decide(fmt.Sprintf("nodes are evicted at %g a second, not %g", p.rate, d.rate),
			"kube-controller-manager --node-eviction-rate: %s in %s instead of %s. The cost: a false alarm (a link that is cut, not a zone that is lost) empties a zone before anybody looks",
			count(lost, "node"), seconds(p.queue(lost)), seconds(d.queue(lost)))
		decide(fmt.Sprintf("controllers may ask the API %g times a second, not %g", p.qps(), d.qps()),
			"kube-controller-manager and kube-scheduler --kube-api-qps, --kube-api-burst %g: the eviction of a node with 30 pods takes %d requests, and would not keep up with the rate. The cost: as many requests a second of each controller on the API servers when much changes at once",
			p.qps()*model.BurstPerQPS, requestsPerEviction)
	}
	if p.heartbeat != d.heartbeat {
		nodes := 0
		for _, n := range readyNodes(m.p) {
			nodes += n
		}
		decide(fmt.Sprintf("nodes are NotReady %s after their last heartbeat, not %s", seconds(p.grace), seconds(d.grace)),
			"kube-controller-manager --node-monitor-grace-period, looked at every %s (--node-monitor-period); a heartbeat every %s instead of %s (the kubelet's nodeLeaseDurationSeconds %g, nodeStatusUpdateFrequency %s). The cost: %.1f times as many writes of leases to etcd (%.1f a second instead of %.1f with %s); an API server that is slow for %s makes healthy nodes NotReady",
			seconds(p.period), seconds(p.lease/4), seconds(d.lease/4), p.lease, seconds(p.timeout),
			d.lease/p.lease, 4*float64(nodes)/p.lease, 4*float64(nodes)/d.lease, count(nodes, "node"), seconds(p.grace))
	}
	if p.leadership != d.leadership {
		decide(fmt.Sprintf("a lost leader is replaced after %s, not %s", seconds(p.leaderLease+p.retry), seconds(d.leaderLease+d.retry)),
			"kube-controller-manager and kube-scheduler --leader-elect-lease-duration %s, --leader-elect-renew-deadline %s, --leader-elect-retry-period %s. The cost: %g times as many writes of their leases; where etcd or the API does not answer for %s leaders give up and start again, and nothing is replaced meanwhile",
			seconds(p.leaderLease), seconds(p.deadline), seconds(p.retry), d.retry/p.retry, seconds(p.deadline))
	}
}
