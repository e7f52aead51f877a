//go:build linux

package local

import (
	"bytes"
	"context"
	"errors"
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

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	programs "bulkhead.dev/bulkhead/internal/components"
	"bulkhead.dev/bulkhead/internal/local/fabric"
	"bulkhead.dev/bulkhead/internal/local/machine"
)

// TestMain is the test program, or a fabric or a machine that a test has made.
func TestMain(m *testing.M) {
	if is, err := Main(os.Args); is {
		if err != nil {
			_, _ = fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func TestPhaseFlags(t *testing.T) {
	for phase, want := range map[string]string{
		"certs all": "", "certs etcd-ca": "", "kubeconfig all": "--kubeconfig-dir=/etc/kubernetes", "control-plane all": "--dry-run", "etcd local": "--dry-run",
	} {
		if got := strings.Join(phaseFlags(phase), " "); got != want {
			t.Errorf("%s: %q", phase, got)
		}
	}
}

// TestNumber: a cluster takes the first number with whose addresses nobody listens.
func TestNumber(t *testing.T) {
	m := example(t)
	r := &Record{Cluster: m.Cluster, Plan: m.Plan, Loopback: true, Port: 40123}
	if err := r.number(); err != nil {
		t.Skip("something listens on the ports of a control plane: ", err)
	}
	first := r.Number
	taken, err := net.Listen("tcp", fmt.Sprintf("127.%d.2.2:2379", first))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	if err := r.number(); err != nil || r.Number <= first {
		t.Errorf("number %d although %s is taken: %v", r.Number, taken.Addr(), err)
	}
}

// TestLoopbackFabric: what a cluster without root is.
func TestLoopbackFabric(t *testing.T) {
	m := example(t)
	m.Loopback, m.c.Loopback, m.c.Port = true, true, 40123
	var err error
	if m.c.Layout, err = m.c.lay(); err != nil {
		t.Fatal(err)
	}
	c := m.fabricConfig()
	if got := strings.Join(c.Endpoints, " "); !c.Loopback || c.Bridge != "" || got != "127.0.1.2:6443 127.0.2.2:6443 127.0.3.2:6443" {
		t.Errorf("loopback %t, bridge %q, endpoints %s", c.Loopback, c.Bridge, got)
	}
	for _, x := range c.Machines {
		for _, s := range x.Services {
			if s.Name == keepalived {
				t.Errorf("%s runs keepalived", x.Name)
			}
		}
	}
	text, err := Describe(m.Options)
	if err != nil || !strings.Contains(text, WithoutRoot) || strings.Contains(text, "bridge") {
		t.Errorf("%v\n%s", err, text)
	}
}

// TestLeading: who leads is who said last that it began to.
func TestLeading(t *testing.T) {
	m := example(t)
	c := m.c
	leading := c.Leading()
	say := func(machine, text string) {
		t.Helper()
		path := c.MachineLog(machine, "kube-scheduler")
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.WriteString(f, text)
		if err = errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	is := func(want string) {
		t.Helper()
		if got := leading.Of("kube-scheduler"); got != want {
			t.Errorf("%q leads, not %q", got, want)
		}
	}
	line := func(at string) string {
		return "I1127 " + at + `     138 leaderelection.go:272] "Successfully acquired lease" lock="kube-system/kube-scheduler"` + "\n"
	}
	is("")
	say("lab-cp-2", "flags\nI1127 22:53:01.000001 138 server.go:1] \"Starting\"\n")
	is("")
	say("lab-cp-2", line("22:54:59.249356"))
	is("lab-cp-2")
	say("lab-cp-1", line("22:54:23.903687"))
	is("lab-cp-2")
	late := line("22:55:00.000000")
	say("lab-cp-3", late[:40]) // half of a line is none
	is("lab-cp-2")
	say("lab-cp-3", late[40:])
	is("lab-cp-3")
	is("lab-cp-3")
}

const (
	// nobody is a user that is not root, as Debian numbers it.
	nobody = 65534
	// withoutRoot holds the folder of programs when the test is that user.
	withoutRoot = "BULKHEAD_TEST_WITHOUT_ROOT"
)

// TestLoopbackCluster makes a cluster as a user other than root, takes a zone's power
// and gives it back, and deletes it.
func TestLoopbackCluster(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: without a local cluster")
	}
	if bin := os.Getenv(withoutRoot); bin != "" {
		liveWithoutRoot(t, bin)
		return
	}
	missing := func(why string) {
		t.Helper()
		if os.Getenv("BULKHEAD_REQUIRE_ALL") == "1" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	if os.Geteuid() != 0 {
		missing("becoming another user needs root")
	}
	if _, err := LookPath("haproxy"); err != nil {
		missing("haproxy is not installed: apt-get install haproxy")
	}
	base, err := os.MkdirTemp("", "bulkhead-loopback-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(base) })
	home, bin := filepath.Join(base, "home"), filepath.Join(base, "bin")
	for _, dir := range []string{home, bin} {
		if err := errors.Join(os.Mkdir(dir, 0o755), os.Chmod(dir, 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Chmod(base, 0o755), os.Chown(home, nobody, nobody)); err != nil {
		t.Fatal(err)
	}
	for _, name := range append([]string{""}, components...) {
		path, as := os.Args[0], "bulkhead"
		if name != "" {
			if path, err = programs.Locate(t.Context(), programs.Options{}, name); err != nil {
				missing(err.Error())
			}
			as = name
		}
		if err := copyProgram(path, filepath.Join(bin, as)); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join(bin, "bulkhead"), "-test.run=^TestLoopbackCluster$", "-test.v")
	cmd.Env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), withoutRoot + "=" + bin}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Error(err)
	}
	if left := processesOf(base); len(left) > 0 {
		t.Errorf("these still run: %s", strings.Join(left, "\n"))
	}
	if entries, err := os.ReadDir(home); err != nil || len(entries) > 0 {
		t.Errorf("%s is not empty: %v %v", home, entries, err)
	}
}

func liveWithoutRoot(t *testing.T, bin string) {
	if os.Geteuid() == 0 {
		t.Fatal("this is root")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 6*time.Minute)
	defer cancel()
	o := example(t).Options
	home, err := Home()
	if err != nil {
		t.Fatal(err)
	}
	o.Home, o.Loopback, o.Progress = home, true, nil
	o.Program, o.Name = filepath.Join(bin, "bulkhead"), "bulkhead"
	o.Locate = func(_ context.Context, name string) (string, error) { return filepath.Join(bin, name), nil }
	name := o.Cluster.Metadata.Name
	t.Cleanup(func() {
		if err := Delete(home, name); err != nil && !errors.Is(err, ErrNone) {
			t.Error(err)
		}
	})
	c, said, err := Apply(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(said)
	if opened, err := Open(home, name); err != nil || !opened.Loopback || opened.Layout.Endpoint() != c.Layout.Endpoint() {
		t.Errorf("what was made is not what is known: %+v %v", opened, err)
	}
	config, err := c.Config()
	if err != nil {
		t.Fatal(err)
	}
	api, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	count := func() int {
		t.Helper()
		nodes, err := api.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return len(nodes.Items)
	}
	if n := count(); n != 9 {
		t.Errorf("%d nodes, not 9", n)
	}
	for _, process := range []string{"kube-controller-manager", "kube-scheduler"} {
		if c.Leading().Of(process) == "" {
			t.Errorf("no %s leads", process)
		}
	}
	f, err := c.Fabric()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	_, err = f.Inject(fabric.Fault{Drop: fabric.DropBlackhole, Zones: []string{"b"}, Within: time.Minute})
	if err == nil || !strings.Contains(err.Error(), "packets cannot be dropped without root") {
		t.Errorf("dropping packets: %v", err)
	}

	// Zone a: the API's port leads there first.
	before := processesOf(c.Folder)
	if _, err := f.Inject(fabric.Fault{PowerOff: []string{"lab-cp-1", "lab-nodes-a"}, Within: time.Minute}); err != nil {
		t.Fatal(err)
	}
	if left := processesOf(filepath.Join(c.Folder, fabric.MachinesFolder, "lab-cp-1")); len(left) > 0 {
		t.Errorf("without power these run: %s", strings.Join(left, "\n"))
	}
	if err := Await(ctx, "the API answers without zone a", func() error {
		_, err := api.CoreV1().ConfigMaps("default").Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "kept"}}, metav1.CreateOptions{})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if healed, err := f.Heal(); err != nil || len(healed.Errors) > 0 {
		t.Fatal(healed, err)
	}
	if err := Await(ctx, "the machines of zone a run everything again", func() error {
		if now := processesOf(c.Folder); len(now) < len(before) {
			return fmt.Errorf("%d of %d processes", len(now), len(before))
		}
		s, err := f.Status()
		if err != nil {
			return err
		}
		for _, m := range s.Machines {
			for _, x := range m.Services {
				if x.State != machine.Running {
					return fmt.Errorf("%s on %s is %s", x.Name, m.Name, x.State)
				}
			}
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	if n := count(); n != 9 {
		t.Errorf("%d nodes afterwards, not 9", n)
	}
	if err := Delete(home, name); err != nil {
		t.Error(err)
	}
	if left := processesOf(c.Folder); len(left) > 0 {
		t.Errorf("these still run: %s", strings.Join(left, "\n"))
	}
}

// processesOf are the command lines that name a folder.
func processesOf(folder string) []string {
	paths, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	var out []string
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err == nil && bytes.Contains(text, []byte(folder)) && path != fmt.Sprintf("/proc/%d/cmdline", os.Getpid()) {
			out = append(out, string(bytes.ReplaceAll(text, []byte{0}, []byte(" "))))
		}
	}
	return out
}

// copyProgram copies a program to where everybody may run it.
func copyProgram(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Chmod(0o755), out.Close())
}
