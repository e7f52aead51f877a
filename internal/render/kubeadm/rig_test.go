package kubeadm_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"bulkhead.dev/bulkhead/internal/components"
	"bulkhead.dev/bulkhead/internal/plan"
	"bulkhead.dev/bulkhead/internal/render/file"
	"bulkhead.dev/bulkhead/internal/render/kubeadm"
	"bulkhead.dev/bulkhead/internal/spec"
)

// specs of this provider, by what they show.
func specs() map[string]string {
	return map[string]string{
		"stacked":  "../../../examples/clusters/kubeadm.yaml",
		"external": "testdata/external.yaml",
		"local":    "../../../examples/clusters/local.yaml",
		"fast":     "../../../examples/clusters/local-fast.yaml",
		"one":      "testdata/one.yaml",
		"ipv6":     "testdata/ipv6.yaml",
	}
}

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
	p, err := plan.Make(c, plan.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return c, p
}

// rendered returns the files of a spec by path.
func rendered(t *testing.T, path string) map[string]file.File {
	t.Helper()
	files, err := kubeadm.Files(decode(t, path))
	if err != nil {
		t.Fatal(err)
	}
	byPath := map[string]file.File{}
	for _, f := range files {
		byPath[f.Path] = f
	}
	return byPath
}

// save writes files below a folder. Each old text is replaced by a new one on the
// way: paths of a machine by paths of the test.
func save(t *testing.T, folder string, files map[string]file.File, oldNew ...string) {
	t.Helper()
	replacer := strings.NewReplacer(oldNew...)
	for path, f := range files {
		path = filepath.Join(folder, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		mode := os.FileMode(0o644)
		if f.Executable {
			mode = 0o755
		}
		if err := os.WriteFile(path, []byte(replacer.Replace(string(f.Data))), mode); err != nil {
			t.Fatal(err)
		}
	}
}

// program returns a consumer's path, or skips the test and says what to install.
func program(t *testing.T, name, install string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: the golden files only")
	}
	for _, candidate := range []string{name, "/usr/sbin/" + name, "/sbin/" + name} {
		if path, err := exec.LookPath(candidate); err == nil {
			return path
		}
	}
	missing(t, name+" is not installed: "+install)
	return ""
}

// component returns one of Kubernetes' or etcd's programs.
func component(t *testing.T, name string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: the golden files only")
	}
	path, err := components.Locate(t.Context(), components.Options{}, name)
	if err != nil {
		missing(t, err.Error())
	}
	return path
}

func missing(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("BULKHEAD_REQUIRE_ALL") == "1" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// run runs a program, with a deadline, and returns what it said.
func run(t *testing.T, limit time.Duration, name string, arguments ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, arguments...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}
