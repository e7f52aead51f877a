package capa

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	bootstrapv1 "sigs.k8s.io/cluster-api/api/bootstrap/kubeadm/v1beta2"
	"sigs.k8s.io/yaml"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/plan"
)

// patchesPath is the folder of kubeadm's patches on a machine.
const patchesPath = "/etc/kubernetes/patches"

// timings are the flags with which the objective's recovery time is met; none where
// Kubernetes' defaults do.
func timings(p *v1alpha1.ClusterPlan, c plan.Component) []bootstrapv1.Arg {
	var out []bootstrapv1.Arg
	for _, f := range plan.Flags(p, c) {
		out = append(out, arg(f.Name, f.Value))
	}
	return out
}

// kubeletPatch sets how often a machine's kubelet shows that it lives; nil where it
// does as Kubernetes' default has it. Cluster API hands no KubeletConfiguration to
// kubeadm, and the lease has no flag: kubeadm's patches are the way (its
// documentation, "Customizing the target with patches"). nodeStatusReportFrequency
// is the default, which nodeStatusUpdateFrequency would take down with it
// (SetDefaults_KubeletConfiguration): a status is large, a lease is not.
func kubeletPatch(p *v1alpha1.ClusterPlan) (*bootstrapv1.File, error) {
	t := p.Timings
	if t == nil || t.NodeLeaseSeconds == 0 {
		return nil, nil
	}
	text, err := yaml.Marshal(struct {
		metav1.TypeMeta           `json:",inline"`
		NodeLeaseDurationSeconds  int              `json:"nodeLeaseDurationSeconds"`
		NodeStatusUpdateFrequency *metav1.Duration `json:"nodeStatusUpdateFrequency"`
		NodeStatusReportFrequency string           `json:"nodeStatusReportFrequency"`
	}{
		typeMeta("kubelet.config.k8s.io/v1beta1", "KubeletConfiguration"),
		t.NodeLeaseSeconds, t.NodeStatusUpdateFrequency, "5m",
	})
	path := patchesPath + "/kubeletconfiguration0+merge.yaml"
	if err != nil {
		return nil, fmt.Errorf("rendering %s: %w", path, err)
	}
	return &bootstrapv1.File{Path: path, Owner: "root:root", Permissions: "0644", Content: string(text)}, nil
}
