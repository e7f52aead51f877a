package aws

import (
	"encoding/json"
	"strings"
	"testing"

	storagev1 "k8s.io/api/storage/v1"
	"pgregory.net/rapid"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// pools makes a plan with one zonal pool, its groups all of this min and max.
func pools(zones, least, most int) *v1alpha1.ClusterPlan {
	p := &v1alpha1.ClusterPlan{}
	var pool v1alpha1.PlannedPool
	for i := range zones {
		z := string(rune('a' + i))
		p.Zones = append(p.Zones, z)
		pool.Groups = append(pool.Groups, v1alpha1.PlannedGroup{Zones: []string{z}, Min: least, Size: least, Max: most})
	}
	p.Pools = append(p.Pools, pool)
	return p
}

func TestUnready(t *testing.T) {
	regional := &v1alpha1.ClusterPlan{Zones: []string{"a", "b", "c"}, Pools: []v1alpha1.PlannedPool{{
		Groups: []v1alpha1.PlannedGroup{{Zones: []string{"a", "b", "c"}, Min: 6, Max: 12}},
	}}}
	for _, test := range []struct {
		name string
		plan *v1alpha1.ClusterPlan
		want int
	}{
		{"one zone has nothing to go on with", pools(1, 3, 9), 45},
		{"two zones of one size: half", pools(2, 3, 3), 55},
		{"two zones, one of which may be twice the other", pools(2, 2, 4), 72},
		{"three zones of one size: a third is less than the default", pools(3, 2, 2), 45},
		{"three zones, one grown", pools(3, 2, 4), 55},
		{"five zones", pools(5, 2, 4), 45},
		{"nothing anywhere else", pools(2, 0, 4), 100},
		{"a regional group is spread evenly", regional, 55},
		{"no nodes", &v1alpha1.ClusterPlan{Zones: []string{"a", "b"}}, 45},
	} {
		if got := Unready(test.plan); got != test.want {
			t.Errorf("%s: %d, want %d", test.name, got, test.want)
		}
	}
}

// TestUnreadyHolds: whatever sizes the groups have between their bounds, no zone's
// loss is more than the limit, which the autoscaler compares with > (clusterstate,
// IsClusterHealthy).
func TestUnreadyHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := &v1alpha1.ClusterPlan{}
		for i := range rapid.IntRange(2, 6).Draw(t, "zones") {
			p.Zones = append(p.Zones, string(rune('a'+i)))
		}
		sizes := map[string]int{}
		total := 0
		for range rapid.IntRange(1, 3).Draw(t, "pools") {
			var pool v1alpha1.PlannedPool
			for _, z := range p.Zones {
				least := rapid.IntRange(0, 5).Draw(t, "min")
				most := rapid.IntRange(max(least, 1), 9).Draw(t, "max")
				size := rapid.IntRange(least, most).Draw(t, "size")
				pool.Groups = append(pool.Groups, v1alpha1.PlannedGroup{Zones: []string{z}, Min: least, Max: most, Size: size})
				sizes[z] += size
				total += size
			}
			p.Pools = append(p.Pools, pool)
		}
		limit := Unready(p)
		for z, lost := range sizes {
			if total > 0 && float64(lost) > float64(limit)/100*float64(total) {
				t.Fatalf("the loss of %s makes %d of %d nodes unready, more than %d %%", z, lost, total, limit)
			}
		}
	})
}

func TestStorageClass(t *testing.T) {
	c := &v1alpha1.Cluster{}
	if got := StorageClass(c); got.Name != "gp3" || *got.VolumeBindingMode != storagev1.VolumeBindingWaitForFirstConsumer {
		t.Errorf("without a wish: %s, %s", got.Name, *got.VolumeBindingMode)
	}
	if SharedStorageClass(c) != nil {
		t.Error("nobody asked for a shared class")
	}
	c.Spec.Storage = v1alpha1.StorageSpec{ClassName: "fast", BindingMode: "Immediate", SharedClassName: "efs"}
	if got := StorageClass(c); got.Name != "fast" || *got.VolumeBindingMode != storagev1.VolumeBindingImmediate {
		t.Errorf("as asked: %s, %s", got.Name, *got.VolumeBindingMode)
	}
	if got := SharedStorageClass(c); got.Parameters["fileSystemId"] != FileSystemID {
		t.Errorf("the steps would not find %s in %v", FileSystemID, got.Parameters)
	}
}

func TestIngressService(t *testing.T) {
	c := &v1alpha1.Cluster{Metadata: v1alpha1.ClusterMetadata{Name: "shop"}}
	if IngressService(c) != nil {
		t.Error("nobody asked for an ingress")
	}
	c.Spec.Ingress = &v1alpha1.IngressSpec{
		Namespace: "web", Selector: map[string]string{"app": "web"},
		Ports: []v1alpha1.IngressPort{{Name: "http", Port: 80, TargetPort: 8080}},
	}
	check := func(key string) string { return IngressService(c).Annotations[annotation+"healthcheck-"+key] }
	if got := check("protocol") + " " + check("path") + " " + check("port"); got != "tcp  traffic-port" {
		t.Errorf("without a path: %s", got)
	}
	c.Spec.Ingress.HealthPath = "/up"
	if got := check("protocol") + " " + check("path") + " " + check("port"); got != "http /up traffic-port" {
		t.Errorf("with a path: %s", got)
	}
	c.Spec.Ingress.Ports = append(c.Spec.Ingress.Ports, v1alpha1.IngressPort{Name: "https", Port: 443, TargetPort: 8443})
	if got := check("port"); got != "8080" {
		t.Errorf("with two ports, the one that speaks HTTP is asked: %s", got)
	}
	if got := IngressService(c).Annotations[annotation+"attributes"]; !strings.Contains(got, "cross_zone.enabled=true") || !strings.Contains(got, "zonal_shift.config.enabled=true") {
		t.Errorf("attributes: %s", got)
	}
}

// TestAutoscalerValues: Helm reads numbers and booleans of extraArgs as text.
func TestAutoscalerValues(t *testing.T) {
	c := &v1alpha1.Cluster{Metadata: v1alpha1.ClusterMetadata{Name: "shop"}}
	text, err := json.Marshal(Autoscaler(c, pools(2, 2, 4), "release"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"max-total-unready-percentage":"72"`, `"app.kubernetes.io/instance":"release"`, `"clusterName":"shop"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
	if got := AutoscalerComment(pools(3, 2, 2)); !strings.Contains(got, "no zone's loss reaches") {
		t.Errorf("comment of a limit that is the default:\n%s", got)
	}
}
