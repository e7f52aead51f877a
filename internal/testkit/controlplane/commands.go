//go:build linux

package controlplane

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"sigs.k8s.io/yaml"

	"bulkhead.dev/bulkhead/internal/local/kwok"
)

// component is how to start one, any number of times.
type component struct {
	name string // kwok-b
	args []string
	// ready is the URL that answers 200, with a text that contains answer, when
	// the component is; empty when there is none.
	ready, answer string
}

// layout is where everything of one control plane is.
type layout struct {
	*authority
	dir                                             string // takes the files that components need
	server                                          string // the API server's URL
	api, manager, scheduler, etcdClients, etcdPeers endpoint
}

// newLayout makes the certificates, in dir, and finds a place for each server.
func newLayout(dir string) (*layout, error) {
	address, err := ownAddress()
	if err != nil {
		return nil, err
	}
	at, err := freePorts(address, 5)
	if err != nil {
		return nil, err
	}
	a, err := newAuthority(dir, address)
	if err != nil {
		return nil, fmt.Errorf("making certificates: %w", err)
	}
	return &layout{
		authority: a, dir: dir, server: "https://" + at[0].String(),
		api: at[0], manager: at[1], scheduler: at[2], etcdClients: at[3], etcdPeers: at[4],
	}, nil
}

// commands returns the components of a control plane, etcd and the API server
// first: the others need them.
func (l *layout) commands(o Options) ([]component, error) {
	manager, err := l.managerCommand(o.ControllerManagerFlags)
	if err != nil {
		return nil, err
	}
	all := []component{l.etcdCommand(), l.apiCommand(o.APIServerFlags), manager}
	if !o.Scheduler.Disabled {
		scheduler, err := l.schedulerCommand(o.Scheduler)
		if err != nil {
			return nil, err
		}
		all = append(all, scheduler)
	}
	if !o.DisableKwok {
		kwoks, err := l.kwokCommands(o)
		if err != nil {
			return nil, err
		}
		all = append(all, kwoks...)
	}
	return all, nil
}

func (l *layout) etcdCommand() component {
	clients, peers := "http://"+l.etcdClients.String(), "http://"+l.etcdPeers.String()
	return component{name: Etcd, ready: clients + "/readyz", args: []string{
		"--data-dir=" + filepath.Join(l.dir, "etcd"), "--unsafe-no-fsync",
		"--listen-client-urls=" + clients, "--advertise-client-urls=" + clients,
		"--listen-peer-urls=" + peers, "--initial-advertise-peer-urls=" + peers,
		"--initial-cluster=default=" + peers,
	}}
}

func (l *layout) apiCommand(flags []string) component {
	return component{name: APIServer, ready: l.server + "/readyz", args: slices.Concat(l.serving(l.api), []string{
		"--etcd-servers=http://" + l.etcdClients.String(),
		// What default/kubernetes points at. Loopback is not allowed there; this
		// is an address of RFC 5737 that nobody has.
		"--advertise-address=192.0.2.1",
		"--service-cluster-ip-range=" + serviceCIDR,
		"--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction",
		"--client-ca-file=" + l.path(caCert),
		"--requestheader-client-ca-file=" + l.path(frontProxyCert),
		"--requestheader-allowed-names=front-proxy-client",
		"--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + l.path(accountPublic),
		"--service-account-signing-key-file=" + l.path(accountKey),
		"--allow-privileged=true",
	}, flags)}
}

func (l *layout) managerCommand(flags []string) (component, error) {
	kubeconfig, err := l.kubeconfig(l.server, "system:kube-controller-manager")
	return component{
		name: ControllerManager,
		// It is healthy at once; when it has built its controllers, it names them.
		ready: "https://" + l.manager.String() + "/healthz?verbose", answer: "-controller ok",
		args: slices.Concat(l.serving(l.manager), delegated(kubeconfig), []string{
			"--kubeconfig=" + kubeconfig,
			"--leader-elect=false", "--use-service-account-credentials=true",
			"--kube-api-qps=1000", "--kube-api-burst=2000",
			"--root-ca-file=" + l.path(caCert), "--service-account-private-key-file=" + l.path(accountKey),
			"--cluster-signing-cert-file=" + l.path(caCert), "--cluster-signing-key-file=" + l.path(caKey),
		}, flags),
	}, err
}

func (l *layout) schedulerCommand(o SchedulerOptions) (component, error) {
	kubeconfig, err := l.kubeconfig(l.server, "system:kube-scheduler")
	if err != nil {
		return component{}, err
	}
	config, err := schedulerConfig(o.Config, kubeconfig)
	if err != nil {
		return component{}, err
	}
	file := filepath.Join(l.dir, "scheduler.yaml")
	return component{
		name: Scheduler, ready: "https://" + l.scheduler.String() + "/readyz",
		args: slices.Concat(l.serving(l.scheduler), delegated(kubeconfig), []string{"--config=" + file}, o.Flags),
	}, os.WriteFile(file, config, 0o600)
}

// kwokCommands returns one kwok for each zone, or one for all nodes.
func (l *layout) kwokCommands(o Options) ([]component, error) {
	lease := o.NodeLeaseDuration
	if lease == 0 {
		lease = defaultNodeLeaseDuration
	}
	file := filepath.Join(l.dir, "stages.yaml")
	if err := os.WriteFile(file, kwok.Stages, 0o600); err != nil {
		return nil, err
	}
	kubeconfig, err := l.kubeconfig(l.server, Kwok, "system:masters")
	if err != nil {
		return nil, err
	}
	options := kwok.Options{Kubeconfig: kubeconfig, Stages: file, LeaseSeconds: int(lease / time.Second)}
	if len(o.Zones) == 0 {
		options.CIDR = "10.128.0.0/9"
		return []component{{name: Kwok, args: slices.Concat(kwok.Arguments(options), o.KwokFlags)}}, nil
	}
	options.Label = zoneLabel
	var all []component
	for i, zone := range o.Zones {
		options.Value, options.CIDR = zone, fmt.Sprintf("10.%d.0.0/16", 128+i)
		all = append(all, component{name: kwokOf(zone), args: slices.Concat(kwok.Arguments(options), o.KwokFlags)})
	}
	return all, nil
}

// serving are the flags of a server of Kubernetes.
func (l *layout) serving(e endpoint) []string {
	return []string{
		"--bind-address=" + e.host, "--secure-port=" + strconv.Itoa(e.port),
		"--tls-cert-file=" + l.path(servingCert), "--tls-private-key-file=" + l.path(servingKey),
	}
}

// delegated are the flags of a component that has the API server decide who may
// read its metrics.
func delegated(kubeconfig string) []string {
	return []string{"--authentication-kubeconfig=" + kubeconfig, "--authorization-kubeconfig=" + kubeconfig}
}

// schedulerConfig completes a KubeSchedulerConfiguration: with --config,
// kube-scheduler ignores the flags for these.
func schedulerConfig(text, kubeconfig string) ([]byte, error) {
	config := map[string]any{}
	if err := yaml.Unmarshal([]byte(text), &config); err != nil {
		return nil, fmt.Errorf("reading the scheduler's configuration: %w", err)
	}
	set := func(m map[string]any, key string, value any) {
		if _, ok := m[key]; !ok {
			m[key] = value
		}
	}
	set(config, "apiVersion", "kubescheduler.config.k8s.io/v1")
	set(config, "kind", "KubeSchedulerConfiguration")
	set(config, "clientConnection", map[string]any{})
	set(config, "leaderElection", map[string]any{})
	if connection, ok := config["clientConnection"].(map[string]any); ok {
		set(connection, "kubeconfig", kubeconfig)
		set(connection, "qps", 1000)
		set(connection, "burst", 2000)
	}
	if election, ok := config["leaderElection"].(map[string]any); ok {
		set(election, "leaderElect", false)
	}
	return yaml.Marshal(config)
}
