package kubeadm_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestPrepare runs the preparation of a machine twice: the files must be right after
// the first time and untouched by the second.
func TestPrepare(t *testing.T) {
	if os.Geteuid() != 0 {
		missing(t, "namespaces with their own files need root")
	}
	program(t, "unshare", "install util-linux")
	folder := t.TempDir()
	save(t, folder, rendered(t, specs()["stacked"]))
	script, err := filepath.Abs("testdata/prepare.sh")
	if err != nil {
		t.Fatal(err)
	}
	out, err := run(t, time.Minute, "unshare", "--mount", "--net", "--fork", "--pid", "--kill-child", "bash", script, folder, "cp-a", t.TempDir())
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	first, second, _ := strings.Cut(out, "second run:")
	for _, want := range []string{"wrote /etc/sysctl.d/90-bulkhead.conf", "wrote /etc/containerd/config.toml", "wrote /etc/apt/sources.list.d/kubernetes.list"} {
		if !strings.Contains(first, want) {
			t.Errorf("the first run does not say %q:\n%s", want, first)
		}
	}
	if strings.Contains(second, "prepare: wrote") {
		t.Errorf("the second run wrote:\n%s", second)
	}
	for _, want := range []string{
		"same after both", "# bulkhead: /dev/sda2 none swap sw 0 0", "SystemdCgroup = true",
		"deb [signed-by=/etc/apt/keyrings/kubernetes.gpg] https://pkgs.k8s.io/core:/stable:/v1.36/deb/ /",
		"swapoff --all", "modprobe br_netfilter", "apt-mark hold kubelet kubeadm kubectl",
		"install -qy --no-install-recommends -o Dpkg::Options::=--force-confold kubelet=1.36.3-* kubeadm=1.36.3-* kubectl=1.36.3-*",
		"systemctl enable --now bulkhead-certificates.timer",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("not found: %q\n%s", want, out)
		}
	}
	if n := strings.Count(out, "systemctl restart containerd"); n != 1 {
		t.Errorf("containerd was started again %d times; only the first run changed its configuration", n)
	}
}
