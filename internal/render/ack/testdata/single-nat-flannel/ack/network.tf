# A vswitch stands in one zone; nodes and pods of the zone take addresses of it.
# All zones go out through one NAT gateway.

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

# For all zones. CrossAZ keeps a standby in another zone; without it the loss of
# cn-beijing-k would take the way out of every zone.
resource "alicloud_nat_gateway" "cn-beijing-k" {
  vpc_id               = alicloud_vpc.main.id
  nat_gateway_name     = "shop-nat"
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
  address_name         = "shop-nat"
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

resource "alicloud_snat_entry" "cn-beijing-h" {
  snat_table_id     = alicloud_nat_gateway.cn-beijing-k.snat_table_ids
  source_vswitch_id = alicloud_vswitch.cn-beijing-h.id
  snat_ip           = alicloud_eip_address.cn-beijing-k.ip_address
  # The address must be the gateway's before it can be used.
  depends_on = [alicloud_eip_association.cn-beijing-k]
}

resource "alicloud_snat_entry" "cn-beijing-k" {
  snat_table_id     = alicloud_nat_gateway.cn-beijing-k.snat_table_ids
  source_vswitch_id = alicloud_vswitch.cn-beijing-k.id
  snat_ip           = alicloud_eip_address.cn-beijing-k.ip_address
  # The address must be the gateway's before it can be used.
  depends_on = [alicloud_eip_association.cn-beijing-k]
}

resource "alicloud_snat_entry" "cn-beijing-l" {
  snat_table_id     = alicloud_nat_gateway.cn-beijing-k.snat_table_ids
  source_vswitch_id = alicloud_vswitch.cn-beijing-l.id
  snat_ip           = alicloud_eip_address.cn-beijing-k.ip_address
  # The address must be the gateway's before it can be used.
  depends_on = [alicloud_eip_association.cn-beijing-k]
}
