package plan

import (
	"fmt"
	"strings"
	"time"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// dnsChecks is how many failed checks in a row make an address sick. Providers
// do not publish it; 3 is assumed.
const dnsChecks = 3

// traffic decides about ingress, DNS and labels.
func (m *maker) traffic() {
	s := m.c.Spec
	m.decide(v1alpha1.Decision{
		Subject: "pools", Choice: "nodes carry topology.kubernetes.io/zone",
		Reason: "spread constraints and volumes go by it; failure-domain.beta.kubernetes.io/zone, which older guides use, is not set any more",
	})
	if s.Ingress != nil {
		policy := s.Ingress.ExternalTrafficPolicy
		if policy == "" {
			policy = "Local"
		}
		d := v1alpha1.Decision{
			Subject: "dns", Field: "spec.ingress", Choice: "one load balancer over the zones",
			Reason: "it has an address in each zone, and its name leaves out those of a zone that is lost",
		}
		if m.zonalIngress() {
			d.Choice = "a load balancer in each zone, externalTrafficPolicy " + policy
			d.Reason = "each zone takes traffic by itself; a Service without the zone's annotation would put every load balancer into the provider's default zone"
		}
		m.decide(d)
		if m.zonalIngress() && s.DNS == nil && len(m.p.Zones) > 1 {
			m.find(v1alpha1.PlanFinding{
				Code: CodeIngressWithoutDNS, Subject: "dns", Objective: m.zoneObjective(),
				Message: "each zone has a load balancer, but no DNS record leaves a sick one out: users keep being sent to a lost zone",
				Remedy:  "spec.dns with a health check",
			})
		}
	}
	if s.DNS != nil {
		strategy := s.DNS.Strategy
		if strategy == "" {
			strategy = "all"
		}
		gone := m.dnsTTL() + dnsChecks*m.dnsInterval()
		m.decide(v1alpha1.Decision{
			Subject: "dns", Field: "spec.dns", Choice: fmt.Sprintf("%s, strategy %s, TTL %s", recordName(s.DNS), strategy, short(m.dnsTTL())),
			Reason: fmt.Sprintf("a sick address is left out: users of a lost zone are elsewhere after about %s (%d checks of %s, then the TTL); resolvers that ignore the TTL take longer", short(gone), dnsChecks, short(m.dnsInterval())),
		})
	}
}

// zonalIngress reports whether each zone has a load balancer of its own. Amazon's
// and Alibaba Cloud's stand in several zones.
func (m *maker) zonalIngress() bool { return !m.aws() && !m.provider(v1alpha1.ProviderACK) }

func recordName(d *v1alpha1.DNSSpec) string {
	if d.Record == "" {
		return d.Zone
	}
	return d.Record + "." + d.Zone
}

func (m *maker) dnsTTL() time.Duration {
	if d := m.c.Spec.DNS; d != nil && d.TTL != nil {
		return d.TTL.Duration
	}
	return time.Minute
}

func (m *maker) dnsInterval() time.Duration {
	if d := m.c.Spec.DNS; d != nil && d.HealthCheck.Interval != nil {
		return d.HealthCheck.Interval.Duration
	}
	return 10 * time.Second
}

// short is a duration without its zero parts: 6h, not 6h0m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}
