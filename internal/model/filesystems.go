package model

import "strings"

// SharedFileSystem reports whether volumes of the CSI driver are mounted over
// the network without being attached to a node (CSIDriver spec.attachRequired:
// false): a pod on another node need not wait for a detach.
func SharedFileSystem(driver string) bool {
	switch driver {
	case "efs.csi.aws.com", // github.com/kubernetes-sigs/aws-efs-csi-driver deploy/kubernetes/base/csidriver.yaml
		"fsx.csi.aws.com",                // github.com/kubernetes-sigs/aws-fsx-csi-driver deploy/kubernetes/base/csidriver.yaml
		"filestore.csi.storage.gke.io",   // github.com/kubernetes-sigs/gcp-filestore-csi-driver
		"file.csi.azure.com",             // github.com/kubernetes-sigs/azurefile-csi-driver deploy/csi-azurefile-driver.yaml
		"nasplugin.csi.alibabacloud.com", // github.com/kubernetes-sigs/alibaba-cloud-csi-driver deploy/charts
		"ossplugin.csi.alibabacloud.com",
		"nfs.csi.k8s.io", // github.com/kubernetes-csi/csi-driver-nfs deploy/csi-nfs-driverinfo.yaml
		"smb.csi.k8s.io":
		return true
	}
	return strings.HasSuffix(driver, ".cephfs.csi.ceph.com") || driver == "cephfs.csi.ceph.com" ||
		strings.HasSuffix(driver, "nfs-subdir-external-provisioner")
}
