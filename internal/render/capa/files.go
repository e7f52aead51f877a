package capa

import (
	corev1 "k8s.io/api/core/v1"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/render/aws"
	"bulkhead.dev/bulkhead/internal/render/file"
)

// Files returns the files of the cluster, in the order in which they are used. The
// error names the field that asks for what Cluster API on AWS cannot do.
func Files(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) ([]file.File, error) {
	if err := check(c, p); err != nil {
		return nil, err
	}
	makers := []func() (file.File, error){
		func() (file.File, error) { return clusterFile(c, p) },
		func() (file.File, error) { return controlPlaneFile(c, p) },
	}
	for _, pool := range p.Pools {
		makers = append(makers, func() (file.File, error) { return poolFile(c, p, pool) })
	}
	makers = append(makers, func() (file.File, error) {
		return file.YAML("capa/addons/storage-class.yaml", storageComment, aws.StorageClass(c))
	})
	if class := aws.SharedStorageClass(c); class != nil {
		makers = append(makers, func() (file.File, error) {
			return file.YAML("capa/addons/shared-storage-class.yaml", sharedStorageComment, class)
		})
	}
	if service := aws.IngressService(c); service != nil {
		makers = append(makers, func() (file.File, error) {
			return file.YAML("capa/addons/ingress.yaml", ingressComment, service)
		})
	}
	if len(aws.Autoscaled(c)) > 0 {
		makers = append(makers, func() (file.File, error) { return autoscalerFile(c, p) })
	}
	if c.Spec.Backup != nil {
		makers = append(makers, func() (file.File, error) { return backupFile(c) })
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

const storageComment = `Encrypted gp3 volumes. A volume lives in one zone for good: it is made where its
first pod is put, and the pod can run nowhere else.`

const sharedStorageComment = `EFS: volumes that pods of every zone reach. ` + aws.FileSystemID + ` is the ID of the file
system, which AWS gives when it is made; the README says how.`

const ingressComment = `One network load balancer for all zones: it has an address in each of them.
Pods are its targets, found unhealthy after two checks 5 s apart.`

// autoscalerRelease is the Helm release in the management cluster, which may hold
// the autoscalers of several clusters.
func autoscalerRelease(c *v1alpha1.Cluster) string { return c.Metadata.Name + "-autoscaler" }

// autoscalerFile is the values of the autoscaler that runs beside Cluster API and
// looks at the new cluster.
func autoscalerFile(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) (file.File, error) {
	v := aws.Autoscaler(c, p, autoscalerRelease(c))
	// The management cluster's nodes may have no zone, and then must do as well.
	v.TopologySpreadConstraints[0].WhenUnsatisfiable = corev1.ScheduleAnyway
	v.CloudProvider = "clusterapi"
	v.AutoDiscovery.Namespace = "default"
	v.ClusterAPIMode = "kubeconfig-incluster" // workload cluster, management cluster
	v.ClusterAPIKubeconfigSecret = c.Metadata.Name + "-kubeconfig"
	return file.YAML("capa/addons/cluster-autoscaler.yaml", aws.AutoscalerComment(p)+`
It runs in the management cluster, which therefore has to survive the zone as well.`, v)
}
