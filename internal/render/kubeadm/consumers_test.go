package kubeadm_test

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bulkhead.dev/bulkhead/internal/render/file"
)

const install = "run hack/install-consumers.sh as root"

// TestKubeadmValidates gives every configuration to kubeadm. It wants the discovery
// file of a joining machine to be there.
func TestKubeadmValidates(t *testing.T) {
	program := component(t, "kubeadm")
	for name, path := range specs() {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			discovery := filepath.Join(folder, "discovery.conf")
			if err := os.WriteFile(discovery, []byte("apiVersion: v1\nkind: Config\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			files := rendered(t, path)
			save(t, folder, files, "/etc/kubernetes/bulkhead/discovery.conf", discovery)
			checked := 0
			for path := range files {
				if filepath.Base(path) != "kubeadm.yaml" {
					continue
				}
				checked++
				out, err := run(t, time.Minute, program, "config", "validate", "--config", filepath.Join(folder, path))
				if err != nil || strings.Contains(out, "W1") {
					t.Errorf("%s: %v\n%s", path, err, out)
				}
			}
			if checked == 0 {
				t.Error("there is no configuration to validate")
			}
		})
	}
}

// TestKubeadmRefuses shows that the validation above bites.
func TestKubeadmRefuses(t *testing.T) {
	program := component(t, "kubeadm")
	for name, change := range map[string][]string{
		"unknown field": {"controlPlaneEndpoint:", "controlPlaneEndpoints:"},
		"bad address":   {"advertiseAddress: 10.10.1.10", "advertiseAddress: 10.10.1"},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			save(t, folder, rendered(t, specs()["stacked"]), change...)
			if out, err := run(t, time.Minute, program, "config", "validate", "--config", folder+"/kubeadm/cp-a/kubeadm.yaml"); err == nil {
				t.Errorf("kubeadm takes it: %s", out)
			}
		})
	}
}

func TestHAProxyTakesIt(t *testing.T) {
	haproxy := program(t, "haproxy", install)
	for name, path := range specs() {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			ca := newAuthority(t)
			ca.save(t, filepath.Join(folder, "ca.crt"))
			files := rendered(t, path)
			save(t, folder, files, "/etc/haproxy/kubernetes-ca.crt", folder+"/ca.crt", "/run/haproxy/admin.sock", folder+"/admin.sock")
			checked := 0
			for path := range files {
				if filepath.Base(path) != "haproxy.cfg" {
					continue
				}
				checked++
				out, err := run(t, time.Minute, haproxy, "-c", "-f", filepath.Join(folder, path))
				if err != nil || strings.Contains(out, "[WARNING]") {
					t.Errorf("%s: %v\n%s", path, err, out)
				}
			}
			if zones := balancerZones(files); zones == 0 || zones < 2 && name != "one" {
				t.Errorf("HAProxy stands in %d zones, %d checked", zones, checked)
			}
		})
	}
}

// balancerZones counts the zones that HAProxy's files say they are of.
func balancerZones(files map[string]file.File) int {
	zones := map[string]bool{}
	for path, f := range files {
		if filepath.Base(path) == "haproxy.cfg" {
			line, _, _ := strings.Cut(string(f.Data), "\n")
			zones[line[strings.Index(line, "("):strings.Index(line, ")")]] = true
		}
	}
	return len(zones)
}

func TestKeepalivedTakesIt(t *testing.T) {
	keepalived := program(t, "keepalived", install)
	link := anyLink(t)
	for name, path := range specs() {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			files := rendered(t, path)
			// The script must be where only root may write: /bin/true is, everywhere.
			// An interface of this machine stands in for the cluster's. As another user,
			// keepalived 2.2.7 takes its own config test for an orphan and ends it;
			// TestMember runs the file as it is.
			save(t, folder, files, "script_user nobody nogroup", "script_user root", "/usr/local/lib/bulkhead/check-haproxy.sh", "/bin/true",
				"interface eth0", "interface "+link, "dev eth0", "dev "+link, "interface bond0.20", "interface "+link, "dev bond0.20", "dev "+link)
			checked := 0
			for path := range files {
				if filepath.Base(path) != "keepalived.conf" {
					continue
				}
				checked++
				out, err := run(t, time.Minute, keepalived, "--log-console", "--config-test", "--use-file", filepath.Join(folder, path))
				if err != nil {
					t.Errorf("%s: %v\n%s", path, err, out)
				}
			}
			if checked == 0 {
				t.Error("there is no keepalived.conf")
			}
		})
	}
}

// anyLink is a link of this machine that is not the loopback and can do multicast;
// keepalived wants one.
func anyLink(t *testing.T) string {
	t.Helper()
	links, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		if l.Flags&net.FlagLoopback == 0 && l.Flags&net.FlagMulticast != 0 {
			return l.Name
		}
	}
	missing(t, "this machine has no network link but the loopback")
	return ""
}

func TestCloudInitTakesIt(t *testing.T) {
	program := program(t, "cloud-init", install)
	for _, name := range []string{"stacked", "external"} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			files := rendered(t, specs()[name])
			save(t, folder, files)
			checked := 0
			for path := range files {
				if !strings.HasPrefix(path, "cloud-init/") {
					continue
				}
				// One of each role says all; a start of cloud-init takes a second.
				host := strings.TrimSuffix(filepath.Base(path), ".yaml")
				if !slices.Contains([]string{"cp-a", "worker-a1", "cp-1", "etcd-1", "lb-1", "b-3"}, host) {
					continue
				}
				checked++
				if out, err := run(t, time.Minute, program, "schema", "--config-file", filepath.Join(folder, path)); err != nil || !strings.Contains(out, "Valid") {
					t.Errorf("%s: %v\n%s", path, err, out)
				}
			}
			if checked == 0 {
				t.Error("there is no user data")
			}
		})
	}
}

// TestSystemdTakesIt verifies units and timers as they would be loaded.
func TestSystemdTakesIt(t *testing.T) {
	analyze := program(t, "systemd-analyze", install)
	for _, name := range []string{"stacked", "external", "one"} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			files := rendered(t, specs()[name])
			save(t, folder, files, "/usr/local/lib/bulkhead/", folder+"/host/")
			byHost := map[string][]string{}
			for path := range files {
				if parts := strings.Split(path, "/"); parts[0] == "systemd" && len(parts) == 3 {
					byHost[parts[1]] = append(byHost[parts[1]], filepath.Join(folder, path))
				}
			}
			if len(byHost) == 0 {
				t.Fatal("there are no units")
			}
			for host, units := range byHost {
				units = append(units, folder+"/systemd/bulkhead-failed@.service")
				out, err := run(t, time.Minute, analyze, append([]string{"verify", "--man=no"}, units...)...)
				for line := range strings.Lines(out) {
					if strings.Contains(line, "bulkhead") {
						t.Errorf("%s: %s", host, line)
					}
				}
				if err != nil {
					t.Errorf("%s: %v\n%s", host, err, out)
				}
			}
			for path, f := range files {
				for line := range strings.Lines(string(f.Data)) {
					event, is := strings.CutPrefix(strings.TrimSpace(line), "OnCalendar=")
					if !is || !strings.HasPrefix(path, "systemd/") {
						continue
					}
					if out, err := run(t, time.Minute, analyze, "calendar", "--iterations=2", event); err != nil {
						t.Errorf("%s: %v\n%s", path, err, out)
					}
				}
			}
		})
	}
}

func TestShellcheckTakesIt(t *testing.T) {
	shellcheck := program(t, "shellcheck", install)
	for _, name := range []string{"stacked", "external", "local"} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			files := rendered(t, specs()[name])
			save(t, folder, files)
			var scripts []string
			for path, f := range files {
				if f.Executable {
					scripts = append(scripts, filepath.Join(folder, path))
				}
			}
			if out, err := run(t, time.Minute, shellcheck, scripts...); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
