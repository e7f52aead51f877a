//go:build linux

package local

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/local/fabric"
	"bulkhead.dev/bulkhead/internal/local/machine"
	"bulkhead.dev/bulkhead/internal/render/kubeadm"
)

// phaseTimeout bounds one phase of kubeadm; RSA keys take seconds on a busy machine.
const phaseTimeout = 2 * time.Minute

// startMachines gives every machine power and its files.
func startMachines(_ context.Context, m *maker) error {
	var names []string
	for _, x := range m.fabricConfig().Machines {
		names = append(names, x.Name)
	}
	if err := m.fabric.Call("Fabric.PowerOn", names, &machine.Nothing{}); err != nil {
		return err
	}
	return eachMachine(m.members(), func(x kubeadm.Machine) error {
		var files []machine.File
		for _, p := range m.c.Layout.Place(x) {
			mode, err := strconv.ParseUint(p.Mode, 8, 32)
			if err != nil {
				return err
			}
			data, err := m.rendered(p.From)
			if err != nil {
				return err
			}
			files = append(files, machine.File{Path: p.On, Mode: uint32(mode), Data: data})
		}
		return m.write(x.Name, files)
	})
}

// makeAuthorities makes the CAs once and sends them to where certificates are made,
// as the README of kubeadm's output does over SSH.
func makeAuthorities(_ context.Context, m *maker) error {
	l := m.c.Layout
	first := l.ControlPlane()[0]
	phases, files := []string{"ca", "front-proxy-ca", "sa"}, []string{"ca.crt", "ca.key", "front-proxy-ca.crt", "front-proxy-ca.key", "sa.key", "sa.pub"}
	etcdFiles := []string{"etcd/ca.crt", "etcd/ca.key"}
	if l.External() {
		voter := l.Voters()[0]
		if err := m.phases(voter.Name, []string{"certs etcd-ca", "certs apiserver-etcd-client"}); err != nil {
			return err
		}
		if err := m.send(voter, l.Voters()[1:], etcdFiles); err != nil {
			return err
		}
		if err := m.send(voter, l.ControlPlane(), []string{"etcd/ca.crt", "apiserver-etcd-client.crt", "apiserver-etcd-client.key"}); err != nil {
			return err
		}
	} else {
		phases, files = append(phases, "etcd-ca"), append(files, etcdFiles...)
	}
	for i, p := range phases {
		phases[i] = "certs " + p
	}
	if err := m.phases(first.Name, phases); err != nil {
		return err
	}
	if err := m.send(first, l.ControlPlane()[1:], files); err != nil {
		return err
	}
	ca, err := m.read(first.Name, pki+"ca.crt")
	if err != nil {
		return err
	}
	for _, x := range l.Balancers() {
		if err := m.write(x.Name, []machine.File{{Path: kubeadm.BalancerCA, Mode: 0o644, Data: ca[0].Data}}); err != nil {
			return err
		}
	}
	return nil
}

// pki is kubeadm's folder of certificates.
const pki = "/etc/kubernetes/pki/"

// runPhases has kubeadm make what each machine's static pods need.
func runPhases(_ context.Context, m *maker) error {
	l := m.c.Layout
	return eachMachine(m.members(), func(x kubeadm.Machine) error {
		switch x.Role {
		case v1alpha1.RoleControlPlane:
			phases := []string{"certs all", "kubeconfig all", "control-plane all"}
			if !l.External() {
				phases = append(phases, "etcd local")
			}
			if err := m.phases(x.Name, phases); err != nil || !l.Loopback {
				return err
			}
			return m.ownServer(x)
		case v1alpha1.RoleEtcd:
			return m.phases(x.Name, []string{"certs etcd-server", "certs etcd-peer", "certs etcd-healthcheck-client", "etcd local"})
		}
		return nil
	})
}

func startBalancers(_ context.Context, m *maker) error {
	return eachMachine(m.c.Layout.Balancers(), func(x kubeadm.Machine) error {
		return m.fabric.Call("Fabric.Serve", fabric.ServeRequest{Machine: x.Name, Do: m.balancerServices(x)}, &machine.Nothing{})
	})
}

func startEtcd(_ context.Context, m *maker) error {
	return eachMachine(m.c.Layout.Voters(), func(x kubeadm.Machine) error { return m.manifests(x.Name, "etcd") })
}

// startAPIServers returns when the API answers at its address: a majority of etcd
// is there, HAProxy has found a server that is ready, and keepalived holds the
// address.
func startAPIServers(ctx context.Context, m *maker) error {
	if err := eachMachine(m.c.Layout.ControlPlane(), func(x kubeadm.Machine) error { return m.manifests(x.Name, "kube-apiserver") }); err != nil {
		return err
	}
	config, err := m.superAdmin()
	if err != nil {
		return err
	}
	if m.api, err = kubernetes.NewForConfig(config); err != nil {
		return err
	}
	return Await(ctx, "the API answers at "+m.c.Layout.Endpoint(), func() error {
		ask, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		return m.api.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ask).Error()
	})
}

func startControllers(_ context.Context, m *maker) error {
	return eachMachine(m.c.Layout.ControlPlane(), func(x kubeadm.Machine) error {
		return m.manifests(x.Name, "kube-controller-manager", "kube-scheduler")
	})
}

// writeKubeconfig makes the administrators' group what kubeadm init makes it, and
// writes two kubeconfigs: for this machine, and for the inside of the network.
func writeKubeconfig(ctx context.Context, m *maker) error {
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "kubeadm:cluster-admins"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: "kubeadm:cluster-admins"}},
	}
	err := insist(ctx, "administrators are made", func(ctx context.Context) error {
		_, err := m.api.RbacV1().ClusterRoleBindings().Create(ctx, binding, metav1.CreateOptions{})
		return err
	})
	if err != nil {
		return err
	}
	files, err := m.read(m.c.Layout.ControlPlane()[0].Name, "/etc/kubernetes/admin.conf")
	if err != nil {
		return err
	}
	if err := replace(filepath.Join(m.c.Folder, adminFile), files[0].Data, 0o600); err != nil {
		return err
	}
	config, err := clientcmd.Load(files[0].Data)
	if err != nil {
		return err
	}
	name := m.Cluster.Metadata.Name
	// kubeadm's names are the cluster's with a user in front; ours is the cluster's.
	for old, x := range config.Contexts {
		delete(config.Contexts, old)
		config.Contexts[name] = x
	}
	config.CurrentContext = name
	for _, x := range config.Clusters {
		x.Server = fmt.Sprintf("https://127.0.0.1:%d", m.c.Port)
		x.TLSServerName = m.c.Layout.EndpointHost
	}
	text, err := clientcmd.Write(*config)
	if err != nil {
		return err
	}
	if err := replace(m.c.Kubeconfig(), text, 0o600); err != nil {
		return err
	}
	return m.connect()
}

// connect makes the client that the rest of the work uses.
func (m *maker) connect() error {
	config, err := m.c.Config()
	if err != nil {
		return err
	}
	m.api, err = kubernetes.NewForConfig(config)
	return err
}

// superAdmin connects as the one who needs no RBAC, by the port of this machine.
func (m *maker) superAdmin() (*rest.Config, error) {
	files, err := m.read(m.c.Layout.ControlPlane()[0].Name, "/etc/kubernetes/super-admin.conf")
	if err != nil {
		return nil, err
	}
	config, err := clientcmd.RESTConfigFromKubeConfig(files[0].Data)
	if err != nil {
		return nil, err
	}
	config.Host = fmt.Sprintf("https://127.0.0.1:%d", m.c.Port)
	config.ServerName = m.c.Layout.EndpointHost
	return config, nil
}

// members are the machines that run processes of their own.
func (m *maker) members() []kubeadm.Machine {
	return slices.DeleteFunc(slices.Clone(m.c.Layout.Machines), func(x kubeadm.Machine) bool { return x.Role == v1alpha1.RoleWorker })
}

// phases runs phases of kubeadm on a machine, one after the other.
func (m *maker) phases(name string, phases []string) error {
	for _, p := range phases {
		argv := append([]string{"kubeadm", "init", "phase"}, fields(p)...)
		if m.c.Layout.Loopback {
			argv = append(argv, phaseFlags(p)...)
		}
		if _, err := m.fabric.Run(name, machine.Command{Argv: append(argv, "--config", kubeadm.ConfigurationFile), Timeout: phaseTimeout}); err != nil {
			return err
		}
	}
	return nil
}

// send copies files below pki from a machine to others.
func (m *maker) send(from kubeadm.Machine, to []kubeadm.Machine, names []string) error {
	paths := []string{}
	for _, name := range names {
		paths = append(paths, pki+name)
	}
	files, err := m.read(from.Name, paths...)
	if err != nil {
		return err
	}
	for _, x := range to {
		if err := m.write(x.Name, files); err != nil {
			return err
		}
	}
	return nil
}

func (m *maker) write(name string, files []machine.File) error {
	return m.fabric.Call("Fabric.Write", fabric.WriteRequest{Machine: name, Do: files}, &machine.Nothing{})
}

func (m *maker) read(name string, paths ...string) ([]machine.File, error) {
	var files []machine.File
	err := m.fabric.Call("Fabric.Read", fabric.ReadRequest{Machine: name, Do: paths}, &files)
	return files, err
}

func (m *maker) manifests(name string, pods ...string) error {
	return m.fabric.Call("Fabric.ServeManifests", fabric.ManifestsRequest{Machine: name, Do: pods}, &machine.Nothing{})
}

// rendered returns a file of the output.
func (m *maker) rendered(path string) ([]byte, error) {
	for _, f := range m.Files {
		if f.Path == path {
			return f.Data, nil
		}
	}
	return nil, fmt.Errorf("render wrote no %s", path)
}
