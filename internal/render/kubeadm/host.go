package kubeadm

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/render/file"
)

const (
	// scripts is where install.sh puts scripts on a machine.
	scripts = "/usr/local/lib/bulkhead"
	// copied is where a machine has a copy of the output folder.
	copied = "/var/lib/bulkhead/files"
)

// Placed says where on a machine a file of the output goes.
type Placed struct {
	// From is a path in the output, On one on the machine.
	From, On string
	// Mode in octal, for install(1).
	Mode string
}

// hostData is what the templates of one machine or of all are filled with.
type hostData struct {
	*Layout

	Cluster string
	Self    Machine
	// Minor is y of Kubernetes 1.y.z, Version is x.y.z.
	Minor   int
	Version string
	Keep    int
	// Files and Folders (file://) and Buckets (s3://) that snapshots go to.
	Placed  []Placed
	Timers  []string
	Folders []string
	Buckets []string
	// Parts are what prepare.sh sets up on this machine.
	Parts []string
	// Mirror of registries; empty for none.
	Mirror string
	// TCP ports that must be free on this machine before the cluster is made.
	Ports []int
}

// newHostData returns what is the same on all machines.
func (l *Layout) newHostData(c *v1alpha1.Cluster) (hostData, error) {
	minor, err := minorOf(c.Spec.KubernetesVersion)
	if err != nil {
		return hostData{}, err
	}
	data := hostData{Layout: l, Cluster: c.Metadata.Name, Minor: minor, Version: c.Spec.KubernetesVersion}
	if m := c.Spec.Network.RegistryMirror; m != nil {
		u, err := url.Parse(m.Endpoint)
		if err != nil || u.Host == "" || strings.ContainsAny(m.Endpoint, "\"'\\\n") {
			return hostData{}, fmt.Errorf("spec.network.registryMirror.endpoint %q is not a URL", m.Endpoint)
		}
		data.Mirror = m.Endpoint
	}
	if c.Spec.Backup == nil {
		return data, nil
	}
	data.Keep = valueOr(c.Spec.Backup.Keep, 28)
	for i, d := range c.Spec.Backup.Destinations {
		u, err := url.Parse(d)
		switch {
		case err == nil && u.Scheme == "file" && strings.HasPrefix(u.Path, "/"):
			data.Folders = append(data.Folders, strings.TrimRight(u.Path, "/"))
		case err == nil && u.Scheme == "s3" && u.Host != "":
			data.Buckets = append(data.Buckets, strings.TrimRight(d, "/"))
		default:
			return hostData{}, fmt.Errorf("spec.backup.destinations[%d] %q is neither s3://BUCKET/PREFIX nor file:///FOLDER", i, d)
		}
	}
	return data, nil
}

// kubernetes tells whether a machine runs a kubelet.
func (m Machine) kubernetes() bool { return m.Role != v1alpha1.RoleLoadBalancer }

// member tells whether a machine has certificates that must be renewed.
func (m Machine) member() bool { return m.Role == v1alpha1.RoleControlPlane || m.Etcd }

// hosts returns what the owner's machines get: scripts for all, units, and for each
// machine its own files, an installer and cloud-init.
func (l *Layout) hosts(c *v1alpha1.Cluster, others []file.File) ([]file.File, error) {
	data, err := l.newHostData(c)
	if err != nil {
		return nil, err
	}
	files := slices.Clone(others)
	common := []string{"prepare.sh", "etcdctl.sh", "discovery.sh", "certificates.sh", "etcd-restore.sh"}
	if c.Spec.Backup != nil {
		common = append(common, "etcd-backup.sh")
	}
	for _, name := range common {
		script, err := fill("host/"+name, name+".tmpl", data)
		if err != nil {
			return nil, err
		}
		script.Executable = true
		files = append(files, script)
	}
	failed, err := fill("systemd/bulkhead-failed@.service", "bulkhead-failed@.service.tmpl", data)
	if err != nil {
		return nil, err
	}
	files = append(files, failed)
	for _, m := range l.Machines {
		own, where, err := l.host(c, data, m)
		if err != nil {
			return nil, fmt.Errorf("rendering host %q: %w", m.Name, err)
		}
		files = append(files, own...)
		seed, err := cloudInit(m, where, files)
		if err != nil {
			return nil, fmt.Errorf("rendering host %q: %w", m.Name, err)
		}
		files = append(files, seed)
	}
	return files, nil
}

// host returns the files that only one machine has, and where each of its files
// goes.
func (l *Layout) host(c *v1alpha1.Cluster, data hostData, m Machine) ([]file.File, []Placed, error) {
	data.Self = m
	data.Placed = []Placed{{"host/" + m.Name + "/host.env", "/etc/bulkhead/host.env", "0644"}}
	var files []file.File
	place := func(from, on, mode string) { data.Placed = append(data.Placed, Placed{from, on, mode}) }

	if m.kubernetes() {
		data.Parts = append(data.Parts, "kubernetes")
		place("kubeadm/"+m.Name+"/kubeadm.yaml", ConfigurationFile, "0600")
	}
	if m.Role == v1alpha1.RoleControlPlane {
		place("kubeadm/authentication.yaml", authenticationFile, "0644")
		place("host/discovery.sh", scripts+"/discovery.sh", "0755")
	}
	if m.Role == v1alpha1.RoleEtcd {
		configuration, err := etcdKubelet(m)
		if err != nil {
			return nil, nil, err
		}
		dropIn, err := fill("host/"+m.Name+"/20-etcd.conf", "20-etcd.conf.tmpl", data)
		if err != nil {
			return nil, nil, err
		}
		files = append(files, configuration, dropIn)
		place("host/"+m.Name+"/kubelet.yaml", onHost+"/kubelet.yaml", "0644")
		place("host/"+m.Name+"/20-etcd.conf", "/etc/systemd/system/kubelet.service.d/20-etcd.conf", "0644")
	}
	if m.Balancer {
		data.Parts = append(data.Parts, "load-balancer")
		l.placeBalancer(m, place)
	}
	units, err := l.units(c, m)
	if err != nil {
		return nil, nil, err
	}
	files = append(files, units...)
	if len(units) > 0 {
		place("systemd/bulkhead-failed@.service", "/etc/systemd/system/bulkhead-failed@.service", "0644")
		place("host/certificates.sh", scripts+"/certificates.sh", "0755")
	}
	if m.Etcd {
		place("host/etcdctl.sh", etcdctlScript, "0755")
		place("host/etcd-restore.sh", scripts+"/etcd-restore.sh", "0755")
		if c.Spec.Backup != nil {
			place("host/etcd-backup.sh", scripts+"/etcd-backup.sh", "0755")
			if len(data.Buckets) > 0 {
				data.Parts = append(data.Parts, "s3")
			}
		}
	}
	for _, u := range units {
		name := u.Path[strings.LastIndexByte(u.Path, '/')+1:]
		place(u.Path, "/etc/systemd/system/"+name, "0644")
		if strings.HasSuffix(name, ".timer") {
			data.Timers = append(data.Timers, name)
		}
	}
	data.Ports = l.ports(m)
	for _, t := range []struct{ path, template string }{
		{"host/" + m.Name + "/host.env", "host.env.tmpl"},
		{"host/" + m.Name + "/install.sh", "install.sh.tmpl"},
	} {
		f, err := fill(t.path, t.template, data)
		if err != nil {
			return nil, nil, err
		}
		f.Executable = strings.HasSuffix(t.path, ".sh")
		files = append(files, f)
	}
	return files, data.Placed, nil
}

// ports are those that must be free on a machine (kubeadm's preflight checks them
// for an API server's machine, but not HAProxy's).
func (l *Layout) ports(m Machine) []int {
	var ports []int
	if m.Role == v1alpha1.RoleControlPlane {
		ports = append(ports, l.APIPort, 10257, 10259)
	}
	if m.Etcd {
		ports = append(ports, etcdClientPort, etcdPeerPort, etcdMetricsPort)
	}
	if m.kubernetes() {
		ports = append(ports, 10250)
	}
	if m.Balancer {
		ports = append(ports, l.EndpointPort, statusPort, MetricsPort)
	}
	slices.Sort(ports)
	return ports
}

// cloudConfig is the part of cloud-init's format that is used (its modules hostname,
// write_files and runcmd).
type cloudConfig struct {
	Hostname         string       `json:"hostname"`
	PreserveHostname bool         `json:"preserve_hostname"`
	WriteFiles       []cloudWrite `json:"write_files"`
	RunCmd           [][]string   `json:"runcmd"`
}

type cloudWrite struct {
	Path        string `json:"path"`
	Permissions string `json:"permissions"`
	Content     string `json:"content"`
}

// cloudInit does at a machine's first start what the README does over SSH: the
// files that the machine needs are put where the whole output would be copied to,
// and the same scripts run.
func cloudInit(m Machine, where []Placed, files []file.File) (file.File, error) {
	install := "host/" + m.Name + "/install.sh"
	config := cloudConfig{Hostname: m.Name, RunCmd: [][]string{{"bash", copied + "/" + install, "--prepare"}}}
	needed := map[string]bool{"host/prepare.sh": true, install: true}
	for _, p := range where {
		needed[p.From] = true
	}
	for _, f := range files {
		if !needed[f.Path] {
			continue
		}
		mode := "0600"
		if f.Executable {
			mode = "0700"
		}
		config.WriteFiles = append(config.WriteFiles, cloudWrite{Path: copied + "/" + f.Path, Permissions: mode, Content: string(f.Data)})
	}
	slices.SortFunc(config.WriteFiles, func(a, b cloudWrite) int { return cmp.Compare(a.Path, b.Path) })
	f, err := file.YAML("cloud-init/"+m.Name+".yaml", "", config)
	if err != nil {
		return file.File{}, err
	}
	f.Data = slices.Concat([]byte("#cloud-config\n# Prepares "+m.Name+" ("+m.Zone+") at its first start.\n"), f.Data)
	return f, nil
}
