package capa

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	infrav1 "sigs.k8s.io/cluster-api-provider-aws/v2/api/v1beta2"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/render/file"
)

// The check of the API's load balancer. 5 s is the least that a network load
// balancer allows, and 2 the fewest failures: a dead API server gets nothing new
// after about 10 s.
const (
	lbInterval  = 5
	lbTimeout   = 4
	lbThreshold = 2
)

// nfsPort is NFS 4's (RFC 7530).
const nfsPort = 2049

const madeComment = `The cluster and its network.
Subnets are listed, so that the zones are the plan's: left alone, CAPA takes at
most 3 zones in the order of their names. It makes a NAT gateway in each zone with a
private subnet, so that no zone's egress depends on another's.
`

const ownComment = `The cluster in a network that exists.
CAPA changes no route of the owner's subnets: that a zone's way out stands in this
zone is for the owner to see to.
`

const balancerComment = `The API's load balancer is a network load balancer that asks /readyz over HTTPS;
CAPA's default is a classic one that only opens a TCP connection, which a server
without etcd accepts. Traffic crosses zones: an address whose own zone has lost its
API server still answers.`

// clusterFile is the Cluster and the AWSCluster.
func clusterFile(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) (file.File, error) {
	name := c.Metadata.Name
	cluster := &clusterv1.Cluster{
		TypeMeta:   typeMeta(coreVersion, "Cluster"),
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: clusterLabels(name)},
		Spec: clusterv1.ClusterSpec{
			ClusterNetwork: clusterv1.ClusterNetwork{
				APIServerPort: apiPort,
				Services:      clusterv1.NetworkRanges{CIDRBlocks: p.Network.ServiceCIDRs},
				Pods:          clusterv1.NetworkRanges{CIDRBlocks: p.Network.PodCIDRs},
				ServiceDomain: "cluster.local",
			},
			ControlPlaneRef:   ref(controlPlaneGroup, "KubeadmControlPlane", prefixed(name, "control-plane")),
			InfrastructureRef: ref(infraGroup, "AWSCluster", name),
		},
	}
	aws, err := awsCluster(c, p)
	if err != nil {
		return file.File{}, err
	}
	comment := madeComment
	if existing(p) {
		comment = ownComment
	}
	return yamlFile("capa/cluster.yaml", comment+balancerComment, cluster, aws)
}

func awsCluster(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) (*infrav1.AWSCluster, error) {
	rules, err := cniRules(c.Spec.Network.CNI)
	if err != nil {
		return nil, err
	}
	vpc := infrav1.VPCSpec{
		ID:                         c.Spec.Network.VPCID,
		AvailabilityZoneUsageLimit: new(len(p.Zones)),
		AvailabilityZoneSelection:  new(infrav1.AZSelectionSchemeOrdered),
	}
	if vpc.ID == "" {
		vpc.CidrBlock = p.Network.CIDR
		vpc.EmptyRoutesDefaultVPCSecurityGroup = true
	}
	var subnets infrav1.Subnets
	for _, s := range p.Network.Subnets {
		subnets = append(subnets, infrav1.SubnetSpec{
			ID: s.Name, AvailabilityZone: s.Zone, CidrBlock: s.CIDR, IsPublic: s.Public,
		})
	}
	return &infrav1.AWSCluster{
		TypeMeta:   typeMeta(infraVersion, "AWSCluster"),
		ObjectMeta: metav1.ObjectMeta{Name: c.Metadata.Name, Labels: clusterLabels(c.Metadata.Name)},
		Spec: infrav1.AWSClusterSpec{
			Region:     c.Spec.Region,
			SSHKeyName: new(c.Spec.SSHKeyName), // "" is no key; nil would be a key named default
			NetworkSpec: infrav1.NetworkSpec{
				VPC: vpc, Subnets: subnets,
				CNI: &infrav1.CNISpec{CNIIngressRules: rules},
				AdditionalControlPlaneIngressRules: []infrav1.IngressRule{{
					Description: "etcd metrics", Protocol: infrav1.SecurityGroupProtocolTCP,
					FromPort: etcdMetricsPort, ToPort: etcdMetricsPort,
					SourceSecurityGroupRoles: []infrav1.SecurityGroupRole{infrav1.SecurityGroupNode, infrav1.SecurityGroupControlPlane},
				}},
				AdditionalNodeIngressRules: nodeRules(c),
				// CAPA opens node ports to the world unless it is told a range.
				NodePortIngressRuleCidrBlocks: nodePortSources(p),
			},
			ControlPlaneLoadBalancer: &infrav1.AWSLoadBalancerSpec{
				LoadBalancerType:       infrav1.LoadBalancerTypeNLB,
				Scheme:                 new(infrav1.ELBSchemeInternetFacing),
				CrossZoneLoadBalancing: true,
				HealthCheckProtocol:    new(infrav1.ELBProtocolHTTPS), // then the path is /readyz
				HealthCheck: &infrav1.TargetGroupHealthCheckAPISpec{
					IntervalSeconds:         new(int64(lbInterval)),
					TimeoutSeconds:          new(int64(lbTimeout)),
					ThresholdCount:          new(int64(lbThreshold)),
					UnhealthyThresholdCount: new(int64(lbThreshold)),
				},
			},
		},
	}, nil
}

// nodeRules let nodes reach the mount targets of EFS, which stand in the nodes'
// security group.
func nodeRules(c *v1alpha1.Cluster) []infrav1.IngressRule {
	if c.Spec.Storage.SharedClassName == "" {
		return nil
	}
	return []infrav1.IngressRule{{
		Description: "NFS (EFS)", Protocol: infrav1.SecurityGroupProtocolTCP,
		FromPort: nfsPort, ToPort: nfsPort,
		SourceSecurityGroupRoles: []infrav1.SecurityGroupRole{infrav1.SecurityGroupNode},
	}}
}

func nodePortSources(p *v1alpha1.ClusterPlan) infrav1.CidrBlocks {
	if p.Network.CIDR == "" {
		return nil // a VPC that exists may have ranges that nobody named
	}
	return infrav1.CidrBlocks{p.Network.CIDR}
}

// cniRules are the ports that the network plugin uses between nodes; without a
// plugin named, Calico's, which are CAPA's default.
func cniRules(cni string) (infrav1.CNIIngressRules, error) {
	rule := func(description string, protocol infrav1.SecurityGroupProtocol, from, to int64) infrav1.CNIIngressRule {
		return infrav1.CNIIngressRule{Description: description, Protocol: protocol, FromPort: from, ToPort: to}
	}
	const tcp, udp = infrav1.SecurityGroupProtocol("tcp"), infrav1.SecurityGroupProtocol("udp")
	switch cni {
	case "cilium": // docs.cilium.io, operations/system_requirements, firewall rules
		return infrav1.CNIIngressRules{
			rule("VXLAN (cilium)", udp, 8472, 8472),
			rule("health (cilium)", tcp, 4240, 4240),
			rule("Hubble (cilium)", tcp, 4244, 4244),
			rule("health by ICMP (cilium)", infrav1.SecurityGroupProtocol("icmp"), -1, -1),
		}, nil
	case "flannel":
		return infrav1.CNIIngressRules{rule("VXLAN (flannel)", udp, 8472, 8472)}, nil
	case "", "calico":
		return infrav1.CNIIngressRules{
			rule("BGP (calico)", tcp, 179, 179),
			rule("IP-in-IP (calico)", infrav1.SecurityGroupProtocol("4"), -1, 65535),
		}, nil
	}
	return nil, fmt.Errorf("spec.network.cni: the ports that %q needs are not known; use cilium, calico or flannel", cni)
}
