package spec

import (
	"fmt"
	"regexp"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// traits are what a provider has and lacks, as far as a spec is concerned.
type traits struct {
	// known is false where the spec names no provider that there is.
	known bool
	// cloud: machines are made, by type, in a region.
	cloud bool
	// managed: the provider runs the control plane and etcd.
	managed bool
	// region that the provider's regions look like, with an example.
	region        *regexp.Regexp
	exampleRegion string
	// machine is what the provider's machine types look like, with an example.
	machine        *regexp.Regexp
	exampleMachine string
	// scopes that a node pool can have, the default first.
	scopes []v1alpha1.PoolScope
	// gateways that there can be.
	gateways []v1alpha1.GatewayMode
	// ssh: machines take a key by its name at the provider.
	ssh bool
	// takesVPC: the cluster can stand in a network that exists.
	takesVPC bool
	// cidr, podCIDRs, serviceCIDRs and storage class by default.
	cidr, storageClass     string
	podCIDRs, serviceCIDRs []string
	// shortest and longest prefix of the network's CIDR; 0: any.
	shortest, longest int
}

// Regions and machine types as the providers write them.
var (
	awsType      = regexp.MustCompile(`^[a-z0-9-]+\.[a-z0-9-]+$`)
	scalewayType = regexp.MustCompile(`^[A-Z0-9]+(-[A-Z0-9]+)*$`)
	alibabaType  = regexp.MustCompile(`^ecs\.[a-z0-9-]+\.[a-z0-9-]+$`)

	awsRegion      = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[1-9]$`)
	scalewayRegion = regexp.MustCompile(`^[a-z]{2}-[a-z]{3}$`)
	alibabaRegion  = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+(-[1-9])?$`)
)

// The CIDRs of pods and services that kubeadm's documentation uses (IPv4), and
// kind's defaults for IPv6 (kubernetes-sigs/kind pkg/internal/apis/config/default.go).
const (
	podCIDR4, serviceCIDR4 = "10.244.0.0/16", "10.96.0.0/12"
	podCIDR6, serviceCIDR6 = "fd00:10:244::/56", "fd00:10:96::/112"
)

// traitsOf returns what is known of the provider. AWS takes VPCs from /16 to /28
// (Amazon VPC User Guide, "VPC CIDR blocks").
func traitsOf(p v1alpha1.Provider) traits {
	t := traits{known: true}
	allScopes := []v1alpha1.PoolScope{v1alpha1.ScopeZonal, v1alpha1.ScopeRegional, v1alpha1.ScopeInstances}
	allGateways := []v1alpha1.GatewayMode{v1alpha1.GatewaysZonal, v1alpha1.GatewaysSingle, v1alpha1.GatewaysNone}
	switch p {
	case v1alpha1.ProviderLocal, v1alpha1.ProviderKubeadm:
		t.scopes, t.gateways = allScopes, []v1alpha1.GatewayMode{v1alpha1.GatewaysNone}
		t.storageClass, t.podCIDRs, t.serviceCIDRs = "local", []string{podCIDR4}, []string{serviceCIDR4}
		if p == v1alpha1.ProviderKubeadm {
			t.scopes = []v1alpha1.PoolScope{v1alpha1.ScopeInstances}
		} else {
			t.cidr = "10.89.0.0/24"
		}
		return t
	case v1alpha1.ProviderCAPA, v1alpha1.ProviderEKS:
		t.region, t.exampleRegion = awsRegion, "eu-west-1"
		t.machine, t.exampleMachine = awsType, "m6i.large"
		t.scopes, t.gateways, t.ssh, t.takesVPC = allScopes, allGateways, true, true
		t.cidr, t.storageClass, t.shortest, t.longest = "10.0.0.0/16", "gp3", 16, 28
		t.podCIDRs, t.serviceCIDRs = []string{podCIDR4}, []string{serviceCIDR4}
		if p == v1alpha1.ProviderCAPA {
			t.gateways = allGateways[:1]
		} else {
			t.managed, t.podCIDRs, t.serviceCIDRs = true, nil, []string{"172.20.0.0/16"}
		}
	case v1alpha1.ProviderKapsule:
		t.region, t.exampleRegion, t.managed = scalewayRegion, "fr-par", true
		t.machine, t.exampleMachine = scalewayType, "PRO2-XXS"
		// A pool stands in one zone; a Private Network takes one public gateway.
		t.scopes, t.gateways = allScopes[:1], allGateways[1:]
		t.cidr, t.storageClass = "172.16.0.0/22", "scw-bssd"
	case v1alpha1.ProviderACK:
		t.region, t.exampleRegion, t.managed = alibabaRegion, "cn-beijing", true
		t.machine, t.exampleMachine = alibabaType, "ecs.g7.xlarge"
		t.scopes, t.gateways = allScopes[:2], allGateways
		t.cidr, t.storageClass, t.serviceCIDRs = "10.0.0.0/16", "disk", []string{"172.21.0.0/20"}
	default:
		return traits{}
	}
	t.cloud = true
	return t
}

// zonePattern returns what zones of the region look like, and an example: AWS
// adds a letter, Scaleway a number, Alibaba Cloud a letter, after a hyphen where
// the region does not end in a digit (cn-beijing-h, eu-central-1a).
func zonePattern(p v1alpha1.Provider, region string) (*regexp.Regexp, string) {
	quoted := regexp.QuoteMeta(region)
	switch {
	case region == "":
	case p == v1alpha1.ProviderCAPA, p == v1alpha1.ProviderEKS,
		p == v1alpha1.ProviderACK && region[len(region)-1] <= '9':
		return regexp.MustCompile("^" + quoted + "[a-z]$"), region + "a"
	case p == v1alpha1.ProviderKapsule:
		return regexp.MustCompile("^" + quoted + "-[1-9]$"), region + "-1"
	case p == v1alpha1.ProviderACK:
		return regexp.MustCompile("^" + quoted + "-[a-z]$"), region + "-a"
	}
	return nil, ""
}

// lacks is the message for a field that the provider has no use for.
func lacks(p v1alpha1.Provider, why string) string {
	return fmt.Sprintf("is not for provider %s: %s", p, why)
}
