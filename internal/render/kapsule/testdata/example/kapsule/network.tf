# Controlled isolation: nodes have public addresses, and Kapsule's security group lets
# nothing in. Each reaches the API by its own address, so no zone needs another's
# gateway.

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
