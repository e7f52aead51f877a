package eks

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/render/aws"
	"bulkhead.dev/bulkhead/internal/render/file"
)

// poolLabel is on the nodes of a pool.
const poolLabel = "bulkhead.dev/pool"

// template is the prefix of the tags from which the autoscaler knows a node of a
// group that has none (cluster-autoscaler/cloudprovider/aws/README.md).
const template = "k8s.io/cluster-autoscaler/node-template/"

// autoscalerRelease is the autoscaler's Helm release and service account.
const autoscalerRelease = "cluster-autoscaler"

// logDays is how long CloudWatch keeps the control plane's logs.
const logDays = 30

// clusterFile is eksctl's file.
func clusterFile(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) (file.File, error) {
	coredns, err := corednsValues(p)
	if err != nil {
		return file.File{}, err
	}
	config := ClusterConfig{
		APIVersion: "eksctl.io/v1alpha5",
		Kind:       "ClusterConfig",
		Metadata: Metadata{
			Name: c.Metadata.Name, Region: c.Spec.Region, Version: minor(c.Spec.KubernetesVersion),
		},
		VPC:              vpc(c, p),
		IAM:              IAM{WithOIDC: true, PodIdentityAssociations: identities(c)},
		ZonalShiftConfig: ZonalShiftConfig{Enabled: true},
		AddonsConfig:     AddonsConfig{AutoApplyPodIdentityAssociations: true},
		Addons: []Addon{
			{Name: "vpc-cni"}, {Name: "kube-proxy"}, {Name: "coredns", ConfigurationValues: coredns},
			{Name: "eks-pod-identity-agent"}, {Name: "metrics-server"}, {Name: "aws-ebs-csi-driver"},
		},
		CloudWatch: CloudWatch{ClusterLogging: ClusterLogging{
			EnableTypes:        []string{"api", "audit", "authenticator", "controllerManager", "scheduler"},
			LogRetentionInDays: logDays,
		}},
	}
	if !existing(p) {
		config.AvailabilityZones = orderedZones(p)
	}
	if len(p.Network.ServiceCIDRs) > 0 {
		config.KubernetesNetworkConfig = &KubernetesNetworkConfig{ServiceIPv4CIDR: p.Network.ServiceCIDRs[0]}
	}
	if c.Spec.Storage.SharedClassName != "" {
		config.Addons = append(config.Addons, Addon{Name: "aws-efs-csi-driver"})
	}
	for _, pool := range p.Pools {
		groups, err := nodeGroups(c, p, pool)
		if err != nil {
			return file.File{}, err
		}
		config.ManagedNodeGroups = append(config.ManagedNodeGroups, groups...)
	}
	comment, err := clusterComment(c, p)
	if err != nil {
		return file.File{}, err
	}
	return file.YAML("eks/cluster.yaml", comment, config)
}

// minor is x.y of x.y.z: EKS chooses the patch.
func minor(version string) string {
	parts := strings.SplitN(version, ".", 3)
	return strings.Join(parts[:min(len(parts), 2)], ".")
}

func vpc(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) VPC {
	out := VPC{ClusterEndpoints: Endpoints{PublicAccess: true, PrivateAccess: true}}
	if !existing(p) {
		out.CIDR = p.Network.CIDR
		out.NAT = &NAT{Gateway: natMode(c)}
		return out
	}
	out.ID = c.Spec.Network.VPCID
	out.Subnets = &Subnets{Private: map[string]Subnet{}, Public: map[string]Subnet{}}
	for _, s := range p.Network.Subnets {
		of := out.Subnets.Private
		if s.Public {
			of = out.Subnets.Public
		}
		of[s.Name] = Subnet{ID: s.Name, AZ: s.Zone}
	}
	return out
}

func natMode(c *v1alpha1.Cluster) string {
	switch c.Spec.Network.Gateways {
	case v1alpha1.GatewaysSingle:
		return "Single"
	case v1alpha1.GatewaysNone:
		return "Disable"
	}
	return "HighlyAvailable"
}

// identities are the accounts that act in AWS; addons get theirs by themselves.
func identities(c *v1alpha1.Cluster) []PodIdentityAssociation {
	var out []PodIdentityAssociation
	if len(aws.Autoscaled(c)) > 0 {
		out = append(out, PodIdentityAssociation{
			Namespace: "kube-system", ServiceAccountName: autoscalerRelease,
			WellKnownPolicies: map[string]bool{"autoScaler": true},
		})
	}
	if c.Spec.Ingress != nil {
		out = append(out, PodIdentityAssociation{
			Namespace: "kube-system", ServiceAccountName: "aws-load-balancer-controller",
			WellKnownPolicies: map[string]bool{"awsLoadBalancerController": true},
		})
	}
	return out
}

// nodeGroups are the groups of a pool: one a zone, or one over its zones.
func nodeGroups(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan, pool v1alpha1.PlannedPool) ([]ManagedNodeGroup, error) {
	spec, err := poolSpec(c, pool.Name)
	if err != nil {
		return nil, err
	}
	var out []ManagedNodeGroup
	for _, g := range pool.Groups {
		group := ManagedNodeGroup{
			Name: g.Name, InstanceType: spec.MachineType,
			DesiredCapacity: g.Size, MinSize: g.Min, MaxSize: g.Max,
			PrivateNetworking: true,
			VolumeSize:        spec.RootVolumeGB, VolumeType: "gp3", VolumeEncrypted: true,
			Labels:       map[string]string{poolLabel: pool.Name},
			UpdateConfig: UpdateConfig{MaxUnavailable: 1},
		}
		maps.Copy(group.Labels, spec.Labels)
		for _, t := range spec.Taints {
			group.Taints = append(group.Taints, Taint{Key: t.Key, Value: t.Value, Effect: t.Effect})
		}
		if existing(p) {
			group.Subnets = privateIn(p, g.Zones)
		} else {
			group.AvailabilityZones = g.Zones
		}
		if c.Spec.SSHKeyName != "" {
			group.SSH = &SSH{Allow: true, PublicKeyName: c.Spec.SSHKeyName}
		}
		if spec.Autoscaling {
			group.PropagateASGTags = true
			if len(g.Zones) == 1 {
				group.Tags = map[string]string{
					template + "label/" + corev1.LabelTopologyZone:   g.Zones[0],
					template + "label/topology.ebs.csi.aws.com/zone": g.Zones[0],
				}
			}
		}
		if spec.Autohealing {
			group.NodeRepairConfig = repair(g)
		}
		out = append(out, group)
	}
	return out, nil
}

// repair replaces one node at a time, and none when as many as a zone has are
// unhealthy: they would come back with the zone. A group of one node, or of one a
// zone, cannot tell a zone's loss from a node's.
func repair(g v1alpha1.PlannedGroup) *NodeRepairConfig {
	zone := g.Min / max(len(g.Zones), 1)
	return &NodeRepairConfig{
		Enabled:                        true,
		MaxUnhealthyNodeThresholdCount: max(zone-1, 1),
		MaxParallelNodesRepairedCount:  1,
	}
}

func privateIn(p *v1alpha1.ClusterPlan, zones []string) []string {
	var out []string
	for _, s := range p.Network.Subnets {
		if !s.Public && slices.Contains(zones, s.Zone) {
			out = append(out, s.Name)
		}
	}
	return out
}

// corednsValues spread DNS over the zones, a replica in each: by default there are
// two, and the spread may be ignored.
func corednsValues(p *v1alpha1.ClusterPlan) (string, error) {
	type constraint struct {
		MaxSkew           int            `json:"maxSkew"`
		TopologyKey       string         `json:"topologyKey"`
		WhenUnsatisfiable string         `json:"whenUnsatisfiable"`
		NodeTaintsPolicy  string         `json:"nodeTaintsPolicy"`
		LabelSelector     map[string]any `json:"labelSelector"`
	}
	text, err := json.Marshal(struct {
		ReplicaCount              int          `json:"replicaCount"`
		TopologySpreadConstraints []constraint `json:"topologySpreadConstraints"`
	}{len(p.Zones), []constraint{{
		MaxSkew: 1, TopologyKey: corev1.LabelTopologyZone, WhenUnsatisfiable: "DoNotSchedule",
		NodeTaintsPolicy: "Honor", // a lost zone's nodes are no domain
		LabelSelector:    map[string]any{"matchLabels": map[string]string{"k8s-app": "kube-dns"}},
	}}})
	if err != nil {
		return "", fmt.Errorf("rendering the values of coredns: %w", err)
	}
	return string(text), nil
}
