//go:build linux

package controlplane

import "time"

// Options for a control plane. The zero value is one with kubeadm's defaults, as
// far as they matter here, and a single kwok for all nodes.
//
// Flags are given last, so that they win over those that this package sets.
type Options struct {
	// Zones are the values of topology.kubernetes.io/zone that have a kwok of
	// their own, named kwok-ZONE. Nodes in other zones have no kubelet. Empty
	// means one process, kwok, for all nodes.
	Zones []string

	// NodeLeaseDuration is the kubelet's nodeLeaseDurationSeconds, in whole
	// seconds; a lease is renewed every quarter of it. 0 means 40 s, as in
	// KubeletConfiguration. A --node-monitor-grace-period has to be longer than
	// a quarter of it, with room to spare.
	NodeLeaseDuration time.Duration

	Scheduler              SchedulerOptions
	APIServerFlags         []string
	ControllerManagerFlags []string
	KwokFlags              []string
	DisableKwok            bool

	// LogDir is where the logs go, and stay; empty means a temporary folder,
	// which is kept only when a test has failed.
	LogDir string
}

// SchedulerOptions are about kube-scheduler.
type SchedulerOptions struct {
	// Config is a KubeSchedulerConfiguration, in YAML. What it leaves out of
	// clientConnection and leaderElection is added.
	Config   string
	Flags    []string
	Disabled bool
}

// The names of the components. A kwok of a zone is called kwok-ZONE.
const (
	Etcd              = "etcd"
	APIServer         = "kube-apiserver"
	ControllerManager = "kube-controller-manager"
	Scheduler         = "kube-scheduler"
	Kwok              = "kwok"
)

const (
	// defaultNodeLeaseDuration is the kubelet's:
	// k8s.io/kubernetes/pkg/kubelet/apis/config/v1beta1, SetDefaults_KubeletConfiguration.
	defaultNodeLeaseDuration = 40 * time.Second
	// startTimeout bounds the start of the whole; it takes about 10 s on two
	// idle cores.
	startTimeout = 2 * time.Minute
	// stopTimeout is how long a component may take to end by itself.
	stopTimeout = 5 * time.Second
	// pollInterval is the time between two questions whether a component is ready.
	pollInterval = 25 * time.Millisecond
)
