//go:build linux

package fabric

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bulkhead.dev/bulkhead/internal/local/machine"
	"bulkhead.dev/bulkhead/internal/local/process"
)

// The machines of the tests, by zone; the API is the echo of a1.
var (
	addresses = map[string]string{"a1": "10.77.0.11", "a2": "10.77.0.12", "b1": "10.77.0.13", "c1": "10.77.0.14"}
	names     = slices.Sorted(maps.Keys(addresses))
)

const (
	echoPort = "7000"
	echoName = "echo"
	// outside stands for the machine outside, which comes in by the door.
	outside = "outside"
	minute  = time.Minute
)

// rig is a fabric that runs, with its machines.
type rig struct {
	*Client
	t       *testing.T
	folder  string
	exe     string
	door    string // address of this machine that leads to the API
	process *process.Process
}

// start starts the test program as a fabric, which ends with the test.
func start(t *testing.T) *rig {
	t.Helper()
	root(t)
	if _, err := exec.LookPath("nft"); err != nil {
		missing(t, "nft is not installed: apt-get install nftables")
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, folder: t.TempDir(), exe: exe}
	config := Config{Cluster: "test", Program: exe, Name: exe, Bridge: "10.77.0.1/24", Endpoints: []string{net.JoinHostPort(addresses["a1"], echoPort)}, Kubeconfig: filepath.Join(r.folder, "none")}
	for _, name := range names {
		config.Machines = append(config.Machines, Machine{Name: name, Zone: name[:1], Address: addresses[name] + "/24", Services: r.services()})
		r.save(filepath.Join(MachinesFolder, name, machine.ConfigFile), machine.Config{Name: name})
	}
	r.save(ConfigFile, config)
	listener := local(t)
	r.door = listener.Addr().String()
	door, err := listener.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close() // the fabric has it
	k := process.NewKeeper()
	t.Cleanup(k.Close)
	r.process, err = k.Run("fabric", &exec.Cmd{
		Path: exe, Args: []string{exe, Argument, r.folder}, Dir: "/", Env: []string{"PATH=" + os.Getenv("PATH")},
		ExtraFiles: []*os.File{door}, SysProcAttr: &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET},
	}, filepath.Join(r.folder, LogFile))
	_ = door.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if r.Client != nil {
			_ = r.Close()
		}
		r.process.Kill() // and the kernel its machines
		if t.Failed() {
			t.Log(process.Tail(r.process.LogPath))
		}
	})
	r.dial()
	r.call("PowerOn", names, &machine.Nothing{})
	for _, name := range names {
		r.call("Serve", ServeRequest{Machine: name, Do: r.services()}, &machine.Nothing{})
	}
	return r
}

func (r *rig) services() []machine.Service {
	return []machine.Service{{Name: echoName, Argv: []string{r.exe, echoArgument, ":" + echoPort}}}
}

// save writes JSON into the cluster's folder.
func (r *rig) save(path string, value any) {
	r.t.Helper()
	path = filepath.Join(r.folder, path)
	text, err := json.Marshal(value)
	if err := errors.Join(err, os.MkdirAll(filepath.Dir(path), 0o755)); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) dial() {
	r.t.Helper()
	until(r.t, "the fabric answers", func() bool {
		if !r.process.Running() {
			r.t.Fatal(r.process.Failure())
		}
		c, err := Dial(r.folder)
		if err != nil && !errors.Is(err, ErrNotRunning) {
			r.t.Fatal(err)
		}
		r.Client = c
		return err == nil
	})
}

func (r *rig) call(method string, in, out any) {
	r.t.Helper()
	if err := r.Call("Fabric."+method, in, out); err != nil {
		r.t.Fatal(method, ": ", err)
	}
}

func (r *rig) status() *Status {
	r.t.Helper()
	s, err := r.Status()
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

func (s *Status) machine(t *testing.T, name string) MachineStatus {
	t.Helper()
	i := slices.IndexFunc(s.Machines, func(m MachineStatus) bool { return m.Name == name })
	if i < 0 {
		t.Fatalf("no machine %s in %+v", name, s)
	}
	return s.Machines[i]
}

// service is the state of a machine's only service.
func (r *rig) service(name string) machine.Status {
	r.t.Helper()
	m := r.status().machine(r.t, name)
	if len(m.Services) != 1 {
		r.t.Fatalf("%s runs %+v", name, m.Services)
	}
	return m.Services[0]
}

func (r *rig) inject(f Fault) Injected {
	r.t.Helper()
	out, err := r.Inject(f)
	if err != nil {
		r.t.Fatal(err)
	}
	if out.Began.IsZero() || out.Done.Before(out.Began) {
		r.t.Errorf("injected %+v", out)
	}
	return out
}

// heal takes the fault back as the runner, after which all reach all.
func (r *rig) heal() {
	r.t.Helper()
	before := time.Now()
	h, err := r.Heal()
	if err != nil || h.By != ByRunner || h.Faulty || len(h.Errors) > 0 || h.At.Before(before) {
		r.t.Errorf("healed %+v, %v", h, err)
	}
	r.whole()
}

// signs matches what can be seen of the fault with the lines that begin so.
func (r *rig) signs(beginnings ...string) {
	r.t.Helper()
	got, err := r.Signs()
	if err != nil {
		r.t.Fatal(err)
	}
	match := len(got) == len(beginnings)
	for i := range got {
		match = match && strings.HasPrefix(got[i], beginnings[i])
	}
	if !match {
		r.t.Errorf("signs %q, not %q", got, beginnings)
	}
}

// drops wants packets lost; the sign tells how many.
func (r *rig) drops() {
	r.t.Helper()
	got, err := r.Signs()
	var packets int
	if err != nil || len(got) != 1 {
		r.t.Fatalf("signs %q, %v", got, err)
	}
	if _, err := fmt.Sscanf(got[0], "%d packets dropped on the bridge", &packets); err != nil || packets == 0 {
		r.t.Errorf("signs %q, %v", got, err)
	}
}

// reach tells who gets an answer from whom: all machines from each other and the
// API from outside, "a1 > b1".
func (r *rig) reach() map[string]bool {
	var (
		group sync.WaitGroup
		mu    sync.Mutex
	)
	out := map[string]bool{}
	try := func(from, to string, ask func() error) {
		group.Go(func() {
			err := ask()
			mu.Lock()
			defer mu.Unlock()
			out[from+" > "+to] = err == nil
		})
	}
	for _, from := range names {
		for _, to := range names {
			if from != to {
				try(from, to, func() error {
					_, err := r.Run(from, machine.Command{Argv: []string{r.exe, askArgument, net.JoinHostPort(addresses[to], echoPort)}, Timeout: limit})
					return err
				})
			}
		}
	}
	try(outside, "a1", func() error { return ask(r.door) })
	group.Wait()
	return out
}

// reaches waits until those reach each other that are not cut.
func (r *rig) reaches(cut func(from, to string) bool) {
	r.t.Helper()
	want := map[string]bool{outside + " > a1": !cut(outside, "a1")}
	for _, from := range names {
		for _, to := range names {
			if from != to {
				want[from+" > "+to] = !cut(from, to)
			}
		}
	}
	deadline := time.Now().Add(limit)
	for {
		diff := cmp.Diff(want, r.reach())
		if diff == "" {
			return
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("who reaches whom (-want +got):\n%s", diff)
		}
	}
}

func (r *rig) whole() {
	r.t.Helper()
	r.reaches(func(string, string) bool { return false })
}

// ends waits until no process of these is left.
func ends(t *testing.T, pids []int) {
	t.Helper()
	for _, pid := range pids {
		until(t, fmt.Sprintf("process %d ends", pid), func() bool { _, err := startOf(pid); return err != nil })
	}
}

// everything lists the fabric and what descends from it.
func (r *rig) everything() []int {
	r.t.Helper()
	paths, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		r.t.Fatal(err)
	}
	children := map[int][]int{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		var pid, parent int
		before, after, _ := strings.Cut(string(text), " (")
		after = after[strings.LastIndexByte(after, ')')+4:]
		if _, err := fmt.Sscan(before+" "+after, &pid, &parent); err != nil {
			r.t.Fatal(err)
		}
		children[parent] = append(children[parent], pid)
	}
	all := []int{r.process.Cmd.Process.Pid}
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	return all
}
