//go:build linux

package machine

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/rpc"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"bulkhead.dev/bulkhead/internal/local/process"
)

// root skips the test when it may not make namespaces; with BULKHEAD_REQUIRE_ALL=1 it
// fails.
func root(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: without namespaces")
	}
	if os.Geteuid() == 0 {
		return
	}
	const why = "namespaces need root"
	if os.Getenv("BULKHEAD_REQUIRE_ALL") == "1" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// booted is a machine whose init runs.
type booted struct {
	*rpc.Client
	t      *testing.T
	folder string
	init   *process.Process
}

// boot starts the test program as the init of a machine, which ends with the test.
func boot(t *testing.T, k *process.Keeper, folder string) *booted {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "ours"), os.NewFile(uintptr(fds[1]), "theirs")
	cmd := &exec.Cmd{
		Path: exe, Args: []string{exe, Argument, folder}, Dir: "/", Env: append(os.Environ(), "KUBECONFIG=/the/hosts"),
		ExtraFiles:  []*os.File{theirs},
		SysProcAttr: &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC},
	}
	p, err := k.Run("init", cmd, filepath.Join(folder, LogFolder, "init.log"))
	_ = theirs.Close()
	if err != nil {
		_ = ours.Close()
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	conn, err := net.FileConn(ours)
	_ = ours.Close()
	if err != nil {
		t.Fatal(err)
	}
	b := &booted{Client: rpc.NewClient(conn), t: t, folder: folder, init: p}
	t.Cleanup(func() { _ = b.Close() })
	call := b.Go("Machine.Status", Nothing{}, &[]Status{}, nil)
	select {
	case <-call.Done:
		if call.Error != nil {
			p.Kill()
			t.Fatal(call.Error, p.Failure())
		}
	case <-time.After(limit):
		t.Fatal("the init does not answer: ", process.Tail(p.LogPath))
	}
	return b
}

// configured makes the folder of a machine.
func configured(t *testing.T, c Config) string {
	t.Helper()
	folder := t.TempDir()
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(filepath.Join(folder, ConfigFile), text, 0o600), os.Mkdir(filepath.Join(folder, LogFolder), 0o755)); err != nil {
		t.Fatal(err)
	}
	return folder
}

func (b *booted) call(method string, in, out any) {
	b.t.Helper()
	if err := b.Call("Machine."+method, in, out); err != nil {
		b.t.Fatal(method, ": ", err)
	}
}

// shell runs a script in the machine and returns what it said.
func (b *booted) shell(script string) string {
	b.t.Helper()
	var out Output
	b.call("Run", Command{Argv: []string{"shell", "-c", script}, Timeout: limit}, &out)
	if out.Code != 0 {
		b.t.Fatalf("%s: exit code %d: %s", script, out.Code, out.Text)
	}
	return strings.TrimSpace(out.Text)
}

// inside lists the processes of the machine, as this machine counts.
func (b *booted) inside() []int {
	b.t.Helper()
	space, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", b.init.Cmd.Process.Pid))
	if err != nil {
		b.t.Fatal(err)
	}
	links, err := filepath.Glob("/proc/[0-9]*/ns/pid")
	if err != nil {
		b.t.Fatal(err)
	}
	var pids []int
	for _, link := range links {
		if got, err := os.Readlink(link); err != nil || got != space {
			continue
		}
		pid, err := strconv.Atoi(strings.Split(link, "/")[2])
		if err != nil {
			b.t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return pids
}

// zombies is a script that tells the processes whose exit status nobody has taken.
const zombies = `for f in /proc/[0-9]*/stat; do
	read -r line 2>/dev/null < $f && case "$line" in *") Z "*) echo "$line";; esac
done; true`

// TestInit boots a machine, looks at what is its own, and takes its power.
func TestInit(t *testing.T) {
	root(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	k := process.NewKeeper()
	t.Cleanup(k.Close)
	// Names that no file of the host has.
	name := "bulkhead-test-" + strconv.Itoa(os.Getpid())
	folder := configured(t, Config{Name: "test-cp-1", Programs: map[string]string{"shell": "/bin/sh"}})
	b := boot(t, k, folder)

	t.Run("names", func(t *testing.T) {
		b.t = t
		if got := b.shell("cat /proc/sys/kernel/hostname"); got != "test-cp-1" {
			t.Errorf("its host name is %q", got)
		}
		if host, err := os.Hostname(); err != nil || host == "test-cp-1" {
			t.Errorf("the host's name is %q, %v", host, err)
		}
		if got := b.shell(`tr '\0' ' ' < /proc/1/cmdline`); got != exe+" "+Argument+" "+folder {
			t.Errorf("its first process is %q", got)
		}
		if got := b.shell("grep -c : /proc/net/dev"); got != "1" {
			t.Errorf("it has %s links: %s", got, b.shell("cat /proc/net/dev"))
		}
		if got := b.shell("echo $KUBECONFIG"); got != "" {
			t.Errorf("it has the host's kubeconfig %q", got)
		}
	})

	t.Run("files", func(t *testing.T) {
		b.t = t
		hosts, err := os.ReadFile("/etc/hosts")
		if err != nil {
			t.Fatal(err)
		}
		written := map[string]string{"/etc/" + name + "/a": "etc", "/usr/local/" + name + "/a": "local", "/var/lib/etcd/" + name + "/a": "etcd"}
		var files []File
		for path := range written {
			files = append(files, File{Path: path, Mode: 0o640, Data: []byte("kept")})
		}
		b.call("Write", files, &Nothing{})
		b.shell("echo 10.0.0.1 " + name + " >> /etc/hosts")
		if got := b.shell("tail -n 1 /etc/hosts"); got != "10.0.0.1 "+name {
			t.Errorf("the end of its /etc/hosts is %q", got)
		}
		for path, disk := range written {
			if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s is on the host: %v", path, err)
			}
			kept := filepath.Join(folder, DiskFolder, disk, name, "a")
			if text, err := os.ReadFile(kept); err != nil || string(text) != "kept" {
				t.Errorf("%s is not on the disk: %q, %v", path, text, err)
			}
		}
		if now, err := os.ReadFile("/etc/hosts"); err != nil || string(now) != string(hosts) {
			t.Errorf("the host's /etc/hosts was written: %v", err)
		}
		if got := b.shell("stat -c %a /var/lib/etcd"); got != "700" {
			t.Errorf("the mode of /var/lib/etcd is %s", got)
		}
		b.shell("echo x > /run/" + name + "; echo x > /dev/null; head -c 1 /dev/urandom > /dev/null; echo x > /dev/shm/" + name)
		for _, path := range []string{"/run/" + name, "/dev/shm/" + name} {
			if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s is on the host: %v", path, err)
			}
		}
	})

	t.Run("syslog", func(t *testing.T) {
		b.t = t
		for _, message := range []string{"<134>haproxy: Server b is DOWN\n", "two\nlines"} {
			var out Output
			b.call("Run", Command{Argv: []string{exe, sayArgument, message}, Timeout: limit}, &out)
			if out.Code != 0 {
				t.Fatal(out.Text)
			}
		}
		var lines []string
		until(t, "two lines of syslog", func() bool {
			text, err := os.ReadFile(filepath.Join(folder, LogFolder, SyslogFile))
			lines = strings.Split(string(text), "\n")
			return err == nil && len(lines) == 3
		})
		last := time.Time{}
		for i, want := range []string{"<134>haproxy: Server b is DOWN", "two lines"} {
			at, message, _ := strings.Cut(lines[i], " ")
			came, err := time.Parse(time.RFC3339Nano, at)
			if err != nil || came.Before(last) || message != want {
				t.Errorf("line %q is not %q: %v", lines[i], want, err)
			}
			last = came
		}
	})

	t.Run("orphans", func(t *testing.T) {
		b.t = t
		orphan := b.shell("sleep 1000 > /dev/null 2>&1 & echo $!")
		if got := b.shell("grep ^PPid: /proc/" + orphan + "/status"); got != "PPid:\t1" {
			t.Errorf("the orphan's parent is %q", got)
		}
		// Many at once, under the hands of a service that restarts.
		b.call("Serve", []Service{{Name: "quitter", Argv: []string{"shell", "-c", "(sleep 0 &); exit 1"}}}, &Nothing{})
		b.shell("kill -9 " + orphan + "; i=0; while [ $i -lt 50 ]; do (sleep 0 > /dev/null 2>&1 &); i=$((i+1)); done")
		until(t, "the orphan is reaped", func() bool { return b.shell("test -e /proc/"+orphan+" && echo there || true") == "" })
		until(t, "no zombies", func() bool { return b.shell(zombies) == "" })
		var out Output
		b.call("Run", Command{Argv: []string{"shell", "-c", "exit 9"}, Timeout: limit}, &out)
		if out.Code != 9 {
			t.Errorf("exit code %d: somebody else took it", out.Code)
		}
	})

	t.Run("the end", func(t *testing.T) {
		b.t = t
		b.call("Serve", []Service{{Name: "sleeper", Argv: []string{"sleep", "1000"}}, {Name: "deaf", Argv: []string{"shell", "-c", "trap '' TERM HUP INT; while :; do sleep 1000; done"}}}, &Nothing{})
		b.shell("sleep 1000 > /dev/null 2>&1 &")
		b.call("Freeze", "sleeper", &Nothing{})
		var all []Status
		b.call("Status", Nothing{}, &all)
		if len(all) != 3 {
			t.Fatalf("services %+v", all)
		}
		var pids []int
		until(t, "everything has started", func() bool { pids = b.inside(); return len(pids) >= 5 }) // init, sleeper, deaf and its sleep, the orphan
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		select {
		case <-b.init.Done():
		case <-time.After(limit):
			t.Fatal("the init lives on without the fabric")
		}
		for _, pid := range pids {
			until(t, fmt.Sprintf("process %d of the machine ends", pid), func() bool { return !alive(t, pid) })
		}
	})

	t.Run("power again", func(t *testing.T) {
		other := process.NewKeeper()
		b := boot(t, other, folder)
		if got := b.shell("cat /etc/" + name + "/a /var/lib/etcd/" + name + "/a; tail -n 1 /etc/hosts"); got != "keptkept10.0.0.1 "+name {
			t.Errorf("its disk holds %q", got)
		}
		if got := b.shell("ls /run | grep -c " + name + " || true"); got != "0" {
			t.Error("/run was kept")
		}
		// The kernel ends it with its parent's thread, too.
		pids := b.inside()
		other.Close()
		for _, pid := range pids {
			until(t, fmt.Sprintf("process %d of the machine ends", pid), func() bool { return !alive(t, pid) })
		}
	})
}

func TestMainRefuses(t *testing.T) {
	for _, c := range []struct{ name, config, want string }{
		{"no folder", "", "starting a machine: open "},
		{"not JSON", "{", "starting a machine: reading machine.json: "},
		{"not in namespaces of its own", `{"Name": "x"}`, "starting a machine: not the first process of a PID namespace"},
	} {
		folder := t.TempDir()
		if c.config != "" {
			if err := os.WriteFile(filepath.Join(folder, ConfigFile), []byte(c.config), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := Main(folder); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
