# A vswitch stands in one zone; nodes and pods of the zone take addresses of it.
# Each zone goes out through its own NAT gateway: its loss takes nothing of the others.

resource "alicloud_vpc" "main" {
  vpc_name   = "shop"
  cidr_block = "10.50.0.0/16"
  tags = {
    "bulkhead" = "shop"
  }
}

resource "alicloud_vswitch" "cn-beijing-h" {
  vpc_id       = alicloud_vpc.main.id
  vswitch_name = "shop-subnet-private-cn-beijing-h"
  cidr_block   = "10.50.0.0/18"
  zone_id      = "cn-beijing-h"
  tags = {
    "bulkhead" = "shop"
  }
}

resource "alicloud_vswitch" "cn-beijing-k" {
  vpc_id       = alicloud_vpc.main.id
  vswitch_name = "shop-subnet-private-cn-beijing-k"
  cidr_block   = "10.50.64.0/18"
  zone_id      = "cn-beijing-k"
  tags = {
    "bulkhead" = "shop"
  }
}

resource "alicloud_vswitch" "cn-beijing-l" {
  vpc_id       = alicloud_vpc.main.id
  vswitch_name = "shop-subnet-private-cn-beijing-l"
  cidr_block   = "10.50.128.0/18"
  zone_id      = "cn-beijing-l"
  tags = {
    "bulkhead" = "shop"
  }
}

resource "alicloud_nat_gateway" "cn-beijing-h" {
  vpc_id               = alicloud_vpc.main.id
  nat_gateway_name     = "shop-nat-cn-beijing-h"
  nat_type             = "Enhanced"
  availability_mode    = "CrossAZ"
  payment_type         = "PayAsYouGo"
  internet_charge_type = "PayByLcu"
  vswitch_id           = alicloud_vswitch.cn-beijing-h.id
  tags = {
    "bulkhead" = "shop"
  }
}

resource "alicloud_eip_address" "cn-beijing-h" {
  address_name         = "shop-nat-cn-beijing-h"
  payment_type         = "PayAsYouGo"
  internet_charge_type = "PayByTraffic"
  bandwidth            = "200"
  tags = {
    "bulkhead" = "shop"
  }
}

resource "alicloud_eip_association" "cn-beijing-h" {
  allocation_id = alicloud_eip_address.cn-beijing-h.id
  instance_id   = alicloud_nat_gateway.cn-beijing-h.id
}

resource "alicloud_snat_entry" "cn-beijing-h" {
  snat_table_id     = alicloud_nat_gateway.cn-beijing-h.snat_table_ids
  source_vswitch_id = alicloud_vswitch.cn-beijing-h.id
  snat_ip           = alicloud_eip_address.cn-beijing-h.ip_address
  # The address must be the gateway's before it can be used.
  depends_on = [alicloud_eip_association.cn-beijing-h]
}

resource "alicloud_route_table" "cn-beijing-h" {
  vpc_id           = alicloud_vpc.main.id
  route_table_name = "shop-cn-beijing-h"
  associate_type   = "VSwitch"
  tags = {
    "bulkhead" = "shop"
  }
}

resource "alicloud_route_table_attachment" "cn-beijing-h" {
  route_table_id = alicloud_route_table.cn-beijing-h.id
  vswitch_id     = alicloud_vswitch.cn-beijing-h.id
}

resource "alicloud_route_entry" "cn-beijing-h" {
  route_table_id        = alicloud_route_table.cn-beijing-h.id
  destination_cidrblock = "0.0.0.0/0"
  nexthop_type          = "NatGateway"
  nexthop_id            = alicloud_nat_gateway.cn-beijing-h.id
}

resource "alicloud_nat_gateway" "cn-beijing-k" {
  vpc_id               = alicloud_vpc.main.id
  nat_gateway_name     = "shop-nat-cn-beijing-k"
  nat_type             = "Enhanced"
  availability_mode    = "CrossAZ"
  payment_type         = "PayAsYouGo"
  internet_charge_type = "PayByLcu"
  vswitch_id           = alicloud_vswitch.cn-beijing-k.id
  tags = {
    "bulkhead" = "shop"
  }
}

resource "alicloud_eip_address" "cn-beijing-k" {
  address_name         = "shop-nat-cn-beijing-k"
  payment_type         = "PayAsYouGo"
  internet_charge_type = "PayByTraffic"
  bandwidth            = "200"
  tags = {
    "bulkhead" = "shop"
  }
}

resource "alicloud_eip_association" "cn-beijing-k" {
  allocation_id = alicloud_eip_address.cn-beijing-k.id
  instance_id   = alicloud_nat_gateway.cn-beijing-k.id
}

resource "alicloud_snat_entry" "cn-beijing-k" {
  snat_table_id     = alicloud_nat_gateway.cn-beijing-k.snat_table_ids
  source_vswitch_id = alicloud_vswitch.cn-beijing-k.id
  snat_ip           = alicloud_eip_address.cn-beijing-k.ip_address
  # The address must be the gateway's before it can be used.
  depends_on = [alicloud_eip_association.cn-beijing-k]
}

resource "alicloud_route_table" "cn-beijing-k" {
  vpc_id           = alicloud_vpc.main.id
  route_table_name = "shop-cn-beijing-k"
  associate_type   = "VSwitch"
  tags = {
    "bulkhead" = "shop"
  }
}

resource "alicloud_route_table_attachment" "cn-beijing-k" {
  route_table_id = alicloud_route_table.cn-beijing-k.id
  vswitch_id     = alicloud_vswitch.cn-beijing-k.id
}

resource "alicloud_route_entry" "cn-beijing-k" {
  route_table_id        = alicloud_route_table.cn-beijing-k.id
  destination_cidrblock = "0.0.0.0/0"
  nexthop_type          = "NatGateway"
  nexthop_id            = alicloud_nat_gateway.cn-beijing-k.id
}

resource "alicloud_nat_gateway" "cn-beijing-l" {
  vpc_id               = alicloud_vpc.main.id
  nat_gateway_name     = "shop-nat-cn-beijing-l"
  nat_type             = "Enhanced"
  availability_mode    = "CrossAZ"
  payment_type         = "PayAsYouGo"
  internet_charge_type = "PayByLcu"
  vswitch_id           = alicloud_vswitch.cn-beijing-l.id
  tags = {
    "bulkhead" = "shop"
  }
}

resource "alicloud_eip_address" "cn-beijing-l" {
  address_name         = "shop-nat-cn-beijing-l"
  payment_type         = "PayAsYouGo"
  internet_charge_type = "PayByTraffic"
  bandwidth            = "200"
  tags = {
    "bulkhead" = "shop"
  }
}

resource "alicloud_eip_association" "cn-beijing-l" {
  allocation_id = alicloud_eip_address.cn-beijing-l.id
  instance_id   = alicloud_nat_gateway.cn-beijing-l.id
}

resource "alicloud_snat_entry" "cn-beijing-l" {
  snat_table_id     = alicloud_nat_gateway.cn-beijing-l.snat_table_ids
  source_vswitch_id = alicloud_vswitch.cn-beijing-l.id
  snat_ip           = alicloud_eip_address.cn-beijing-l.ip_address
  # The address must be the gateway's before it can be used.
  depends_on = [alicloud_eip_association.cn-beijing-l]
}

resource "alicloud_route_table" "cn-beijing-l" {
  vpc_id           = alicloud_vpc.main.id
  route_table_name = "shop-cn-beijing-l"
  associate_type   = "VSwitch"
  tags = {
    "bulkhead" = "shop"
  }
}

resource "alicloud_route_table_attachment" "cn-beijing-l" {
  route_table_id = alicloud_route_table.cn-beijing-l.id
  vswitch_id     = alicloud_vswitch.cn-beijing-l.id
}

resource "alicloud_route_entry" "cn-beijing-l" {
  route_table_id        = alicloud_route_table.cn-beijing-l.id
  destination_cidrblock = "0.0.0.0/0"
  nexthop_type          = "NatGateway"
  nexthop_id            = alicloud_nat_gateway.cn-beijing-l.id
}
