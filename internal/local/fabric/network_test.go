//go:build linux

package fabric

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write golden files instead of comparing")

// drops are faults that lose packets, by the name of their golden file.
func drops() map[string]Fault {
	return map[string]Fault{
		"blackhole":     {Drop: DropBlackhole, Zones: []string{"z0m"}},
		"blackhole-two": {Drop: DropBlackhole, Zones: []string{"z0m", "z2m"}},
		"partition":     {Drop: DropPartition, Zones: []string{"z0m", "z1m"}},
		"egress":        {Drop: DropEgress, Zones: []string{"z1m"}},
		"gateway":       {Drop: DropGateway},
	}
}

func TestDropRules(t *testing.T) {
	for name, f := range drops() {
		got, err := dropRules(f.Drop, f.Zones)
		if err != nil {
			t.Fatal(err)
		}
		golden := filepath.Join("testdata", name+".nft")
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatalf("%v: run the test with -update", err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (-golden +got):\n%s", name, diff)
		}
	}
	for _, c := range []struct {
		kind  DropKind
		zones []string
		want  string
	}{
		{DropPartition, []string{"z0m"}, "a partition is between two zones, not 1"},
		{DropPartition, []string{"z0m", "z1m", "z2m"}, "a partition is between two zones, not 3"},
		{DropBlackhole, nil, "a fault of kind blackhole needs a zone"},
		{DropEgress, nil, "a fault of kind egress needs a zone"},
		{"flood", []string{"z0m"}, `no packets are called "flood"`},
		{"", nil, `no packets are called ""`},
	} {
		if rules, err := dropRules(c.kind, c.zones); err == nil || err.Error() != c.want || rules != "" {
			t.Errorf("%q %q: %v, rules %q", c.kind, c.zones, err, rules)
		}
	}
}

// TestPrefixes: no zone's ports begin like another's.
func TestPrefixes(t *testing.T) {
	for a := range 12 {
		h := host{zone: a, index: 99}
		if len(h.port()) > 15 {
			t.Errorf("%s is no name of a link: more than IFNAMSIZ-1", h.port())
		}
		for b := range 12 {
			if strings.HasPrefix(h.port(), zonePorts(b)) != (a == b) {
				t.Errorf("%s and zone %d", h.port(), b)
			}
		}
	}
}

// TestNFT gives every script to nft, each in a network namespace that ends with it.
func TestNFT(t *testing.T) {
	root(t)
	program, err := exec.LookPath("nft")
	if err != nil {
		missing(t, "nft is not installed: apt-get install nftables")
	}
	folder := t.TempDir()
	off := filepath.Join(folder, "off.nft")
	if err := os.WriteFile(off, []byte(noRules), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, f := range drops() {
		rules, err := dropRules(f.Drop, f.Zones)
		if err != nil {
			t.Fatal(err)
		}
		on := filepath.Join(folder, name+".nft")
		if err := os.WriteFile(on, []byte(rules), 0o600); err != nil {
			t.Fatal(err)
		}
		// The rules are made, gone, and need not be there to be taken away.
		const script = `set -e; $0 -f "$1"; $0 list table bridge bulkhead; echo ==; $0 -f "$2"; $0 -f "$2"; $0 list ruleset`
		cmd := exec.CommandContext(t.Context(), "sh", "-c", script, program, on, off)
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v: %s", name, err, out)
			continue
		}
		listed, after, _ := strings.Cut(string(out), "==\n")
		if got, want := strings.Count(listed, "counter packets 0 bytes 0 drop"), strings.Count(rules, "counter drop"); got != want || want == 0 {
			t.Errorf("%s: %d rules of %d are counted:\n%s", name, got, want, listed)
		}
		if after != "" {
			t.Errorf("%s: what is left: %s", name, after)
		}
	}
}

// local listens on a free port.
func local(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func dial(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(limit)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestForward(t *testing.T) {
	door, api := local(t), local(t)
	done := make(chan struct{})
	go func() { forward(door, []string{api.Addr().String()}); close(done) }()

	var pairs [2][2]net.Conn
	for i := range pairs {
		outside := dial(t, door)
		inside, err := api.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = inside.Close() })
		if err := inside.SetDeadline(time.Now().Add(limit)); err != nil {
			t.Fatal(err)
		}
		pairs[i] = [2]net.Conn{outside, inside}
	}
	for i, pair := range pairs { // both directions of both connections
		for j := range pair {
			text := fmt.Sprintf("%d from %d", i, j)
			if _, err := pair[j].Write([]byte(text)); err != nil {
				t.Fatal(err)
			}
			got := make([]byte, len(text))
			if _, err := io.ReadFull(pair[1-j], got); err != nil || string(got) != text {
				t.Errorf("%q, not %q: %v", got, text, err)
			}
		}
	}
	for i, pair := range pairs { // either side ends it
		_ = pair[i].Close()
		if _, err := pair[1-i].Read(make([]byte, 1)); !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("connection %d does not end: %v", i, err)
		}
	}

	_ = api.Close() // nobody there: the connection is closed, the door stays
	for range 2 {
		if _, err := dial(t, door).Read(make([]byte, 1)); !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("nobody there: %v", err)
		}
	}
	_ = door.Close()
	select {
	case <-done:
	case <-time.After(limit):
		t.Error("it goes on without a listener")
	}
}

// TestListenIn makes a socket in a folder whose path is longer than an address of a
// socket may be.
func TestListenIn(t *testing.T) {
	folder := filepath.Join(t.TempDir(), strings.Repeat("long", 30))
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := net.Dial("unix", filepath.Join(folder, ControlSocket)); err == nil || errors.Is(err, os.ErrNotExist) {
		t.Fatalf("a path of %d bytes is no trouble: %v", len(folder), err)
	}
	for range 2 { // the second time in the place of the first
		l, err := listenIn(folder, ControlSocket)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		info, err := os.Stat(filepath.Join(folder, ControlSocket))
		if err != nil || info.Mode() != os.ModeSocket|0o600 {
			t.Errorf("mode %v, %v", info, err)
		}
		c, err := Dial(folder)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
	}
	if _, err := listenIn(filepath.Join(folder, "none"), ControlSocket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
}
