//go:build linux

package fabric

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"bulkhead.dev/bulkhead/internal/model"
)

// Provisioner is the one of the StorageClass that the Cluster names.
const Provisioner = "bulkhead.dev/local"

const (
	// volumeInterval is the time between two looks at the claims.
	volumeInterval = time.Second
	// provisionedBy marks a volume as this provisioner's
	// (sig-storage-lib-external-provisioner, annDynamicallyProvisioned).
	provisionedBy = "pv.kubernetes.io/provisioned-by"
	// selectedNode and storageProvisioner are what the scheduler and the volume
	// controller write on a claim for a provisioner
	// (component-helpers/storage/volume, AnnSelectedNode, AnnStorageProvisioner).
	selectedNode       = "volume.kubernetes.io/selected-node"
	storageProvisioner = "volume.kubernetes.io/storage-provisioner"
)

// provision makes the volumes that claims wait for, until done is closed: no driver
// runs here, whatever the StorageClass. There is no data behind them; what is real is
// where they can be used. A volume of a zonal class is bound to the zone of the node
// that the scheduler chose.
func (f *Fabric) provision(done <-chan struct{}) {
	ticker := time.NewTicker(volumeInterval)
	defer ticker.Stop()
	var client kubernetes.Interface
	for {
		select {
		case <-done:
			return
		case <-ticker.C:
		}
		if client == nil {
			c, err := f.client() // none until the control plane is made
			if err != nil {
				continue
			}
			client = c
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		if err := provisionAll(ctx, client); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			_, _ = fmt.Fprintln(os.Stderr, "making volumes:", err)
		}
		cancel()
	}
}

func provisionAll(ctx context.Context, client kubernetes.Interface) error {
	claims, err := client.CoreV1().PersistentVolumeClaims("").List(ctx, metav1.ListOptions{ResourceVersion: "0"})
	if err != nil {
		return err
	}
	var errs []error
	for i := range claims.Items {
		c := &claims.Items[i]
		if c.Status.Phase == corev1.ClaimPending && c.Spec.VolumeName == "" && c.Annotations[storageProvisioner] != "" && c.DeletionTimestamp == nil {
			errs = append(errs, provisionOne(ctx, client, c))
		}
	}
	volumes, err := client.CoreV1().PersistentVolumes().List(ctx, metav1.ListOptions{ResourceVersion: "0"})
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	for i := range volumes.Items {
		v := &volumes.Items[i]
		if v.Status.Phase == corev1.VolumeReleased && v.Annotations[provisionedBy] == Provisioner && v.Spec.PersistentVolumeReclaimPolicy == corev1.PersistentVolumeReclaimDelete {
			if err := client.CoreV1().PersistentVolumes().Delete(ctx, v.Name, metav1.DeleteOptions{}); !apierrors.IsNotFound(err) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

// provisionOne makes the volume of a claim. A class that waits for its first
// consumer is served when the scheduler has chosen a node.
func provisionOne(ctx context.Context, client kubernetes.Interface, c *corev1.PersistentVolumeClaim) error {
	if c.Spec.StorageClassName == nil {
		return nil
	}
	class, err := client.StorageV1().StorageClasses().Get(ctx, *c.Spec.StorageClassName, metav1.GetOptions{})
	if err != nil {
		return err
	}
	waits := class.VolumeBindingMode != nil && *class.VolumeBindingMode == storagev1.VolumeBindingWaitForFirstConsumer
	node := c.Annotations[selectedNode]
	if waits && node == "" {
		return nil
	}
	scope, _, _ := model.ProvisionerScope(class.Provisioner, class.Parameters)
	v := volumeOf(c, class)
	if scope != model.ScopeRegion {
		zone, err := zoneFor(ctx, client, node, string(c.UID))
		if err != nil {
			return err
		}
		v.Spec.NodeAffinity = &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
			MatchExpressions: []corev1.NodeSelectorRequirement{{Key: zoneLabel, Operator: corev1.NodeSelectorOpIn, Values: []string{zone}}},
		}}}}
	}
	// Nothing is attached: the controller that attaches need not wait for a driver.
	no := false
	driver := &storagev1.CSIDriver{ObjectMeta: metav1.ObjectMeta{Name: class.Provisioner}, Spec: storagev1.CSIDriverSpec{AttachRequired: &no}}
	if _, err := client.StorageV1().CSIDrivers().Create(ctx, driver, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	if _, err := client.CoreV1().PersistentVolumes().Create(ctx, v, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	return nil
}

func volumeOf(c *corev1.PersistentVolumeClaim, class *storagev1.StorageClass) *corev1.PersistentVolume {
	policy := corev1.PersistentVolumeReclaimDelete
	if class.ReclaimPolicy != nil {
		policy = *class.ReclaimPolicy
	}
	name := "pvc-" + string(c.UID)
	return &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{provisionedBy: Provisioner}},
		Spec: corev1.PersistentVolumeSpec{
			AccessModes: c.Spec.AccessModes, VolumeMode: c.Spec.VolumeMode, StorageClassName: class.Name,
			Capacity:                      corev1.ResourceList{corev1.ResourceStorage: c.Spec.Resources.Requests[corev1.ResourceStorage]},
			PersistentVolumeReclaimPolicy: policy,
			PersistentVolumeSource:        corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{Driver: class.Provisioner, VolumeHandle: name}},
			ClaimRef: &corev1.ObjectReference{
				Kind: "PersistentVolumeClaim", APIVersion: "v1", Namespace: c.Namespace, Name: c.Name, UID: c.UID,
			},
		},
	}
}

// zoneFor is the zone of the node that was chosen; without one, a class that binds at
// once, it is one that the claim's id chooses, as such a driver does without asking
// where the pod can be.
func zoneFor(ctx context.Context, client kubernetes.Interface, node, uid string) (string, error) {
	if node != "" {
		n, err := client.CoreV1().Nodes().Get(ctx, node, metav1.GetOptions{})
		if err != nil {
			return "", err
		}
		return n.Labels[zoneLabel], nil
	}
	nodes, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{ResourceVersion: "0"})
	if err != nil {
		return "", err
	}
	if len(nodes.Items) == 0 {
		return "", errors.New("there is no node, and so no zone")
	}
	sum := 0
	for _, b := range []byte(uid) {
		sum += int(b)
	}
	return nodes.Items[sum%len(nodes.Items)].Labels[zoneLabel], nil
}
