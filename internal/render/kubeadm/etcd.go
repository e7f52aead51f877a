package kubeadm

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubelet "k8s.io/kubelet/config/v1beta1"
	upstream "sigs.k8s.io/cluster-api/bootstrap/kubeadm/pkg/types/upstreamv1beta4"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/render/file"
)

// Ports and folder of etcd as kubeadm has them (cmd/kubeadm/app/constants).
const (
	etcdClientPort  = 2379
	etcdPeerPort    = 2380
	etcdMetricsPort = 2381
	etcdData        = "/var/lib/etcd"
)

// etcdArguments are the same on every member, as kubeadm keeps one list of them.
func etcdArguments(m Machine) []upstream.Arg {
	everywhere := "0.0.0.0"
	if m.Address.Is6() {
		everywhere = "::"
	}
	return []upstream.Arg{
		// A heartbeat of about one round trip and ten of them until an election
		// (etcd's tuning guide). Zones of a region are below 10 ms apart: the
		// defaults leave room for a slow disk and cost 1 to 2 s at a zone's loss.
		// They are written out so that an upgrade cannot change them.
		{Name: "heartbeat-interval", Value: "100"},
		{Name: "election-timeout", Value: "1000"},
		// 8 GiB, the most that etcd advises. At the default of 2 GiB all members
		// stop writing at the same moment: no zone helps against that.
		{Name: "quota-backend-bytes", Value: "8589934592"},
		// Metrics without credentials on the node's address, so that Prometheus
		// sees leader changes and slow disks. Keep port 2381 to the cluster.
		{Name: "listen-metrics-urls", Value: "http://" + hostPort(everywhere, etcdMetricsPort)},
	}
}

// etcdConfiguration makes a member on a machine of its own: kubeadm knows only the
// machine it runs on, so that the members' list is given (kubeadm's documentation,
// "Set up a High Availability etcd Cluster with kubeadm").
func (l *Layout) etcdConfiguration(c *v1alpha1.Cluster, m Machine) upstream.ClusterConfiguration {
	return upstream.ClusterConfiguration{
		TypeMeta:          metav1.TypeMeta{APIVersion: kubeadmVersion, Kind: "ClusterConfiguration"},
		ClusterName:       c.Metadata.Name,
		KubernetesVersion: "v" + c.Spec.KubernetesVersion,
		Etcd: upstream.Etcd{Local: &upstream.LocalEtcd{
			DataDir:        etcdData,
			ExtraArgs:      append(l.membership(), etcdArguments(m)...),
			ServerCertSANs: []string{m.Address.String()},
			PeerCertSANs:   []string{m.Address.String()},
		}},
	}
}

// membership starts all members together; kubeadm would start each alone.
func (l *Layout) membership() []upstream.Arg {
	return []upstream.Arg{
		{Name: "initial-cluster", Value: l.InitialMembers()},
		{Name: "initial-cluster-state", Value: "new"},
	}
}

// InitialMembers lists etcd's members as --initial-cluster wants them.
func (l *Layout) InitialMembers() string {
	var members []string
	for _, m := range l.Voters() {
		members = append(members, m.Name+"="+l.peerURL(m))
	}
	return strings.Join(members, ",")
}

func (l *Layout) peerURL(m Machine) string {
	return "https://" + hostPort(m.Address.String(), etcdPeerPort)
}

// etcdKubelet is the kubelet of a machine of etcd: no API server tells it anything,
// it runs what stands in the folder of static pods.
func etcdKubelet(m Machine) (file.File, error) {
	no := false
	configuration, err := withoutZeros(kubelet.KubeletConfiguration{
		TypeMeta:                 metav1.TypeMeta{APIVersion: kubelet.SchemeGroupVersion.String(), Kind: "KubeletConfiguration"},
		Address:                  "127.0.0.1",
		StaticPodPath:            "/etc/kubernetes/manifests",
		CgroupDriver:             "systemd",
		ContainerRuntimeEndpoint: criSocket,
		Authentication: kubelet.KubeletAuthentication{
			Anonymous: kubelet.KubeletAnonymousAuthentication{Enabled: &no},
			Webhook:   kubelet.KubeletWebhookAuthentication{Enabled: &no},
		},
		Authorization: kubelet.KubeletAuthorization{Mode: kubelet.KubeletAuthorizationModeAlwaysAllow},
	})
	if err != nil {
		return file.File{}, err
	}
	return file.YAML("host/"+m.Name+"/kubelet.yaml", "The kubelet of "+m.Name+", which runs etcd and nothing else.", configuration)
}
