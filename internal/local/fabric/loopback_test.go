//go:build linux

package fabric

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"bulkhead.dev/bulkhead/internal/local/machine"
	"bulkhead.dev/bulkhead/internal/local/process"
)

// TestLoopback: machines that are processes on loopback addresses, which takes no
// root. The door leads to the first that answers; power off ends every process of a
// machine, and frees its ports for when it has power again.
func TestLoopback(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, folder: t.TempDir(), exe: exe}
	services := func(address string) []machine.Service {
		return []machine.Service{{Name: echoName, Argv: []string{exe, echoArgument, address}}}
	}
	config := Config{Cluster: "test", Program: exe, Name: exe, Loopback: true, Kubeconfig: filepath.Join(r.folder, "none")}
	for _, zone := range []string{"a", "b"} {
		address := "127.77." + strconv.Itoa(len(config.Machines)+1) + ".2:" + echoPort
		config.Machines = append(config.Machines, Machine{Name: zone + "1", Zone: zone, Services: services(address)})
		config.Endpoints = append(config.Endpoints, address)
		r.save(filepath.Join(MachinesFolder, zone+"1", machine.ConfigFile), machine.Config{Name: zone + "1", Loopback: true})
	}
	r.save(ConfigFile, config)
	listener := local(t)
	r.door = listener.Addr().String()
	door, err := listener.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
	k := process.NewKeeper()
	t.Cleanup(k.Close)
	r.process, err = k.Run("fabric", &exec.Cmd{
		Path: exe, Args: []string{exe, Argument, r.folder}, Dir: "/", Env: []string{"PATH=" + os.Getenv("PATH")}, ExtraFiles: []*os.File{door},
	}, filepath.Join(r.folder, LogFile))
	_ = door.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.process.Kill)
	r.dial()
	r.call("PowerOn", []string{"a1", "b1"}, &machine.Nothing{})
	for _, m := range config.Machines {
		r.call("Serve", ServeRequest{Machine: m.Name, Do: m.Services}, &machine.Nothing{})
	}
	answers := func(address string) bool {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err != nil {
			return false
		}
		defer func() { _ = conn.Close() }()
		_ = conn.SetDeadline(time.Now().Add(time.Second))
		_, err = conn.Write([]byte("hear\n"))
		heard := make([]byte, 4)
		if err == nil {
			_, err = conn.Read(heard)
		}
		return err == nil
	}
	all := func() bool { return answers(config.Endpoints[0]) && answers(config.Endpoints[1]) && answers(r.door) }
	until(t, "both machines and the door answer", all)

	var injected Injected
	err = r.Call("Fabric.Inject", Fault{Drop: DropPartition, Zones: []string{"a", "b"}, Within: time.Minute}, &injected)
	if err == nil || !strings.Contains(err.Error(), "packets cannot be dropped without root") {
		t.Errorf("dropping packets: %v", err)
	}
	pid := r.status().machine(t, "a1").Services[0].PID
	r.inject(Fault{PowerOff: []string{"a1"}, Within: time.Minute})
	if _, err := os.Stat("/proc/" + strconv.Itoa(pid)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("process %d of a machine without power is there: %v", pid, err)
	}
	if answers(config.Endpoints[0]) || !answers(config.Endpoints[1]) || !answers(r.door) {
		t.Errorf("without a1: it answers %t, b1 %t, the door %t", answers(config.Endpoints[0]), answers(config.Endpoints[1]), answers(r.door))
	}
	r.signs("machine a1 has no process")
	if healed, err := r.Heal(); err != nil || len(healed.Errors) > 0 {
		t.Fatal(healed, err)
	}
	until(t, "all answer again", all)

	r.inject(Fault{Freeze: []Process{{"b1", echoName}}, Within: time.Minute})
	until(t, "what is frozen does not answer", func() bool { return !answers(config.Endpoints[1]) })
	if _, err := r.Heal(); err != nil {
		t.Fatal(err)
	}
	until(t, "all answer again", all)

	// The kernel ends the machines with the fabric, whatever it dies of.
	var pids []int
	for _, m := range r.status().Machines {
		pids = append(pids, m.PID, m.Services[0].PID)
	}
	if err := syscall.Kill(r.process.Cmd.Process.Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	ends(t, pids)
}
