//go:build linux

package fabric

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// bridgeName is the bridge's in the fabric's namespace, linkName a machine's only
// link but the loopback.
const (
	bridgeName = "br0"
	linkName   = "eth0"
)

// makeBridge makes the bridge with the address, in this process's own namespace.
func makeBridge(address string) error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return fmt.Errorf("setting lo up: %w", err)
	}
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: bridgeName}}
	if err := netlink.LinkAdd(bridge); err != nil {
		return fmt.Errorf("making a bridge: %w", err)
	}
	a, err := netlink.ParseAddr(address)
	if err != nil {
		return err
	}
	if err := netlink.AddrAdd(bridge, a); err != nil {
		return fmt.Errorf("giving the bridge %s: %w", address, err)
	}
	return netlink.LinkSetUp(bridge)
}

// plug connects the network namespace of a process with the bridge.
func plug(port string, pid int, address, gateway string) error {
	unplug(port) // a namespace that lingers may still hold an old one
	bridge, err := netlink.LinkByName(bridgeName)
	if err != nil {
		return err
	}
	cable := &netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: port, MasterIndex: bridge.Attrs().Index},
		PeerName:  linkName, PeerNamespace: netlink.NsPid(pid),
	}
	if err := netlink.LinkAdd(cable); err != nil {
		return fmt.Errorf("making a cable: %w", err)
	}
	ours, err := netlink.LinkByName(port)
	if err != nil {
		return err
	}
	if err := netlink.LinkSetUp(ours); err != nil {
		return err
	}
	ns, err := netns.GetFromPid(pid)
	if err != nil {
		return err
	}
	defer func() { _ = ns.Close() }()
	inside, err := netlink.NewHandleAt(ns)
	if err != nil {
		return err
	}
	defer inside.Close()
	a, err := netlink.ParseAddr(address)
	if err != nil {
		return err
	}
	way, err := netlink.ParseAddr(gateway)
	if err != nil {
		return err
	}
	lo, err := inside.LinkByName("lo")
	if err != nil {
		return err
	}
	eth, err := inside.LinkByName(linkName)
	if err != nil {
		return err
	}
	return errors.Join(
		inside.LinkSetUp(lo),
		inside.AddrAdd(eth, a),
		inside.LinkSetUp(eth),
		inside.RouteAdd(&netlink.Route{LinkIndex: eth.Attrs().Index, Gw: way.IP}),
	)
}

// unplug takes a cable away, if it is there.
func unplug(port string) {
	if link, err := netlink.LinkByName(port); err == nil {
		_ = netlink.LinkDel(link)
	}
}

// table is where the rules of a fault stand; it is deleted whole.
const table = "bridge bulkhead"

// dropRules are the rules that lose packets, for nft(8). zones are port prefixes.
//
//	kind      | between machines (forward)      | with the outside (input, output)
//	----------+---------------------------------+---------------------------------
//	blackhole | zone → others, others → zone    | zone → outside, outside → zone
//	partition | one zone → other, and back      | –
//	egress    | zone → others                   | zone → outside
//	gateway   | –                               | any → outside, outside → any
//
// Machines of one zone always see each other.
func dropRules(kind DropKind, zones []string) (string, error) {
	var forward, input, output []string
	drop := func(list *[]string, match string) { *list = append(*list, match+" counter drop") }
	from := func(z string) string { return fmt.Sprintf("iifname %q", z+"*") }
	to := func(z string) string { return fmt.Sprintf("oifname %q", z+"*") }
	others := func(z string) (string, string) {
		return fmt.Sprintf("iifname != %q", z+"*"), fmt.Sprintf("oifname != %q", z+"*")
	}
	switch kind {
	case DropBlackhole, DropEgress:
		if len(zones) == 0 {
			return "", fmt.Errorf("a fault of kind %s needs a zone", kind)
		}
		for _, z := range zones {
			notFrom, notTo := others(z)
			drop(&forward, from(z)+" "+notTo)
			drop(&input, from(z))
			if kind == DropBlackhole {
				drop(&forward, notFrom+" "+to(z))
				drop(&output, to(z))
			}
		}
	case DropPartition:
		if len(zones) != 2 {
			return "", fmt.Errorf("a partition is between two zones, not %d", len(zones))
		}
		drop(&forward, from(zones[0])+" "+to(zones[1]))
		drop(&forward, from(zones[1])+" "+to(zones[0]))
	case DropGateway:
		drop(&input, `iifname "z*"`)
		drop(&output, `oifname "z*"`)
	default:
		return "", fmt.Errorf("no packets are called %q", kind)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "table %s {\n", table)
	for _, chain := range []struct {
		name  string
		rules []string
	}{{"forward", forward}, {"input", input}, {"output", output}} {
		fmt.Fprintf(&b, "chain %[1]s {\n type filter hook %[1]s priority 0;\n", chain.name)
		for _, rule := range chain.rules {
			fmt.Fprintf(&b, " %s\n", rule)
		}
		b.WriteString("}\n")
	}
	b.WriteString("}\n")
	return b.String(), nil
}

// noRules removes the table; it need not be there.
const noRules = "table " + table + "\ndelete table " + table + "\n"

func nft(script string, args ...string) (string, error) {
	cmd := exec.Command("nft", args...)
	cmd.Stdin = strings.NewReader(script)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("nft: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return string(out), nil
}

// forward passes connections on, each to the first that takes it, until the listener
// is closed.
func forward(l net.Listener, to []string) {
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of descriptors, for example: others may end meanwhile
			time.Sleep(10 * time.Millisecond)
			continue
		}
		go func() {
			defer func() { _ = conn.Close() }()
			other := dialFirst(to)
			if other == nil {
				return
			}
			defer func() { _ = other.Close() }()
			done := make(chan struct{}, 2)
			for _, pair := range [][2]net.Conn{{conn, other}, {other, conn}} {
				go func() {
					_, _ = io.Copy(pair[0], pair[1])
					done <- struct{}{}
				}()
			}
			<-done // one side is closed: so is the connection
		}()
	}
}

// dialFirst connects to the first of the addresses that answers, nil when none does.
func dialFirst(addresses []string) net.Conn {
	for _, a := range addresses {
		if conn, err := net.DialTimeout("tcp", a, dialTimeout); err == nil {
			return conn
		}
	}
	return nil
}
