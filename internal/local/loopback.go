//go:build linux

package local

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/render/kubeadm"
)

// WithoutRoot says what is different in a cluster that is made without root.
const WithoutRoot = "without root: zones are loopback addresses (127.x.ZONE.x), there is no virtual IP and no keepalived, and drills only kill and freeze processes (zone-power-loss, node, etcd-leader, api-server-hang, controller-leader, load-balancer)"

// lay returns where everything stands.
func (r *Record) lay() (*kubeadm.Layout, error) {
	if r.Loopback {
		return kubeadm.LayLoopback(r.Cluster, r.Plan, r.Number, r.Port)
	}
	return kubeadm.Lay(r.Cluster, r.Plan)
}

// mostNumbers is how many clusters on loopback are tried to be told apart.
const mostNumbers = 32

// number finds a number for the cluster with whose addresses nothing listens: 0 for
// the first, whose zone b is on 127.0.2.x.
func (r *Record) number() error {
	var taken error
	for r.Number = range mostNumbers {
		l, err := r.lay()
		if err != nil {
			return err
		}
		if err = free(l); err == nil {
			return nil
		}
		if taken == nil {
			taken = err
		}
	}
	return fmt.Errorf("looking for loopback addresses: %w\nhint: what listens on every address of this machine takes the port of the zones as well", taken)
}

// free tells whether every port of every machine can be listened on.
func free(l *kubeadm.Layout) error {
	for _, m := range l.Machines {
		if m.Role == v1alpha1.RoleWorker {
			continue
		}
		for _, port := range kubeadm.LoopbackPorts() {
			listener, err := net.Listen("tcp", net.JoinHostPort(m.Address.String(), strconv.Itoa(port)))
			if err != nil {
				return err
			}
			_ = listener.Close()
		}
	}
	return nil
}

// phaseFlags are what a phase of kubeadm needs where /etc/kubernetes is the host's:
// another folder for its kubeconfigs, and to be run dry to write static pods
// elsewhere. Where certificates go is in its configuration.
func phaseFlags(phase string) []string {
	switch kind, _, _ := strings.Cut(phase, " "); kind {
	case "kubeconfig":
		return []string{"--kubeconfig-dir=/etc/kubernetes"}
	case "control-plane", "etcd":
		return []string{"--dry-run"}
	}
	return nil
}

// ownServer lets a machine's controllers and schedulers ask its own API server where
// it listens: kubeadm has written down what it advertises.
func (m *maker) ownServer(x kubeadm.Machine) error {
	files, err := m.read(x.Name, "/etc/kubernetes/controller-manager.conf", "/etc/kubernetes/scheduler.conf")
	if err != nil {
		return err
	}
	url := func(address fmt.Stringer) []byte { return fmt.Appendf(nil, "https://%s:", address) }
	for i := range files {
		files[i].Data = bytes.ReplaceAll(files[i].Data, url(m.c.Layout.Advertised(x)), url(x.Address))
	}
	return m.write(x.Name, files)
}

// acquired is what a process says when it begins to lead (client-go,
// tools/leaderelection, acquire).
const acquired = `"Successfully acquired lease"`

// Leading tells which machines' processes lead, by what they say in their logs: a
// lease's holder is called after its host, and all machines on loopback have one
// host's name.
type Leading struct {
	c *Cluster

	mu   sync.Mutex
	logs map[string]*leadingLog // by path
}

type leadingLog struct {
	read int64
	last string // when it last began to lead, as klog writes it: "1127 22:54:59.249356"
}

// Leading starts to read.
func (c *Cluster) Leading() *Leading { return &Leading{c: c, logs: map[string]*leadingLog{}} }

// Of names the machine whose process began to lead last; "" when none has.
func (l *Leading) Of(process string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	name, last := "", ""
	for _, m := range l.c.Layout.ControlPlane() {
		path := l.c.MachineLog(m.Name, process)
		log := l.logs[path]
		if log == nil {
			log = &leadingLog{}
			l.logs[path] = log
		}
		log.readOn(path)
		if log.last > last {
			name, last = m.Name, log.last
		}
	}
	return name
}

// readOn reads the whole lines that have come.
func (l *leadingLog) readOn(path string) {
	f, err := os.Open(path)
	if err != nil {
		return
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil || info.Size() <= l.read {
		return
	}
	text := make([]byte, info.Size()-l.read)
	n, err := f.ReadAt(text, l.read)
	if err != nil {
		return
	}
	text = text[:bytes.LastIndexByte(text[:n], '\n')+1]
	l.read += int64(len(text))
	for line := range bytes.Lines(text) {
		if fields := strings.Fields(string(line)); len(fields) > 1 && len(fields[0]) > 1 && bytes.Contains(line, []byte(acquired)) {
			l.last = fields[0][1:] + " " + fields[1]
		}
	}
}
