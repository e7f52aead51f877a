//go:build linux

package drill

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"bulkhead.dev/bulkhead/internal/cli/exit"
)

func TestSoftUsage(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "kubeconfig")
	for _, test := range []struct{ args, want string }{
		{"zone-blackhole --soft", "the Kubernetes API alone cannot make fault zone-blackhole"},
		{"etcd-leader --soft --context x", "the Kubernetes API alone cannot make fault etcd-leader"},
		{"zone-power-loss --soft --cluster lab", "--soft excludes --cluster"},
		{"zone-power-loss --soft --worst-case", "--soft excludes --worst-case"},
		{"zone-power-loss --soft --node n", "--node goes with fault node, not with zone-power-loss"},
		{"node --node n", "--node needs --soft"},
		{"zone-power-loss --context x", "--kubeconfig and --context need --soft"},
		{"zone-power-loss --kubeconfig x", "--kubeconfig and --context need --soft"},
		{"zone-power-loss --soft --kubeconfig " + missing, "reading the kubeconfig"},
		{"heal --soft --cluster lab", "--soft excludes --cluster"},
		{"heal --context x", "--kubeconfig and --context need --soft"},
		{"heal --soft --kubeconfig " + missing, "reading the kubeconfig"},
	} {
		t.Run(test.args, func(t *testing.T) {
			c := Command("test")
			var out bytes.Buffer
			c.SetOut(&out)
			c.SetErr(&out)
			c.SetArgs(strings.Fields(test.args))
			c.SilenceUsage, c.SilenceErrors = true, true
			err := c.ExecuteContext(t.Context())
			judged := exit.Error{}
			if !errors.As(err, &judged) || judged.Code != exit.Invalid || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestSoftRates(t *testing.T) {
	f := flags{writes: 50, reads: 7, soft: softFlags{on: true}}
	if err := f.check("node", func(name string) bool { return name == "reads" }); err != nil {
		t.Fatal(err)
	}
	if f.writes != softRate || f.reads != 7 {
		t.Errorf("%g writes, %g reads", f.writes, f.reads)
	}
}
