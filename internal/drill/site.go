//go:build linux

package drill

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/local"
	"bulkhead.dev/bulkhead/internal/local/fabric"
	"bulkhead.dev/bulkhead/internal/local/machine"
	"bulkhead.dev/bulkhead/internal/render/kubeadm"
)

// outside is where clients are that are in no zone; viaVIP is the API's address.
const (
	outside = "outside"
	viaVIP  = "vip"
)

// dialTimeout is when a client gives a connection up and makes another.
const dialTimeout = 500 * time.Millisecond

// etcdPort is where members of etcd serve clients.
const etcdPort = 2379

// site is a local cluster as a drill uses it.
type site struct {
	cluster *local.Cluster
	layout  *kubeadm.Layout
	fabric  *fabric.Client
	status  *fabric.Status
	api     kubernetes.Interface // through the port of this machine
	config  *rest.Config         // by the API's address, inside
	tls     *tls.Config          // of an administrator
	etcdTLS *tls.Config
	random  *rand.Rand
	clock   clock
	leaders *leaders

	mu       sync.Mutex
	networks map[string]network // outside, and one a zone; under mu
	left     []network          // of machines that have started again since

	allZones  []string
	nodeZones map[string]string
	// zones that the fault is in.
	zones []string
}

// open connects to everything of a cluster.
func open(ctx context.Context, c *local.Cluster) (_ *site, err error) {
	s := &site{cluster: c, layout: c.Layout, allZones: c.Zones(), networks: map[string]network{}, clock: newClock()}
	if s.fabric, err = c.Fabric(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.status, err = s.fabric.Status(); err != nil {
		return nil, err
	}
	if c.Loopback {
		s.settle(outside, host{})
	} else {
		n, err := enter(s.status.PID)
		if err != nil {
			return nil, err
		}
		s.settle(outside, n)
	}
	for _, zone := range s.allZones {
		if err := s.enterZone(zone); err != nil {
			return nil, err
		}
	}
	outer, err := c.Config()
	if err != nil {
		return nil, err
	}
	if s.api, err = kubernetes.NewForConfig(outer); err != nil {
		return nil, err
	}
	if s.config, err = c.Inside(); err != nil {
		return nil, err
	}
	if s.tls, err = rest.TLSConfigFor(s.config); err != nil {
		return nil, err
	}
	s.tls.ServerName = s.layout.EndpointHost
	s.tls.NextProtos = []string{"http/1.1"}
	if s.etcdTLS, err = s.etcdCredentials(); err != nil {
		return nil, err
	}
	if err := s.readNodes(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *site) close() {
	for _, n := range s.left {
		n.close()
	}
	for _, n := range s.networks {
		n.close()
	}
	_ = s.fabric.Close()
}

// enterZone finds a machine of the zone that clients of the zone are on.
func (s *site) enterZone(zone string) error {
	if s.cluster.Loopback {
		n, err := s.hostIn(zone)
		if err != nil {
			return err
		}
		s.settle(zone, n)
		return nil
	}
	for _, m := range s.status.Machines {
		if m.Zone == zone && m.On {
			n, err := enter(m.PID)
			if err != nil {
				return err
			}
			s.settle(zone, n)
			return nil
		}
	}
	return fmt.Errorf("zone %s has no machine with power: bulkhead apply makes it whole", zone)
}

// settle makes a network that of a zone's clients.
func (s *site) settle(zone string, n network) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.networks[zone]; old != nil {
		s.left = append(s.left, old)
	}
	s.networks[zone] = n
}

// etcdCredentials reads what the API servers use.
func (s *site) etcdCredentials() (*tls.Config, error) {
	const pki = "/etc/kubernetes/pki/"
	var files []machine.File
	err := s.fabric.Call("Fabric.Read", fabric.ReadRequest{
		Machine: s.layout.ControlPlane()[0].Name,
		Do:      []string{pki + "apiserver-etcd-client.crt", pki + "apiserver-etcd-client.key", pki + "etcd/ca.crt"},
	}, &files)
	if err != nil {
		return nil, fmt.Errorf("reading the credentials of etcd: %w", err)
	}
	pair, err := tls.X509KeyPair(files[0].Data, files[1].Data)
	if err != nil {
		return nil, fmt.Errorf("reading the credentials of etcd: %w", err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(files[2].Data)
	return &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: pool}, nil
}

func (s *site) machine(name string) (kubeadm.Machine, bool) {
	for _, m := range s.layout.Machines {
		if m.Name == name {
			return m, true
		}
	}
	return kubeadm.Machine{}, false
}

// apiOf is host:port of a machine's API server, or of the API's address for vip.
func (s *site) apiOf(via string) string {
	if m, ok := s.machine(via); ok {
		return net.JoinHostPort(m.Address.String(), strconv.Itoa(s.layout.APIPort))
	}
	return net.JoinHostPort(s.layout.VirtualIP.String(), strconv.Itoa(s.layout.EndpointPort))
}

// base is the URL of an API server.
func (s *site) base(via string) string { return "https://" + s.apiOf(via) }

// serviceOf is host:port of something that a machine serves: its API server, or its
// member of etcd, or HAProxy.
func (s *site) serviceOf(name string) string {
	m, _ := s.machine(name)
	port := s.layout.BalancerPort
	switch {
	case m.Role == v1alpha1.RoleControlPlane:
		port = s.layout.APIPort
	case m.Etcd:
		port = etcdPort
	}
	return net.JoinHostPort(m.Address.String(), strconv.Itoa(port))
}

// dial connects from somewhere.
func (s *site) dial(from, address string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return s.dialer(from)(ctx, "tcp", address)
}

// dialer connects from somewhere, also after the machine there has started again.
func (s *site) dialer(from string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		s.mu.Lock()
		n := s.networks[from]
		s.mu.Unlock()
		return n.dial(ctx, network, address)
	}
}

// connections that one client has at most: a control plane that is just starting is
// not asked for more handshakes than it can make, as it would not be by clients that
// keep theirs.
const connections = 64

// client is one of HTTP/1.1 from somewhere: every request is on a connection of its
// own while it lasts, so that one that hangs holds nobody else up.
func (s *site) client(from string, timeout time.Duration) *http.Client {
	return &http.Client{Timeout: timeout, Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, dialTimeout)
			defer cancel()
			return s.dialer(from)(ctx, network, address)
		},
		TLSClientConfig:     s.tls.Clone(),
		TLSHandshakeTimeout: min(timeout, 2*dialTimeout),
		TLSNextProto:        map[string]func(string, *tls.Conn) http.RoundTripper{},
		MaxIdleConnsPerHost: connections,
		MaxConnsPerHost:     connections,
		IdleConnTimeout:     30 * time.Second,
	}}
}

// clock is the runner's: seconds since the drill began.
type clock struct{ start time.Time }

func newClock() clock { return clock{time.Now()} }

// now is the time since the drill began, by the monotonic clock.
func (c clock) now() float64 { return time.Since(c.start).Seconds() }

// of converts a time that another process told, by the wall clock of this machine.
func (c clock) of(t time.Time) float64 { return max(0, t.Sub(c.start.Round(0)).Seconds()) }
