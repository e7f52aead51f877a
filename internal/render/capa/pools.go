package capa

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	expinfrav1 "sigs.k8s.io/cluster-api-provider-aws/v2/exp/api/v1beta2"
	bootstrapv1 "sigs.k8s.io/cluster-api/api/bootstrap/kubeadm/v1beta2"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/render/file"
)

// Annotations from which the Cluster Autoscaler knows a node of a group that has
// none (cluster-autoscaler/cloudprovider/clusterapi/README.md, scale from zero).
const (
	capacityCPU    = "capacity.cluster-autoscaler.kubernetes.io/cpu"
	capacityMemory = "capacity.cluster-autoscaler.kubernetes.io/memory"
	capacityPods   = "capacity.cluster-autoscaler.kubernetes.io/maxPods"
	capacityLabels = "capacity.cluster-autoscaler.kubernetes.io/labels"
	capacityTaints = "capacity.cluster-autoscaler.kubernetes.io/taints"
)

// pool is a node pool with its plan.
type pool struct {
	cluster *v1alpha1.Cluster
	spec    v1alpha1.NodePool
	plan    v1alpha1.PlannedPool
	// kubelet is the patch of its machines' kubelets; nil: none.
	kubelet *bootstrapv1.File
}

// poolFile is all objects of one pool.
func poolFile(c *v1alpha1.Cluster, all *v1alpha1.ClusterPlan, planned v1alpha1.PlannedPool) (file.File, error) {
	spec, err := poolSpec(c, planned.Name)
	if err != nil {
		return file.File{}, err
	}
	kubelet, err := kubeletPatch(all)
	if err != nil {
		return file.File{}, err
	}
	p := pool{cluster: c, spec: spec, plan: planned, kubelet: kubelet}
	path := "capa/pool-" + planned.Name + ".yaml"
	if planned.Scope == v1alpha1.ScopeRegional {
		objects, err := p.regional()
		if err != nil {
			return file.File{}, err
		}
		return yamlFile(path, p.regionalComment(), objects...)
	}
	objects, err := p.zonal()
	if err != nil {
		return file.File{}, err
	}
	return yamlFile(path, p.zonalComment(), objects...)
}

func (p pool) name() string { return prefixed(p.cluster.Metadata.Name, p.spec.Name) }

// zonal is a MachineDeployment for each zone. Only the failureDomain keeps it
// there: without one, every machine lands in the first private subnet's zone.
func (p pool) zonal() ([]any, error) {
	template, err := machineTemplate(p.cluster, p.name(), machine{
		Type: p.spec.MachineType, DiskGB: int64(p.spec.RootVolumeGB), Profile: nodesProfile,
	})
	if err != nil {
		return nil, err
	}
	config, err := p.configTemplate()
	if err != nil {
		return nil, err
	}
	objects := []any{template, config}
	for _, g := range p.plan.Groups {
		if len(g.Zones) != 1 {
			return nil, fmt.Errorf("plan: group %q of the zonal pool %q has %d zones", g.Name, p.spec.Name, len(g.Zones))
		}
		objects = append(objects, p.deployment(g, config.Name, template.Name))
	}
	if p.spec.Autohealing {
		objects = append(objects, poolHealth(p.cluster, p.plan))
	}
	return objects, nil
}

func (p pool) deployment(g v1alpha1.PlannedGroup, config, template string) *clusterv1.MachineDeployment {
	cluster := p.cluster.Metadata.Name
	name := prefixed(cluster, g.Name)
	labels := clusterLabels(cluster)
	labels[poolLabel] = p.spec.Name
	labels[clusterv1.MachineDeploymentNameLabel] = name
	md := &clusterv1.MachineDeployment{
		TypeMeta:   typeMeta(coreVersion, "MachineDeployment"),
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: clusterLabels(cluster)},
		Spec: clusterv1.MachineDeploymentSpec{
			ClusterName: cluster,
			Selector:    metav1.LabelSelector{MatchLabels: maps.Clone(labels)},
			Rollout: clusterv1.MachineDeploymentRolloutSpec{Strategy: clusterv1.MachineDeploymentRolloutStrategy{
				Type: clusterv1.RollingUpdateMachineDeploymentStrategyType,
				RollingUpdate: clusterv1.MachineDeploymentRolloutStrategyRollingUpdate{
					MaxSurge: new(intstr.FromInt32(1)), MaxUnavailable: new(intstr.FromInt32(0)),
				},
			}},
			Remediation: clusterv1.MachineDeploymentRemediationSpec{MaxInFlight: new(intstr.FromInt32(1))},
			Template: clusterv1.MachineTemplateSpec{
				ObjectMeta: clusterv1.ObjectMeta{Labels: labels},
				Spec: clusterv1.MachineSpec{
					ClusterName:       cluster,
					Version:           "v" + p.cluster.Spec.KubernetesVersion,
					FailureDomain:     g.Zones[0],
					Bootstrap:         clusterv1.Bootstrap{ConfigRef: ref(bootstrapGroup, "KubeadmConfigTemplate", config)},
					InfrastructureRef: ref(infraGroup, "AWSMachineTemplate", template),
					Deletion:          deletion(),
				},
			},
		},
	}
	if p.spec.Autoscaling {
		md.Annotations = p.autoscaling(g)
	} else {
		md.Spec.Replicas = new(int32(g.Size))
	}
	return md
}

// autoscaling are the annotations of a group that the autoscaler sizes. The zone's
// label is among a new node's, so that a pod whose volume is in that zone grows
// the right group even from nothing.
func (p pool) autoscaling(g v1alpha1.PlannedGroup) map[string]string {
	labels := maps.Clone(p.nodeLabels())
	if len(g.Zones) == 1 {
		labels[corev1.LabelTopologyZone] = g.Zones[0]
		labels["topology.ebs.csi.aws.com/zone"] = g.Zones[0]
	}
	annotations := map[string]string{
		clusterv1.AutoscalerMinSizeAnnotation: strconv.Itoa(g.Min),
		clusterv1.AutoscalerMaxSizeAnnotation: strconv.Itoa(g.Max),
		capacityLabels:                        joined(labels),
	}
	if !p.plan.CPU.IsZero() {
		annotations[capacityCPU] = p.plan.CPU.String()
	}
	if !p.plan.Memory.IsZero() {
		annotations[capacityMemory] = p.plan.Memory.String()
	}
	if p.plan.Pods > 0 {
		annotations[capacityPods] = strconv.Itoa(p.plan.Pods)
	}
	var taints []string
	for _, t := range p.spec.Taints {
		taints = append(taints, t.Key+"="+t.Value+":"+t.Effect)
	}
	if len(taints) > 0 {
		annotations[capacityTaints] = strings.Join(taints, ",")
	}
	return annotations
}

func (p pool) nodeLabels() map[string]string {
	labels := map[string]string{poolLabel: p.spec.Name}
	maps.Copy(labels, p.spec.Labels)
	return labels
}

func joined(labels map[string]string) string {
	var pairs []string
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		pairs = append(pairs, key+"="+labels[key])
	}
	return strings.Join(pairs, ",")
}

// joinSpec is how a machine of the pool joins: with its labels and taints, so that
// no pod sees the node without them.
func (p pool) joinSpec() bootstrapv1.KubeadmConfigSpec {
	registration := bootstrapv1.NodeRegistrationOptions{
		Name: nodeName,
		KubeletExtraArgs: []bootstrapv1.Arg{
			arg("cloud-provider", "external"), arg("node-labels", joined(p.nodeLabels())),
		},
	}
	if len(p.spec.Taints) > 0 {
		var taints []corev1.Taint
		for _, t := range p.spec.Taints {
			taints = append(taints, corev1.Taint{Key: t.Key, Value: t.Value, Effect: corev1.TaintEffect(t.Effect)})
		}
		registration.Taints = &taints
	}
	out := bootstrapv1.KubeadmConfigSpec{JoinConfiguration: bootstrapv1.JoinConfiguration{NodeRegistration: registration}}
	if p.kubelet != nil {
		out.Files = []bootstrapv1.File{*p.kubelet}
		out.JoinConfiguration.Patches = bootstrapv1.Patches{Directory: patchesPath}
	}
	return out
}

func (p pool) configTemplate() (*bootstrapv1.KubeadmConfigTemplate, error) {
	spec := bootstrapv1.KubeadmConfigTemplateSpec{Template: bootstrapv1.KubeadmConfigTemplateResource{Spec: p.joinSpec()}}
	name, err := hashed(p.name(), spec)
	if err != nil {
		return nil, err
	}
	return &bootstrapv1.KubeadmConfigTemplate{
		TypeMeta:   typeMeta(bootstrapVersion, "KubeadmConfigTemplate"),
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: clusterLabels(p.cluster.Metadata.Name)},
		Spec:       spec,
	}, nil
}

// regional is a MachinePool for each group: an Auto Scaling group over the zones. A
// MachineDeployment cannot be regional: it has one failureDomain, or all its
// machines in one zone (cluster-api#3358).
func (p pool) regional() ([]any, error) {
	cluster := p.cluster.Metadata.Name
	spec := p.joinSpec()
	configName, err := hashed(p.name(), spec)
	if err != nil {
		return nil, err
	}
	objects := []any{&bootstrapv1.KubeadmConfig{
		TypeMeta:   typeMeta(bootstrapVersion, "KubeadmConfig"),
		ObjectMeta: metav1.ObjectMeta{Name: configName, Labels: clusterLabels(cluster)},
		Spec:       spec,
	}}
	m := machine{Type: p.spec.MachineType, DiskGB: int64(p.spec.RootVolumeGB), Profile: nodesProfile}
	for _, g := range p.plan.Groups {
		name := prefixed(cluster, g.Name)
		labels := clusterLabels(cluster)
		labels[poolLabel] = p.spec.Name
		mp := &clusterv1.MachinePool{
			TypeMeta:   typeMeta(coreVersion, "MachinePool"),
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: clusterLabels(cluster)},
			Spec: clusterv1.MachinePoolSpec{
				ClusterName:    cluster,
				FailureDomains: g.Zones,
				Template: clusterv1.MachineTemplateSpec{
					ObjectMeta: clusterv1.ObjectMeta{Labels: labels},
					Spec: clusterv1.MachineSpec{
						ClusterName:       cluster,
						Version:           "v" + p.cluster.Spec.KubernetesVersion,
						Bootstrap:         clusterv1.Bootstrap{ConfigRef: ref(bootstrapGroup, "KubeadmConfig", configName)},
						InfrastructureRef: ref(infraGroup, "AWSMachinePool", name),
						Deletion:          deletion(),
					},
				},
			},
		}
		if p.spec.Autoscaling {
			mp.Annotations = p.autoscaling(g)
		} else {
			mp.Spec.Replicas = new(int32(g.Size))
		}
		objects = append(objects, mp, &expinfrav1.AWSMachinePool{
			TypeMeta:   typeMeta(infraVersion, "AWSMachinePool"),
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: clusterLabels(cluster)},
			Spec: expinfrav1.AWSMachinePoolSpec{
				MinSize:                    int32(g.Min),
				MaxSize:                    int32(g.Max),
				AvailabilityZones:          g.Zones,
				AvailabilityZoneSubnetType: expinfrav1.NewAZSubnetType(expinfrav1.AZSubnetTypePrivate),
				AWSLaunchTemplate: expinfrav1.AWSLaunchTemplate{
					Name:                    name,
					InstanceType:            m.Type,
					IamInstanceProfile:      m.Profile,
					SSHKeyName:              new(p.cluster.Spec.SSHKeyName),
					RootVolume:              m.disk(),
					InstanceMetadataOptions: metadataOptions(),
				},
				// Rebalancing ends instances without draining their nodes.
				SuspendProcesses: &expinfrav1.SuspendProcessesTypes{
					Processes: &expinfrav1.Processes{AZRebalance: new(true)},
				},
			},
		})
	}
	return objects, nil
}

func (p pool) zonalComment() string {
	text := fmt.Sprintf("Pool %s: a MachineDeployment for each zone, kept there by its failureDomain.\n", p.spec.Name)
	if p.spec.Autoscaling {
		text += `replicas is left out: the autoscaler owns it. To apply this file must not shrink the
zones that carry a lost zone's load. A new group starts at its min.
capacity.*: what a node of a group at 0 would have, with its zone.
`
	}
	if p.spec.Autohealing {
		text += poolHealthComment(p.plan)
	}
	return strings.TrimRight(text, "\n")
}

func (p pool) regionalComment() string {
	text := fmt.Sprintf(`Pool %s: a MachinePool, an Auto Scaling group over all its zones.
The group makes instances in the zone that has the fewest, so that a lost zone's are
made in the others. It rebalances no running instances (azRebalance is suspended): it
would end them without draining. The autoscaler cannot say in which zone a node
comes: a pod whose volume is in one zone may wait in vain; scope zonal has no such
gap.
`, p.spec.Name)
	if p.spec.Autoscaling {
		text += "replicas is left out: the autoscaler owns it.\n"
	}
	if p.spec.Autohealing {
		text += `There is no MachineHealthCheck: an Auto Scaling group replaces instances that EC2
finds failed, but a node that is only NotReady is left to people.
`
	}
	return strings.TrimRight(text, "\n")
}
