package kapsule

import (
	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/render/file"
	"bulkhead.dev/bulkhead/internal/render/hcl"
)

// dns is the record of the zones' load balancers, in a module of its own: their
// addresses exist only when the Services do.
func dns(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) []file.File {
	d := c.Spec.DNS
	ips := make([]hcl.Value, 0, len(p.Zones))
	for _, zone := range p.Zones {
		ips = append(ips, hcl.Index(zone, "var", "ingress_ips"))
	}
	body := []hcl.Item{
		hcl.Attr("dns_zone", hcl.String(d.Zone)),
		hcl.Attr("name", hcl.String(d.Record)),
		hcl.Attr("type", hcl.String("A")),
		hcl.Attribute{Name: "data", Value: ips[0], Comment: "The answer when no address passes the check."},
	}
	if d.TTL != nil {
		body = append(body, hcl.Attr("ttl", hcl.Int(int(d.TTL.Seconds()))))
	}
	check := []hcl.Item{
		hcl.Attr("ips", hcl.List(ips...)),
		hcl.Attr("url", hcl.String(d.HealthCheck.URL)),
		hcl.Attr("must_contain", hcl.String(d.HealthCheck.MustContain)),
		hcl.Attr("user_agent", hcl.String(d.HealthCheck.UserAgent)),
		hcl.Attr("strategy", hcl.String(d.Strategy)),
	}
	body = append(body, hcl.Block{Type: "http_service", Comment: "Scaleway asks each address for the URL and leaves out those that do not answer with\nthe text.", Body: check})
	return []file.File{
		hcl.File("kapsule/dns/versions.tf", "", requirements()),
		hcl.File("kapsule/dns/record.tf", "Applied when the load balancers have their addresses.",
			hcl.Block{Type: "variable", Labels: []string{"ingress_ips"}, Body: []hcl.Item{
				hcl.Attr("description", hcl.String("Address of each zone's load balancer, by zone.")),
				hcl.Attr("type", hcl.Type("map", "string")),
			}},
			hcl.Resource("scaleway_domain_record", "ingress", "", body...),
		),
	}
}
