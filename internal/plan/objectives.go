package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/quorum"
)

// year is 365.25 days, in seconds: 99.9 % allows 8.77 h of it, 99.99 % 52.6 min.
const year = 365.25 * 24 * 3600

// objectives compares what is asked for with what the plan gives.
func (m *maker) objectives() {
	out := &m.p.Objectives
	out.RecoveryTimeSeconds = m.recoveryTime()
	m.recovery(out)
	m.apiRecovery(out)
	m.availability(out)
	m.recoveryPoint(out)
}

// recoveryTime is what is asked for, in seconds; 10 minutes unless the Cluster says.
func (m *maker) recoveryTime() float64 {
	if t := m.c.Spec.Objectives.RecoveryTime; t != nil {
		return t.Seconds()
	}
	return 600
}

// recovery predicts how long a workload's full count takes to be back after the
// worst zone's loss: never while a loss stops the API, takes other zones' nodes or
// keeps them from pulling images, while the others have no room, or while the
// autoscaler that must make room stops.
func (m *maker) recovery(out *v1alpha1.ObjectiveOutcome) {
	never := m.never()
	switch sim := m.o.Simulated; {
	case sim != nil:
		out.PredictedSeconds, out.Terms = sim.RecoverySeconds, sim.Terms
		if out.Terms == nil {
			out.Terms = []v1alpha1.RecoveryTerm{}
		}
		if never == "" && sim.RecoverySeconds == nil {
			never = cmp.Or(sim.Never, "a workload that does not come back")
		}
	default:
		out.Terms = m.recoveryTerms()
		s := sum(out.Terms)
		out.PredictedSeconds = &s
	}
	out.Dominating = dominating(out.Terms)
	if never != "" {
		out.PredictedSeconds, out.Dominating = nil, never
	}
	m.leaderRecovery(out)
	if out.PredictedSeconds != nil && *out.PredictedSeconds > out.RecoveryTimeSeconds {
		m.find(v1alpha1.PlanFinding{
			Code: CodeRecoveryTimeMissed, Subject: "objective", Objective: true,
			Message: fmt.Sprintf("a %s's loss is recovered from after %s, asked for is %s; most of it is %s", m.lostUnit(), seconds(*out.PredictedSeconds), seconds(out.RecoveryTimeSeconds), out.Dominating),
			Remedy:  m.fasterBy(out.Dominating),
		})
	}
	if never != "" {
		m.find(v1alpha1.PlanFinding{
			Code: CodeRecoveryTimeMissed, Subject: "objective", Objective: true,
			Message: fmt.Sprintf("after the worst %s's loss not everything is back within %s; what it waits for: %s", m.lostUnit(), seconds(out.RecoveryTimeSeconds), never),
		})
	}
}

// never names what a workload must wait for beyond any bound; empty when there is
// nothing.
func (m *maker) never() string {
	for _, l := range m.p.Losses {
		if !m.zoneObjective() {
			break // a node's loss takes no dependency
		}
		if !l.Survived {
			return "the return of zone " + l.Zone
		}
		if slices.ContainsFunc(l.Effects, func(e v1alpha1.LostEffect) bool { return e.Effect == v1alpha1.EffectPull }) {
			return "images, which come through zone " + l.Zone
		}
	}
	for _, p := range m.p.Pools {
		if p.Survivors != nil && *p.Survivors < 1 {
			return "room for what was lost"
		}
	}
	if m.zoneObjective() && m.needsNewNodes() {
		for _, l := range m.p.Losses {
			if l.AutoscalerStops {
				return "an autoscaler that has stopped"
			}
		}
	}
	return ""
}

// needsNewNodes reports whether the nodes that are left at their size do not hold
// the load, so that the autoscaler must add some.
func (m *maker) needsNewNodes() bool {
	if m.o.Load == nil || !autoscaled(m.p) {
		return false
	}
	pools := []v1alpha1.PlannedPool{}
	for _, p := range m.p.Pools {
		if !tainted(p) {
			p.Autoscaling = false
			pools = append(pools, p)
		}
	}
	return slices.ContainsFunc(m.lossCases(), func(l lossCase) bool { return m.o.Load.holds(pools, l.left) < 1 })
}

// leaderRecovery finds that a loss is recovered from in time, but not one that takes
// kube-controller-manager's leader as well. Of a managed control plane nobody knows
// the leader.
func (m *maker) leaderRecovery(out *v1alpha1.ObjectiveOutcome) {
	if m.managed() || out.PredictedSeconds == nil || *out.PredictedSeconds == 0 || *out.PredictedSeconds > out.RecoveryTimeSeconds {
		return
	}
	with := *out.PredictedSeconds + paceOf(m.p.Timings).election()
	if with <= out.RecoveryTimeSeconds {
		return
	}
	m.find(v1alpha1.PlanFinding{
		Code: CodeRecoveryTimeMissed, Subject: "objective", Objective: true,
		Message: fmt.Sprintf("a %s's loss that takes kube-controller-manager's leader, too, is recovered from after %s, asked for is %s; without the leader after %s", m.lostUnit(), seconds(with), seconds(out.RecoveryTimeSeconds), seconds(*out.PredictedSeconds)),
		Remedy:  m.fasterBy(out.Dominating),
	})
}

// fasterBy says what shortens a term that is too long, beyond the flags that the plan
// has set already.
func (m *maker) fasterBy(term string) string {
	flags := ""
	if m.managed() {
		flags = "; the control plane's flags, which would set it for all, are the provider's"
	}
	switch term {
	case termToleration:
		return "shorter tolerationSeconds for not-ready and unreachable on the pods that must be back soon, for example 30" + flags
	case termQueue:
		return "fewer and larger nodes a zone" + flags
	case termNewNodes:
		return "sizes that hold everything without new nodes"
	}
	if m.p.Timings != nil {
		return "a longer recoveryTime: settings faster than the plan's evict pods from nodes that live; or replicas in every zone, which serve until the count is back"
	}
	return "shorten " + term
}

// availability turns percent into time.
func (m *maker) availability(out *v1alpha1.ObjectiveOutcome) {
	out.DowntimePerLossSeconds = out.PredictedSeconds
	text := strings.TrimSuffix(strings.TrimSpace(m.c.Spec.Objectives.Availability), "%")
	if text == "" {
		return
	}
	percent, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || percent <= 0 || percent > 100 {
		m.find(v1alpha1.PlanFinding{
			Code: CodeAvailabilityMissed, Subject: "objective", Objective: true,
			Message: fmt.Sprintf("availability %q is no percentage", m.c.Spec.Objectives.Availability), Remedy: `for example "99.99"`,
		})
		return
	}
	allowed := allowedDowntime(percent)
	out.Availability, out.AllowedDowntimeSeconds = &percent, &allowed
	d := v1alpha1.Decision{
		Subject: "objective", Field: "spec.objectives.availability",
		Choice: fmt.Sprintf("%s %% = %s a year", text, seconds(allowed)), Reason: "the worst loss lasts until what was lost is back: no budget bears it",
	}
	if cost := out.DowntimePerLossSeconds; cost != nil && *cost > 0 {
		losses := allowed / *cost
		out.LossesPerYear = &losses
		d.Reason = fmt.Sprintf("a %s's loss costs at most %s for a workload with no replica elsewhere: %.1f such losses a year", m.lostUnit(), seconds(*cost), losses)
		if losses < 1 {
			m.find(v1alpha1.PlanFinding{
				Code: CodeAvailabilityMissed, Subject: "objective", Objective: true,
				Message: fmt.Sprintf("one %s's loss costs %s, a year's downtime is %s", m.lostUnit(), seconds(*cost), seconds(allowed)),
				Remedy:  "replicas in every zone, so that a loss costs a workload nothing, and a shorter recovery",
			})
		}
	}
	m.decide(d)
}

// allowedDowntime is the seconds of a year that an availability in percent leaves.
func allowedDowntime(percent float64) float64 {
	return (100 - percent) / 100 * year
}

// recoveryPoint: what is acknowledged is in a majority, so nothing is lost while
// one lives.
func (m *maker) recoveryPoint(out *v1alpha1.ObjectiveOutcome) {
	every := m.backupEvery().Seconds()
	if every > 0 {
		out.RecoveryPointBackupSeconds = &every
	}
	if !m.managed() && !quorum.SurvivesAny(zonesOf(m.p.ControlPlane.Etcd)) {
		out.RecoveryPointGivenSeconds = every
		if every == 0 {
			out.RecoveryPointGivenSeconds = -1
		}
	}
	o := m.c.Spec.Objectives
	if o.RecoveryPoint == nil {
		return
	}
	asked := o.RecoveryPoint.Seconds()
	out.RecoveryPointSeconds = &asked
	d := v1alpha1.Decision{Subject: "objective", Field: "spec.objectives.recoveryPoint", Choice: "at most " + seconds(asked) + " of the cluster's state lost"}
	switch given := out.RecoveryPointGivenSeconds; {
	case given == 0:
		d.Reason = "any one zone's loss leaves a majority of etcd, which has every acknowledged write; what pods write is as safe as the application keeps it"
		if m.managed() {
			d.Reason = "the provider keeps etcd over its zones; what pods write is as safe as the application keeps it"
		}
	default:
		d.Reason = "a zone that is lost for good can take etcd's majority"
		if given < 0 || given > asked {
			m.find(v1alpha1.PlanFinding{
				Code: CodeRecoveryPointMissed, Subject: "objective", Objective: true,
				Message: fmt.Sprintf("a zone that is lost for good takes etcd's majority, and with it %s; asked for is %s", m.lostState(given), seconds(asked)),
				Remedy:  "voters in three zones",
			})
		}
	}
	m.decide(d)
}

func (m *maker) lostState(given float64) string {
	if given < 0 {
		return "everything, for there is no backup"
	}
	return "up to " + seconds(given) + " of changes, the backup's interval"
}

// seconds is a time for people.
func seconds(s float64) string {
	d := time.Duration(s * float64(time.Second)).Round(100 * time.Millisecond)
	switch {
	case s >= 2*3600 && s != float64(int64(s/3600)*3600):
		return fmt.Sprintf("%.2f h", s/3600)
	case s >= 600:
		if s == float64(int64(s/60)*60) {
			return short(d)
		}
		return fmt.Sprintf("%.1f min", s/60)
	}
	return short(d)
}
