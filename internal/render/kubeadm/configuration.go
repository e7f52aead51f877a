package kubeadm

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubelet "k8s.io/kubelet/config/v1beta1"
	upstream "sigs.k8s.io/cluster-api/bootstrap/kubeadm/pkg/types/upstreamv1beta4"

	corev1 "k8s.io/api/core/v1"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/plan"
	"bulkhead.dev/bulkhead/internal/render/file"
)

const (
	kubeadmVersion = "kubeadm.k8s.io/v1beta4"
	criSocket      = "unix:///run/containerd/containerd.sock"
	// onHost is the folder of our files on a machine.
	onHost = "/etc/kubernetes/bulkhead"
	// DiscoveryFile is where a joining machine finds the API server, its CA and a
	// token of two hours; host/discovery.sh makes it. Discovery by token alone
	// would not work: it reads a ConfigMap anonymously, which the API servers'
	// authentication.yaml forbids.
	DiscoveryFile = onHost + "/discovery.conf"
	// ConfigurationFile and authenticationFile are kubeadm's and the API server's.
	ConfigurationFile  = onHost + "/kubeadm.yaml"
	authenticationFile = onHost + "/authentication.yaml"
	// PoolLabel of a node holds its pool's name.
	PoolLabel = "bulkhead.dev/pool"
)

// configuration returns kubeadm/HOST/kubeadm.yaml of a machine. The local provider
// has no kubelet to join: kubeadm's phases make the certificates and static pods of
// each member, as on machines of etcd.
func (l *Layout) configuration(c *v1alpha1.Cluster, m Machine) (file.File, error) {
	comment := "Joins " + m.Name + " (" + m.Zone + ").\nkubeadm join --config " + ConfigurationFile
	objects := []any{l.joinConfiguration(c, m)}
	switch {
	case m.Role == v1alpha1.RoleEtcd:
		comment = "Makes the certificates and the static pod of etcd on " + m.Name + " (" + m.Zone + ").\n" +
			"kubeadm init phase certs etcd-server, etcd-peer, etcd-healthcheck-client; etcd local"
		cluster := l.etcdConfiguration(c, m)
		l.onLoopback(&cluster, m)
		objects = []any{l.initConfiguration(c, m), cluster}
	case c.Spec.Provider == v1alpha1.ProviderLocal:
		comment = "Makes the certificates and static pods of " + m.Name + " (" + m.Zone + ").\n" +
			"kubeadm init phase certs all; kubeconfig all; control-plane all; etcd local"
		cluster := l.clusterConfiguration(c)
		// The zones share one machine's cores: all clients of a lost zone come back at
		// once, and a handshake with RSA costs a multiple.
		cluster.EncryptionAlgorithm = upstream.EncryptionAlgorithmECDSAP256
		if cluster.Etcd.Local != nil {
			cluster.Etcd.Local.ExtraArgs = append(l.membership(), cluster.Etcd.Local.ExtraArgs...)
		}
		l.onLoopback(&cluster, m)
		objects = []any{l.initConfiguration(c, m), cluster}
	case m.Name == l.ControlPlane()[0].Name:
		comment = "Makes the cluster, on " + m.Name + " (" + m.Zone + ").\nkubeadm init --config " + ConfigurationFile
		objects = []any{l.initConfiguration(c, m), l.clusterConfiguration(c), l.kubeletConfiguration(), proxyConfiguration()}
	}
	for i := range objects {
		data, err := withoutZeros(objects[i])
		if err != nil {
			return file.File{}, err
		}
		objects[i] = data
	}
	return file.YAML("kubeadm/"+m.Name+"/kubeadm.yaml", comment, objects...)
}

func (l *Layout) initConfiguration(c *v1alpha1.Cluster, m Machine) upstream.InitConfiguration {
	return upstream.InitConfiguration{
		TypeMeta:         metav1.TypeMeta{APIVersion: kubeadmVersion, Kind: "InitConfiguration"},
		NodeRegistration: l.registration(c, m),
		LocalAPIEndpoint: l.localEndpoint(m),
	}
}

func (l *Layout) joinConfiguration(c *v1alpha1.Cluster, m Machine) upstream.JoinConfiguration {
	join := upstream.JoinConfiguration{
		TypeMeta:         metav1.TypeMeta{APIVersion: kubeadmVersion, Kind: "JoinConfiguration"},
		NodeRegistration: l.registration(c, m),
		Discovery:        upstream.Discovery{File: &upstream.FileDiscovery{KubeConfigPath: DiscoveryFile}},
	}
	if m.Role == v1alpha1.RoleControlPlane {
		join.ControlPlane = &upstream.JoinControlPlane{LocalAPIEndpoint: l.localEndpoint(m)}
	}
	return join
}

// localEndpoint is a machine's own API server. On a machine of etcd there is none:
// kubeadm takes the address of etcd's URLs from it.
func (l *Layout) localEndpoint(m Machine) upstream.APIEndpoint {
	return upstream.APIEndpoint{AdvertiseAddress: l.Advertised(m).String(), BindPort: int32(l.APIPort)}
}

// registration says how a node shows itself. The zone's label is one that a kubelet
// may give its own node (plugin/pkg/admission/noderestriction; the kubelet's list in
// k8s.io/kubelet/pkg/apis/well_known_labels.go).
func (l *Layout) registration(c *v1alpha1.Cluster, m Machine) upstream.NodeRegistrationOptions {
	labels := map[string]string{corev1.LabelTopologyZone: m.Zone}
	options := upstream.NodeRegistrationOptions{Name: m.Name, CRISocket: criSocket}
	if m.Role == v1alpha1.RoleWorker {
		labels[PoolLabel] = m.Pool
		for _, pool := range c.Spec.NodePools {
			if pool.Name != m.Pool {
				continue
			}
			for key, value := range pool.Labels {
				labels[key] = value
			}
			for _, t := range pool.Taints {
				options.Taints = append(options.Taints, corev1.Taint{Key: t.Key, Value: t.Value, Effect: corev1.TaintEffect(t.Effect)})
			}
		}
	}
	var pairs []string
	for key, value := range labels {
		pairs = append(pairs, key+"="+value)
	}
	slices.Sort(pairs)
	options.KubeletExtraArgs = []upstream.Arg{{Name: "node-labels", Value: strings.Join(pairs, ",")}}
	// With one family of addresses the node's is pinned: a machine with several
	// links would else take the default route's. With two, the kubelet finds both.
	if len(c.Spec.Network.PodCIDRs) < 2 {
		options.KubeletExtraArgs = append(options.KubeletExtraArgs, upstream.Arg{Name: "node-ip", Value: m.Address.String()})
	}
	if m.Pods != 0 && m.Pods != defaultPods {
		options.KubeletExtraArgs = append(options.KubeletExtraArgs, upstream.Arg{Name: "max-pods", Value: strconv.Itoa(m.Pods)})
	}
	return options
}

// defaultPods is how many pods a kubelet runs unless told otherwise (maxPods in
// k8s.io/kubelet/config/v1beta1).
const defaultPods = 110

func (l *Layout) clusterConfiguration(c *v1alpha1.Cluster) upstream.ClusterConfiguration {
	everywhere := "0.0.0.0"
	if l.ControlPlane()[0].Address.Is6() {
		everywhere = "::"
	}
	cluster := upstream.ClusterConfiguration{
		TypeMeta:             metav1.TypeMeta{APIVersion: kubeadmVersion, Kind: "ClusterConfiguration"},
		ClusterName:          c.Metadata.Name,
		KubernetesVersion:    "v" + c.Spec.KubernetesVersion,
		ControlPlaneEndpoint: l.Endpoint(),
		Networking: upstream.Networking{
			PodSubnet:     strings.Join(c.Spec.Network.PodCIDRs, ","),
			ServiceSubnet: strings.Join(c.Spec.Network.ServiceCIDRs, ","),
			DNSDomain:     "cluster.local",
		},
		APIServer: l.apiServer(),
		// The metrics, behind the API's authentication, on the node's address: on
		// loopback, kubeadm's default, Prometheus sees no leader and no error.
		ControllerManager: upstream.ControlPlaneComponent{ExtraArgs: []upstream.Arg{{Name: "bind-address", Value: everywhere}}},
		Scheduler:         upstream.ControlPlaneComponent{ExtraArgs: []upstream.Arg{{Name: "bind-address", Value: everywhere}}},
	}
	cluster.ControllerManager.ExtraArgs = append(cluster.ControllerManager.ExtraArgs, l.timings(plan.ControllerManager)...)
	cluster.Scheduler.ExtraArgs = append(cluster.Scheduler.ExtraArgs, l.timings(plan.Scheduler)...)
	if l.External() {
		external := &upstream.ExternalEtcd{
			CAFile:   "/etc/kubernetes/pki/etcd/ca.crt",
			CertFile: "/etc/kubernetes/pki/apiserver-etcd-client.crt",
			KeyFile:  "/etc/kubernetes/pki/apiserver-etcd-client.key",
		}
		for _, m := range l.Voters() {
			external.Endpoints = append(external.Endpoints, "https://"+hostPort(m.Address.String(), etcdClientPort))
		}
		cluster.Etcd.External = external
		return cluster
	}
	cluster.Etcd.Local = &upstream.LocalEtcd{DataDir: etcdData, ExtraArgs: etcdArguments(l.ControlPlane()[0])}
	return cluster
}

// apiServer holds what makes an API server fit for several zones.
func (l *Layout) apiServer() upstream.APIServer {
	server := upstream.APIServer{
		ControlPlaneComponent: upstream.ControlPlaneComponent{
			ExtraArgs: []upstream.Arg{
				// Probes ask without a name; nobody else may. It takes the place of
				// --anonymous-auth, which must not be set beside it.
				{Name: "authentication-config", Value: authenticationFile},
				// One request in a thousand closes its HTTP/2 connection, so that
				// clients spread again over a zone that came back: a balancer of
				// connections cannot move them (the flag's own help gives the
				// figure as a good start).
				{Name: "goaway-chance", Value: "0.001"},
				// /readyz fails this long before connections are closed: longer than
				// HAProxy's 2 checks of 500 ms, so that a restart loses no request.
				{Name: "shutdown-delay-duration", Value: "5s"},
			},
			ExtraVolumes: []upstream.HostPathMount{{
				Name: "bulkhead-authentication", HostPath: authenticationFile, MountPath: authenticationFile,
				ReadOnly: true, PathType: corev1.HostPathFile,
			}},
		},
	}
	server.ExtraArgs = append(server.ExtraArgs, l.timings(plan.APIServer)...)
	names := []string{l.EndpointHost, l.VirtualIP.String()}
	// Each HAProxy by its own address: the way in when no machine has the virtual IP.
	for _, m := range l.Balancers() {
		names = append(names, m.Address.String())
	}
	for _, name := range names {
		if !slices.Contains(server.CertSANs, name) {
			server.CertSANs = append(server.CertSANs, name)
		}
	}
	return server
}

// timings are the flags with which the objective's recovery time is met; none where
// Kubernetes' defaults do.
func (l *Layout) timings(c plan.Component) []upstream.Arg {
	var out []upstream.Arg
	for _, f := range plan.Flags(l.plan, c) {
		out = append(out, upstream.Arg{Name: f.Name, Value: f.Value})
	}
	return out
}

// reportFrequency is how often a node's status is written when nothing in it has
// changed: Kubernetes' default, which nodeStatusUpdateFrequency would take down with
// it (SetDefaults_KubeletConfiguration). A status is large; a lease is not.
const reportFrequency = 5 * time.Minute

// kubeletConfiguration is every node's.
func (l *Layout) kubeletConfiguration() kubelet.KubeletConfiguration {
	pulls := int32(5)
	parallel := false
	out := kubelet.KubeletConfiguration{
		TypeMeta:     metav1.TypeMeta{APIVersion: kubelet.SchemeGroupVersion.String(), Kind: "KubeletConfiguration"},
		CgroupDriver: "systemd",
		// When a zone is lost its pods start elsewhere all at once; one image after
		// the other, the default, lets the smallest wait for the largest.
		SerializeImagePulls:   &parallel,
		MaxParallelImagePulls: &pulls,
		// A machine that is switched off in order ends its pods first.
		ShutdownGracePeriod:             metav1.Duration{Duration: time.Minute},
		ShutdownGracePeriodCriticalPods: metav1.Duration{Duration: 20 * time.Second},
	}
	if t := l.plan.Timings; t != nil && t.NodeLeaseSeconds != 0 {
		out.NodeLeaseDurationSeconds = int32(t.NodeLeaseSeconds)
		out.NodeStatusUpdateFrequency = *t.NodeStatusUpdateFrequency
		out.NodeStatusReportFrequency = metav1.Duration{Duration: reportFrequency}
	}
	return out
}

// kubeProxyConfiguration is the part of kubeproxy.config.k8s.io/v1alpha1 that is not
// the default.
type kubeProxyConfiguration struct {
	metav1.TypeMeta `json:",inline"`

	Mode string `json:"mode"`
}

// proxyConfiguration takes nftables (GA in 1.33, KEP-3866): what it writes when a
// zone's endpoints go is as long as the change, not as the list of Services.
func proxyConfiguration() kubeProxyConfiguration {
	return kubeProxyConfiguration{
		TypeMeta: metav1.TypeMeta{APIVersion: "kubeproxy.config.k8s.io/v1alpha1", Kind: "KubeProxyConfiguration"},
		Mode:     "nftables",
	}
}

// withoutZeros returns an object as data without empty texts, numbers and durations
// of zero, and without objects that are empty then: kubeadm and the kubelet read
// them as "the default" (SetDefaults_ClusterConfiguration,
// SetDefaults_KubeletConfiguration), and a reader need not wonder. What is false
// stays.
func withoutZeros(o any) (map[string]any, error) {
	text, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("rendering %T: %w", o, err)
	}
	var data map[string]any
	if err := json.Unmarshal(text, &data); err != nil {
		return nil, fmt.Errorf("rendering %T: %w", o, err)
	}
	dropZeros(data)
	return data, nil
}

func dropZeros(data map[string]any) {
	for key, value := range data {
		empty := value == nil
		switch value := value.(type) {
		case string:
			empty = value == "" || value == "0" || value == "0s"
		case float64:
			empty = value == 0
		case map[string]any:
			dropZeros(value)
			empty = len(value) == 0
		}
		if empty {
			delete(data, key)
		}
	}
}
