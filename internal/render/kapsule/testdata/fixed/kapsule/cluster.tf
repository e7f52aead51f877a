# The kubeconfig is no output, for it is a secret: scw k8s kubeconfig install fetches
# it. Terraform's state holds it all the same: keep the state encrypted.

resource "scaleway_k8s_cluster" "main" {
  name               = "shop"
  type               = "kapsule"
  version            = "1.36.3"
  cni                = "calico"
  region             = "fr-par"
  private_network_id = scaleway_vpc_private_network.private.id
  pod_cidr           = "100.64.0.0/15"
  service_cidr       = "10.32.0.0/20"
  # true would take volumes and load balancers along when the cluster is deleted, by
  # intent or by mistake.
  delete_additional_resources = false
  tags                        = ["bulkhead", "shop"]

  # Pools of all zones grow together: a volume's zone always has room, and the loss of
  # one zone takes no more than its share.
  autoscaler_config {
    balance_similar_node_groups   = true
    ignore_daemonsets_utilization = true
  }
}

resource "scaleway_k8s_pool" "general-fr-par-1" {
  cluster_id             = scaleway_k8s_cluster.main.id
  name                   = "shop-general-fr-par-1"
  region                 = "fr-par"
  zone                   = "fr-par-1"
  node_type              = "PRO2-XXS"
  size                   = 3
  min_size               = 3
  max_size               = 3
  autoscaling            = false
  autohealing            = false
  container_runtime      = "containerd"
  public_ip_disabled     = false
  wait_for_pool_ready    = true
  root_volume_size_in_gb = 20
  labels = {
    "tier" = "web"
  }
  tags = ["bulkhead", "shop"]

  # A new node first: the zone keeps its room while it is upgraded.
  upgrade_policy {
    max_surge       = 1
    max_unavailable = 0
  }

  taints {
    key    = "dedicated"
    value  = "web"
    effect = "NoSchedule"
  }
}

resource "scaleway_k8s_pool" "general-fr-par-2" {
  cluster_id             = scaleway_k8s_cluster.main.id
  name                   = "shop-general-fr-par-2"
  region                 = "fr-par"
  zone                   = "fr-par-2"
  node_type              = "PRO2-XXS"
  size                   = 3
  min_size               = 3
  max_size               = 3
  autoscaling            = false
  autohealing            = false
  container_runtime      = "containerd"
  public_ip_disabled     = false
  wait_for_pool_ready    = true
  root_volume_size_in_gb = 20
  labels = {
    "tier" = "web"
  }
  tags = ["bulkhead", "shop"]

  # A new node first: the zone keeps its room while it is upgraded.
  upgrade_policy {
    max_surge       = 1
    max_unavailable = 0
  }

  taints {
    key    = "dedicated"
    value  = "web"
    effect = "NoSchedule"
  }
}

resource "scaleway_k8s_pool" "general-fr-par-3" {
  cluster_id             = scaleway_k8s_cluster.main.id
  name                   = "shop-general-fr-par-3"
  region                 = "fr-par"
  zone                   = "fr-par-3"
  node_type              = "PRO2-XXS"
  size                   = 3
  min_size               = 3
  max_size               = 3
  autoscaling            = false
  autohealing            = false
  container_runtime      = "containerd"
  public_ip_disabled     = false
  wait_for_pool_ready    = true
  root_volume_size_in_gb = 20
  labels = {
    "tier" = "web"
  }
  tags = ["bulkhead", "shop"]

  # A new node first: the zone keeps its room while it is upgraded.
  upgrade_policy {
    max_surge       = 1
    max_unavailable = 0
  }

  taints {
    key    = "dedicated"
    value  = "web"
    effect = "NoSchedule"
  }
}

output "cluster_id" {
  description = "REGION/ID of the cluster."
  value       = scaleway_k8s_cluster.main.id
}

output "apiserver_url" {
  description = "The API; its load balancer stands in fr-par-1."
  value       = scaleway_k8s_cluster.main.apiserver_url
}

output "private_network_id" {
  description = "The private network, for what else shall reach the nodes."
  value       = scaleway_vpc_private_network.private.id
}
