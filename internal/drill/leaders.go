//go:build linux

package drill

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/vishvananda/netlink"

	"bulkhead.dev/bulkhead/api/v1alpha1"
)

const (
	controllerManager = "kube-controller-manager"
	scheduler         = "kube-scheduler"
	etcd              = "etcd"
)

// How often members of etcd and links of machines are looked at: a tenth of what is
// measured.
const (
	etcdInterval = 50 * time.Millisecond
	vipInterval  = 20 * time.Millisecond
)

// leaders knows who leads and where the API's address is, as last seen.
type leaders struct {
	site    *site
	journal *journal
	etcds   *http.Client

	mu      sync.Mutex
	known   map[string]string // by component; vip for the address
	views   map[string]view   // of etcd, by machine
	members map[string]string // machine by etcd's id of the member
	ids     map[string]string // and the other way round
	without map[string]bool   // machines without power: nobody holds an address there
}

// view is what a member of etcd says.
type view struct {
	leader string // a member's id; "0" is nobody
	term   uint64
	fresh  time.Time
}

func newLeaders(s *site, j *journal) *leaders {
	return &leaders{
		site: s, journal: j, known: map[string]string{}, views: map[string]view{}, members: map[string]string{}, ids: map[string]string{}, without: map[string]bool{},
		etcds: &http.Client{Timeout: 500 * time.Millisecond, Transport: &http.Transport{
			DialContext: s.networks[outside].dial, TLSClientConfig: s.etcdTLS, TLSHandshakeTimeout: 500 * time.Millisecond, MaxIdleConnsPerHost: 2,
		}},
	}
}

// watch looks until ctx ends.
func (l *leaders) watch(ctx context.Context, group *sync.WaitGroup) {
	for _, m := range l.site.layout.Voters() {
		group.Go(func() {
			every(ctx, etcdInterval, func() { l.seeEtcd(ctx, m.Name) })
		})
	}
	if l.site.cluster.Loopback {
		l.watchLogs(ctx, group)
		return
	}
	group.Go(func() { l.watchAddress(ctx) })
}

// every does something again and again until ctx ends; what takes longer than the
// interval is done less often.
func every(ctx context.Context, interval time.Duration, do func()) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		do()
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// of is who leads, by lease: "" when nobody is known to.
func (l *leaders) of(component string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.known[component]
}

func (l *leaders) etcd() string { return l.of(etcd) }

// vip is the machine that the API's address leads to. On loopback that is the first
// whose HAProxy takes connections, which is the first while nothing is amiss.
func (l *leaders) vip() string {
	if l.site.cluster.Loopback {
		return l.site.firstBalancer()
	}
	return l.of(viaVIP)
}

// set notes who leads when it is another than before.
func (l *leaders) set(component, machine, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	old, seen := l.known[component]
	if seen && old == machine {
		return
	}
	l.known[component] = machine
	kind := v1alpha1.ObservedLeader
	if component == viaVIP {
		kind = v1alpha1.ObservedVIP
	}
	l.journal.note(v1alpha1.DrillObservation{Kind: kind, Object: component, Where: machine, Text: text})
}

// etcdStatus is the answer of etcd's own API (Maintenance.Status) as its gateway
// writes it in JSON: numbers of 64 bits are texts.
type etcdStatus struct {
	Header struct {
		Member string `json:"member_id"`
	} `json:"header"`
	Leader string   `json:"leader"`
	Term   string   `json:"raftTerm"`
	Errors []string `json:"errors"`
}

func (l *leaders) ask(ctx context.Context, machine, method string, body any, out any) error {
	m, _ := l.site.machine(machine)
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	url := "https://" + net.JoinHostPort(m.Address.String(), strconv.Itoa(etcdPort)) + "/v3/maintenance/" + method
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(text))
	if err != nil {
		return err
	}
	response, err := l.etcds.Do(r)
	if err != nil {
		return err
	}
	text, err = io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("etcd on %s: status %d: %.200s", machine, response.StatusCode, text)
	}
	return json.Unmarshal(text, out)
}

// seeEtcd asks one member whom it follows. Those of the highest term decide.
func (l *leaders) seeEtcd(ctx context.Context, machine string) {
	var s etcdStatus
	err := l.ask(ctx, machine, "status", struct{}{}, &s)
	l.mu.Lock()
	if err != nil {
		delete(l.views, machine)
	} else {
		term, _ := strconv.ParseUint(s.Term, 10, 64) // 0 when it is missing
		l.views[machine] = view{leader: s.Leader, term: term, fresh: time.Now()}
		l.members[s.Header.Member], l.ids[machine] = machine, s.Header.Member
	}
	newest, leader := uint64(0), ""
	for _, v := range l.views {
		if name, known := l.members[v.leader]; v.term > newest || v.term == newest && leader == "" {
			newest, leader = v.term, ""
			if known {
				leader = name
			}
		}
	}
	known := len(l.views) > 0
	l.mu.Unlock()
	if known && ctx.Err() == nil {
		l.set(etcd, leader, fmt.Sprintf("term %d", newest))
	}
}

// voters counts the members of etcd that answer and follow somebody.
func (l *leaders) voters() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, v := range l.views {
		if v.leader != "0" && v.leader != "" {
			n++
		}
	}
	return n
}

// moveEtcd has the leader hand over to the member on a machine.
func (l *leaders) moveEtcd(ctx context.Context, machine string) error {
	l.mu.Lock()
	leader, id := l.known[etcd], l.ids[machine]
	l.mu.Unlock()
	if leader == machine {
		return nil
	}
	if id == "" {
		return fmt.Errorf("etcd on %s does not answer", machine)
	}
	var out struct{}
	return l.ask(ctx, leader, "transfer-leadership", map[string]string{"targetID": id}, &out)
}

// powerless says which machines have lost their power: their namespaces may linger,
// with their addresses, as long as somebody has a socket there.
func (l *leaders) powerless(names []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.without = map[string]bool{}
	for _, name := range names {
		l.without[name] = true
	}
}

// watchAddress looks at the links of the load balancers' machines.
func (l *leaders) watchAddress(ctx context.Context) {
	links := map[string]*addresses{}
	defer func() {
		for _, a := range links {
			a.close()
		}
	}()
	every(ctx, vipInterval, func() {
		var holders []string
		for _, m := range l.site.layout.Balancers() {
			l.mu.Lock()
			without := l.without[m.Name]
			l.mu.Unlock()
			if without {
				if links[m.Name] != nil {
					links[m.Name].close()
					delete(links, m.Name)
				}
				continue
			}
			if links[m.Name] == nil {
				links[m.Name] = l.site.addressesOf(m.Name) // nil while it cannot be looked at
			}
			if links[m.Name] != nil && links[m.Name].has(l.site.layout.VirtualIP.String()) {
				holders = append(holders, m.Name)
			}
		}
		slices.Sort(holders)
		l.set(viaVIP, strings.Join(holders, ","), "")
	})
}

// addresses reads the addresses of a machine's links.
type addresses struct{ handle *netlink.Handle }

func (s *site) addressesOf(name string) *addresses {
	status, err := s.fabric.Status()
	if err != nil {
		return nil
	}
	for _, m := range status.Machines {
		if m.Name != name || !m.On {
			continue
		}
		return addressesIn(m.PID)
	}
	return nil
}

// addressesIn is nil when the process is gone.
func addressesIn(pid int) *addresses {
	n, err := enter(pid)
	if err != nil {
		return nil
	}
	defer n.close()
	var handle *netlink.Handle
	n.do(func() { handle, err = netlink.NewHandle() })
	if err != nil {
		return nil
	}
	return &addresses{handle}
}

func (a *addresses) has(address string) bool {
	list, err := a.handle.AddrList(nil, netlink.FAMILY_V4)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(list, func(x netlink.Addr) bool { return x.IP.String() == address })
}

func (a *addresses) close() { a.handle.Close() }
