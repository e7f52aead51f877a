//go:build linux

package capa

import (
	"context"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	controlplanev1 "sigs.k8s.io/cluster-api/api/controlplane/kubeadm/v1beta2"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	controlplaneadmission "sigs.k8s.io/cluster-api/controlplane/kubeadm/webhooks/admission"
	coreadmission "sigs.k8s.io/cluster-api/core/webhooks/admission"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// These webhooks want modules that go.mod does not list (sprig, corefile-migration
// and what they need), hence the tag: go test -tags capiwebhooks.

// TestCoreWebhooks asks the webhooks of Cluster API's core and of its control plane
// provider, as TestWebhooks asks the others.
func TestCoreWebhooks(t *testing.T) {
	dryRun := false
	ctx := admission.NewContextWithRequest(context.Background(), admission.Request{
		AdmissionRequest: admissionv1.AdmissionRequest{Operation: admissionv1.Create, DryRun: &dryRun},
	})
	for name := range variants() {
		_, p, out := files(t, name)
		asked := map[string]int{}
		for _, o := range documents(t, out) {
			var warnings admission.Warnings
			var err error
			switch o.GetKind() {
			case "Cluster":
				warnings, err = askWebhook(ctx, &coreadmission.Cluster{}, typed[clusterv1.Cluster](t, o))
			case "MachineDeployment":
				md := typed[clusterv1.MachineDeployment](t, o)
				named := md.Spec.Replicas != nil
				warnings, err = askWebhook(ctx, &coreadmission.MachineDeployment{}, md)
				// Without replicas in the file, the webhook starts at the min.
				if group := p.Pools[0].Groups[0]; !named && p.Pools[0].Name == md.Spec.Template.Labels[poolLabel] && int(*md.Spec.Replicas) != group.Min {
					t.Errorf("%s: %s starts with %d machines, want its min, %d", name, o.GetName(), *md.Spec.Replicas, group.Min)
				}
			case "MachinePool":
				warnings, err = askWebhook(ctx, &coreadmission.MachinePool{}, typed[clusterv1.MachinePool](t, o))
			case "MachineHealthCheck":
				warnings, err = askWebhook(ctx, &coreadmission.MachineHealthCheck{}, typed[clusterv1.MachineHealthCheck](t, o))
			case "KubeadmControlPlane":
				kcp := typed[controlplanev1.KubeadmControlPlane](t, o)
				warnings, err = askWebhook(ctx, &controlplaneadmission.KubeadmControlPlane{}, kcp)
				if *kcp.Spec.Rollout.Strategy.RollingUpdate.MaxSurge != intstr.FromInt32(1) {
					t.Errorf("%s: maxSurge is %v", name, kcp.Spec.Rollout.Strategy.RollingUpdate.MaxSurge)
				}
			default:
				continue
			}
			if err != nil {
				t.Errorf("%s: %s %s: %v", name, o.GetKind(), o.GetName(), err)
			}
			if len(warnings) > 0 {
				t.Errorf("%s: %s %s: warned %q", name, o.GetKind(), o.GetName(), warnings)
			}
			asked[o.GetKind()]++
		}
		for _, kind := range []string{"Cluster", "KubeadmControlPlane", "MachineHealthCheck"} {
			if asked[kind] == 0 {
				t.Errorf("%s: no %s was asked about", name, kind)
			}
		}
	}
}
