# The kubeconfig is no output, for it is a secret: the aliyun CLI fetches it.

variable "kubernetes_version" {
  description = "Exact version of Kubernetes 1.34 at Alibaba Cloud, with its suffix: 1.34.1-aliyun.1."
  type        = string

  validation {
    condition     = startswith(var.kubernetes_version, "1.34.2-")
    error_message = "The cluster was planned with Kubernetes 1.34.2."
  }
}

resource "alicloud_cs_managed_kubernetes" "main" {
  name         = "shop"
  cluster_spec = "ack.pro.small"
  version      = var.kubernetes_version
  # The control plane reaches each zone by a vswitch there.
  vswitch_ids = [alicloud_vswitch.cn-beijing-h.id, alicloud_vswitch.cn-beijing-k.id]
  # Terway: a pod's address is of its zone's vswitch.
  pod_vswitch_ids = [alicloud_vswitch.cn-beijing-h.id, alicloud_vswitch.cn-beijing-k.id]
  service_cidr    = "172.21.0.0/20"
  proxy_mode      = "ipvs"
  # ACK would make one gateway for all zones; network.tf has them.
  new_nat_gateway = false
  # The API has a public address beside its private one.
  slb_internet_enabled           = true
  is_enterprise_security_group   = true
  skip_set_certificate_authority = true
  # Set it to false before terraform destroy.
  deletion_protection = true
  tags = {
    "bulkhead" = "shop"
  }

  addons {
    name = "terway-eniip"
  }

  addons {
    name = "csi-plugin"
  }

  addons {
    name = "csi-provisioner"
  }
}

resource "alicloud_cs_kubernetes_node_pool" "general-cn-beijing-h" {
  cluster_id            = alicloud_cs_managed_kubernetes.main.id
  node_pool_name        = "shop-general-cn-beijing-h"
  vswitch_ids           = [alicloud_vswitch.cn-beijing-h.id]
  instance_types        = ["ecs.g7.xlarge"]
  system_disk_category  = "cloud_essd"
  system_disk_size      = 120
  runtime_name          = "containerd"
  install_cloud_monitor = true
  tags = {
    "bulkhead" = "shop"
  }
  depends_on   = [alicloud_snat_entry.cn-beijing-h, alicloud_route_entry.cn-beijing-h, alicloud_route_table_attachment.cn-beijing-h]
  desired_size = 3

  labels {
    key   = "a"
    value = "b"
  }

  labels {
    key   = "tier"
    value = "web"
  }

  taints {
    key    = "dedicated"
    value  = "web"
    effect = "NoSchedule"
  }
}

resource "alicloud_cs_kubernetes_node_pool" "general-cn-beijing-k" {
  cluster_id            = alicloud_cs_managed_kubernetes.main.id
  node_pool_name        = "shop-general-cn-beijing-k"
  vswitch_ids           = [alicloud_vswitch.cn-beijing-k.id]
  instance_types        = ["ecs.g7.xlarge"]
  system_disk_category  = "cloud_essd"
  system_disk_size      = 120
  runtime_name          = "containerd"
  install_cloud_monitor = true
  tags = {
    "bulkhead" = "shop"
  }
  depends_on   = [alicloud_snat_entry.cn-beijing-k, alicloud_route_entry.cn-beijing-k, alicloud_route_table_attachment.cn-beijing-k]
  desired_size = 3

  labels {
    key   = "a"
    value = "b"
  }

  labels {
    key   = "tier"
    value = "web"
  }

  taints {
    key    = "dedicated"
    value  = "web"
    effect = "NoSchedule"
  }
}

output "cluster_id" {
  description = "ID of the cluster."
  value       = alicloud_cs_managed_kubernetes.main.id
}

output "vpc_id" {
  description = "ID of the VPC."
  value       = alicloud_vpc.main.id
}
