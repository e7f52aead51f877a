package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ClusterKind is the kind of a Cluster.
const ClusterKind = "Cluster"

// Cluster is what an owner wants: a Kubernetes cluster over zones. It is one
// description for every provider; what a provider lacks is refused, not ignored.
type Cluster struct {
	metav1.TypeMeta `json:",inline"`

	Metadata ClusterMetadata `json:"metadata"`
	Spec     ClusterSpec     `json:"spec"`
}

// ClusterMetadata names a cluster.
type ClusterMetadata struct {
	// Name is a DNS label of at most 40 characters; names of what is made for the
	// cluster begin with it.
	Name string `json:"name"`
}

// Provider is who runs the machines.
type Provider string

// The providers.
const (
	// ProviderLocal runs a cluster in network namespaces of this machine.
	ProviderLocal Provider = "local"
	// ProviderKubeadm is the owner's machines, set up with kubeadm.
	ProviderKubeadm Provider = "kubeadm"
	// ProviderCAPA is Cluster API on AWS.
	ProviderCAPA Provider = "capa"
	// ProviderEKS is Amazon EKS, set up with eksctl.
	ProviderEKS Provider = "eks"
	// ProviderKapsule is Scaleway Kapsule, set up with Terraform.
	ProviderKapsule Provider = "kapsule"
	// ProviderACK is Alibaba Cloud ACK, set up with Terraform.
	ProviderACK Provider = "ack"
)

// ClusterSpec is the wish itself.
type ClusterSpec struct {
	// Provider is who runs the machines.
	Provider Provider `json:"provider" jsonschema:"enum=local,enum=kubeadm,enum=capa,enum=eks,enum=kapsule,enum=ack"`
	// Region of the provider, for example eu-west-1; empty for local and kubeadm.
	Region string `json:"region,omitempty"`
	// KubernetesVersion, x.y.z; for a managed control plane x.y will do.
	KubernetesVersion string           `json:"kubernetesVersion"`
	Zones             ZoneSelection    `json:"zones"`
	Network           NetworkSpec      `json:"network"`
	ControlPlane      ControlPlaneSpec `json:"controlPlane"`
	NodePools         []NodePool       `json:"nodePools"`
	Storage           StorageSpec      `json:"storage"`
	// Ingress is where the application's traffic comes in; nil: not through load
	// balancers that bulkhead writes.
	Ingress    *IngressSpec  `json:"ingress,omitempty"`
	DNS        *DNSSpec      `json:"dns,omitempty"`
	Backup     *BackupSpec   `json:"backup,omitempty"`
	Objectives ObjectiveSpec `json:"objectives"`
	// Hosts are the owner's machines; provider kubeadm only.
	Hosts []Host `json:"hosts,omitempty"`
	// SSHKeyName of the cloud provider for its machines (capa, eks); optional.
	SSHKeyName string `json:"sshKeyName,omitempty"`
}

// ZoneSelection says which zones: by name, or how many and how to choose.
type ZoneSelection struct {
	// Names of the zones, all of which are taken. Excludes Limit and Selection.
	Names []string `json:"names,omitempty"`
	// Limit is how many zones to choose, 1 to 9; 3 by default.
	Limit *int `json:"limit,omitempty"`
	// Selection is Ordered (alphabetical, the default) or Random (in an order
	// that the cluster's name seeds, so that it is stable).
	Selection Selection `json:"selection,omitempty" jsonschema:"enum=Ordered,enum=Random"`
}

// Selection is how zones are chosen.
type Selection string

// The selections, as Cluster API Provider AWS names them
// (AvailabilityZoneSelection).
const (
	SelectionOrdered Selection = "Ordered"
	SelectionRandom  Selection = "Random"
)

// NetworkSpec is the cluster's addresses.
type NetworkSpec struct {
	// CIDR of the VPC or private network (IPv4), which subnets are cut from.
	CIDR string `json:"cidr,omitempty"`
	// IPv6CIDR beside it makes the cluster dual-stack; alone, IPv6 only. A /64 a
	// subnet is cut from it.
	IPv6CIDR string `json:"ipv6CIDR,omitempty"`
	// PodCIDRs and ServiceCIDRs of the cluster, one for each IP family.
	PodCIDRs     []string `json:"podCIDRs,omitempty"`
	ServiceCIDRs []string `json:"serviceCIDRs,omitempty"`
	// Subnets of the owner; none: they are cut from CIDR.
	Subnets []SubnetSpec `json:"subnets,omitempty"`
	// VPCID is the provider's ID (vpc-…) of the network that subnets which exist lie
	// in (capa, eks); empty: the network is made.
	VPCID string `json:"vpcID,omitempty"`
	// ReserveZones is for how many zones room is kept when subnets are cut: zones
	// added later move no subnet. 4 by default, or the number of zones.
	ReserveZones *int `json:"reserveZones,omitempty"`
	// Isolation of the nodes (kapsule): full (no public addresses, out through the
	// public gateway) or controlled (public addresses, no way in).
	Isolation Isolation `json:"isolation,omitempty" jsonschema:"enum=full,enum=controlled"`
	// Gateways for the way out: zonal (one a zone, the default where the provider
	// can), single or none.
	Gateways GatewayMode `json:"gateways,omitempty" jsonschema:"enum=zonal,enum=single,enum=none"`
	// GatewayZone is where a single gateway stands; the first zone by default.
	GatewayZone string `json:"gatewayZone,omitempty"`
	// CNI plugin to install or ask for, for example cilium; the provider's default
	// when empty.
	CNI string `json:"cni,omitempty"`
	// RegistryMirror is where nodes pull images from; nil: from registries outside.
	RegistryMirror *RegistryMirror `json:"registryMirror,omitempty"`
}

// RegistryMirror is a pull-through cache of images.
type RegistryMirror struct {
	// Endpoint is its URL.
	Endpoint string `json:"endpoint"`
	// Zones that it stands in; none: not bound to a zone.
	Zones []string `json:"zones,omitempty"`
}

// Isolation of nodes from the Internet.
type Isolation string

// The isolations of Scaleway Kapsule.
const (
	IsolationFull       Isolation = "full"
	IsolationControlled Isolation = "controlled"
)

// GatewayMode says how many ways out there are.
type GatewayMode string

// The gateway modes.
const (
	GatewaysZonal  GatewayMode = "zonal"
	GatewaysSingle GatewayMode = "single"
	GatewaysNone   GatewayMode = "none"
)

// SubnetSpec is a subnet that exists or is wanted as it is.
type SubnetSpec struct {
	// Name, or the provider's ID (subnet-…) of one that exists; optional.
	Name string `json:"name,omitempty"`
	// Zone that it lies in.
	Zone string `json:"zone"`
	// CIDR (IPv4), inside the network's.
	CIDR string `json:"cidr,omitempty"`
	// IPv6CIDR is a /64.
	IPv6CIDR string `json:"ipv6CIDR,omitempty"`
	// Public: it has a route to an Internet gateway.
	Public bool `json:"public,omitempty"`
}

// ControlPlaneSpec is the API servers and etcd.
type ControlPlaneSpec struct {
	// Replicas of the control plane; 3 by default. Not for managed control planes.
	Replicas *int `json:"replicas,omitempty"`
	// MachineType of its machines; not for kubeadm and managed control planes.
	MachineType string `json:"machineType,omitempty"`
	// Zones in which its members stand, all of the cluster's by default.
	Zones        []string         `json:"zones,omitempty"`
	Etcd         EtcdSpec         `json:"etcd"`
	Endpoint     EndpointSpec     `json:"endpoint"`
	LoadBalancer LoadBalancerSpec `json:"loadBalancer"`
	// PrimaryZone is where the provider's load balancer of a managed control plane
	// stands (kapsule); the region's first zone by default.
	PrimaryZone string `json:"primaryZone,omitempty"`
}

// EtcdSpec is where the cluster's state is kept.
type EtcdSpec struct {
	// Topology is stacked (on the control plane's machines, the default) or
	// external (on machines of its own).
	Topology EtcdTopology `json:"topology,omitempty" jsonschema:"enum=stacked,enum=external"`
	// Replicas of an external etcd; 3 by default. Stacked: the control plane's.
	Replicas *int `json:"replicas,omitempty"`
	// MachineType of external members, where the provider makes machines.
	MachineType string `json:"machineType,omitempty"`
}

// EtcdTopology is where etcd's members run.
type EtcdTopology string

// The topologies that kubeadm knows.
const (
	EtcdStacked  EtcdTopology = "stacked"
	EtcdExternal EtcdTopology = "external"
)

// EndpointSpec is the address that all clients of the API use.
type EndpointSpec struct {
	// Host is a DNS name or an IP address; needed for kubeadm.
	Host string `json:"host,omitempty"`
	// Port is 6443 by default. EKS listens on 443; HAProxy on the machines of the
	// API servers (kubeadm without load-balancer hosts) takes 8443.
	Port *int `json:"port,omitempty"`
}

// LoadBalancerSpec is what spreads requests over API servers.
type LoadBalancerSpec struct {
	// Kind is haproxy (HAProxy and keepalived on the owner's machines) or provider
	// (the cloud's own).
	Kind LoadBalancerKind `json:"kind,omitempty" jsonschema:"enum=haproxy,enum=provider"`
	// VirtualIP that keepalived moves between HAProxy's machines; kind haproxy.
	VirtualIP string `json:"virtualIP,omitempty"`
	// Interface that carries the virtual IP; kind haproxy.
	Interface string `json:"interface,omitempty"`
	// VirtualRouterID of VRRP, 1 to 255; 51 by default. It must be the only one in
	// its layer-2 network.
	VirtualRouterID *int `json:"virtualRouterID,omitempty"`
}

// LoadBalancerKind is who balances.
type LoadBalancerKind string

// The kinds.
const (
	LoadBalancerHAProxy  LoadBalancerKind = "haproxy"
	LoadBalancerProvider LoadBalancerKind = "provider"
)

// NodePool is machines of one kind that carry pods.
type NodePool struct {
	// Name is a DNS label; groups are named CLUSTER-NAME-ZONE, at most 63 characters.
	Name string `json:"name"`
	// Scope is zonal (a group a zone, the default), regional (one group over the
	// zones) or instances (machines without a group).
	Scope PoolScope `json:"scope,omitempty" jsonschema:"enum=zonal,enum=regional,enum=instances"`
	// MachineType of the provider; empty for kubeadm and local, where Resources say
	// what a machine has.
	MachineType string `json:"machineType,omitempty"`
	// Resources of one node (cpu, memory, pods, ephemeral-storage) where the catalogue does not know
	// the machine type.
	Resources map[string]resource.Quantity `json:"resources,omitempty"`
	// Zones of the pool; all of the cluster's by default.
	Zones []string `json:"zones,omitempty"`
	// Size, Min and Max count nodes: in each zone when the scope is zonal, in all
	// otherwise. Min and Max are Size by default.
	Size *int `json:"size,omitempty"`
	Min  *int `json:"min,omitempty"`
	Max  *int `json:"max,omitempty"`
	// Autoscaling lets the autoscaler move the size between Min and Max.
	Autoscaling bool `json:"autoscaling,omitempty"`
	// Autohealing replaces nodes that stay unhealthy.
	Autohealing bool `json:"autohealing,omitempty"`
	// Labels and Taints of its nodes, beside those that Kubernetes sets.
	Labels map[string]string `json:"labels,omitempty"`
	Taints []PoolTaint       `json:"taints,omitempty"`
	// RootVolumeGB is the size of each node's root disk, in GB; the provider's
	// default when 0.
	RootVolumeGB int `json:"rootVolumeGB,omitempty"`
}

// PoolScope is what one group of a pool covers.
type PoolScope string

// The scopes.
const (
	ScopeZonal     PoolScope = "zonal"
	ScopeRegional  PoolScope = "regional"
	ScopeInstances PoolScope = "instances"
)

// PoolTaint keeps pods off a pool's nodes.
type PoolTaint struct {
	// Key, Value and Effect as in a Node's spec.taints.
	Key    string `json:"key"`
	Value  string `json:"value,omitempty"`
	Effect string `json:"effect" jsonschema:"enum=NoSchedule,enum=PreferNoSchedule,enum=NoExecute"`
}

// StorageSpec is the default StorageClass.
type StorageSpec struct {
	// ClassName, for example gp3; the provider's usual one when empty.
	ClassName string `json:"className,omitempty"`
	// BindingMode is WaitForFirstConsumer (the default) or Immediate.
	BindingMode string `json:"bindingMode,omitempty" jsonschema:"enum=WaitForFirstConsumer,enum=Immediate"`
	// SharedClassName of a class whose volumes reach every zone (EFS, NAS); none
	// when empty.
	SharedClassName string `json:"sharedClassName,omitempty"`
}

// IngressSpec is the pods that take the application's traffic; each zone gets a
// load balancer Service to them.
type IngressSpec struct {
	// Namespace and Selector of the pods.
	Namespace string            `json:"namespace"`
	Selector  map[string]string `json:"selector"`
	Ports     []IngressPort     `json:"ports"`
	// HealthPath that answers 200 when the pod can take traffic; TCP when empty.
	HealthPath string `json:"healthPath,omitempty"`
	// ExternalTrafficPolicy is Local (the default: the load balancer of a zone
	// targets the nodes that have a pod) or Cluster.
	ExternalTrafficPolicy string `json:"externalTrafficPolicy,omitempty" jsonschema:"enum=Local,enum=Cluster"`
}

// IngressPort is one port of the ingress Services.
type IngressPort struct {
	// Name is a DNS label.
	Name string `json:"name"`
	// Port that users reach, and TargetPort that the pods listen on.
	Port       int `json:"port"`
	TargetPort int `json:"targetPort"`
}

// DNSSpec is a record that points at the healthy zones' load balancers.
type DNSSpec struct {
	// Zone is the DNS zone, for example scw.example.com.
	Zone string `json:"zone"`
	// Record's name in it; empty for the zone itself.
	Record string `json:"record,omitempty"`
	// TTL is 60s by default.
	TTL *metav1.Duration `json:"ttl,omitempty"`
	// Strategy is all (every healthy address, the default), hashed or random.
	Strategy    string         `json:"strategy,omitempty" jsonschema:"enum=all,enum=hashed,enum=random"`
	HealthCheck DNSHealthCheck `json:"healthCheck"`
}

// DNSHealthCheck is how an address is found healthy.
type DNSHealthCheck struct {
	// URL that is asked for at each address.
	URL string `json:"url"`
	// MustContain is what the answer's body must hold; empty: any 200 will do.
	MustContain string `json:"mustContain,omitempty"`
	// UserAgent of the requests; bulkhead by default.
	UserAgent string `json:"userAgent,omitempty"`
	// Interval is 10s by default; what a provider does not let one set is used to
	// predict only.
	Interval *metav1.Duration `json:"interval,omitempty"`
}

// BackupSpec is etcd's snapshots.
type BackupSpec struct {
	// Every is 6h by default.
	Every *metav1.Duration `json:"every,omitempty"`
	// Keep is how many are kept; 28 by default.
	Keep *int `json:"keep,omitempty"`
	// Destinations: s3://BUCKET/PREFIX or file:///DIR.
	Destinations []string `json:"destinations"`
}

// ObjectiveSpec is what the owner asks for.
type ObjectiveSpec struct {
	// Availability in percent, for example "99.99".
	Availability string `json:"availability,omitempty"`
	// RecoveryTime within which a workload's full count is back; 10m by default.
	RecoveryTime *metav1.Duration `json:"recoveryTime,omitempty"`
	// RecoveryPoint is how much acknowledged data may be lost.
	RecoveryPoint *metav1.Duration `json:"recoveryPoint,omitempty"`
	// Survive is what must be survived: node or zone (the default).
	Survive string `json:"survive,omitempty" jsonschema:"enum=node,enum=zone"`
}

// Host is one of the owner's machines.
type Host struct {
	// Name of the machine, which its node takes.
	Name string `json:"name"`
	// Address is its IP address in the cluster's network.
	Address string `json:"address"`
	// Zone that it stands in.
	Zone string `json:"zone"`
	// Role is control-plane, etcd, worker or load-balancer. Without a
	// load-balancer host, HAProxy runs on the control plane's machines.
	Role HostRole `json:"role" jsonschema:"enum=control-plane,enum=etcd,enum=worker,enum=load-balancer"`
	// Pool of a worker; the first node pool by default.
	Pool string `json:"pool,omitempty"`
	// User and Port for SSH; root and 22 by default.
	User string `json:"user,omitempty"`
	Port *int   `json:"port,omitempty"`
}

// HostRole is what a machine does.
type HostRole string

// The roles.
const (
	RoleControlPlane HostRole = "control-plane"
	RoleEtcd         HostRole = "etcd"
	RoleWorker       HostRole = "worker"
	RoleLoadBalancer HostRole = "load-balancer"
)
