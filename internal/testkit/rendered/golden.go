package rendered

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/resource"

	"bulkhead.dev/bulkhead/internal/components"
	"bulkhead.dev/bulkhead/internal/render/file"
)

// What every machine of a test's catalogue has.
var (
	cores  = resource.MustParse("4")
	memory = resource.MustParse("16Gi")
)

// Golden compares the files with those in dir, or writes them there. A file in dir
// that is not rendered is an error.
func Golden(t testing.TB, update bool, dir string, files []file.File) {
	t.Helper()
	if update {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		Write(t, dir, files)
		return
	}
	seen := map[string]bool{}
	for _, f := range files {
		path := filepath.Join(dir, filepath.FromSlash(f.Path))
		seen[path] = true
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatalf("%v: run the test with -update", err)
		}
		if diff := cmp.Diff(string(want), string(f.Data)); diff != "" {
			t.Errorf("%s (-golden +rendered):\n%s", path, diff)
		}
	}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !seen[path] {
			t.Errorf("%s is not rendered: run the test with -update", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Write writes the files below dir.
func Write(t testing.TB, dir string, files []file.File) {
	t.Helper()
	for _, f := range files {
		path := filepath.Join(dir, filepath.FromSlash(f.Path))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// Program returns the path of a program, or skips the test with the Debian package
// that has it; with BULKHEAD_REQUIRE_ALL=1 it fails instead. With -short, which is
// for who wants the golden files only, it always skips.
func Program(t testing.TB, name, debianPackage string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: the golden files only")
	}
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("BULKHEAD_REQUIRE_ALL") == "1" {
		t.Fatalf("%v: install Debian's package %s", err, debianPackage)
	}
	t.Skipf("%v: install Debian's package %s", err, debianPackage)
	return ""
}

// Component returns the path of one of Kubernetes' or etcd's programs, or skips the test;
// with BULKHEAD_REQUIRE_ALL=1 it fails instead. With -short it always skips.
func Component(t testing.TB, name string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: the golden files only")
	}
	path, err := components.Locate(t.Context(), components.Options{Offline: true}, name)
	if err == nil {
		return path
	}
	if os.Getenv("BULKHEAD_REQUIRE_ALL") == "1" {
		t.Fatal(err)
	}
	t.Skip(err)
	return ""
}

// Run runs a program in dir and returns what it wrote; a failure ends the test.
func Run(t testing.TB, dir, program string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("running %s %v: %v\n%s", filepath.Base(program), args, err, out)
	}
	return string(out)
}

// Fails runs a program that is expected to fail and returns its error; nil when it
// succeeds.
func Fails(t testing.TB, dir, program string, args ...string) error {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir = dir
	return cmd.Run()
}
