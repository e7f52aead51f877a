# Full isolation: nodes have no public address and go out through the public gateway.

resource "scaleway_vpc" "main" {
  name   = "shop"
  region = "fr-par"
  tags   = ["bulkhead", "shop"]
}

# Regional: all zones share it, and the loss of one takes nothing of it.
resource "scaleway_vpc_private_network" "private" {
  name   = "shop-private"
  vpc_id = scaleway_vpc.main.id
  region = "fr-par"
  tags   = ["bulkhead", "shop"]

  ipv4_subnet {
    subnet = "10.50.0.0/22"
  }
}

resource "scaleway_vpc_public_gateway_ip" "out" {
  zone = "fr-par-2"
  tags = ["bulkhead", "shop"]
}

# The only way out, even to the control plane, for the nodes of all zones: when
# fr-par-2 is lost, every node of every zone becomes NotReady. A private network
# has one default route, so a second gateway would not help; controlled isolation
# would.
resource "scaleway_vpc_public_gateway" "out" {
  name  = "shop-gateway"
  type  = "VPC-GW-S"
  zone  = "fr-par-2"
  ip_id = scaleway_vpc_public_gateway_ip.out.id
  tags  = ["bulkhead", "shop"]
}

resource "scaleway_vpc_gateway_network" "out" {
  gateway_id         = scaleway_vpc_public_gateway.out.id
  private_network_id = scaleway_vpc_private_network.private.id
  enable_masquerade  = true
  zone               = "fr-par-2"

  ipam_config {
    push_default_route = true
  }
}
