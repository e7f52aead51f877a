package model

import (
	"slices"
	"strings"
)

// provisioner is one line of the table below.
type provisioner struct {
	// name of the StorageClass's provisioner; "*" at the beginning stands for
	// any prefix, as of drivers that are named for their cluster.
	name  string
	scope Scope
	// source is the vendor's documentation.
	source string
	// wider returns the scope that the class's parameters ask for, or "".
	wider func(parameters map[string]string) Scope
}

// provisioners says from where the volumes of each provisioner can be mounted.
// A file system that every zone can mount but that stands in one is zonal: what
// counts is whether it is there when its zone is not. Names of kubernetes.io/
// are the in-tree plugins that CSI migration has replaced. The first line that
// fits counts.
var provisioners = []provisioner{
	// Amazon EBS: "must be in the same Availability Zone as the instance".
	{"ebs.csi.aws.com", ScopeZone, "https://docs.aws.amazon.com/ebs/latest/userguide/ebs-attaching-volume.html", nil},
	{"ebs.csi.eks.amazonaws.com", ScopeZone, "https://docs.aws.amazon.com/eks/latest/userguide/create-storage-class.html", nil},
	{"kubernetes.io/aws-ebs", ScopeZone, "https://kubernetes.io/docs/concepts/storage/storage-classes/#aws-ebs", nil},
	// Amazon EFS: regional file systems; the class cannot tell One Zone ones.
	{"efs.csi.aws.com", ScopeRegion, "https://docs.aws.amazon.com/efs/latest/ug/features.html", nil},
	// Amazon FSx for Lustre: its servers stand in one Availability Zone.
	{"fsx.csi.aws.com", ScopeZone, "https://docs.aws.amazon.com/fsx/latest/LustreGuide/using-fsx-lustre.html", nil},
	// Amazon FSx for OpenZFS: one zone unless deployed in several.
	{"fsx.openzfs.csi.aws.com", ScopeZone, "https://docs.aws.amazon.com/fsx/latest/OpenZFSGuide/availability-durability.html", multiAZ},
	// Google Persistent Disk: zonal, or regional with replication-type.
	{"pd.csi.storage.gke.io", ScopeZone, "https://cloud.google.com/kubernetes-engine/docs/how-to/persistent-volumes/regional-pd", regionalDisk},
	{"kubernetes.io/gce-pd", ScopeZone, "https://kubernetes.io/docs/concepts/storage/storage-classes/#gce-pd", regionalDisk},
	// Google Filestore: zonal tiers, and the regional and enterprise tiers.
	{"filestore.csi.storage.gke.io", ScopeZone, "https://cloud.google.com/filestore/docs/service-tiers", filestoreTier},
	// Azure Disk: LRS stands in one zone, ZRS in three.
	{"disk.csi.azure.com", ScopeZone, "https://github.com/kubernetes-sigs/azuredisk-csi-driver/blob/master/docs/driver-parameters.md", zoneRedundant},
	{"kubernetes.io/azure-disk", ScopeZone, "https://kubernetes.io/docs/concepts/storage/storage-classes/#azure-disk", zoneRedundant},
	// Azure Files: mounted from the whole region; which building an LRS account
	// stands in is not told.
	{"file.csi.azure.com", ScopeRegion, "https://learn.microsoft.com/azure/aks/azure-csi-files-storage-provision", nil},
	{"kubernetes.io/azure-file", ScopeRegion, "https://kubernetes.io/docs/concepts/storage/storage-classes/#azure-file", nil},
	// Scaleway Block Storage (classes scw-bssd, sbs-5k, sbs-15k): one zone.
	{"csi.scaleway.com", ScopeZone, "https://www.scaleway.com/en/docs/block-storage/concepts/", nil},
	// Alibaba Cloud disks: one zone, except regional ESSDs. NAS and OSS: region.
	{"diskplugin.csi.alibabacloud.com", ScopeZone, "https://www.alibabacloud.com/help/en/ack/ack-managed-and-ack-dedicated/user-guide/use-dynamically-provisioned-disk-volumes", regionalESSD},
	{"alicloud/disk", ScopeZone, "https://www.alibabacloud.com/help/en/doc-detail/134767.htm", nil},
	{"nasplugin.csi.alibabacloud.com", ScopeRegion, "https://www.alibabacloud.com/help/en/ack/ack-managed-and-ack-dedicated/user-guide/nas-volume-overview", nil},
	{"ossplugin.csi.alibabacloud.com", ScopeRegion, "https://www.alibabacloud.com/help/en/ack/ack-managed-and-ack-dedicated/user-guide/oss-volume-overview", nil},
	// OpenStack Cinder: a volume has an availability zone.
	{"cinder.csi.openstack.org", ScopeZone, "https://github.com/kubernetes/cloud-provider-openstack/blob/master/docs/cinder-csi-plugin/features.md", nil},
	{"kubernetes.io/cinder", ScopeZone, "https://kubernetes.io/docs/concepts/storage/storage-classes/#openstack-cinder", nil},
	// vSphere: a datastore is shared by the hosts of a cluster, taken as a zone.
	{"csi.vsphere.vmware.com", ScopeZone, "https://docs.vmware.com/en/VMware-vSphere-Container-Storage-Plug-in/3.0/vmware-vsphere-csp-getting-started/GUID-162E7582-723B-4A0F-A937-3ACE82EAFD31.html", nil},
	{"kubernetes.io/vsphere-volume", ScopeZone, "https://kubernetes.io/docs/concepts/storage/storage-classes/#vsphere", nil},
	// Ceph replicates by its CRUSH map; mounted from anywhere. Rook names the
	// drivers for its namespace: rook-ceph.rbd.csi.ceph.com.
	{"rbd.csi.ceph.com", ScopeRegion, "https://github.com/ceph/ceph-csi/blob/devel/docs/rbd/deploy.md", nil},
	{"*.rbd.csi.ceph.com", ScopeRegion, "https://rook.io/docs/rook/latest/Storage-Configuration/Block-Storage-RBD/block-storage/", nil},
	{"cephfs.csi.ceph.com", ScopeRegion, "https://github.com/ceph/ceph-csi/blob/devel/docs/cephfs/deploy.md", nil},
	{"*.cephfs.csi.ceph.com", ScopeRegion, "https://rook.io/docs/rook/latest/Storage-Configuration/Shared-Filesystem-CephFS/filesystem-storage/", nil},
	{"kubernetes.io/rbd", ScopeRegion, "https://kubernetes.io/docs/concepts/storage/storage-classes/", nil},
	// A directory or a disk of one node. Static local volumes say themselves, by
	// their nodeAffinity, which.
	{"rancher.io/local-path", ScopeNode, "https://github.com/rancher/local-path-provisioner", nil},
	{"kubernetes.io/no-provisioner", ScopeNode, "https://kubernetes.io/docs/concepts/storage/volumes/#local", nil},
	{"topolvm.io", ScopeNode, "https://github.com/topolvm/topolvm/blob/main/docs/design.md", nil},
	{"topolvm.cybozu.com", ScopeNode, "https://github.com/topolvm/topolvm/blob/main/docs/design.md", nil},
	{"openebs.io/local", ScopeNode, "https://openebs.io/docs/user-guides/local-storage-user-guide/local-pv-hostpath/hostpath-overview", nil},
	{"local.csi.openebs.io", ScopeNode, "https://github.com/openebs/lvm-localpv", nil},
	{"zfs.csi.openebs.io", ScopeNode, "https://github.com/openebs/zfs-localpv", nil},
	// Replicated over the cluster's nodes: the volume is there as long as a
	// replica is, which placement of replicas decides.
	{"driver.longhorn.io", ScopeRegion, "https://longhorn.io/docs/latest/concepts/", nil},
	{"linstor.csi.linbit.com", ScopeRegion, "https://linbit.com/drbd-user-guide/linstor-guide-1_0-en/#ch-kubernetes", nil},
	{"pxd.portworx.com", ScopeRegion, "https://docs.portworx.com/portworx-enterprise/concepts", nil},
	{"kubernetes.io/portworx-volume", ScopeRegion, "https://kubernetes.io/docs/concepts/storage/storage-classes/#portworx-volume", nil},
	// A server outside the cluster, taken to outlive the zone.
	{"nfs.csi.k8s.io", ScopeRegion, "https://github.com/kubernetes-csi/csi-driver-nfs", nil},
	{"smb.csi.k8s.io", ScopeRegion, "https://github.com/kubernetes-csi/csi-driver-smb", nil},
	{"*nfs-subdir-external-provisioner", ScopeRegion, "https://github.com/kubernetes-sigs/nfs-subdir-external-provisioner", nil},
	// DigitalOcean: a region is one data centre.
	{"dobs.csi.digitalocean.com", ScopeRegion, "https://docs.digitalocean.com/products/volumes/details/limits/", nil},
	// Hetzner: a volume has a location, the only failure domain there is.
	{"csi.hetzner.cloud", ScopeZone, "https://docs.hetzner.com/cloud/volumes/faq/", nil},
}

// ProvisionerScope says how far the volumes of a StorageClass reach, given its
// provisioner and parameters, and the vendor's document that says so. Provisioners
// that are not known are taken as zonal.
func ProvisionerScope(name string, parameters map[string]string) (scope Scope, source string, known bool) {
	for _, p := range provisioners {
		suffix, open := strings.CutPrefix(p.name, "*")
		if p.name != name && (!open || !strings.HasSuffix(name, suffix)) {
			continue
		}
		if p.wider != nil {
			if wider := p.wider(parameters); wider != "" {
				return wider, p.source, true
			}
		}
		return p.scope, p.source, true
	}
	return ScopeZone, "", false
}

// parameter looks a class's parameter up as drivers do: whatever its case.
func parameter(parameters map[string]string, name string) string {
	if v, ok := parameters[name]; ok {
		return v
	}
	for _, key := range sortedKeys(parameters) {
		if strings.EqualFold(key, name) {
			return parameters[key]
		}
	}
	return ""
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func regionalDisk(parameters map[string]string) Scope {
	if parameter(parameters, "replication-type") == "regional-pd" ||
		parameter(parameters, "type") == "hyperdisk-balanced-high-availability" {
		return ScopeRegion
	}
	return ""
}

func filestoreTier(parameters map[string]string) Scope {
	switch strings.ToLower(parameter(parameters, "tier")) {
	case "enterprise", "regional":
		return ScopeRegion
	}
	return ""
}

// zoneRedundant reads skuName, of which storageAccountType is the old name.
func zoneRedundant(parameters map[string]string) Scope {
	for _, name := range []string{"skuName", "storageAccountType"} {
		if strings.HasSuffix(strings.ToUpper(parameter(parameters, name)), "_ZRS") {
			return ScopeRegion
		}
	}
	return ""
}

// regionalESSD needs every type that the class allows to be regional: it tries
// them in turn.
func regionalESSD(parameters map[string]string) Scope {
	types := strings.Split(parameter(parameters, "type"), ",")
	for _, t := range types {
		if strings.TrimSpace(t) != "cloud_regional_disk_auto" {
			return ""
		}
	}
	return ScopeRegion
}

func multiAZ(parameters map[string]string) Scope {
	if strings.HasPrefix(strings.Trim(parameter(parameters, "DeploymentType"), `"`), "MULTI_AZ") {
		return ScopeRegion
	}
	return ""
}
