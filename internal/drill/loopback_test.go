//go:build linux

package drill

import (
	"errors"
	"strings"
	"testing"

	"bulkhead.dev/bulkhead/internal/local"
)

// TestPossible: a cluster that was made without root is not broken where packets
// would have to be lost, and the refusal names what is left.
func TestPossible(t *testing.T) {
	var possible []string
	for _, f := range Faults() {
		if err := f.possible(&local.Cluster{}); err != nil {
			t.Errorf("%s in a cluster that root made: %v", f.Name, err)
		}
		err := f.possible(&local.Cluster{Record: local.Record{Loopback: true}})
		if err == nil {
			possible = append(possible, f.Name)
			continue
		}
		var refused Refused
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), "packets cannot be dropped without root") || !strings.Contains(err.Error(), "hint: possible here are zone-power-loss, node,") {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
	want := "zone-power-loss, node, etcd-leader, api-server-hang, controller-leader, load-balancer"
	if got := strings.Join(possible, ", "); got != want {
		t.Errorf("possible are %s, not %s", got, want)
	} else if said := local.WithoutRoot; !strings.Contains(said, got) {
		t.Errorf("possible are %s, and apply says %q", got, said)
	}
}
