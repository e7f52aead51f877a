package capa

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	authenticationv1 "k8s.io/apiserver/pkg/apis/apiserver/v1"
	infrav1 "sigs.k8s.io/cluster-api-provider-aws/v2/api/v1beta2"
	bootstrapv1 "sigs.k8s.io/cluster-api/api/bootstrap/kubeadm/v1beta2"
	controlplanev1 "sigs.k8s.io/cluster-api/api/controlplane/kubeadm/v1beta2"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/yaml"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/plan"
	"bulkhead.dev/bulkhead/internal/render/file"
)

const (
	authenticationPath = "/etc/kubernetes/authentication.yaml"
	// etcdMetricsPort is kubeadm's; it listens on loopback only, where Prometheus
	// does not reach.
	etcdMetricsPort = 2381
	// etcdQuota is etcd's recommended largest size of the database, 8 GiB
	// (etcd.io, docs/v3.6/dev-guide/limit); its default of 2 GiB stops all writes.
	etcdQuota = 8 << 30
	// controlPlaneDiskGB holds etcd's data: gp3 gives 3,000 operations a second at
	// any size, which gp2 gives from 1,000 GB on.
	controlPlaneDiskGB = 80
	// renewBefore the certificates' end machines are replaced; kubeadm's are valid
	// for a year.
	renewBefore = 30
	// drainTimeout and detachTimeout, in seconds, bound a machine's removal: without
	// them (0 is for ever) a node that is gone keeps its machine in deletion.
	drainTimeout, detachTimeout = 600, 300

	// The name that the node has: the one that the cloud controller knows.
	nodeName = "{{ ds.meta_data.local_hostname }}"
	// Instance profiles that clusterawsadm makes: bootstrap iam create-cloudformation-stack.
	controlPlaneProfile = "control-plane.cluster-api-provider-aws.sigs.k8s.io"
	nodesProfile        = "nodes.cluster-api-provider-aws.sigs.k8s.io"
)

const controlPlaneComment = `The control plane: stacked etcd, one member a machine.
Cluster API puts a new member into the zone with the fewest; over as many zones as
the plan has, that is the plan's spread, whatever the order.
maxSurge 1: a rollout adds a member before it removes one. With 0 it would remove
first: two members of three bear no loss at all.
Anonymous requests may ask /livez, /readyz and /healthz (the load balancer, the
kubelet) and read cluster-info, which a machine does before it trusts the API
(kubeadm join). Nothing else.`

// controlPlaneFile is the KubeadmControlPlane, its template and its health check.
func controlPlaneFile(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) (file.File, error) {
	cluster := c.Metadata.Name
	name := prefixed(cluster, "control-plane")
	template, err := machineTemplate(c, name, machine{
		Type: c.Spec.ControlPlane.MachineType, DiskGB: controlPlaneDiskGB, Profile: controlPlaneProfile,
	})
	if err != nil {
		return file.File{}, err
	}
	config, err := controlPlaneConfig(c, p)
	if err != nil {
		return file.File{}, err
	}
	replicas := int32(len(p.ControlPlane.Members))
	kcp := &controlplanev1.KubeadmControlPlane{
		TypeMeta:   typeMeta(controlPlaneVersion, "KubeadmControlPlane"),
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: clusterLabels(cluster)},
		Spec: controlplanev1.KubeadmControlPlaneSpec{
			Replicas: &replicas,
			Version:  "v" + c.Spec.KubernetesVersion,
			MachineTemplate: controlplanev1.KubeadmControlPlaneMachineTemplate{
				Spec: controlplanev1.KubeadmControlPlaneMachineTemplateSpec{
					InfrastructureRef: ref(infraGroup, "AWSMachineTemplate", template.Name),
					Deletion: controlplanev1.KubeadmControlPlaneMachineTemplateDeletionSpec{
						NodeDrainTimeoutSeconds:        new(int32(drainTimeout)),
						NodeVolumeDetachTimeoutSeconds: new(int32(detachTimeout)),
					},
				},
			},
			KubeadmConfigSpec: config,
			Rollout: controlplanev1.KubeadmControlPlaneRolloutSpec{
				Before: controlplanev1.KubeadmControlPlaneRolloutBeforeSpec{CertificatesExpiryDays: renewBefore},
				Strategy: controlplanev1.KubeadmControlPlaneRolloutStrategy{
					Type:          controlplanev1.RollingUpdateStrategyType,
					RollingUpdate: controlplanev1.KubeadmControlPlaneRolloutStrategyRollingUpdate{MaxSurge: new(intstr.FromInt32(1))},
				},
			},
			// A replacement that cannot start (its zone is down) is tried three
			// times, 20 minutes apart, and counts as well after an hour.
			Remediation: controlplanev1.KubeadmControlPlaneRemediationSpec{
				MaxRetry:                new(int32(3)),
				RetryPeriodSeconds:      new(int32(1200)),
				MinHealthyPeriodSeconds: new(int32(3600)),
			},
		},
	}
	objects := []any{template, kcp}
	comment := controlPlaneComment
	if check := controlPlaneHealth(c, p); check != nil {
		objects = append(objects, check)
		comment += "\n" + controlPlaneHealthComment
	}
	return yamlFile("capa/control-plane.yaml", comment, objects...)
}

func controlPlaneConfig(c *v1alpha1.Cluster, p *v1alpha1.ClusterPlan) (bootstrapv1.KubeadmConfigSpec, error) {
	authentication, err := authenticationFile()
	if err != nil {
		return bootstrapv1.KubeadmConfigSpec{}, err
	}
	registration := bootstrapv1.NodeRegistrationOptions{
		Name: nodeName, KubeletExtraArgs: []bootstrapv1.Arg{arg("cloud-provider", "external")},
	}
	server := bootstrapv1.APIServer{
		ExtraArgs: []bootstrapv1.Arg{arg("authentication-config", authenticationPath)},
		ExtraVolumes: []bootstrapv1.HostPathMount{{
			Name: "authentication", HostPath: authenticationPath, MountPath: authenticationPath,
			ReadOnly: new(true), PathType: corev1.HostPathFile,
		}},
	}
	server.ExtraArgs = append(server.ExtraArgs, timings(p, plan.APIServer)...)
	if host := c.Spec.ControlPlane.Endpoint.Host; host != "" {
		server.CertSANs = []string{host}
	}
	out := bootstrapv1.KubeadmConfigSpec{
		ClusterConfiguration: bootstrapv1.ClusterConfiguration{
			APIServer: server,
			ControllerManager: bootstrapv1.ControllerManager{
				ExtraArgs: append([]bootstrapv1.Arg{arg("cloud-provider", "external")}, timings(p, plan.ControllerManager)...),
			},
			Scheduler: bootstrapv1.Scheduler{ExtraArgs: timings(p, plan.Scheduler)},
			Etcd: bootstrapv1.Etcd{Local: bootstrapv1.LocalEtcd{
				ExtraArgs: []bootstrapv1.Arg{
					arg("listen-metrics-urls", fmt.Sprintf("http://0.0.0.0:%d", etcdMetricsPort)),
					arg("quota-backend-bytes", fmt.Sprint(etcdQuota)),
				},
			}},
		},
		InitConfiguration: bootstrapv1.InitConfiguration{NodeRegistration: registration},
		JoinConfiguration: bootstrapv1.JoinConfiguration{NodeRegistration: registration},
		Files: []bootstrapv1.File{{
			Path: authenticationPath, Owner: "root:root", Permissions: "0600", Content: authentication,
		}},
	}
	patch, err := kubeletPatch(p)
	if err != nil || patch == nil {
		return out, err
	}
	out.Files = append(out.Files, *patch)
	out.InitConfiguration.Patches = bootstrapv1.Patches{Directory: patchesPath}
	out.JoinConfiguration.Patches = bootstrapv1.Patches{Directory: patchesPath}
	return out, nil
}

// authenticationFile lets nobody in without a name, save on these paths.
// cluster-info is among them: kubeadm join reads it anonymously and verifies it
// with its token (cmd/kubeadm/app/discovery/token), before it has a certificate.
func authenticationFile() (string, error) {
	var conditions []authenticationv1.AnonymousAuthCondition
	for _, path := range []string{
		"/livez", "/readyz", "/healthz",
		"/api/v1/namespaces/kube-public/configmaps/cluster-info",
	} {
		conditions = append(conditions, authenticationv1.AnonymousAuthCondition{Path: path})
	}
	// Not the whole type: its list of issuers would be written as null.
	text, err := yaml.Marshal(struct {
		metav1.TypeMeta `json:",inline"`
		Anonymous       *authenticationv1.AnonymousAuthConfig `json:"anonymous"`
	}{
		typeMeta(authenticationv1.SchemeGroupVersion.String(), "AuthenticationConfiguration"),
		&authenticationv1.AnonymousAuthConfig{Enabled: true, Conditions: conditions},
	})
	if err != nil {
		return "", fmt.Errorf("rendering %s: %w", authenticationPath, err)
	}
	return string(text), nil
}

func arg(name, value string) bootstrapv1.Arg { return bootstrapv1.Arg{Name: name, Value: &value} }

// machine is what an AWSMachineTemplate is made of.
type machine struct {
	Type string
	// DiskGB is 0 for the image's own size.
	DiskGB int64
	// Profile is the instance profile.
	Profile string
}

func (m machine) disk() *infrav1.Volume {
	if m.DiskGB == 0 {
		return nil
	}
	return &infrav1.Volume{Size: m.DiskGB, Type: infrav1.VolumeTypeGP3, Encrypted: new(true)}
}

// metadataOptions want a token of whoever asks for an instance's credentials; 2
// hops, so that pods outside the host's network (the EBS driver) reach them.
func metadataOptions() *infrav1.InstanceMetadataOptions {
	return &infrav1.InstanceMetadataOptions{
		HTTPEndpoint:            infrav1.InstanceMetadataEndpointStateEnabled,
		HTTPTokens:              infrav1.HTTPTokensStateRequired,
		HTTPPutResponseHopLimit: 2,
	}
}

func machineTemplate(c *v1alpha1.Cluster, name string, m machine) (*infrav1.AWSMachineTemplate, error) {
	spec := infrav1.AWSMachineTemplateSpec{Template: infrav1.AWSMachineTemplateResource{Spec: infrav1.AWSMachineSpec{
		InstanceType:            m.Type,
		IAMInstanceProfile:      m.Profile,
		SSHKeyName:              new(c.Spec.SSHKeyName),
		RootVolume:              m.disk(),
		InstanceMetadataOptions: metadataOptions(),
	}}}
	name, err := hashed(name, spec)
	if err != nil {
		return nil, err
	}
	return &infrav1.AWSMachineTemplate{
		TypeMeta:   typeMeta(infraVersion, "AWSMachineTemplate"),
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: clusterLabels(c.Metadata.Name)},
		Spec:       spec,
	}, nil
}

func deletion() clusterv1.MachineDeletionSpec {
	return clusterv1.MachineDeletionSpec{
		NodeDrainTimeoutSeconds:        new(int32(drainTimeout)),
		NodeVolumeDetachTimeoutSeconds: new(int32(detachTimeout)),
	}
}
