# Applied when the load balancers have their addresses.

variable "ingress_ips" {
  description = "Address of each zone's load balancer, by zone."
  type        = map(string)
}

resource "scaleway_domain_record" "ingress" {
  dns_zone = "scw.example.com"
  name     = "ingress"
  type     = "A"
  # The answer when no address passes the check.
  data = var.ingress_ips["fr-par-1"]
  ttl  = 60

  # Scaleway asks each address for the URL and leaves out those that do not answer with
  # the text.
  http_service {
    ips          = [var.ingress_ips["fr-par-1"], var.ingress_ips["fr-par-2"], var.ingress_ips["fr-par-3"]]
    url          = "http://ingress.scw.example.com/up"
    must_contain = "up"
    user_agent   = "bulkhead"
    strategy     = "all"
  }
}
