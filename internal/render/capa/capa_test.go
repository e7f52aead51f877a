package capa

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/intstr"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/util/collections"
	"sigs.k8s.io/cluster-api/util/failuredomains"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/quorum"
	"bulkhead.dev/bulkhead/internal/render/file"
	"bulkhead.dev/bulkhead/internal/testkit/rendered"
)

var update = flag.Bool("update", false, "write golden files instead of comparing")

// variants of the example, as pairs of old and new text.
func variants() map[string][]string {
	const (
		zones   = "zones: {limit: 3, selection: Ordered}"
		network = "network: {cidr: 10.50.0.0/16, cni: cilium}"
		pool    = "- {name: general, scope: zonal, machineType: m6i.xlarge, size: 2, min: 2, max: 4, autoscaling: true, autohealing: true}"
		storage = "storage: {className: gp3, bindingMode: WaitForFirstConsumer}"
	)
	return map[string][]string{
		"three-zones": nil,
		"fast":        {"recoveryTime: 10m", "recoveryTime: 1m"},
		"two-zones":   {zones, "zones: {names: [eu-west-1a, eu-west-1b]}"},
		"five-zones": {
			zones, "zones: {names: [us-east-1a, us-east-1b, us-east-1c, us-east-1d, us-east-1f]}",
			"region: eu-west-1", "region: us-east-1", "replicas: 3", "replicas: 5",
			pool, "- {name: general, scope: zonal, machineType: m6i.xlarge, size: 1, min: 1, max: 3, autoscaling: true, autohealing: true}",
		},
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
			network, "network: {cidr: 10.50.0.0/16, cni: calico}",
			pool, `- {name: general, machineType: m6i.xlarge, size: 3, autohealing: true, rootVolumeGB: 100}
  - {name: batch, machineType: c6i.2xlarge, size: 1, min: 0, max: 5, autoscaling: true, labels: {shop.example/tier: batch}, taints: [{key: shop.example/batch, value: "true", effect: NoSchedule}]}`,
			storage, `storage: {className: fast, bindingMode: WaitForFirstConsumer, sharedClassName: efs}
  ingress: {namespace: ingress, selector: {app: ingress}, ports: [{name: http, port: 80, targetPort: 8080}, {name: https, port: 443, targetPort: 8443}], healthPath: /up}`,
			"etcd: {topology: stacked}", "etcd: {topology: stacked}\n    endpoint: {host: api.shop.example}",
			`["s3://shop-backups/etcd"]`, `["s3://shop-backups/etcd/", "s3://elsewhere"]`,
			"  sshKeyName: platform\n", "",
		},
	}
}

func files(t *testing.T, variant string) (*v1alpha1.Cluster, *v1alpha1.ClusterPlan, []file.File) {
	t.Helper()
	c, p := rendered.Example(t, "capa", variants()[variant]...)
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
			if strings.HasPrefix(word, "capa/") && !slices.ContainsFunc(out, func(f file.File) bool { return f.Path == word }) {
				t.Errorf("%s: a step uses %s, which is not rendered", name, word)
			}
		}
	}
}

func TestRefused(t *testing.T) {
	const pool = "- {name: general, scope: zonal,"
	for _, test := range []struct {
		name    string
		replace []string
		change  func(*v1alpha1.Cluster, *v1alpha1.ClusterPlan)
		want    string
	}{
		{name: "machines without a group", replace: []string{pool, "- {name: general, scope: instances,", "autoscaling: true", "autoscaling: false", "min: 2, max: 4, ", ""}, want: "spec.nodePools[0].scope: instances"},
		{name: "external etcd", change: func(_ *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) { p.ControlPlane.Topology = v1alpha1.EtcdExternal }, want: "spec.controlPlane.etcd.topology: external"},
		{name: "another port", change: func(_ *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) { p.ControlPlane.Endpoint.Port = 443 }, want: "spec.controlPlane.endpoint.port: 443"},
		{name: "HAProxy", change: func(c *v1alpha1.Cluster, _ *v1alpha1.ClusterPlan) {
			c.Spec.ControlPlane.LoadBalancer.Kind = v1alpha1.LoadBalancerHAProxy
		}, want: "spec.controlPlane.loadBalancer.kind: haproxy"},
		{name: "members in some zones", replace: []string{"    replicas: 3", "    replicas: 3\n    zones: [eu-west-1a, eu-west-1b]"}, want: "spec.controlPlane.zones: eu-west-1c is left out"},
		{name: "even members", change: func(_ *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) {
			p.ControlPlane.Members = p.ControlPlane.Members[:2]
		}, want: "spec.controlPlane.replicas: 2 is even"},
		{name: "no patch version", change: func(c *v1alpha1.Cluster, _ *v1alpha1.ClusterPlan) { c.Spec.KubernetesVersion = "1.36" }, want: "spec.kubernetesVersion"},
		{name: "old version", change: func(c *v1alpha1.Cluster, _ *v1alpha1.ClusterPlan) { c.Spec.KubernetesVersion = "1.33.9" }, want: "older than 1.34"},
		{name: "one NAT gateway", change: func(c *v1alpha1.Cluster, _ *v1alpha1.ClusterPlan) { c.Spec.Network.Gateways = v1alpha1.GatewaysSingle }, want: "spec.network.gateways: single"},
		{name: "IPv6", change: func(c *v1alpha1.Cluster, _ *v1alpha1.ClusterPlan) { c.Spec.Network.IPv6CIDR = "2001:db8::/56" }, want: "spec.network.ipv6CIDR"},
		{name: "IPv6 pods", change: func(_ *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) {
			p.Network.PodCIDRs = append(p.Network.PodCIDRs, "fd00::/56")
		}, want: "spec.network.podCIDRs[1]: fd00::/56 is IPv6"},
		{name: "unknown network plugin", change: func(c *v1alpha1.Cluster, _ *v1alpha1.ClusterPlan) { c.Spec.Network.CNI = "weave" }, want: "spec.network.cni"},
		{name: "no public subnet", change: func(_ *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) { p.Network.Subnets = p.Network.Subnets[1:] }, want: "zone eu-west-1a has no public subnet"},
		{name: "no private subnet", change: func(_ *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) {
			p.Network.Subnets = slices.Delete(p.Network.Subnets, 3, 4)
		}, want: "zone eu-west-1b has no private subnet"},
		{name: "some subnets exist", change: func(_ *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) { p.Network.Subnets[0].Existing = true }, want: "1 exist and 5 do not"},
		{name: "subnets without their VPC", change: func(_ *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) {
			for i := range p.Network.Subnets {
				p.Network.Subnets[i].Existing = true
			}
		}, want: "spec.network.vpcID: it is needed"},
		{name: "a VPC without its subnets", change: func(c *v1alpha1.Cluster, _ *v1alpha1.ClusterPlan) { c.Spec.Network.VPCID = "vpc-01234567" }, want: "spec.network.vpcID: vpc-01234567 exists"},
		{name: "a name like an ID", change: func(_ *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) { p.Network.Subnets[0].Name = "subnet-a" }, want: `"subnet-a"`},
		{name: "backup on the machine", change: func(c *v1alpha1.Cluster, _ *v1alpha1.ClusterPlan) {
			c.Spec.Backup.Destinations = append(c.Spec.Backup.Destinations, "file:///var/backups")
		}, want: "spec.backup.destinations[1]"},
		{name: "backup out of step", replace: []string{"every: 6h", "every: 7h"}, want: "spec.backup.every: 7h0m0s"},
		{name: "no machine type", change: func(c *v1alpha1.Cluster, _ *v1alpha1.ClusterPlan) { c.Spec.NodePools[0].MachineType = "" }, want: "spec.nodePools[0].machineType"},
		{name: "no control plane machine type", change: func(c *v1alpha1.Cluster, _ *v1alpha1.ClusterPlan) { c.Spec.ControlPlane.MachineType = "" }, want: "spec.controlPlane.machineType"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, p := rendered.Example(t, "capa", test.replace...)
			if test.change != nil {
				test.change(c, p)
			}
			_, err := Files(c, p)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
		})
	}
}

func TestCronSchedule(t *testing.T) {
	for every, want := range map[string]string{
		"6h": "7 */6 * * *", "24h": "7 0 * * *", "1h": "7 */1 * * *", "30m": "*/30 * * * *", "12h": "7 */12 * * *",
		"90m": "", "5h": "", "48h": "", "1m": "", "1h30s": "",
	} {
		c, p := rendered.Example(t, "capa", "every: 6h", "every: "+every)
		got, err := cronSchedule(c.Spec.Backup)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("every %s: %q, %v; want %q", every, got, err, want)
		}
		if _, err := Files(c, p); (err == nil) != (want != "") {
			t.Errorf("every %s: %v", every, err)
		}
	}
}

// TestTemplatesRollOut: a changed template has another name, since it could not be
// changed in place; an unchanged one keeps its name.
func TestTemplatesRollOut(t *testing.T) {
	c, p := rendered.Example(t, "capa")
	name := func() string {
		m, err := machineTemplate(c, "shop-general", machine{Type: c.Spec.NodePools[0].MachineType})
		if err != nil {
			t.Fatal(err)
		}
		return m.Name
	}
	before := name()
	p.Pools[0].Groups[0].Max++
	if after := name(); after != before {
		t.Errorf("a pool's size renames its template: %s, %s", before, after)
	}
	c.Spec.NodePools[0].MachineType = "m7i.xlarge"
	if after := name(); after == before {
		t.Errorf("another machine type keeps the name %s", before)
	}
}

func TestHealthLimit(t *testing.T) {
	group := func(mins ...int) v1alpha1.PlannedPool {
		var p v1alpha1.PlannedPool
		for _, m := range mins {
			p.Groups = append(p.Groups, v1alpha1.PlannedGroup{Min: m, Size: m, Max: m + 2})
		}
		return p
	}
	for _, test := range []struct {
		pool v1alpha1.PlannedPool
		want int
	}{{group(2, 2, 2), 1}, {group(5, 5, 5), 4}, {group(5, 3, 4), 2}, {group(1, 1, 1), 1}, {group(0, 2), 1}, {group(), 1}} {
		if got := poolHealthLimit(test.pool); got != test.want {
			t.Errorf("groups %v: %d, want %d", test.pool.Groups, got, test.want)
		}
	}
	// While all groups have 2 and more, a zone is always more than the limit.
	for least := 2; least < 9; least++ {
		if limit := poolHealthLimit(group(least, least+1, least)); limit >= least {
			t.Errorf("a zone of %d machines is within the limit of %d", least, limit)
		}
	}
}

// machines is the control plane as Cluster API sees it.
type machines struct {
	all  collections.Machines
	next int
}

func (m *machines) add(zone string) {
	m.next++
	one := &clusterv1.Machine{Spec: clusterv1.MachineSpec{FailureDomain: zone}}
	one.Name = fmt.Sprintf("m-%d", m.next)
	m.all.Insert(one)
}

func (m *machines) counts() map[string]int {
	out := map[string]int{}
	for _, one := range m.all {
		out[one.Spec.FailureDomain]++
	}
	return out
}

func domains(zones []string) []clusterv1.FailureDomain {
	var out []clusterv1.FailureDomain
	for _, z := range zones {
		out = append(out, clusterv1.FailureDomain{Name: z, ControlPlane: new(true)})
	}
	return out
}

// TestPickerPlacesAsPlanned: Cluster API's own picker gives each zone as many
// members as the plan does. Which of like zones has more it leaves to chance, so
// that counts are compared, sorted.
func TestPickerPlacesAsPlanned(t *testing.T) {
	for name := range variants() {
		_, p := rendered.Example(t, "capa", variants()[name]...)
		var planned []string
		for _, m := range p.ControlPlane.Members {
			planned = append(planned, m.Zone)
		}
		for range 20 {
			m := machines{all: collections.New()}
			for range planned {
				m.add(failuredomains.PickFewest(context.Background(), domains(p.Zones), m.all, m.all))
			}
			if diff := cmp.Diff(sizes(quorum.Count(planned)), sizes(m.counts())); diff != "" {
				t.Fatalf("%s (-plan +Cluster API):\n%s", name, diff)
			}
		}
	}
}

func sizes(counts map[string]int) []int {
	var out []int
	for _, n := range counts {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

// TestRolloutGaps plays rollouts with Cluster API's picker and its chance, from
// every balanced placement, and compares: whether some zone's loss costs the
// quorum on the way is what rolloutGaps says.
func TestRolloutGaps(t *testing.T) {
	for members := 3; members <= 9; members += 2 {
		for n := 2; n <= 6; n++ {
			var zones []string
			for i := range n {
				zones = append(zones, string(rune('a'+i)))
			}
			p := &v1alpha1.ClusterPlan{Zones: zones}
			for _, z := range quorum.Place(members, zones) {
				p.ControlPlane.Members = append(p.ControlPlane.Members, v1alpha1.PlannedMember{Zone: z})
			}
			predicted := len(rolloutGaps(p)) > 0
			for range 30 {
				if seen := rollout(p); seen != predicted {
					t.Fatalf("%d members over %d zones: a gap is predicted: %t, seen: %t", members, n, predicted, seen)
				}
			}
		}
	}
	// The case of the issue: the fourth member of three.
	_, p := rendered.Example(t, "capa")
	if diff := cmp.Diff([]string{"eu-west-1a", "eu-west-1b", "eu-west-1c"}, rolloutGaps(p)); diff != "" {
		t.Errorf("three members over three zones (-want +got):\n%s", diff)
	}
	_, p = rendered.Example(t, "capa", "zones: {limit: 3, selection: Ordered}", "zones: {names: [eu-west-1a, eu-west-1b, eu-west-1c]}", "replicas: 3", "replicas: 5")
	if gaps := rolloutGaps(p); len(gaps) > 0 {
		t.Errorf("five members over three zones: gaps in %v", gaps)
	}
}

// rollout replaces all members as a KubeadmControlPlane does and reports whether a
// zone whose loss was survived is not, at some moment.
func rollout(p *v1alpha1.ClusterPlan) bool {
	ctx := context.Background()
	m := machines{all: collections.New()}
	for _, one := range p.ControlPlane.Members {
		m.add(one.Zone)
	}
	before := quorum.Survivors(m.counts(), p.Zones)
	old := collections.New()
	for name, one := range m.all {
		old[name] = one
	}
	gap := false
	look := func() {
		now := quorum.Survivors(m.counts(), p.Zones)
		for _, z := range before {
			gap = gap || !slices.Contains(now, z)
		}
	}
	for len(old) > 0 {
		renewed := m.all.Difference(old)
		m.add(failuredomains.PickFewest(ctx, domains(p.Zones), m.all, renewed))
		look()
		zone := failuredomains.PickMost(ctx, domains(p.Zones), m.all, old)
		var there []string
		for name, one := range old {
			if one.Spec.FailureDomain == zone {
				there = append(there, name)
			}
		}
		slices.Sort(there)
		gone := there[rand.IntN(len(there))] // the oldest in truth; they differ in nothing here
		delete(old, gone)
		delete(m.all, gone)
		look()
	}
	return gap
}

// TestHealthCheckStopsAtAZone holds the two bounds together: what a health check
// replaces at most, and what its MachineDeployments replace at once.
func TestHealthCheckStopsAtAZone(t *testing.T) {
	c, p := rendered.Example(t, "capa")
	check := poolHealth(c, p.Pools[0])
	if got := check.Spec.Remediation.TriggerIf.UnhealthyLessThanOrEqualTo; *got != intstr.FromInt32(1) {
		t.Errorf("with 2 machines a zone, remediation goes on up to %v unhealthy", got)
	}
	if check := controlPlaneHealth(c, p); check.Spec.Remediation.TriggerIf.UnhealthyLessThanOrEqualTo.IntValue() != 1 {
		t.Error("more than one control plane member may be replaced at once")
	}
	p.ControlPlane.Members = p.ControlPlane.Members[:1]
	if controlPlaneHealth(c, p) != nil {
		t.Error("the only member's health check would delete the only copy of etcd")
	}
}
