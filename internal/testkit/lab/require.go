//go:build linux

package lab

import (
	"os"
	"testing"

	"bulkhead.dev/bulkhead/internal/components"
	"bulkhead.dev/bulkhead/internal/local"
)

// Require skips a test that cannot have a local cluster here, and says in one line
// why; with BULKHEAD_REQUIRE_ALL=1 it fails instead. With -short it always skips.
func Require(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: without a local cluster")
	}
	if os.Geteuid() != 0 {
		missing(t, "a local cluster needs root: sudo env PATH=$PATH go test ...")
	}
	for _, c := range []struct{ program, in string }{{"haproxy", "haproxy"}, {"keepalived", "keepalived"}, {"nft", "nftables"}, {"curl", "curl"}} {
		if _, err := local.LookPath(c.program); err != nil {
			missing(t, c.program+" is not installed: apt-get install "+c.in)
		}
	}
	for _, name := range []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubeadm", "kubectl", "kwok"} {
		if _, err := components.Locate(t.Context(), components.Options{}, name); err != nil {
			missing(t, err.Error())
		}
	}
}

func missing(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("BULKHEAD_REQUIRE_ALL") == "1" {
		t.Fatal(why)
	}
	t.Skip(why)
}
