package simulate_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"bulkhead.dev/bulkhead/internal/model"
	"bulkhead.dev/bulkhead/internal/simulate"
)

// mixed has something of everything that could come out in map order.
const mixed = `
priorityclass high value=1000
storageclass ebs
storageclass now Immediate
storageclass regional provisioner=pd.csi.storage.gke.io parameters=replication-type:regional-pd
statefulset db replicas=3 cpu=500m volume=ebs spread=zone:hard
statefulset queue replicas=5 cpu=250m volume=now parallel
claim shared class=regional
deployment cms replicas=1 cpu=250m claim=shared
deployment front replicas=6 cpu=500m priority=high spread=zone:hard:honor|node
deployment batch replicas=9 cpu=500m prefer-apart=zone
deployment lone replicas=1 cpu=100m emptydir
deployment apart replicas=4 cpu=100m apart=zone
daemonset agent cpu=100m hostpath
job import parallelism=3 cpu=250m replace=Failed
pdb front min=4
pdb batch max-unavailable=25%
service front type=LoadBalancer external=Local
service batch near=PreferSameZone
service agent app=agent internal=Local
hpa batch min=2 max=10
quota team pods=45
`

// TestSame simulates the same input several times, two scenarios at a time: the
// reports are equal to the byte.
func TestSame(t *testing.T) {
	manifests, err := expand(mixed)
	if err != nil {
		t.Fatal(err)
	}
	for _, world := range simulate.Worlds() {
		o := simulate.Options{
			Failures: []model.FailureSpec{{Each: "zones"}, {Each: "zone-pairs"}, {Partition: []string{"a", "c"}}},
			Timings:  simulate.DefaultTimings(), RecoveryTime: 600, DeadNodes: world, Parallel: 2, Virtual: virtual(),
		}
		var first []byte
		for i := range 4 {
			r, err := run(t.Context(), manifests, o)
			if err != nil {
				t.Fatal(err)
			}
			text, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				first = text
			} else if !bytes.Equal(first, text) {
				t.Fatalf("world %s: run %d differs:\n%s\n%s", world, i, first, text)
			}
		}
	}
}
