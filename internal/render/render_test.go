package render_test

import (
	"bytes"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/resource"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/plan"
	"bulkhead.dev/bulkhead/internal/render"
	"bulkhead.dev/bulkhead/internal/render/file"
	"bulkhead.dev/bulkhead/internal/spec"
)

var update = flag.Bool("update", false, "write golden files instead of comparing")

const examples = "../../examples/clusters"

// decode returns a spec and its plan.
func decode(t *testing.T, path string) (*v1alpha1.Cluster, *v1alpha1.ClusterPlan) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c, err := spec.Decode(filepath.Base(path), data)
	if err != nil {
		t.Fatal(err)
	}
	o := plan.Options{}
	if len(c.Spec.Zones.Names) == 0 {
		o.Catalog = &v1alpha1.MachineCatalog{
			Provider: c.Spec.Provider, Region: c.Spec.Region, Source: "a test", Date: "2026-11-20",
			Zones: []string{"eu-west-1a", "eu-west-1b", "eu-west-1c"},
			MachineTypes: []v1alpha1.MachineType{
				{Name: "m6i.large", CPU: resource.MustParse("2"), Memory: resource.MustParse("8Gi")},
				{Name: "m6i.xlarge", CPU: resource.MustParse("4"), Memory: resource.MustParse("16Gi")},
			},
		}
	}
	p, err := plan.Make(c, o)
	if err != nil {
		t.Fatal(err)
	}
	return c, p
}

// specs are the examples and what else is rendered here, by name.
func specs() map[string]string {
	return map[string]string{
		"local": examples + "/local.yaml", "kubeadm": examples + "/kubeadm.yaml",
		"capa": examples + "/capa.yaml", "eks": examples + "/eks.yaml",
		"kapsule": examples + "/kapsule.yaml", "ack": examples + "/ack.yaml",
		"kubeadm-external": "kubeadm/testdata/external.yaml",
	}
}

// everywhere are the files that this package and its runbooks write for every
// provider; the providers' own have golden files beside their packages.
func everywhere(path string) bool {
	return path == render.ClusterFile || path == "README.md" || strings.HasPrefix(path, "runbooks/")
}

// ours are those of the local and kubeadm providers.
func ours(path string) bool {
	return everywhere(path) || slices.Contains([]string{"kubeadm", "haproxy", "keepalived", "systemd", "host"}, strings.SplitN(path, "/", 2)[0])
}

func TestGolden(t *testing.T) {
	for name, path := range specs() {
		t.Run(name, func(t *testing.T) {
			files, err := render.Files(decode(t, path))
			if err != nil {
				t.Fatal(err)
			}
			kept := everywhere
			switch name {
			case "local", "kubeadm", "kubeadm-external":
				kept = ours
			}
			got := map[string]string{}
			for _, f := range files {
				if kept(f.Path) {
					got[f.Path] = string(f.Data)
				}
			}
			folder := filepath.Join("testdata", name)
			if *update {
				write(t, folder, got)
			}
			want := map[string]string{}
			err = filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
				if err != nil || d.IsDir() {
					return err
				}
				data, err := os.ReadFile(path)
				relative, _ := filepath.Rel(folder, path)
				want[filepath.ToSlash(relative)] = string(data)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("the output differs from %s (go test -update writes it again):\n%s", folder, diff)
			}
		})
	}
}

func write(t *testing.T, folder string, files map[string]string) {
	t.Helper()
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	for path, data := range files {
		path = filepath.Join(folder, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSameEveryTime renders twice: maps inside must not show.
func TestSameEveryTime(t *testing.T) {
	for name, path := range specs() {
		t.Run(name, func(t *testing.T) {
			c, p := decode(t, path)
			first, err := render.Files(c, p)
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				again, err := render.Files(c, p)
				if err != nil {
					t.Fatal(err)
				}
				for i := range first {
					if i >= len(again) || first[i].Path != again[i].Path || !bytes.Equal(first[i].Data, again[i].Data) {
						t.Fatalf("rendered twice, %s differs", first[i].Path)
					}
				}
			}
			sorted := slices.IsSortedFunc(first, func(a, b file.File) int { return strings.Compare(a.Path, b.Path) })
			if !sorted {
				t.Error("files are not sorted by path")
			}
		})
	}
}

// TestClusterFile decodes the spec that is written beside the files: plan compares
// with it, so that nothing may be lost on the way.
func TestClusterFile(t *testing.T) {
	for name, path := range specs() {
		t.Run(name, func(t *testing.T) {
			c, p := decode(t, path)
			files, err := render.Files(c, p)
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(files, func(f file.File) bool { return f.Path == render.ClusterFile })
			again, err := spec.Decode(render.ClusterFile, files[i].Data)
			if err != nil {
				t.Fatalf("the rendered %s: %v", render.ClusterFile, err)
			}
			if diff := cmp.Diff(c, again); diff != "" {
				t.Errorf("decoded, rendered and decoded again:\n%s", diff)
			}
		})
	}
}

// secrets are shapes of what must never be in a file.
var secrets = map[string]*regexp.Regexp{
	"private key":      regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY`),
	"certificate":      regexp.MustCompile(`-----BEGIN CERTIFICATE`),
	"bootstrap token":  regexp.MustCompile(`\b[a-z0-9]{6}\.[a-z0-9]{16}\b`),
	"CA hash":          regexp.MustCompile(`sha256:[0-9a-f]{64}`),
	"certificate key":  regexp.MustCompile(`(?i)certificateKey: *\S`),
	"kubeconfig data":  regexp.MustCompile(`client-(key|certificate)-data: *[A-Za-z0-9+/=]{16}`),
	"AWS key":          regexp.MustCompile(`\bAKIA[0-9A-Z]{16}\b`),
	"VRRP password":    regexp.MustCompile(`auth_pass`),
	"password":         regexp.MustCompile(`(?i)\bpassword *[:=] *["']?[A-Za-z0-9]`),
	"Scaleway secret":  regexp.MustCompile(`SCW_SECRET_KEY *=`),
	"service account":  regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{20,}\.`),
	"long random text": regexp.MustCompile(`\b[0-9a-f]{64}\b`),
}

// aged is what the sources did and what has gone since.
var aged = map[string]*regexp.Regexp{
	"a check on /healthz":       regexp.MustCompile(`(?i)(uri|httpchk|check|health)[^\n]*/healthz`),
	"the old zone label":        regexp.MustCompile(`failure-domain\.beta`),
	"insecure component ports":  regexp.MustCompile(`\b1025[12]\b`),
	"componentstatuses":         regexp.MustCompile(`(?i)componentstatus`),
	"topologyKeys":              regexp.MustCompile(`topologyKeys`),
	"kubeadm v1beta3 and older": regexp.MustCompile(`kubeadm\.k8s\.io/v1beta[123]\b`),
	"apt-key":                   regexp.MustCompile(`apt-key`),
	"the frozen repository":     regexp.MustCompile(`apt\.kubernetes\.io|packages\.cloud\.google\.com`),
	"etcdctl restore":           regexp.MustCompile(`etcdctl[^\n]* snapshot restore`),
	"TLS ended at HAProxy":      regexp.MustCompile(`(?m)^\s*bind .* ssl `),
}

func TestNothingSecretNothingAged(t *testing.T) {
	for name, path := range specs() {
		t.Run(name, func(t *testing.T) {
			files, err := render.Files(decode(t, path))
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range files {
				for what, shape := range secrets {
					if found := shape.Find(f.Data); found != nil {
						t.Errorf("%s holds what looks like a secret (%s): %s", f.Path, what, found)
					}
				}
				for what, shape := range aged {
					// A policy names the old label in order to refuse it.
					if what == "the old zone label" && strings.HasPrefix(f.Path, "policies/") {
						continue
					}
					if found := shape.Find(f.Data); found != nil {
						t.Errorf("%s holds what has aged (%s): %s", f.Path, what, found)
					}
				}
			}
		})
	}
}

// TestShapesFindWhatTheyAreFor keeps the test above from passing because a pattern
// matches nothing.
func TestShapesFindWhatTheyAreFor(t *testing.T) {
	for what, text := range map[string]string{
		"bootstrap token": "token: abcdef.0123456789abcdef", "VRRP password": "auth_pass 1111",
		"CA hash": "sha256:" + strings.Repeat("ab", 32), "certificate key": "certificateKey: abc",
		"password": "password = hunter2", "AWS key": "AKIAABCDEFGHIJKLMNOP",
	} {
		if !secrets[what].MatchString(text) {
			t.Errorf("%s: %q is not found", what, text)
		}
	}
	for what, text := range map[string]string{
		"a check on /healthz": "http-check send meth GET uri /healthz", "insecure component ports": "127.0.0.1:10251",
		"etcdctl restore": "etcdctl --cacert x snapshot restore y", "TLS ended at HAProxy": "    bind *:6443 ssl crt x",
	} {
		if !aged[what].MatchString(text) {
			t.Errorf("%s: %q is not found", what, text)
		}
	}
}

// TestRunbooksDifferWithTheTruth: who rents the control plane has no quorum to mend.
func TestRunbooksDifferWithTheTruth(t *testing.T) {
	for name, path := range specs() {
		t.Run(name, func(t *testing.T) {
			c, p := decode(t, path)
			files, err := render.Files(c, p)
			if err != nil {
				t.Fatal(err)
			}
			pages := map[string][]byte{}
			for _, f := range files {
				if strings.HasPrefix(f.Path, "runbooks/") {
					pages[f.Path] = f.Data
					if !bytes.Contains(f.Data, []byte(c.Metadata.Name)) || !bytes.Contains(f.Data, []byte("├─")) || !bytes.Contains(f.Data, []byte("FILL IN")) {
						t.Errorf("%s lacks the cluster's name, a decision tree or whom to call", f.Path)
					}
				}
			}
			_, quorum := pages["runbooks/quorum-lost.md"]
			_, unreachable := pages["runbooks/api-unreachable.md"]
			if quorum == p.ControlPlane.Managed || unreachable != p.ControlPlane.Managed {
				t.Errorf("managed %v: quorum-lost %v, api-unreachable %v", p.ControlPlane.Managed, quorum, unreachable)
			}
			for _, z := range p.Zones {
				if !bytes.Contains(pages["runbooks/zone-lost.md"], []byte("| "+z+" | ")) {
					t.Errorf("zone-lost.md does not tell of zone %s", z)
				}
			}
			for path, page := range pages {
				for _, link := range regexp.MustCompile(`[a-z-]+\.md`).FindAll(page, -1) {
					if _, ok := pages["runbooks/"+string(link)]; !ok && string(link) != "README.md" {
						t.Errorf("%s sends the reader to %s, which is not there", path, link)
					}
				}
			}
		})
	}
}

func TestPlanOfAnotherCluster(t *testing.T) {
	c, p := decode(t, examples+"/kubeadm.yaml")
	p.Name = "other"
	if _, err := render.Files(c, p); err == nil || !strings.Contains(err.Error(), `the plan is of cluster "other"`) {
		t.Errorf("rendering with another cluster's plan: %v", err)
	}
}
