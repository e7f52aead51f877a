//go:build linux

package machine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestBackOff(t *testing.T) {
	for _, c := range []struct {
		failures int
		want     time.Duration
	}{
		{0, 0},
		{1, 0},
		{2, 10 * time.Second},
		{3, 20 * time.Second},
		{4, 40 * time.Second},
		{5, 80 * time.Second},
		{6, 160 * time.Second},
		{7, 5 * time.Minute},
		{8, 5 * time.Minute},
		{1 << 20, 5 * time.Minute},
	} {
		if got := backOff(c.failures); got != c.want {
			t.Errorf("after %d ends in a row it waits %s, not %s", c.failures, got, c.want)
		}
	}
}

// newTestMachine is a machine without namespaces; what it runs ends with the test.
func newTestMachine(t *testing.T) *Machine {
	t.Helper()
	m := newMachine(Config{Name: "m1", Programs: map[string]string{"shell": "/bin/sh"}}, t.TempDir())
	t.Cleanup(func() {
		var all []Status
		if err := m.Status(Nothing{}, &all); err != nil {
			t.Error(err)
		}
		for _, s := range all {
			if err := m.Hold(s.Name, nil); err != nil {
				t.Error(err)
			}
			until(t, s.Name+" ends", func() bool { return statusOf(t, m, s.Name).PID == 0 })
		}
		m.keeper.Close()
	})
	return m
}

func serve(t *testing.T, m *Machine, name string, argv ...string) {
	t.Helper()
	if err := m.Serve([]Service{{Name: name, Argv: argv}}, nil); err != nil {
		t.Fatal(err)
	}
}

func statusOf(t *testing.T, m *Machine, name string) Status {
	t.Helper()
	var all []Status
	if err := m.Status(Nothing{}, &all); err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("no service %s in %v", name, all)
	return Status{}
}

// becomes waits until a service is in a state after so many restarts.
func becomes(t *testing.T, m *Machine, name string, state State, restarts int) Status {
	t.Helper()
	var s Status
	until(t, name+" becomes "+string(state), func() bool {
		s = statusOf(t, m, name)
		return s.State == state && s.Restarts == restarts && (state != Held || s.PID == 0)
	})
	return s
}

// do calls a request about one service.
func do(t *testing.T, request func(string, *Nothing) error, name string) {
	t.Helper()
	if err := request(name, &Nothing{}); err != nil {
		t.Fatal(err)
	}
}

// TestHold ends a service and its children, and starts it only when it is released.
func TestHold(t *testing.T) {
	m := newTestMachine(t)
	serve(t, m, "sleeper", "shell", "-c", "echo started; sleep 1000 & wait")
	first := becomes(t, m, "sleeper", Running, 0)
	if first.PID == 0 || first.Last != "" || first.Since.IsZero() {
		t.Errorf("it runs: %+v", first)
	}
	if err := m.Serve([]Service{{Name: "sleeper", Argv: []string{"true"}}}, nil); err != nil {
		t.Fatal(err)
	}
	if again := statusOf(t, m, "sleeper"); again != first {
		t.Errorf("served twice: %+v, then %+v", first, again)
	}

	do(t, m.Hold, "sleeper")
	held := becomes(t, m, "sleeper", Held, 0)
	if !strings.HasPrefix(held.Last, "signal: killed after ") || held.Since.Before(first.Since) {
		t.Errorf("it is held: %+v", held)
	}
	if alive(t, first.PID) {
		t.Error("its process lives")
	}

	do(t, m.Release, "sleeper")
	second := becomes(t, m, "sleeper", Running, 1)
	if second.PID == first.PID || second.Last != held.Last {
		t.Errorf("it runs again: %+v", second)
	}
	log := filepath.Join(m.logs, "sleeper.log")
	until(t, "both runs log", func() bool {
		text, err := os.ReadFile(log)
		return err == nil && string(text) == "started\nstarted\n"
	})
	do(t, m.Release, "sleeper") // of nothing
	if s := statusOf(t, m, "sleeper"); s != second {
		t.Errorf("released twice: %+v, then %+v", second, s)
	}
}

// TestHoldFirst: a service that is held before it ever ran has no restarts.
func TestHoldFirst(t *testing.T) {
	m := newTestMachine(t)
	s := &service{name: "sleeper", argv: []string{"sleep", "1000"}, wake: make(chan struct{}, 1), held: true}
	m.services = append(m.services, s)
	go s.keep(m)
	becomes(t, m, "sleeper", Held, 0)
	do(t, m.Release, "sleeper")
	if s := becomes(t, m, "sleeper", Running, 0); s.Last != "" {
		t.Errorf("it runs for the first time: %+v", s)
	}
}

func TestFreeze(t *testing.T) {
	m := newTestMachine(t)
	serve(t, m, "sleeper", "sleep", "1000")
	before := becomes(t, m, "sleeper", Running, 0)
	do(t, m.Freeze, "sleeper")
	if s := statusOf(t, m, "sleeper"); s.State != Frozen || s.PID != before.PID {
		t.Errorf("it is frozen: %+v", s)
	}
	until(t, "it stops", func() bool { return processState(t, before.PID) == "T" })
	do(t, m.Release, "sleeper")
	until(t, "it goes on", func() bool { return processState(t, before.PID) == "S" })
	if s := statusOf(t, m, "sleeper"); s != before {
		t.Errorf("before %+v, after %+v", before, s)
	}
}

// TestFreezeWhileDown: a service that is frozen while it waits is frozen when it
// starts, as Status says.
func TestFreezeWhileDown(t *testing.T) {
	m := newTestMachine(t)
	flag := filepath.Join(t.TempDir(), "flag")
	serve(t, m, "sleeper", "shell", "-c", "test -e "+flag+" && exec sleep 1000")
	becomes(t, m, "sleeper", Waiting, 1)
	do(t, m.Freeze, "sleeper")
	if err := os.WriteFile(flag, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	m.mu.Lock() // as if the back-off had passed
	m.services[0].failures = 0
	m.services[0].wake <- struct{}{}
	m.mu.Unlock()
	s := becomes(t, m, "sleeper", Frozen, 2)
	until(t, "it stops", func() bool { return processState(t, s.PID) == "T" })
	do(t, m.Release, "sleeper")
	until(t, "it goes on", func() bool { return processState(t, s.PID) == "S" })
	becomes(t, m, "sleeper", Running, 2)
}

// TestEnds: a service that ends is started again at once, then waits, unless it is
// released.
func TestEnds(t *testing.T) {
	m := newTestMachine(t)
	serve(t, m, "quitter", "shell", "-c", "exit 4")
	s := becomes(t, m, "quitter", Waiting, 1)
	if s.PID != 0 || !strings.HasPrefix(s.Last, "exit status 4 after ") {
		t.Errorf("it waits: %+v", s)
	}
	do(t, m.Hold, "quitter") // while it waits
	becomes(t, m, "quitter", Held, 1)
	do(t, m.Release, "quitter")
	becomes(t, m, "quitter", Waiting, 3)
}

// TestKilledByItself: what somebody else kills is started again at once.
func TestKilledByItself(t *testing.T) {
	m := newTestMachine(t)
	serve(t, m, "sleeper", "sleep", "1000")
	first := becomes(t, m, "sleeper", Running, 0)
	p, err := os.FindProcess(first.PID)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	if s := becomes(t, m, "sleeper", Running, 1); s.PID == first.PID || !strings.HasPrefix(s.Last, "signal: killed after ") {
		t.Errorf("it runs again: %+v", s)
	}
}

func TestNoSuchProgram(t *testing.T) {
	m := newTestMachine(t)
	serve(t, m, "nothing", "/does/not/exist")
	s := becomes(t, m, "nothing", Waiting, 1)
	if !strings.Contains(s.Last, "/does/not/exist") {
		t.Errorf("it waits: %+v", s)
	}
	for name, request := range map[string]func(string, *Nothing) error{"Hold": m.Hold, "Release": m.Release, "Freeze": m.Freeze} {
		if err := request("other", &Nothing{}); err == nil || err.Error() != "m1 runs no other" {
			t.Errorf("%s: %v", name, err)
		}
	}
}
