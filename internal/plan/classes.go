package plan

import (
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

// provisioners of the default class and of the shared one, as each provider's CSI
// drivers name them.
var provisioners = map[v1alpha1.Provider]struct{ zonal, shared string }{
	v1alpha1.ProviderCAPA:    {"ebs.csi.aws.com", "efs.csi.aws.com"},
	v1alpha1.ProviderEKS:     {"ebs.csi.aws.com", "efs.csi.aws.com"},
	v1alpha1.ProviderKapsule: {"csi.scaleway.com", "filestorage.csi.scaleway.com"},
	v1alpha1.ProviderACK:     {"diskplugin.csi.alibabacloud.com", "nasplugin.csi.alibabacloud.com"},
}

// noProvisioner is of classes whose volumes are made by hand, on one node.
const noProvisioner = "rancher.io/local-path"

// StorageClasses returns the classes that the cluster will have: the default one
// and, if asked for, the one whose volumes reach every zone. Own machines keep
// volumes on their own disks.
func StorageClasses(c *v1alpha1.Cluster) []*storagev1.StorageClass {
	s := c.Spec.Storage
	p, ok := provisioners[c.Spec.Provider]
	if !ok {
		p.zonal, p.shared = noProvisioner, noProvisioner
	}
	class := func(name, provisioner string, mode storagev1.VolumeBindingMode, annotations map[string]string) *storagev1.StorageClass {
		return &storagev1.StorageClass{
			TypeMeta:   metav1.TypeMeta{APIVersion: storagev1.SchemeGroupVersion.String(), Kind: "StorageClass"},
			ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: annotations}, Provisioner: provisioner, VolumeBindingMode: &mode,
		}
	}
	var out []*storagev1.StorageClass
	if s.ClassName != "" {
		out = append(out, class(s.ClassName, p.zonal, storagev1.VolumeBindingMode(s.BindingMode),
			map[string]string{"storageclass.kubernetes.io/is-default-class": "true"}))
	}
	if s.SharedClassName != "" {
		out = append(out, class(s.SharedClassName, p.shared, storagev1.VolumeBindingImmediate, nil))
	}
	return out
}
