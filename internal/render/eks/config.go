package eks

// ClusterConfig is eksctl's file, as far as it is used:
// github.com/eksctl-io/eksctl, pkg/apis/eksctl.io/v1alpha5/types.go. The tests hold
// it against the schema that eksctl publishes.
type ClusterConfig struct {
	APIVersion              string                   `json:"apiVersion"`
	Kind                    string                   `json:"kind"`
	Metadata                Metadata                 `json:"metadata"`
	AvailabilityZones       []string                 `json:"availabilityZones,omitempty"`
	VPC                     VPC                      `json:"vpc"`
	KubernetesNetworkConfig *KubernetesNetworkConfig `json:"kubernetesNetworkConfig,omitempty"`
	IAM                     IAM                      `json:"iam"`
	ZonalShiftConfig        ZonalShiftConfig         `json:"zonalShiftConfig"`
	AddonsConfig            AddonsConfig             `json:"addonsConfig"`
	Addons                  []Addon                  `json:"addons"`
	ManagedNodeGroups       []ManagedNodeGroup       `json:"managedNodeGroups"`
	CloudWatch              CloudWatch               `json:"cloudWatch"`
}

// Metadata names the cluster.
type Metadata struct {
	Name    string            `json:"name"`
	Region  string            `json:"region"`
	Version string            `json:"version"`
	Tags    map[string]string `json:"tags,omitempty"`
}

// VPC is the network.
type VPC struct {
	ID               string    `json:"id,omitempty"`
	CIDR             string    `json:"cidr,omitempty"`
	NAT              *NAT      `json:"nat,omitempty"`
	Subnets          *Subnets  `json:"subnets,omitempty"`
	ClusterEndpoints Endpoints `json:"clusterEndpoints"`
}

// NAT is HighlyAvailable, Single or Disable.
type NAT struct {
	Gateway string `json:"gateway"`
}

// Subnets that exist, by a name that node groups use.
type Subnets struct {
	Private map[string]Subnet `json:"private,omitempty"`
	Public  map[string]Subnet `json:"public,omitempty"`
}

// Subnet is one of them.
type Subnet struct {
	ID string `json:"id"`
	AZ string `json:"az"`
}

// Endpoints of the API.
type Endpoints struct {
	PublicAccess  bool `json:"publicAccess"`
	PrivateAccess bool `json:"privateAccess"`
}

// KubernetesNetworkConfig is the range of Services.
type KubernetesNetworkConfig struct {
	ServiceIPv4CIDR string `json:"serviceIPv4CIDR,omitempty"`
}

// IAM is the cluster's roles.
type IAM struct {
	WithOIDC                bool                     `json:"withOIDC"`
	PodIdentityAssociations []PodIdentityAssociation `json:"podIdentityAssociations,omitempty"`
}

// PodIdentityAssociation gives a service account rights in AWS.
type PodIdentityAssociation struct {
	Namespace          string          `json:"namespace"`
	ServiceAccountName string          `json:"serviceAccountName"`
	WellKnownPolicies  map[string]bool `json:"wellKnownPolicies"`
}

// ZonalShiftConfig lets traffic be moved out of a zone.
type ZonalShiftConfig struct {
	Enabled bool `json:"enabled"`
}

// AddonsConfig gives addons the rights that they need.
type AddonsConfig struct {
	AutoApplyPodIdentityAssociations bool `json:"autoApplyPodIdentityAssociations"`
}

// Addon of EKS.
type Addon struct {
	Name string `json:"name"`
	// ConfigurationValues are JSON.
	ConfigurationValues string `json:"configurationValues,omitempty"`
}

// ManagedNodeGroup is nodes in an Auto Scaling group that EKS keeps.
type ManagedNodeGroup struct {
	Name              string            `json:"name"`
	InstanceType      string            `json:"instanceType"`
	AvailabilityZones []string          `json:"availabilityZones,omitempty"`
	Subnets           []string          `json:"subnets,omitempty"`
	DesiredCapacity   int               `json:"desiredCapacity"`
	MinSize           int               `json:"minSize"`
	MaxSize           int               `json:"maxSize"`
	PrivateNetworking bool              `json:"privateNetworking"`
	VolumeSize        int               `json:"volumeSize,omitempty"`
	VolumeType        string            `json:"volumeType"`
	VolumeEncrypted   bool              `json:"volumeEncrypted"`
	Labels            map[string]string `json:"labels,omitempty"`
	Taints            []Taint           `json:"taints,omitempty"`
	Tags              map[string]string `json:"tags,omitempty"`
	PropagateASGTags  bool              `json:"propagateASGTags,omitempty"`
	SSH               *SSH              `json:"ssh,omitempty"`
	UpdateConfig      UpdateConfig      `json:"updateConfig"`
	NodeRepairConfig  *NodeRepairConfig `json:"nodeRepairConfig,omitempty"`
}

// Taint of a node group's nodes.
type Taint struct {
	Key    string `json:"key"`
	Value  string `json:"value,omitempty"`
	Effect string `json:"effect"`
}

// SSH lets a key in.
type SSH struct {
	Allow         bool   `json:"allow"`
	PublicKeyName string `json:"publicKeyName"`
}

// UpdateConfig bounds an update.
type UpdateConfig struct {
	MaxUnavailable int `json:"maxUnavailable"`
}

// NodeRepairConfig replaces nodes that stay unhealthy.
type NodeRepairConfig struct {
	Enabled bool `json:"enabled"`
	// MaxUnhealthyNodeThresholdCount above which nothing is replaced.
	MaxUnhealthyNodeThresholdCount int `json:"maxUnhealthyNodeThresholdCount"`
	MaxParallelNodesRepairedCount  int `json:"maxParallelNodesRepairedCount"`
}

// CloudWatch keeps the control plane's logs.
type CloudWatch struct {
	ClusterLogging ClusterLogging `json:"clusterLogging"`
}

// ClusterLogging names the logs.
type ClusterLogging struct {
	EnableTypes        []string `json:"enableTypes"`
	LogRetentionInDays int      `json:"logRetentionInDays"`
}
