package kubeadm

import (
	"bulkhead.dev/bulkhead/internal/render/file"
)

const (
	// statusPort is where HAProxy of a machine tells, on loopback, whether it can
	// pass a connection on.
	statusPort = 8404
	// MetricsPort is where Prometheus finds HAProxy's own metrics.
	MetricsPort = 8405
)

// balancers returns HAProxy's and keepalived's files of every machine that has them.
func (l *Layout) balancers() ([]file.File, error) {
	var files []file.File
	for _, m := range l.Balancers() {
		data := balancerData{
			Layout: l, Self: m, Servers: l.ControlPlane(), StatusPort: statusPort, Check: checkScript,
			CA: BalancerCA, LogSocket: "/dev/log", AdminSocket: "/run/haproxy/admin.sock",
		}
		if l.Loopback {
			// From the folder of the machine's files, which HAProxy is started in: the
			// whole path may be longer than a socket's may be, and hold blanks.
			data.CA, data.LogSocket, data.AdminSocket = BalancerCA[1:], "unix@dev/log", "unix@run/haproxy/admin.sock"
		}
		for _, other := range l.Balancers() {
			if other.Name != m.Name {
				data.Peers = append(data.Peers, other)
			}
		}
		haproxy, err := fill("haproxy/"+m.Name+"/haproxy.cfg", "haproxy.cfg.tmpl", data)
		if err != nil {
			return nil, err
		}
		keepalived, err := fill("keepalived/"+m.Name+"/keepalived.conf", "keepalived.conf.tmpl", data)
		if err != nil {
			return nil, err
		}
		files = append(files, haproxy, keepalived)
	}
	check, err := fill("keepalived/check-haproxy.sh", "check-haproxy.sh.tmpl", balancerData{StatusPort: statusPort})
	if err != nil {
		return nil, err
	}
	check.Executable = true
	return append(files, check), nil
}

// On the machines: the CA that HAProxy verifies API servers with, and keepalived's
// check.
const (
	BalancerCA  = "/etc/haproxy/kubernetes-ca.crt"
	checkScript = scripts + "/check-haproxy.sh"
)

type balancerData struct {
	*Layout

	Self                   Machine
	Servers                []Machine
	Peers                  []Machine
	StatusPort             int
	Check                  string
	CA                     string
	LogSocket, AdminSocket string
}

// Bind is HAProxy's address: every one of the machine, so that it is reached by the
// machine's own as well as by the virtual IP, and starts without holding that.
func (d balancerData) Bind() string { return d.everywhere(d.BalancerPort) }

// BindStatus is where keepalived asks.
func (d balancerData) BindStatus() string {
	if d.Loopback {
		return d.everywhere(d.StatusPort)
	}
	return "127.0.0.1:" + decimal(d.StatusPort)
}

// BindMetrics is the exporter's address.
func (d balancerData) BindMetrics() string { return d.everywhere(MetricsPort) }

// everywhere is every address of the machine; on loopback it has one.
func (d balancerData) everywhere(port int) string {
	if d.Loopback {
		return hostPort(d.Self.Address.String(), port)
	}
	if d.Self.Address.Is6() {
		return ":::" + decimal(port) + " v4v6"
	}
	return "*:" + decimal(port)
}

// VirtualPrefix is the virtual IP as a network of one address: it routes nothing.
func (d balancerData) VirtualPrefix() string {
	return d.VirtualIP.String() + "/" + decimal(d.VirtualIP.BitLen())
}
