//go:build linux

package local

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"k8s.io/client-go/kubernetes"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/local/fabric"
	"bulkhead.dev/bulkhead/internal/local/machine"
	"bulkhead.dev/bulkhead/internal/plan"
	"bulkhead.dev/bulkhead/internal/render/file"
	"bulkhead.dev/bulkhead/internal/render/kubeadm"
)

// Options of Apply.
type Options struct {
	Cluster *v1alpha1.Cluster
	Plan    *v1alpha1.ClusterPlan
	// Files are what render wrote for the cluster.
	Files []file.File
	// Home is the folder that clusters are kept in.
	Home string
	// Locate finds a component's program.
	Locate func(ctx context.Context, name string) (string, error)
	// Program and Name start this program again: its path, and what it calls itself.
	Program, Name string
	// Loopback makes it without root; see WithoutRoot.
	Loopback bool
	// Progress is told what is under way, if not nil.
	Progress func(what string, done, total int)
}

// applyTimeout and nodeTimeout bound the making of a cluster: some 20 s on two cores,
// and a fifth of a second for each node, of which the node lifecycle controller takes
// the taint not-ready with some four requests, of 20 a second (kube-controller-manager
// --kube-api-qps).
const (
	applyTimeout = 5 * time.Minute
	nodeTimeout  = time.Second
)

// A step of the making; they run in the order of steps.
type step struct {
	what string
	do   func(context.Context, *maker) error
}

func steps() []step {
	return []step{
		{"starting the machines", startMachines},
		{"making the certificate authorities", makeAuthorities},
		{"making certificates and static pods with kubeadm", runPhases},
		{"starting load balancers", startBalancers},
		{"starting etcd", startEtcd},
		{"starting API servers", startAPIServers},
		{"starting controllers and schedulers", startControllers},
		{"writing the kubeconfig", writeKubeconfig},
		{"registering nodes", startNodes},
		{"waiting until all is ready", awaitAll},
	}
}

// maker is the making of one cluster.
type maker struct {
	Options
	c        *Cluster
	fabric   *fabric.Client
	programs map[string]string
	api      kubernetes.Interface // by the port of this machine
}

// Apply makes the cluster, or brings the nodes of one that runs to what the Cluster
// says. What an earlier run left that was interrupted is taken away first. It
// returns what changed, for people.
func Apply(ctx context.Context, o Options) (*Cluster, string, error) {
	ctx, cancel := context.WithTimeout(ctx, applyTimeout+time.Duration(len(plan.Nodes(o.Plan, plan.SizeNow)))*nodeTimeout)
	defer cancel()
	if o.Progress == nil {
		o.Progress = func(string, int, int) {}
	}
	name := o.Cluster.Metadata.Name
	made, unlock, err := lock(o.Home, name)
	if err != nil {
		return nil, "", err
	}
	defer unlock()
	m := &maker{Options: o}
	inputs := m.digest()
	old, err := Open(o.Home, name)
	switch {
	case err == nil && !old.Ready.IsZero() && fabric.PID(old.Folder) != 0:
		if old.Inputs != inputs {
			return nil, "", fmt.Errorf("local cluster %s runs with another control plane or other zones, which cannot be changed in place\nhint: bulkhead delete -f FILE --yes, then apply again; node pools can be changed in place", name)
		}
		changed, err := m.update(ctx, old)
		return old, changed, err
	case err != nil && !errors.Is(err, ErrNone):
		return nil, "", err
	}
	if err := m.prerequisites(ctx); err != nil {
		return nil, "", err
	}
	if err := remove(filepath.Join(o.Home, name)); err != nil {
		return nil, "", fmt.Errorf("taking away what is left of %s: %w", name, err)
	}
	start := time.Now()
	if err := m.make(ctx, inputs, topmost(o.Home, made)); err != nil {
		// Logs are kept for whoever looks for the cause; the next apply or delete
		// takes them away.
		stop(filepath.Join(o.Home, name))
		return nil, "", fmt.Errorf("making local cluster %s: %w\nhint: logs are in %s; bulkhead delete takes them away", name, err, filepath.Join(o.Home, name, fabric.MachinesFolder))
	}
	return m.c, fmt.Sprintf("made in %s", time.Since(start).Round(100*time.Millisecond)), nil
}

// make makes the cluster from nothing.
func (m *maker) make(ctx context.Context, inputs, made string) error {
	door, port, err := openDoor(0)
	if err != nil {
		return err
	}
	defer func() { _ = door.Close() }()
	folder := filepath.Join(m.Home, m.Cluster.Metadata.Name)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	m.c = &Cluster{Folder: folder, Record: Record{Cluster: m.Cluster, Plan: m.Plan, Made: made, Inputs: inputs, Port: port, Loopback: m.Loopback}}
	if m.Loopback {
		if err := m.c.number(); err != nil {
			return err
		}
	}
	if m.c.Layout, err = m.c.lay(); err != nil {
		return err
	}
	if m.Loopback { // those that were rendered have the addresses of a network
		if m.Files, err = m.c.Layout.LocalFiles(m.Cluster); err != nil {
			return err
		}
	}
	if err := m.startFabric(ctx, door); err != nil {
		return err
	}
	defer func() { _ = m.fabric.Close() }()
	all := steps()
	for i, s := range all {
		m.Progress(s.what, i+1, len(all))
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.do(ctx, m); err != nil {
			return fmt.Errorf("%s: %w", s.what, err)
		}
	}
	m.c.Ready = time.Now()
	return m.c.save()
}

// tools are programs of the host that machines run; on loopback only the first.
var tools = []struct{ name, hint string }{
	{"haproxy", "apt-get install haproxy"},
	{"keepalived", "apt-get install keepalived"},
	{"nft", "apt-get install nftables"},
	{"curl", "apt-get install curl"},
}

// components are programs of Kubernetes that machines run.
var components = []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubeadm", "kwok"}

// prerequisites finds every program before anything is made.
func (m *maker) prerequisites(ctx context.Context) error {
	m.programs = map[string]string{}
	needed := tools
	if m.Loopback {
		needed = tools[:1] // HAProxy
	} else if os.Geteuid() != 0 {
		return errors.New("a local cluster's machines are namespaces, which need root\nhint: run it with sudo")
	}
	for _, t := range needed {
		path, err := LookPath(t.name)
		if err != nil {
			return fmt.Errorf("%s is not installed\nhint: %s", t.name, t.hint)
		}
		m.programs[t.name] = path
	}
	for i, name := range components {
		m.Progress("looking for "+name, i, len(components))
		path, err := m.Locate(ctx, name)
		if err != nil {
			return err
		}
		m.programs[name] = path
	}
	return nil
}

// LookPath is exec.LookPath that looks into the folders of administrators too.
func LookPath(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	for _, dir := range []string{"/usr/sbin", "/sbin", "/usr/local/sbin"} {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	return "", exec.ErrNotFound
}

// digest is of all that a change of which needs new machines: everything but the
// nodes.
func (m *maker) digest() string {
	h := sha256.New()
	for _, f := range m.Files {
		switch top, _, _ := strings.Cut(f.Path, "/"); top {
		case "kubeadm", "haproxy", "keepalived":
			_, _ = fmt.Fprintf(h, "%s %d\n%s\n", f.Path, len(f.Data), f.Data)
		}
	}
	_, _ = fmt.Fprintln(h, m.Plan.Zones)
	return hex.EncodeToString(h.Sum(nil))
}

// startFabric starts the fabric with its machines described, none of them on.
func (m *maker) startFabric(ctx context.Context, door *os.File) error {
	config := m.fabricConfig()
	text, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		return err
	}
	if err := replace(filepath.Join(m.c.Folder, fabric.ConfigFile), text, 0o600); err != nil {
		return err
	}
	if err := m.c.save(); err != nil {
		return err
	}
	for _, x := range config.Machines {
		folder := filepath.Join(m.c.Folder, fabric.MachinesFolder, x.Name)
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return err
		}
		text, err := json.Marshal(machine.Config{Name: x.Name, Programs: m.programs, Loopback: m.Loopback})
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, machine.ConfigFile), text, 0o600); err != nil {
			return err
		}
	}
	if err := spawnFabric(m.Program, m.Name, m.c.Folder, door, m.Loopback); err != nil {
		return err
	}
	return Await(ctx, "the fabric answers", func() (err error) {
		if m.fabric, err = fabric.Dial(m.c.Folder); err != nil && fabric.PID(m.c.Folder) == 0 {
			return errors.Join(err, logOf(filepath.Join(m.c.Folder, fabric.LogFile)))
		}
		return err
	})
}

// kubeletMachine is the machine whose kwok carries the nodes of a zone.
func kubeletMachine(cluster, zone string) string { return cluster + "-nodes-" + zone }

// fabricConfig lists the machines: those of the layout that run something, and one
// a zone for its nodes, which has the address of the zone's first worker.
func (m *maker) fabricConfig() fabric.Config {
	l, name := m.c.Layout, m.Cluster.Metadata.Name
	bits := networkOf(m.Cluster, m.Plan).Bits()
	config := fabric.Config{
		Cluster: name, Program: m.Program, Name: m.Name,
		Kubeconfig: filepath.Join(m.c.Folder, adminFile),
	}
	if l.Loopback {
		config.Loopback, bits = true, 8
		for _, zone := range m.Plan.Zones {
			for _, x := range l.Balancers() {
				if x.Zone == zone {
					config.Endpoints = append(config.Endpoints, netip.AddrPortFrom(x.Address, uint16(l.BalancerPort)).String())
				}
			}
		}
	} else {
		config.Bridge = fmt.Sprintf("%s/%d", networkOf(m.Cluster, m.Plan).Masked().Addr().Next(), bits)
		config.Endpoints = []string{l.Endpoint()}
	}
	// Zones are numbered by their order of appearance: the plan's.
	for _, zone := range m.Plan.Zones {
		for _, x := range l.Machines {
			if x.Zone != zone || x.Role == v1alpha1.RoleWorker {
				continue
			}
			config.Machines = append(config.Machines, fabric.Machine{
				Name: x.Name, Zone: x.Zone, Address: fmt.Sprintf("%s/%d", x.Address, bits),
				Services: m.balancerServices(x), Manifests: x.Role != v1alpha1.RoleLoadBalancer,
			})
		}
		if i := slices.IndexFunc(l.Machines, func(x kubeadm.Machine) bool { return x.Zone == zone && x.Role == v1alpha1.RoleWorker }); i >= 0 {
			config.Machines = append(config.Machines, fabric.Machine{
				Name: kubeletMachine(name, zone), Zone: zone, Nodes: true,
				Address:  fmt.Sprintf("%s/%d", l.Machines[i].Address, bits),
				Services: []machine.Service{m.kwok(zone)},
			})
		}
	}
	return config
}

// balancerServices are HAProxy and keepalived in the foreground; on loopback no
// address moves.
func (m *maker) balancerServices(x kubeadm.Machine) []machine.Service {
	if !x.Balancer {
		return nil
	}
	services := []machine.Service{{Name: haproxy, Argv: []string{"haproxy", "-db", "-f", "/etc/haproxy/haproxy.cfg"}}}
	if m.c.Layout.Loopback {
		return services
	}
	return append(services, machine.Service{Name: keepalived, Argv: []string{"keepalived", "--dont-fork", "--log-console", "--log-detail", "--use-file", "/etc/keepalived/keepalived.conf"}})
}

// The names of services, as faults and logs name them.
const (
	haproxy    = "haproxy"
	keepalived = "keepalived"
	kwokName   = "kwok"
)

// eachMachine does something for machines at the same time.
func eachMachine(machines []kubeadm.Machine, do func(kubeadm.Machine) error) error {
	errs := make([]error, len(machines))
	done := make(chan struct{})
	for i, x := range machines {
		go func() {
			defer func() { done <- struct{}{} }()
			if err := do(x); err != nil {
				errs[i] = fmt.Errorf("%s: %w", x.Name, err)
			}
		}()
	}
	for range machines {
		<-done
	}
	return errors.Join(errs...)
}

// topmost is the topmost folder that was made for this cluster or for another that is
// still there: whoever is deleted last takes it away.
func topmost(home, made string) string {
	names, err := List(home)
	if err != nil {
		return made
	}
	for _, name := range names {
		if c, err := Open(home, name); err == nil && len(c.Made) < len(made) {
			made = c.Made
		}
	}
	return made
}

// mkdirAll makes a folder and those above it, and returns the topmost that it made.
func mkdirAll(folder string) (made string, err error) {
	for at := folder; ; at = filepath.Dir(at) {
		if _, err := os.Stat(at); err == nil {
			break
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		made = at
	}
	return cmp.Or(made, folder), os.MkdirAll(folder, 0o700)
}
