package model_test

import (
	"strings"
	"testing"

	"bulkhead.dev/bulkhead/internal/model"
)

func TestProvisionerScope(t *testing.T) {
	p := func(pairs ...string) map[string]string {
		m := map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = pairs[i+1]
		}
		return m
	}
	tests := []struct {
		provisioner string
		parameters  map[string]string
		want        model.Scope
		known       bool
	}{
		{"ebs.csi.aws.com", nil, model.ScopeZone, true},
		{"kubernetes.io/aws-ebs", p("type", "gp3"), model.ScopeZone, true},
		{"efs.csi.aws.com", nil, model.ScopeRegion, true},
		{"fsx.csi.aws.com", nil, model.ScopeZone, true},
		{"fsx.openzfs.csi.aws.com", p("DeploymentType", `"MULTI_AZ_1"`), model.ScopeRegion, true},
		{"pd.csi.storage.gke.io", p("type", "pd-ssd"), model.ScopeZone, true},
		{"pd.csi.storage.gke.io", p("replication-type", "regional-pd"), model.ScopeRegion, true},
		{"kubernetes.io/gce-pd", p("replication-type", "regional-pd"), model.ScopeRegion, true},
		{"kubernetes.io/gce-pd", p("replication-type", "none"), model.ScopeZone, true},
		{"filestore.csi.storage.gke.io", nil, model.ScopeZone, true},
		{"filestore.csi.storage.gke.io", p("tier", "enterprise"), model.ScopeRegion, true},
		{"disk.csi.azure.com", p("skuName", "Premium_LRS"), model.ScopeZone, true},
		{"disk.csi.azure.com", p("skuName", "Premium_ZRS"), model.ScopeRegion, true},
		{"disk.csi.azure.com", p("skuname", "StandardSSD_ZRS"), model.ScopeRegion, true},
		{"kubernetes.io/azure-disk", p("storageaccounttype", "Premium_ZRS"), model.ScopeRegion, true},
		{"file.csi.azure.com", nil, model.ScopeRegion, true},
		{"csi.scaleway.com", nil, model.ScopeZone, true},
		{"diskplugin.csi.alibabacloud.com", nil, model.ScopeZone, true},
		{"diskplugin.csi.alibabacloud.com", p("type", "cloud_essd"), model.ScopeZone, true},
		{"diskplugin.csi.alibabacloud.com", p("type", "cloud_regional_disk_auto"), model.ScopeRegion, true},
		{"diskplugin.csi.alibabacloud.com", p("type", "cloud_regional_disk_auto,cloud_essd"), model.ScopeZone, true},
		{"nasplugin.csi.alibabacloud.com", nil, model.ScopeRegion, true},
		{"ossplugin.csi.alibabacloud.com", nil, model.ScopeRegion, true},
		{"cinder.csi.openstack.org", nil, model.ScopeZone, true},
		{"csi.vsphere.vmware.com", nil, model.ScopeZone, true},
		{"rbd.csi.ceph.com", nil, model.ScopeRegion, true},
		{"rook-ceph.rbd.csi.ceph.com", nil, model.ScopeRegion, true},
		{"openshift-storage.cephfs.csi.ceph.com", nil, model.ScopeRegion, true},
		{"rancher.io/local-path", nil, model.ScopeNode, true},
		{"kubernetes.io/no-provisioner", nil, model.ScopeNode, true},
		{"topolvm.io", nil, model.ScopeNode, true},
		{"openebs.io/local", nil, model.ScopeNode, true},
		{"nfs.csi.k8s.io", nil, model.ScopeRegion, true},
		{"cluster.local/nfs-nfs-subdir-external-provisioner", nil, model.ScopeRegion, true},
		{"driver.longhorn.io", nil, model.ScopeRegion, true},
		{"linstor.csi.linbit.com", nil, model.ScopeRegion, true},
		{"pxd.portworx.com", nil, model.ScopeRegion, true},
		{"dobs.csi.digitalocean.com", nil, model.ScopeRegion, true},
		{"csi.hetzner.cloud", nil, model.ScopeZone, true},
		{"k8s.io/minikube-hostpath", nil, model.ScopeZone, false},
		{"example.com/disk", p("skuName", "Premium_ZRS"), model.ScopeZone, false},
		{"", nil, model.ScopeZone, false},
	}
	for _, tt := range tests {
		scope, source, known := model.ProvisionerScope(tt.provisioner, tt.parameters)
		if scope != tt.want || known != tt.known {
			t.Errorf("ProvisionerScope(%q, %v) = %s, %t; want %s, %t", tt.provisioner, tt.parameters, scope, known, tt.want, tt.known)
		}
		if known != strings.HasPrefix(source, "https://") {
			t.Errorf("ProvisionerScope(%q): source %q", tt.provisioner, source)
		}
	}
}
