package eks

import (
	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/render/aws"
	"bulkhead.dev/bulkhead/internal/render/file"
)

// Files returns the files of the cluster, in the order in which they are used. The
// error names the field that asks for what EKS cannot do.
func Files(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) ([]file.File, error) {
	if err := check(c, p); err != nil {
		return nil, err
	}
	makers := []func() (file.File, error){
		func() (file.File, error) { return clusterFile(c, p) },
		func() (file.File, error) {
			return file.YAML("eks/addons/storage-class.yaml", storageComment, aws.StorageClass(c))
		},
	}
	if class := aws.SharedStorageClass(c); class != nil {
		makers = append(makers, func() (file.File, error) {
			return file.YAML("eks/addons/shared-storage-class.yaml", sharedStorageComment, class)
		})
	}
	if service := aws.IngressService(c); service != nil {
		makers = append(makers, func() (file.File, error) {
			return file.YAML("eks/addons/ingress.yaml", ingressComment, service)
		})
	}
	if len(aws.Autoscaled(c)) > 0 {
		makers = append(makers, func() (file.File, error) { return autoscalerFile(c, p) })
	}
	files := make([]file.File, 0, len(makers))
	for _, make := range makers {
		f, err := make()
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

const storageComment = `Encrypted gp3 volumes; EKS's own default is gp2, or none at all. A volume lives in
one zone for good: it is made where its first pod is put, and the pod can run nowhere
else.`

const sharedStorageComment = `EFS: volumes that pods of every zone reach. ` + aws.FileSystemID + ` is the ID of the file
system, which AWS gives when it is made; the README says how.`

const ingressComment = `One network load balancer for all zones: it has an address in each of them.
Pods are its targets, found unhealthy after two checks 5 s apart.`

func autoscalerFile(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) (file.File, error) {
	v := aws.Autoscaler(c, p, autoscalerRelease)
	v.CloudProvider = "aws"
	v.AWSRegion = c.Spec.Region
	// The account that eksctl's pod identity is for.
	v.RBAC = &aws.RBAC{ServiceAccount: aws.ServiceAccount{Create: true, Name: autoscalerRelease}}
	return file.YAML("eks/addons/cluster-autoscaler.yaml", aws.AutoscalerComment(p), v)
}
