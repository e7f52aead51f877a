package spec_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/spec"
	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write testdata/decoded, testdata/wrong and the schema anew")

func TestMain(m *testing.M) {
	flag.Parse()
	if *update {
		if err := flag.Set("rewrite", "true"); err != nil { // datadriven's name for it
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// Every base and every example decodes; what it decodes to, defaults and all, is
// in testdata/decoded.
func TestDecoded(t *testing.T) {
	files, err := filepath.Glob("testdata/base/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	minimal, err := filepath.Glob("testdata/minimal/*.yaml")
	if err != nil || len(minimal) == 0 || len(files) == 0 {
		t.Fatal(len(files), len(minimal), err)
	}
	for _, file := range append(files, minimal...) {
		if filepath.Base(file) == "catalog.yaml" {
			continue
		}
		t.Run(file, func(t *testing.T) {
			got, err := yaml.Marshal(decoded(t, file))
			if err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", "decoded", filepath.Base(filepath.Dir(file))+"-"+filepath.Base(file))
			if *update {
				if err := os.MkdirAll(filepath.Dir(golden), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestExamplesDecode(t *testing.T) {
	for _, file := range examples(t) {
		c := decoded(t, file)
		// A decoded cluster is a cluster: written out, it reads the same.
		text, err := yaml.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		again, err := spec.Decode(file, text)
		if err != nil {
			t.Errorf("%s, with its defaults:\n%v", file, err)
			continue
		}
		if diff := cmp.Diff(c, again); diff != "" {
			t.Errorf("%s: %s", file, diff)
		}
	}
}

func examples(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("../../examples/clusters/*.yaml")
	if err != nil || len(files) < 6 {
		t.Fatalf("%d examples: %v", len(files), err)
	}
	return files
}

func decoded(t testing.TB, file string) *v1alpha1.Cluster {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	c, err := spec.Decode(filepath.Base(file), text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDecodeCatalog(t *testing.T) {
	m, err := spec.DecodeCatalog("catalog.yaml", []byte(baseSpec(t, "catalog")))
	if err != nil {
		t.Fatal(err)
	}
	if m.Date != "2026-11-20" || len(m.MachineTypes) != 2 || m.MachineTypes[1].Memory.String() != "16Gi" {
		t.Errorf("%+v", m)
	}
}

// JSON is YAML, and anchors are read.
func TestOtherForms(t *testing.T) {
	for name, text := range map[string]string{
		"json": `{"apiVersion": "bulkhead.dev/v1alpha1", "kind": "Cluster", "metadata": {"name": "lab"},
"spec": {"provider": "local", "kubernetesVersion": "1.36.3", "nodePools": [{"name": "general", "size": 2}]}}`,
		"markers": "---\n" + strings.Replace(baseSpec(t, "local"), "\n", "\n\n", 1) + "---\n",
		"anchors": strings.NewReplacer("{name: general", "&pool {name: general", "[a, b, c]", "&zones [a, b, c]",
			"size: 3", "size: 3, zones: *zones").Replace(baseSpec(t, "local")),
		"nothing": strings.Replace(baseSpec(t, "local"), "objectives:", "dns:\n  backup: null\n  objectives:", 1),
	} {
		if _, err := spec.Decode(name, []byte(text)); err != nil {
			t.Error(err)
		}
	}
}

// A file of aliases that stand for aliases must not take the machine's memory.
func TestAliasesAreCounted(t *testing.T) {
	text := strings.Replace(baseSpec(t, "local"), "- {name: general", "- &p {name: general, labels: {"+
		strings.TrimSuffix(manyLabels(1000), ", ")+"}", 1)
	text = strings.Replace(text, "  storage:", strings.Repeat("  - *p\n", 1000)+"  storage:", 1)
	_, err := spec.Decode("bomb.yaml", []byte(text))
	if err == nil || !strings.Contains(err.Error(), "holds more than 200000 values") {
		t.Errorf("%.200v", err)
	}
}

func manyLabels(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("l" + strings.Repeat("x", i/100) + string(rune('a'+i%26)) + strings.Repeat("y", i%100) + ": v, ")
	}
	return b.String()
}
