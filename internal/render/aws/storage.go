package aws

import (
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// FileSystemID stands in the shared StorageClass for the ID that AWS gives the EFS
// file system when it is made; the steps replace it.
const FileSystemID = "FILE_SYSTEM_ID"

// StorageClass returns the default StorageClass: encrypted gp3 volumes of EBS. A
// volume lives in one zone, so it waits for its first pod's zone unless the owner
// asked for Immediate.
func StorageClass(c *v1alpha1.Cluster) *storagev1.StorageClass {
	mode := storagev1.VolumeBindingMode(c.Spec.Storage.BindingMode)
	if mode == "" {
		mode = storagev1.VolumeBindingWaitForFirstConsumer
	}
	name := c.Spec.Storage.ClassName
	if name == "" {
		name = "gp3"
	}
	return &storagev1.StorageClass{
		TypeMeta: metav1.TypeMeta{APIVersion: "storage.k8s.io/v1", Kind: "StorageClass"},
		ObjectMeta: metav1.ObjectMeta{
			Name:        name,
			Annotations: map[string]string{"storageclass.kubernetes.io/is-default-class": "true"},
		},
		Provisioner:          "ebs.csi.aws.com",
		Parameters:           map[string]string{"type": "gp3", "encrypted": "true", "csi.storage.k8s.io/fstype": "ext4"},
		ReclaimPolicy:        new(corev1.PersistentVolumeReclaimDelete),
		AllowVolumeExpansion: new(true),
		VolumeBindingMode:    &mode,
	}
}

// SharedStorageClass returns the StorageClass of EFS, whose volumes reach every
// zone; nil where the owner wants none. Its fileSystemId is FileSystemID.
func SharedStorageClass(c *v1alpha1.Cluster) *storagev1.StorageClass {
	if c.Spec.Storage.SharedClassName == "" {
		return nil
	}
	return &storagev1.StorageClass{
		TypeMeta:    metav1.TypeMeta{APIVersion: "storage.k8s.io/v1", Kind: "StorageClass"},
		ObjectMeta:  metav1.ObjectMeta{Name: c.Spec.Storage.SharedClassName},
		Provisioner: "efs.csi.aws.com",
		Parameters: map[string]string{
			"provisioningMode": "efs-ap", // an access point for each volume
			"fileSystemId":     FileSystemID,
			"directoryPerms":   "700",
		},
		ReclaimPolicy: new(corev1.PersistentVolumeReclaimDelete),
		// Nothing is bound to a zone, so there is no consumer to wait for.
		VolumeBindingMode: new(storagev1.VolumeBindingImmediate),
	}
}
