//go:build linux

package fabric

import (
	"errors"
	"io/fs"
	"net"
	"net/rpc"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulkhead.dev/bulkhead/internal/local/machine"
)

// TestFabric makes every fault on machines that run nothing but an echo, one after
// the other; each is healed before the next.
func TestFabric(t *testing.T) {
	r := start(t)
	sub := func(name string, f func(t *testing.T)) {
		t.Run(name, func(t *testing.T) {
			outer := r.t
			r.t = t
			defer func() { r.t = outer }()
			f(t)
		})
		if t.Failed() {
			t.FailNow() // what comes next stands on it
		}
	}
	sub("whole", func(t *testing.T) {
		r.whole()
		s := r.status()
		if s.Cluster != "test" || s.PID != r.process.Cmd.Process.Pid || s.PID != PID(r.folder) || s.Fault != nil || !s.HealAt.IsZero() {
			t.Errorf("status %+v", s)
		}
		for i, m := range s.Machines {
			if m.Name != names[i] || m.Zone != names[i][:1] || !m.On || m.PID == 0 || len(m.Services) != 1 || m.Services[0].State != machine.Running {
				t.Errorf("machine %d: %+v", i, m)
			}
		}
		r.call("PowerOn", names, &machine.Nothing{}) // those that have it keep it
		if diff := cmp.Diff(s, r.status()); diff != "" {
			t.Errorf("powered on twice (-before +after):\n%s", diff)
		}
		r.signs()
		if h, err := r.Heal(); err != nil || h.By != "" || h.Faulty {
			t.Errorf("healed without a fault: %+v, %v", h, err)
		}
	})
	sub("requests", r.requests)
	sub("blackhole", func(*testing.T) {
		r.inject(Fault{Drop: DropBlackhole, Zones: []string{"a"}, Within: minute})
		r.reaches(func(from, to string) bool { return from[:1] != to[:1] && (from[:1] == "a" || to[:1] == "a") })
		r.drops()
		r.heal()
	})
	sub("partition", func(*testing.T) {
		r.inject(Fault{Drop: DropPartition, Zones: []string{"a", "b"}, Within: minute})
		r.reaches(func(from, to string) bool {
			zones := from[:1] + to[:1]
			return zones == "ab" || zones == "ba"
		})
		r.drops()
		r.heal()
	})
	sub("egress", func(t *testing.T) {
		r.inject(Fault{Drop: DropEgress, Zones: []string{"a"}, Within: minute})
		// A connection needs both ways; what needs one arrives.
		log := filepath.Join(r.folder, MachinesFolder, "a1", machine.LogFolder, echoName+".log")
		until(t, "a word from b1 arrives", func() bool {
			if _, err := r.Run("b1", machine.Command{Argv: []string{r.exe, sendArgument, net.JoinHostPort(addresses["a1"], echoPort)}, Timeout: limit}); err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(log)
			return err == nil && strings.Contains(string(text), "heard a word")
		})
		r.reaches(func(from, to string) bool { return from[:1] != to[:1] && (from[:1] == "a" || to[:1] == "a") })
		r.drops()
		r.heal()
	})
	sub("gateway", func(*testing.T) {
		r.inject(Fault{Drop: DropGateway, Within: minute})
		r.reaches(func(from, _ string) bool { return from == outside })
		r.drops()
		r.heal()
	})
	sub("hold", func(t *testing.T) {
		before := r.service("b1")
		r.inject(Fault{Hold: []Process{{"b1", echoName}}, Within: minute})
		r.reaches(func(_, to string) bool { return to == "b1" })
		r.signs("echo on b1 is held")
		if s := r.service("b1"); s.State != machine.Held || s.PID != 0 {
			t.Errorf("%+v", s)
		}
		r.heal()
		if s := r.service("b1"); s.State != machine.Running || s.PID == before.PID {
			t.Errorf("before %+v, after %+v", before, s)
		}
	})
	sub("freeze", func(t *testing.T) {
		before := r.service("c1")
		r.inject(Fault{Freeze: []Process{{"c1", echoName}}, Within: minute})
		r.reaches(func(_, to string) bool { return to == "c1" })
		r.signs("echo on c1 is frozen")
		r.heal()
		if s := r.service("c1"); s != before {
			t.Errorf("before %+v, after %+v", before, s)
		}
	})
	sub("power", func(t *testing.T) {
		if _, err := r.Run("b1", machine.Command{Argv: []string{"sh", "-c", "echo kept > /etc/bulkhead-test; echo lost > /run/bulkhead-test"}, Timeout: limit}); err != nil {
			t.Fatal(err)
		}
		was := r.status().machine(t, "b1")
		r.inject(Fault{PowerOff: []string{"b1", "a2"}, Within: minute})
		ends(t, []int{was.PID})
		r.reaches(func(from, to string) bool { return from == "b1" || to == "b1" || from == "a2" || to == "a2" })
		r.signs("machine b1 has no process and no cable", "machine a2 has no process and no cable")
		if m := r.status().machine(t, "b1"); m.On || m.PID != 0 || len(m.Services) > 0 {
			t.Errorf("without power: %+v", m)
		}
		if _, err := r.Run("b1", machine.Command{Argv: []string{"true"}, Timeout: limit}); err == nil || err.Error() != "b1 has no power" {
			t.Errorf("running on it: %v", err)
		}
		r.heal()
		if m := r.status().machine(t, "b1"); !m.On || m.PID == was.PID || len(m.Services) != 1 {
			t.Errorf("with power again: %+v", m)
		}
		if got, err := r.Run("b1", machine.Command{Argv: []string{"sh", "-c", "cat /etc/bulkhead-test; ! test -e /run/bulkhead-test"}, Timeout: limit}); err != nil || got != "kept\n" {
			t.Errorf("its disk: %q, %v", got, err)
		}
	})
	sub("an init dies", func(t *testing.T) {
		was := r.status().machine(t, "c1")
		if err := syscall.Kill(was.PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		until(t, "it has power again", func() bool { // once the fabric knows that it had none
			r.call("PowerOn", []string{"c1"}, &machine.Nothing{})
			m := r.status().machine(t, "c1")
			return m.On && m.PID != was.PID
		})
		ends(t, []int{was.PID})
		r.call("Serve", ServeRequest{Machine: "c1", Do: r.services()}, &machine.Nothing{})
		r.whole()
	})
	sub("refused", r.refused)
	sub("dead-man", func(t *testing.T) {
		// Whoever made the fault is gone.
		r.inject(Fault{Drop: DropBlackhole, Zones: []string{"b"}, Hold: []Process{{"c1", echoName}}, PowerOff: []string{"a2"}, Within: time.Second})
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		r.dial()
		until(t, "the dead-man heals", func() bool {
			h, err := r.Healed()
			if err != nil {
				t.Fatal(err)
			}
			if len(h.Errors) > 0 {
				t.Fatal(h.Errors)
			}
			return h.By == ByDeadMan && !h.Faulty
		})
		r.whole()
		r.signs()
		if s := r.status(); s.Fault != nil || !s.HealAt.IsZero() {
			t.Errorf("status %+v", s)
		}
		// The next fault is not his.
		r.inject(Fault{Drop: DropGateway, Within: minute})
		r.heal()
	})
	sub("shutdown", func(t *testing.T) {
		r.inject(Fault{Drop: DropGateway, Freeze: []Process{{"b1", echoName}}, Within: minute})
		all := r.everything()
		if len(all) < 1+2*len(names) {
			t.Fatalf("processes %v: no fabric, inits and echoes", all)
		}
		if err := r.Call("Fabric.Shutdown", machine.Nothing{}, &machine.Nothing{}); err != nil && !errors.Is(err, rpc.ErrShutdown) && !strings.Contains(err.Error(), "EOF") {
			t.Error(err)
		}
		select {
		case <-r.process.Done():
		case <-time.After(limit):
			t.Fatal("it does not end")
		}
		if code := r.process.Cmd.ProcessState.ExitCode(); code != 0 {
			t.Error(r.process.Failure())
		}
		ends(t, all)
		if pid := PID(r.folder); pid != 0 {
			t.Errorf("process %d", pid)
		}
		if _, err := Dial(r.folder); !errors.Is(err, ErrNotRunning) {
			t.Error(err)
		}
		if _, err := os.Stat(filepath.Join(r.folder, ControlSocket)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the socket is left: %v", err)
		}
	})
}

// requests about single machines.
func (r *rig) requests(t *testing.T) {
	files := []machine.File{{Path: "/etc/bulkhead-test/a", Mode: 0o640, Data: []byte("text")}}
	r.call("Write", WriteRequest{Machine: "c1", Do: files}, &machine.Nothing{})
	var got []machine.File
	r.call("Read", ReadRequest{Machine: "c1", Do: []string{files[0].Path}}, &got)
	if diff := cmp.Diff(files, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	const pod = "metadata: {name: sleeper}\nspec: {containers: [{name: a, command: [sleep, '1000']}]}\n"
	files = []machine.File{{Path: "/etc/kubernetes/manifests/sleeper.yaml", Mode: 0o600, Data: []byte(pod)}}
	r.call("Write", WriteRequest{Machine: "c1", Do: files}, &machine.Nothing{})
	r.call("ServeManifests", ManifestsRequest{Machine: "c1", Do: []string{"other"}}, &machine.Nothing{})
	if n := len(r.status().machine(t, "c1").Services); n != 1 {
		t.Errorf("%d services: a static pod of another name was started", n)
	}
	r.call("ServeManifests", ManifestsRequest{Machine: "c1", Do: []string{"sleeper"}}, &machine.Nothing{})
	until(t, "the static pod runs", func() bool {
		s := r.status().machine(t, "c1").Services
		return len(s) == 2 && s[1].Name == "sleeper" && s[1].State == machine.Running
	})
	// A machine whose Config says so starts them; this one's does not.
	r.inject(Fault{PowerOff: []string{"c1"}, Within: minute})
	r.heal()
	if s := r.service("c1"); s.Name != echoName {
		t.Errorf("%+v", s)
	}
	said, err := r.Run("c1", machine.Command{Argv: []string{"sh", "-c", "echo no; exit 3"}, Timeout: limit})
	if want := "running sh -c echo no; exit 3 on c1: exit code 3\nno"; said != "no\n" || err == nil || err.Error() != want {
		t.Errorf("%q, %v", said, err)
	}
	if _, err := r.Run("d1", machine.Command{Argv: []string{"true"}, Timeout: limit}); err == nil || err.Error() != `there is no machine "d1"` {
		t.Errorf("no such machine: %v", err)
	}
}

// refused are faults that cannot be made: nothing of them stays.
func (r *rig) refused(t *testing.T) {
	before := r.status()
	for _, c := range []struct {
		name, want string
		fault      Fault
	}{
		{"no end", "a fault needs a time after which it is taken back", Fault{Drop: DropGateway}},
		{"an end in the past", "a fault needs a time after which it is taken back", Fault{Drop: DropGateway, Within: -1}},
		{"no such packets", `no packets are called "flood"`, Fault{Drop: "flood", Within: minute}},
		{"no such zone", `there is no machine in zone "d"`, Fault{Drop: DropBlackhole, Zones: []string{"d"}, Within: minute}},
		{"no such machine", `there is no machine "d1"`, Fault{Drop: DropGateway, PowerOff: []string{"b1", "d1"}, Within: minute}},
		{"no such service", "b1 runs no other", Fault{Drop: DropGateway, Hold: []Process{{"b1", "other"}}, Within: minute}},
		{"no such machine of a service", `there is no machine "d1"`, Fault{Drop: DropGateway, Freeze: []Process{{"d1", echoName}}, Within: minute}},
		{"no power of a service", "c1 has no power", Fault{PowerOff: []string{"c1"}, Hold: []Process{{"c1", echoName}}, Within: minute}},
		{"no API", "stat " + filepath.Join(r.folder, "none"), Fault{Drop: DropBlackhole, Zones: []string{"a"}, Nodes: []string{"n1"}, Within: minute}},
	} {
		if _, err := r.Inject(c.fault); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
		if s := r.status(); s.Fault != nil || !s.HealAt.IsZero() {
			t.Errorf("%s: the fault %+v is in force until %s", c.name, s.Fault, s.HealAt)
		}
		r.signs()
	}
	r.whole()
	for _, name := range []string{"a1", "a2", "b1"} {
		if was, is := before.machine(t, name), r.status().machine(t, name); was.PID != is.PID || !is.On {
			t.Errorf("%s: before %+v, after %+v", name, was, is)
		}
	}

	first := Fault{Drop: DropPartition, Zones: []string{"a", "c"}, Within: minute}
	injected := r.inject(first)
	if _, err := r.Inject(Fault{Drop: DropGateway, Within: minute}); err == nil || !strings.HasPrefix(err.Error(), "a fault is in force already") {
		t.Errorf("a second fault: %v", err)
	}
	s := r.status()
	if diff := cmp.Diff(&first, s.Fault); diff != "" {
		t.Errorf("the fault in force (-want +got):\n%s", diff)
	}
	if end := s.HealAt; end.Before(injected.Began) || end.After(injected.Done.Add(minute)) {
		t.Errorf("it is healed at %s; injected %+v", end, injected)
	}
	if h, err := r.Healed(); err != nil || !h.Faulty {
		t.Errorf("healed %+v, %v", h, err)
	}
	r.reaches(func(from, to string) bool {
		zones := from[:1] + to[:1]
		return zones == "ac" || zones == "ca"
	})
	r.heal()
}

// TestFabricKilled: the kernel ends the machines of a fabric that was killed, and the
// socket that is left answers nobody.
func TestFabricKilled(t *testing.T) {
	r := start(t)
	until(t, "inits and echoes run", func() bool { return len(r.everything()) >= 1+2*len(names) })
	all := r.everything()
	r.process.Kill()
	ends(t, all)
	if pid := PID(r.folder); pid != 0 {
		t.Errorf("process %d", pid)
	}
	if _, err := Dial(r.folder); !errors.Is(err, ErrNotRunning) {
		t.Error(err)
	}
}
