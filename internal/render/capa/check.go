package capa

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// apiPort is where CAPA's load balancer listens; it is a constant there
// (api/v1beta2, DefaultAPIServerPort).
const apiPort = 6443

// check refuses what Cluster API on AWS cannot do, naming the field that asks.
func check(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) error {
	for _, f := range []func(*v1alpha1.Cluster, *v1alpha1.ClusterPlan) error{
		checkVersion, checkNetwork, checkSubnets, checkControlPlane, checkPools, checkBackup,
	} {
		if err := f(c, p); err != nil {
			return fmt.Errorf("rendering cluster %q for capa: %w", c.Metadata.Name, err)
		}
	}
	return nil
}

// firstMinor is the first minor version of Kubernetes 1 whose API server reads
// apiserver.config.k8s.io/v1 (AuthenticationConfiguration).
const firstMinor = 34

func checkVersion(c *v1alpha1.Cluster, _ *v1alpha1.ClusterPlan) error {
	v := c.Spec.KubernetesVersion
	parts := strings.Split(v, ".")
	if len(parts) != 3 || parts[0] != "1" {
		return fmt.Errorf("spec.kubernetesVersion: %q is not 1.y.z, and machine images are made for one patch version", v)
	}
	if minor, err := strconv.Atoi(parts[1]); err != nil || minor < firstMinor {
		return fmt.Errorf("spec.kubernetesVersion: %q is older than 1.%d, whose API servers cannot let probes alone in without a name", v, firstMinor)
	}
	return nil
}

func checkNetwork(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) error {
	n := c.Spec.Network
	if n.IPv6CIDR != "" {
		return fmt.Errorf("spec.network.ipv6CIDR: Amazon chooses the IPv6 range of a VPC, so that %s cannot be had; leave it out", n.IPv6CIDR)
	}
	for _, list := range []struct {
		field string
		cidrs []string
	}{{"podCIDRs", p.Network.PodCIDRs}, {"serviceCIDRs", p.Network.ServiceCIDRs}} {
		for i, cidr := range list.cidrs {
			prefix, err := netip.ParsePrefix(cidr)
			if err != nil {
				return fmt.Errorf("spec.network.%s[%d]: %w", list.field, i, err)
			}
			if prefix.Addr().Is6() {
				return fmt.Errorf("spec.network.%s[%d]: %s is IPv6, and the network is IPv4 only", list.field, i, cidr)
			}
		}
	}
	if _, err := cniRules(n.CNI); err != nil {
		return err
	}
	if existing(p) {
		return nil // the owner's routes
	}
	if n.Gateways == v1alpha1.GatewaysSingle || n.Gateways == v1alpha1.GatewaysNone {
		return fmt.Errorf("spec.network.gateways: %s is not possible with capa, which makes a NAT gateway in every zone that has a private subnet; use zonal, or subnets that exist with routes of your own", n.Gateways)
	}
	return nil
}

// checkSubnets wants what CAPA's controllers do: each zone's machines lie in its
// private subnet, and a zone is a failure domain of the control plane only when the
// load balancer stands in it, in a public subnet.
func checkSubnets(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) error {
	made, found := 0, 0
	for _, s := range p.Network.Subnets {
		if s.Existing {
			found++
			continue
		}
		made++
		if strings.HasPrefix(s.Name, "subnet-") {
			return fmt.Errorf("spec.network.subnets: the name %q of a subnet that is to be made reads like an ID of AWS; choose another", s.Name)
		}
	}
	switch {
	case found > 0 && made > 0:
		return fmt.Errorf("spec.network.subnets: %d exist and %d do not; capa makes all of them or none", found, made)
	case found > 0 && c.Spec.Network.VPCID == "":
		return fmt.Errorf("spec.network.vpcID: it is needed with subnets that exist (%s)", p.Network.Subnets[0].Name)
	case found == 0 && c.Spec.Network.VPCID != "":
		return fmt.Errorf("spec.network.vpcID: %s exists, so its subnets must be listed by ID in spec.network.subnets", c.Spec.Network.VPCID)
	}
	for _, zone := range p.Zones {
		for _, public := range []bool{true, false} {
			if !slices.ContainsFunc(p.Network.Subnets, func(s v1alpha1.PlannedSubnet) bool { return s.Zone == zone && s.Public == public }) {
				kind := "private"
				why := "machines have nowhere to be"
				if public {
					kind, why = "public", "the API's load balancer does not stand there and no control plane member is put there"
				}
				return fmt.Errorf("spec.network.subnets: zone %s has no %s subnet: %s", zone, kind, why)
			}
		}
	}
	return nil
}

func checkControlPlane(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) error {
	cp := c.Spec.ControlPlane
	if p.ControlPlane.Topology == v1alpha1.EtcdExternal {
		return fmt.Errorf("spec.controlPlane.etcd.topology: external is not possible with capa: Cluster API uses an etcd that is there, but makes and repairs none; use stacked, or provider kubeadm")
	}
	if cp.LoadBalancer.Kind == v1alpha1.LoadBalancerHAProxy {
		return fmt.Errorf("spec.controlPlane.loadBalancer.kind: haproxy is not possible with capa, which makes a network load balancer; use provider")
	}
	if p.ControlPlane.Endpoint.Port != 0 && p.ControlPlane.Endpoint.Port != apiPort {
		return fmt.Errorf("spec.controlPlane.endpoint.port: %d is not possible with capa, whose load balancer listens on %d", p.ControlPlane.Endpoint.Port, apiPort)
	}
	if cp.MachineType == "" {
		return fmt.Errorf("spec.controlPlane.machineType: it is needed")
	}
	if len(p.ControlPlane.Members)%2 == 0 {
		return fmt.Errorf("spec.controlPlane.replicas: %d is even, and a KubeadmControlPlane with stacked etcd takes odd numbers only", len(p.ControlPlane.Members))
	}
	for _, zone := range p.Zones {
		if len(cp.Zones) > 0 && !slices.Contains(cp.Zones, zone) {
			return fmt.Errorf("spec.controlPlane.zones: %s is left out, but capa puts control plane members into any zone that its load balancer stands in; leave the field out, or take the zone from spec.zones", zone)
		}
	}
	return nil
}

func checkPools(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) error {
	for i, pool := range p.Pools {
		spec, err := poolSpec(c, pool.Name)
		if err != nil {
			return err
		}
		if pool.Scope == v1alpha1.ScopeInstances {
			return fmt.Errorf("spec.nodePools[%d].scope: instances is not possible with capa, where each machine belongs to a MachineDeployment or a MachinePool; use zonal or regional", i)
		}
		if spec.MachineType == "" {
			return fmt.Errorf("spec.nodePools[%d].machineType: it is needed", i)
		}
	}
	return nil
}

func checkBackup(c *v1alpha1.Cluster, _ *v1alpha1.ClusterPlan) error {
	b := c.Spec.Backup
	if b == nil {
		return nil
	}
	if _, err := cronSchedule(b); err != nil {
		return err
	}
	for i, d := range b.Destinations {
		u, err := url.Parse(d)
		if err != nil || u.Scheme != "s3" || u.Host == "" {
			return fmt.Errorf("spec.backup.destinations[%d]: %q is not possible with capa: a machine's own disk goes with the machine; use s3://BUCKET/PREFIX", i, d)
		}
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
	return slices.ContainsFunc(p.Network.Subnets, func(s v1alpha1.PlannedSubnet) bool { return s.Existing })
}
