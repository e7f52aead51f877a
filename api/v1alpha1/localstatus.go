package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// LocalClusterStatusKind is the kind of a LocalClusterStatus.
const LocalClusterStatusKind = "LocalClusterStatus"

// LocalClusterStatus is the result of `bulkhead status`: what runs of a cluster of
// provider local.
type LocalClusterStatus struct {
	metav1.TypeMeta `json:",inline"`

	Cluster string `json:"cluster"`
	// State is ready, degraded (something of it does not run), faulty (a drill's fault
	// is in force) or stopped (none of its processes runs).
	State string `json:"state"`
	// Why says what is not as it should be; empty when all is.
	Why []string `json:"why"`
	// Loopback: made without root; zones are loopback addresses and there is no virtual
	// IP.
	Loopback bool `json:"loopback,omitempty"`
	// Kubeconfig of its administrator, and the API's address inside.
	Kubeconfig string `json:"kubeconfig"`
	Endpoint   string `json:"endpoint"`
	// APIReady tells whether the API answers that it is ready.
	APIReady bool `json:"apiReady"`
	// Leaders by component, as the machine that leads.
	Leaders map[string]string `json:"leaders"`
	// Zones in the order of the plan.
	Zones []LocalZoneStatus `json:"zones"`
	// Fault in force, for people, and when it is taken back at the latest.
	Fault  string       `json:"fault,omitempty"`
	HealAt *metav1.Time `json:"healAt,omitempty"`
}

// LocalZoneStatus is one zone.
type LocalZoneStatus struct {
	Zone string `json:"zone"`
	// Nodes of Kubernetes, and those that are Ready.
	Nodes      int                  `json:"nodes"`
	NodesReady int                  `json:"nodesReady"`
	Machines   []LocalMachineStatus `json:"machines"`
}

// LocalMachineStatus is one machine.
type LocalMachineStatus struct {
	Name    string `json:"name"`
	Address string `json:"address"`
	// On: it has power.
	On        bool                 `json:"on"`
	Processes []LocalProcessStatus `json:"processes"`
}

// LocalProcessStatus is one process of a machine.
type LocalProcessStatus struct {
	Name string `json:"name"`
	// State is running, frozen, held or waiting (to be started again).
	State string `json:"state"`
	// Ready: it runs, and answers so where its static pod has a probe.
	Ready    bool `json:"ready"`
	Restarts int  `json:"restarts"`
}
