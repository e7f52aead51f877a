package explain

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bulkhead.dev/bulkhead/docs/schemas"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write testdata anew")

func TestReference(t *testing.T) {
	for path, file := range map[string]string{
		"cluster":                          "cluster.txt",
		"cluster.spec.nodePools":           "nodepools.txt",
		"Cluster.spec.hosts[0].role":       "role.txt",
		"cluster.spec.network.gateways":    "gateways.txt",
		"cluster.spec.dns.healthCheck":     "healthcheck.txt",
		"cluster.spec.nodePools[].taints.": "taints.txt",
	} {
		got, err := explain(path, "table")
		if err != nil {
			t.Fatal(err)
		}
		golden := filepath.Join("testdata", file)
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
		for line := range strings.SplitSeq(got, "\n") {
			if len([]rune(line)) > width {
				t.Errorf("%s: wider than %d columns: %s", path, width, line)
			}
		}
	}
}

func TestJSON(t *testing.T) {
	whole, err := explain("cluster", "json")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(schemas.Cluster()), whole); diff != "" {
		t.Error(diff)
	}
	text, err := explain("cluster.spec.dns", "json")
	if err != nil {
		t.Fatal(err)
	}
	var part struct {
		Ref  string                     `json:"$ref"`
		Defs map[string]json.RawMessage `json:"$defs"`
	}
	if err := json.Unmarshal([]byte(text), &part); err != nil {
		t.Fatal(err)
	}
	if part.Ref != "#/$defs/DNSSpec" || len(part.Defs) != 2 || part.Defs["DNSHealthCheck"] == nil {
		t.Errorf("the schema of spec.dns is %s", text)
	}
}

func TestWrongPaths(t *testing.T) {
	for path, want := range map[string]string{
		"spec.dns":                 "explaining \"spec.dns\": there is no kind \"spec\"\nhint: bulkhead explain cluster.spec.dns",
		"pod":                      "explaining \"pod\": there is no kind \"pod\"\nhint: bulkhead explain cluster",
		"cluster.spec.nodepool":    "explaining \"cluster.spec.nodepool\": cluster.spec has no field \"nodepool\"\nhint: did you mean cluster.spec.nodePools?",
		"cluster.spec.region.name": "explaining \"cluster.spec.region.name\": cluster.spec.region has no fields",
		"cluster.metadata.labels":  "explaining \"cluster.metadata.labels\": cluster.metadata has no field \"labels\"\nhint: it has name",
	} {
		_, err := explain(path, "table")
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v\nwant: %s", path, err, want)
		}
	}
	if _, err := explain("cluster", "yaml"); err == nil || err.Error() != `unknown output format "yaml": want table or json` {
		t.Error(err)
	}
}
