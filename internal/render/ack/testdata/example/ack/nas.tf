# A NAS file system of the standard kind is mounted from every zone and stands in one:
# the loss of cn-beijing-h takes its volumes from all zones until it is back. Keep what must
# survive in something that replicates itself.

resource "alicloud_nas_file_system" "shared" {
  file_system_type = "standard"
  protocol_type    = "NFS"
  storage_type     = "Performance"
  zone_id          = "cn-beijing-h"
  description      = "shop"
  tags = {
    "bulkhead" = "shop"
  }
}

resource "alicloud_nas_mount_target" "shared" {
  file_system_id    = alicloud_nas_file_system.shared.id
  access_group_name = "DEFAULT_VPC_GROUP_NAME"
  network_type      = "Vpc"
  vpc_id            = alicloud_vpc.main.id
  vswitch_id        = alicloud_vswitch.cn-beijing-h.id
}

output "nas_server" {
  description = "What addons/shared-storage-class.yaml needs."
  value       = alicloud_nas_mount_target.shared.mount_target_domain
}
