package kubeadm_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestMember starts what the files describe: kubeadm's phases, etcd and the API
// server with the commands of their static pods, HAProxy, keepalived, a snapshot and
// its restore. It needs root for namespaces of its own; nothing outside them changes.
func TestMember(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a control plane; run without -short")
	}
	if os.Geteuid() != 0 {
		missing(t, "namespaces with their own network and files need root")
	}
	for _, name := range []string{"haproxy", "keepalived", "curl", "openssl", "ip", "unshare"} {
		program(t, name, "run hack/install-consumers.sh as root, or install curl, openssl, iproute2 and util-linux")
	}
	programs := t.TempDir()
	for _, name := range []string{"kubeadm", "kubectl", "etcd", "etcdctl", "etcdutl", "kube-apiserver"} {
		if err := os.Symlink(component(t, name), filepath.Join(programs, name)); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := run(t, 10*time.Second, "unshare", "--mount", "--net", "--pid", "--fork", "true"); err != nil {
		missing(t, "this machine allows no namespaces: "+out)
	}
	folder := t.TempDir()
	save(t, folder, rendered(t, specs()["one"]))
	script, err := filepath.Abs("testdata/member.sh")
	if err != nil {
		t.Fatal(err)
	}
	out, err := run(t, 4*time.Minute, "unshare", "--mount", "--net", "--uts", "--pid", "--fork", "--kill-child", "bash", script, folder, programs, t.TempDir())
	for line := range strings.Lines(out) {
		t.Log(strings.TrimRight(line, "\n"))
	}
	if err != nil || !strings.Contains(out, "ok: the old data is kept") {
		t.Errorf("the member: %v", err)
	}
}
