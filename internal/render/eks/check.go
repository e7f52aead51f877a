package eks

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// check refuses what EKS or eksctl cannot do, naming the field that asks.
func check(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) error {
	for _, f := range []func(*v1alpha1.Cluster, *v1alpha1.ClusterPlan) error{checkNetwork, checkSubnets, checkPools, checkManaged} {
		if err := f(c, p); err != nil {
			return fmt.Errorf("rendering cluster %q for eks: %w", c.Metadata.Name, err)
		}
	}
	return nil
}

func checkNetwork(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) error {
	n := c.Spec.Network
	if n.IPv6CIDR != "" {
		return fmt.Errorf("spec.network.ipv6CIDR: Amazon chooses the IPv6 range of a VPC, and an EKS cluster's pods have IPv4 or IPv6 addresses, never both; leave it out")
	}
	if len(n.PodCIDRs) > 0 {
		return fmt.Errorf("spec.network.podCIDRs: pods of EKS have addresses of the subnets; leave it out")
	}
	if n.CNI != "" && n.CNI != "vpc-cni" {
		return fmt.Errorf("spec.network.cni: %q is not possible with managed node groups, which need vpc-cni; leave it out", n.CNI)
	}
	for i, cidr := range n.ServiceCIDRs {
		if prefix, err := netip.ParsePrefix(cidr); err != nil || !prefix.Addr().Is4() || i > 0 {
			return fmt.Errorf("spec.network.serviceCIDRs[%d]: EKS takes one IPv4 range, not %q", i, cidr)
		}
	}
	if len(p.Zones) < 2 {
		return fmt.Errorf("spec.zones: EKS puts its control plane's interfaces into at least two zones, and the plan has %d", len(p.Zones))
	}
	return nil
}

func checkSubnets(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) error {
	own := 0
	for _, s := range p.Network.Subnets {
		if s.Existing {
			own++
		}
	}
	switch {
	case own > 0 && own < len(p.Network.Subnets):
		return fmt.Errorf("spec.network.subnets: %d of %d exist; eksctl makes all of them or none", own, len(p.Network.Subnets))
	case own == 0 && len(c.Spec.Network.Subnets) > 0:
		return fmt.Errorf("spec.network.subnets: eksctl cuts the VPC itself; leave the list out, or give the IDs (subnet-…) of subnets that exist")
	case own == 0 && c.Spec.Network.VPCID != "":
		return fmt.Errorf("spec.network.vpcID: %s exists, so its subnets must be listed by ID in spec.network.subnets", c.Spec.Network.VPCID)
	case own == 0:
		return nil
	}
	for _, zone := range p.Zones {
		if !slices.ContainsFunc(p.Network.Subnets, func(s v1alpha1.PlannedSubnet) bool { return s.Zone == zone && !s.Public }) {
			return fmt.Errorf("spec.network.subnets: zone %s has no private subnet for its nodes", zone)
		}
	}
	return nil
}

func checkPools(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) error {
	for i, pool := range p.Pools {
		if pool.Scope == v1alpha1.ScopeInstances {
			return fmt.Errorf("spec.nodePools[%d].scope: instances is not possible with eks: eksctl makes no machine without an Auto Scaling group; use zonal or regional", i)
		}
		spec, err := poolSpec(c, pool.Name)
		if err != nil {
			return err
		}
		if spec.MachineType == "" {
			return fmt.Errorf("spec.nodePools[%d].machineType: it is needed", i)
		}
		for _, g := range pool.Groups {
			// The API of EKS: maxSize is 1 at least.
			if g.Max < 1 {
				return fmt.Errorf("spec.nodePools[%d].max: a node group of EKS has room for one node at least", i)
			}
		}
	}
	return nil
}

// checkManaged refuses what belongs to a control plane that Amazon runs.
func checkManaged(c *v1alpha1.Cluster, _ *v1alpha1.ClusterPlan) error {
	if c.Spec.Backup != nil {
		return fmt.Errorf("spec.backup: etcd of EKS is Amazon's and nobody else's to copy; back up the objects (velero) and leave it out")
	}
	if strings.Count(c.Spec.KubernetesVersion, ".") < 1 {
		return fmt.Errorf("spec.kubernetesVersion: %q is not x.y", c.Spec.KubernetesVersion)
	}
	return nil
}

// poolSpec is the spec of a planned pool.
func poolSpec(c *v1alpha1.Cluster, name string) (v1alpha1.NodePool, error) {
	for _, pool := range c.Spec.NodePools {
		if pool.Name == name {
			return pool, nil
		}
	}
	return v1alpha1.NodePool{}, fmt.Errorf("plan: pool %q is not in spec.nodePools", name)
}

// existing reports whether the owner's subnets are used.
func existing(p *v1alpha1.ClusterPlan) bool {
	return len(p.Network.Subnets) > 0 && p.Network.Subnets[0].Existing
}
