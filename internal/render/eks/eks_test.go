package eks

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"sigs.k8s.io/yaml"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/render/file"
	"bulkhead.dev/bulkhead/internal/testkit/rendered"
)

var update = flag.Bool("update", false, "write golden files instead of comparing")

// variants of the example, as pairs of old and new text.
func variants() map[string][]string {
	const (
		zones   = "zones: {names: [eu-west-1a, eu-west-1b, eu-west-1c]}"
		network = "network: {cidr: 10.50.0.0/16, gateways: zonal}"
		pool    = "- {name: general, scope: zonal, machineType: m6i.xlarge, size: 2, min: 2, max: 4, autoscaling: true, rootVolumeGB: 50}"
		storage = "storage: {className: gp3, bindingMode: WaitForFirstConsumer, sharedClassName: efs}"
	)
	return map[string][]string{
		"three-zones": nil,
		"two-zones":   {zones, "zones: {names: [eu-west-1a, eu-west-1b]}"},
		"five-zones": {
			zones, "zones: {names: [us-east-1a, us-east-1b, us-east-1c, us-east-1d, us-east-1f]}",
			"region: eu-west-1", "region: us-east-1",
		},
		"single-nat":    {network, "network: {cidr: 10.50.0.0/16, gateways: single, gatewayZone: eu-west-1b}"},
		"no-nat":        {network, "network: {cidr: 10.50.0.0/16, gateways: none}", storage, "storage: {className: gp3}"},
		"regional-pool": {pool, "- {name: general, scope: regional, machineType: m6i.xlarge, size: 6, min: 6, max: 12, autoscaling: true, autohealing: true}"},
		"own-subnets": {network, `network:
    cidr: 10.50.0.0/16
    vpcID: vpc-0123456789abcdef0
    subnets:
    - {name: subnet-0aaaaaaaaaaaaaaa1, zone: eu-west-1a, cidr: 10.50.0.0/20, public: true}
    - {name: subnet-0aaaaaaaaaaaaaaa2, zone: eu-west-1a, cidr: 10.50.64.0/19}
    - {name: subnet-0bbbbbbbbbbbbbbb1, zone: eu-west-1b, cidr: 10.50.16.0/20, public: true}
    - {name: subnet-0bbbbbbbbbbbbbbb2, zone: eu-west-1b, cidr: 10.50.96.0/19}
    - {name: subnet-0ccccccccccccccc1, zone: eu-west-1c, cidr: 10.50.32.0/20, public: true}
    - {name: subnet-0ccccccccccccccc2, zone: eu-west-1c, cidr: 10.50.128.0/19}`},
		// Everything else that a spec can ask for.
		"rich": {
			pool, `- {name: general, machineType: m6i.xlarge, size: 3, autohealing: true}
  - {name: batch, machineType: c6i.2xlarge, size: 1, min: 0, max: 5, autoscaling: true, labels: {shop.example/tier: batch}, taints: [{key: shop.example/batch, value: "true", effect: NoSchedule}]}`,
			storage, `storage: {className: fast}
  sshKeyName: platform
  ingress: {namespace: ingress, selector: {app: ingress}, ports: [{name: http, port: 80, targetPort: 8080}], externalTrafficPolicy: Cluster}`,
		},
	}
}

func files(t *testing.T, variant string) (*v1alpha1.Cluster, *v1alpha1.ClusterPlan, []file.File) {
	t.Helper()
	c, p := rendered.Example(t, "eks", variants()[variant]...)
	out, err := Files(c, p)
	if err != nil {
		t.Fatal(err)
	}
	return c, p, out
}

func TestGolden(t *testing.T) {
	for name := range variants() {
		t.Run(name, func(t *testing.T) {
			c, p, out := files(t, name)
			out = append(out, steps(Steps(c, p)))
			rendered.Golden(t, *update, filepath.Join("testdata", name), out)
			_, _, again := files(t, name)
			if diff := cmp.Diff(out[:len(again)], again); diff != "" {
				t.Errorf("rendered twice, the files differ:\n%s", diff)
			}
		})
	}
}

// steps is the steps as a file, to compare them with a golden one.
func steps(all []file.Step) file.File {
	var b strings.Builder
	for i, s := range all {
		fmt.Fprintf(&b, "%d. %s\n%s\n", i+1, s.Title, s.Text)
		for _, c := range s.Commands {
			fmt.Fprintf(&b, "    %s\n", strings.ReplaceAll(c, "\n", "\n    "))
		}
	}
	return file.File{Path: "steps.txt", Data: []byte(b.String())}
}

// TestStepsUseEveryFile: a file that no step names is made for nobody, and a step
// that names another cannot be done.
func TestStepsUseEveryFile(t *testing.T) {
	for name := range variants() {
		c, p, out := files(t, name)
		text := string(steps(Steps(c, p)).Data)
		for _, f := range out {
			if !strings.Contains(text, f.Path) {
				t.Errorf("%s: no step uses %s", name, f.Path)
			}
		}
		for word := range strings.FieldsSeq(text) {
			if strings.HasPrefix(word, "eks/") && strings.HasSuffix(word, ".yaml") &&
				!slices.ContainsFunc(out, func(f file.File) bool { return f.Path == word }) {
				t.Errorf("%s: a step uses %s, which is not rendered", name, word)
			}
		}
	}
}

// TestSchema holds the file against eksctl's own schema, which allows no field that
// eksctl does not know.
func TestSchema(t *testing.T) {
	path := filepath.Join(rendered.Root(t), "..", "shared", "schemas", "eksctl-v1alpha5.schema.json")
	data, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		t.Skipf("eksctl's schema is not beside the repository: ../shared/schemas/%s", filepath.Base(path))
	}
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("eksctl.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("eksctl.json")
	if err != nil {
		t.Fatal(err)
	}
	for name := range variants() {
		_, _, out := files(t, name)
		config := decode(t, out[0])
		if err := schema.Validate(config); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		// The schema must be able to say no.
		config.(map[string]any)["vpc"].(map[string]any)["nats"] = true
		if schema.Validate(config) == nil {
			t.Errorf("%s: the schema lets a field pass that eksctl does not know", name)
		}
	}
}

func decode(t *testing.T, f file.File) any {
	t.Helper()
	text, err := yaml.YAMLToJSONStrict(f.Data)
	if err != nil {
		t.Fatalf("%s: %v", f.Path, err)
	}
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestConfig is what the plan must come to in eksctl's file, whatever else it says.
func TestConfig(t *testing.T) {
	for name, nat := range map[string]string{
		"three-zones": "HighlyAvailable", "two-zones": "HighlyAvailable", "five-zones": "HighlyAvailable",
		"single-nat": "Single", "no-nat": "Disable", "regional-pool": "HighlyAvailable", "rich": "HighlyAvailable", "own-subnets": "",
	} {
		_, p, out := files(t, name)
		var config ClusterConfig
		if err := yaml.UnmarshalStrict(out[0].Data, &config); err != nil {
			t.Fatal(err)
		}
		if got := config.VPC.NAT; (got == nil) != (nat == "") || got != nil && got.Gateway != nat {
			t.Errorf("%s: NAT is %v, want %q", name, got, nat)
		}
		if !config.ZonalShiftConfig.Enabled || !config.VPC.ClusterEndpoints.PrivateAccess {
			t.Errorf("%s: zonal shift or private access is off", name)
		}
		var planned, written []string
		for _, pool := range p.Pools {
			for _, g := range pool.Groups {
				planned = append(planned, fmt.Sprint(g.Name, g.Zones, g.Min, g.Size, g.Max))
			}
		}
		for _, g := range config.ManagedNodeGroups {
			zones := g.AvailabilityZones
			for _, s := range g.Subnets {
				zones = append(zones, config.VPC.Subnets.Private[s].AZ)
			}
			written = append(written, fmt.Sprint(g.Name, zones, g.MinSize, g.DesiredCapacity, g.MaxSize))
		}
		if diff := cmp.Diff(planned, written); diff != "" {
			t.Errorf("%s (-plan +file):\n%s", name, diff)
		}
	}
	_, _, out := files(t, "single-nat")
	var config ClusterConfig
	if err := yaml.Unmarshal(out[0].Data, &config); err != nil {
		t.Fatal(err)
	}
	// eksctl puts a single gateway into the first zone of the list.
	if config.AvailabilityZones[0] != "eu-west-1b" {
		t.Errorf("the gateway's zone is not first: %v", config.AvailabilityZones)
	}
}

// TestValuesAreJSON: EKS parses an addon's values.
func TestValuesAreJSON(t *testing.T) {
	_, _, out := files(t, "three-zones")
	var config ClusterConfig
	if err := yaml.Unmarshal(out[0].Data, &config); err != nil {
		t.Fatal(err)
	}
	for _, a := range config.Addons {
		if a.ConfigurationValues != "" && !json.Valid([]byte(a.ConfigurationValues)) {
			t.Errorf("values of %s: %s", a.Name, a.ConfigurationValues)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*v1alpha1.Cluster, *v1alpha1.ClusterPlan)
		want   string
	}{
		{"machines without a group", func(_ *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) { p.Pools[0].Scope = v1alpha1.ScopeInstances }, "spec.nodePools[0].scope: instances"},
		{"IPv6", func(c *v1alpha1.Cluster, _ *v1alpha1.ClusterPlan) { c.Spec.Network.IPv6CIDR = "2001:db8::/56" }, "spec.network.ipv6CIDR"},
		{"pods with a range", func(c *v1alpha1.Cluster, _ *v1alpha1.ClusterPlan) { c.Spec.Network.PodCIDRs = []string{"10.1.0.0/16"} }, "spec.network.podCIDRs"},
		{"another network plugin", func(c *v1alpha1.Cluster, _ *v1alpha1.ClusterPlan) { c.Spec.Network.CNI = "cilium" }, "spec.network.cni"},
		{"two Service ranges", func(c *v1alpha1.Cluster, _ *v1alpha1.ClusterPlan) {
			c.Spec.Network.ServiceCIDRs = []string{"172.20.0.0/16", "172.21.0.0/16"}
		}, "spec.network.serviceCIDRs[1]"},
		{"one zone", func(_ *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) { p.Zones = p.Zones[:1] }, "spec.zones"},
		{"subnets that are to be made", func(c *v1alpha1.Cluster, _ *v1alpha1.ClusterPlan) {
			c.Spec.Network.Subnets = []v1alpha1.SubnetSpec{{Zone: "eu-west-1a", CIDR: "10.50.0.0/20"}}
		}, "eksctl cuts the VPC itself"},
		{"some subnets exist", func(_ *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) { p.Network.Subnets[0].Existing = true }, "1 of 6 exist"},
		{"a VPC without its subnets", func(c *v1alpha1.Cluster, _ *v1alpha1.ClusterPlan) { c.Spec.Network.VPCID = "vpc-01234567" }, "spec.network.vpcID"},
		{"a zone without a private subnet", func(_ *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) {
			for i := range p.Network.Subnets {
				p.Network.Subnets[i].Existing, p.Network.Subnets[i].Public = true, true
			}
		}, "zone eu-west-1a has no private subnet"},
		{"a group without room", func(_ *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) { p.Pools[0].Groups[1].Max = 0 }, "spec.nodePools[0].max"},
		{"no machine type", func(c *v1alpha1.Cluster, _ *v1alpha1.ClusterPlan) { c.Spec.NodePools[0].MachineType = "" }, "spec.nodePools[0].machineType"},
		{"etcd's backup", func(c *v1alpha1.Cluster, _ *v1alpha1.ClusterPlan) { c.Spec.Backup = &v1alpha1.BackupSpec{} }, "spec.backup"},
		{"no version", func(c *v1alpha1.Cluster, _ *v1alpha1.ClusterPlan) { c.Spec.KubernetesVersion = "1" }, "spec.kubernetesVersion"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, p := rendered.Example(t, "eks")
			test.change(c, p)
			_, err := Files(c, p)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
		})
	}
}

func TestRepair(t *testing.T) {
	for _, test := range []struct {
		min, zones, want int
	}{{2, 1, 1}, {5, 1, 4}, {1, 1, 1}, {0, 1, 1}, {6, 3, 1}, {12, 3, 3}} {
		got := repair(v1alpha1.PlannedGroup{Min: test.min, Zones: make([]string, test.zones)})
		if got.MaxUnhealthyNodeThresholdCount != test.want {
			t.Errorf("min %d over %d zones: repaired up to %d unhealthy, want %d", test.min, test.zones, got.MaxUnhealthyNodeThresholdCount, test.want)
		}
	}
}
